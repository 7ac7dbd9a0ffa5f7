//! Repairs: an instance that is of no use any more is replaced. Its drain still saves what is on it.

use crate::{
    Action, Instance, JibriProcess, JibriStatus, LifecycleState, Plan, Problem, RecordedState, Wait,
    pool::{LaunchProgress, launch_progress},
    spoken::Spoken,
};

use super::{
    evidence::{Evidence, evidence, state_since},
    room::{Room, View},
};

/// How many instances are asked at once where Jicofo lists none: as many as one command takes.
const MOST_ASKED: usize = 50;

/// Jicofo answers and lists no Jibri: either it has lost its XMPP, or all have exited. The instances themselves know.
pub(super) fn ask_missing(view: &View<'_>, plan: &mut Plan) {
    let missing = view.observation.instances.iter().filter(|instance| {
        instance.lifecycle == LifecycleState::InService
            && instance.jibri == JibriStatus::Missing
            && instance.has_registered()
            && matches!(evidence(view, instance), Evidence::None)
    });
    for instance in missing.take(MOST_ASKED) {
        let action = Action::Check { instance: instance.id.clone() };
        plan.step(action, "Jicofo lists no Jibri at all, and this one had registered");
    }
}

/// Terminates what is of no use. Scale-out has mostly made up for it already: then desired capacity sinks with it, and the
/// group launches another only where one is still missing.
pub(super) fn plan_repairs(view: &View<'_>, room: &mut Room, plan: &mut Plan) {
    let mut shortfall = view.counts.shortfall;
    let in_service =
        view.observation.instances.iter().filter(|instance| instance.lifecycle == LifecycleState::InService);
    for instance in in_service {
        let Some(reason) = reason_to_replace(view, instance, plan) else { continue };
        if room.terminations == 0 {
            plan.waits.push(Wait::NextTick { instance: instance.id.clone(), reason });
            continue;
        }
        let decrement = shortfall == 0 && room.follows() && room.desired > room.min_size;
        shortfall = shortfall.saturating_sub(u32::from(!decrement));
        room.terminate(plan, instance, decrement, reason);
    }
}

/// Why the instance is of no use any more; `None` is the normal case.
fn reason_to_replace(view: &View<'_>, instance: &Instance, plan: &mut Plan) -> Option<String> {
    let now = view.observation.now;
    let grace_seconds = view.policy.boot_grace_seconds;
    match instance.jibri {
        JibriStatus::Missing => match launch_progress(view.policy, view.observation, instance) {
            LaunchProgress::Pending => None,
            // Two readings apart: where no tag can be written, a Jicofo that restarts makes every launch look like this.
            LaunchProgress::Overdue => state_since(instance, RecordedState::Overdue)
                .filter(|since| now.seconds_since(*since) > 0)
                .map(|_| format!("it has not registered within {} of its launch", Spoken(grace_seconds))),
            LaunchProgress::Done => {
                if let Evidence::Says(JibriProcess::Gone) = evidence(view, instance) {
                    return Some("its Jibri has exited".into());
                }
                let missing_seconds = now.seconds_since(state_since(instance, RecordedState::Missing)?);
                (missing_seconds > grace_seconds)
                    .then(|| format!("Jicofo has not listed it for {}", Spoken(missing_seconds)))
            }
        },
        // Two readings apart, for a single one may be half-way through a restart.
        JibriStatus::Unhealthy => state_since(instance, RecordedState::Unhealthy)
            .filter(|since| now.seconds_since(*since) > 0)
            .map(|_| "its Jibri is UNHEALTHY, which never passes".into()),
        JibriStatus::Busy => suspect_busy(view, instance, plan),
        JibriStatus::Idle | JibriStatus::Unknown | JibriStatus::NotAsked => None,
    }
}

/// Jicofo shows an EXPIRED Jibri as busy for ever: one that is busy beyond belief is asked. A recording is never cut.
fn suspect_busy(view: &View<'_>, instance: &Instance, plan: &mut Plan) -> Option<String> {
    let busy_seconds = view.observation.now.seconds_since(state_since(instance, RecordedState::Busy)?);
    if busy_seconds <= view.policy.busy_suspicion_seconds {
        return None;
    }
    let id = &instance.id;
    match evidence(view, instance) {
        Evidence::Says(JibriProcess::Expired(_)) => {
            return Some("its Jibri is EXPIRED, and takes no more recordings".into());
        }
        Evidence::Says(JibriProcess::Gone) => return Some("its Jibri has exited, and Jicofo shows it as busy".into()),
        // Jicofo keeps what it was told last, for ever: the instance itself knows better.
        Evidence::Says(JibriProcess::Idle(_)) => {
            return Some("its Jibri is idle, and Jicofo shows it as busy for ever".into());
        }
        Evidence::Says(JibriProcess::Busy(_) | JibriProcess::Unresponsive) => {
            plan.problems.push(Problem::BusyTooLong { instance: id.clone(), busy_seconds });
        }
        Evidence::Awaited => plan.waits.push(Wait::Check { instance: id.clone() }),
        Evidence::None => {
            let reason = format!("Jicofo has shown it as busy for {}", Spoken(busy_seconds));
            plan.step(Action::Check { instance: id.clone() }, reason);
        }
        Evidence::Failed(why) => {
            plan.problems.push(Problem::BusyAndSilent { instance: id.clone(), busy_seconds, why: why.to_owned() });
        }
    }
    None
}
