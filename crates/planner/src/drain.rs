//! One drain: keep the hook waiting, tell the instance to drain, and let it end on positive evidence alone.

use crate::{
    Action, CommandOutcome, DrainResult, Ec2State, Group, Instance, InstanceReport, JibriProcess, LifecycleState, Plan,
    Policy, Timestamp, time::Spoken,
};

/// Plans the next step of the drain of one instance; empty unless it is in `Terminating:Wait`.
///
/// The heartbeat comes first: whatever else fails, the recording goes on.
pub fn plan_drain(policy: &Policy, now: Timestamp, group: &Group, instance: &Instance) -> Plan {
    let mut plan = Plan::default();
    if instance.lifecycle != LifecycleState::TerminatingWait {
        return plan;
    }
    let id = &instance.id;
    if let Some(evidence) = evidence_of_end(instance) {
        plan.step(Action::CompleteDrain { instance: id.clone(), result: DrainResult::Continue }, evidence);
        return plan;
    }
    let since = instance.draining_since.unwrap_or(now);
    let age_seconds = now.seconds_since(since);
    if !group.retains_abandoned {
        plan.problems.push(format!(
            "the group would end {id} if its drain were abandoned: set its instance lifecycle policy's \
             TerminateHookAbandon to retain"
        ));
    }
    if age_seconds > policy.drain_limit_seconds {
        let reason = format!("not drained after {}: {}", Spoken(age_seconds), describe(instance));
        if group.retains_abandoned {
            plan.problems.push(format!("{id} is retained: {reason}"));
            plan.step(Action::CompleteDrain { instance: id.clone(), result: DrainResult::Abandon }, reason);
            return plan;
        }
        plan.problems.push(format!("{id} is kept waiting for as long as its hook allows: {reason}"));
    }
    plan.step(Action::Heartbeat { instance: id.clone() }, format!("drains for {}", Spoken(age_seconds)));
    // Without EC2's answer the tag is not known, and writing it would set the clock back.
    if instance.draining_since.is_none() && instance.ec2.is_some() {
        plan.step(Action::TagDraining { instance: id.clone(), since }, "its drain begins");
    }
    match &instance.drain {
        Some(command) if command.outcome == CommandOutcome::InFlight && !is_lost(policy, now, command.sent_at) => {
            plan.waits.push(format!("the drain command on {id}"));
        }
        _ => plan.step(Action::SendDrain { instance: id.clone() }, describe(instance)),
    }
    plan
}

/// Positive evidence that nothing of a recording can be lost any more; `None` is the normal case.
pub(crate) fn evidence_of_end(instance: &Instance) -> Option<&'static str> {
    if instance.ec2 == Some(Ec2State::Terminated) {
        return Some("EC2 has terminated the instance already");
    }
    match &instance.drain.as_ref()?.outcome {
        CommandOutcome::Reported(InstanceReport {
            process: JibriProcess::Gone,
            recordings_pending: 0,
            recordings_failed: 0,
        }) => Some("its Jibri has exited, and nothing waits for upload"),
        _ => None,
    }
}

pub(crate) fn is_lost(policy: &Policy, now: Timestamp, sent_at: Timestamp) -> bool {
    now.seconds_since(sent_at) > policy.command_lost_seconds
}

fn describe(instance: &Instance) -> String {
    let Some(command) = &instance.drain else {
        return "no drain command was sent yet".into();
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
