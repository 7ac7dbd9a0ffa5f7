//! One drain: keep the hook waiting, tell the instance to drain, and let it end on positive evidence alone.

use crate::{
    Action, CommandOutcome, DrainResult, Group, Instance, InstanceReport, JibriProcess, LifecycleState, Plan, Policy,
    Problem, Reading, Timestamp, Wait, spoken::Spoken,
};

/// Plans the next step of the drain of one instance; empty unless the hook holds it.
///
/// The heartbeat comes first: whatever else fails, the recording goes on.
pub fn plan_drain(policy: &Policy, now: Timestamp, group: &Group, instance: &Instance) -> Plan {
    let mut plan = Plan::default();
    if !instance.is_held() {
        return plan;
    }
    let id = &instance.id;
    if let Some(evidence) = evidence_of_end(instance) {
        plan.step(Action::CompleteDrain { instance: id.clone(), result: DrainResult::Continue }, evidence);
        return plan;
    }
    let since = instance.draining_since().unwrap_or(now);
    let age_seconds = now.seconds_since(since);
    if !group.retains_abandoned {
        plan.problems.push(Problem::AbandonWouldEnd { instance: id.clone() });
    }
    if age_seconds > policy.drain_limit_seconds {
        let state = describe(instance);
        if group.retains_abandoned {
            let reason = format!("not drained after {}: {state}", Spoken(age_seconds));
            plan.problems.push(Problem::Retained { instance: id.clone(), age_seconds, state });
            plan.step(Action::CompleteDrain { instance: id.clone(), result: DrainResult::Abandon }, reason);
            return plan;
        }
        plan.problems.push(Problem::KeptWaiting { instance: id.clone(), age_seconds, state });
    }
    plan.step(Action::Heartbeat { instance: id.clone() }, format!("it has been draining for {}", Spoken(age_seconds)));
    // A tag that was not read may be there, and a drain whose beginning was not read may be old: to write a tag now would set the
    // clock back.
    let untold = instance.terminating_since == Reading::Unread;
    if !untold && instance.ec2.read().is_some_and(|record| record.draining_since.is_none()) {
        plan.step(Action::TagDraining { instance: id.clone(), since }, "its drain begins");
    }
    match &instance.drain {
        Reading::Read(command)
            if command.outcome == CommandOutcome::InFlight && !is_lost(policy, now, command.sent_at) =>
        {
            plan.waits.push(Wait::DrainCommand { instance: id.clone() });
        }
        // One may be running on it.
        Reading::Unread | Reading::NotAsked => plan.waits.push(Wait::DrainCommandList { instance: id.clone() }),
        Reading::Read(_) | Reading::Unlisted => {
            plan.step(Action::SendDrain { instance: id.clone() }, describe(instance));
        }
    }
    plan
}

/// Positive evidence that nothing of a recording can be lost any more; `None` is the normal case.
fn evidence_of_end(instance: &Instance) -> Option<&'static str> {
    if instance.is_terminated() {
        return Some("EC2 has terminated the instance already");
    }
    // Nothing in the warm pool starts a Jibri, and no instance that had one comes back to it.
    if instance.lifecycle == LifecycleState::LeavingWarmPool && !instance.has_registered() {
        return Some("it leaves the warm pool, and has never run a Jibri");
    }
    match &instance.drain.read()?.outcome {
        CommandOutcome::Reported(InstanceReport {
            process: JibriProcess::Gone,
            recordings_pending: 0,
            recordings_failed: 0,
            recording: false,
            finalizing: false,
            ..
        }) => Some("its Jibri has exited, and nothing waits for upload"),
        _ => None,
    }
}

fn is_lost(policy: &Policy, now: Timestamp, sent_at: Timestamp) -> bool {
    now.seconds_since(sent_at) > policy.command_lost_seconds
}

fn describe(instance: &Instance) -> String {
    let command = match &instance.drain {
        Reading::Read(command) => command,
        Reading::Unlisted => return "no drain command was sent lately".into(),
        Reading::Unread | Reading::NotAsked => return "it is not known what became of its drain command".into(),
    };
    match &command.outcome {
        CommandOutcome::InFlight => "the last drain command was lost".into(),
        CommandOutcome::Failed(why) => format!("the last drain command failed: {why}"),
        CommandOutcome::Reported(report) => match report.process {
            JibriProcess::Gone => format!(
                "its Jibri has exited; {} recordings wait for upload, {} of them failed",
                report.recordings_pending, report.recordings_failed
            ),
            JibriProcess::Busy(_) => "its Jibri is busy".into(),
            JibriProcess::Idle(_) | JibriProcess::Expired(_) => "its Jibri has not exited yet".into(),
            JibriProcess::Unresponsive => "its Jibri does not answer".into(),
        },
    }
}
