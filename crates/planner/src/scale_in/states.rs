//! What a tick notes and mends without ending anything: state tags, protection, names that are not the group's.

use crate::{
    Action, CommandOutcome, JibriStatus, LifecycleState, Plan, Problem, Recorded, RecordedState, Wait,
    launch::{LaunchProgress, is_known, launch_progress, marker},
    vanished::state_of_gone,
};

use super::room::View;

/// How long a recording may wait for its upload before it is told of, in seconds.
const WAITS_LONG_SECONDS: u64 = 900;

/// Writes the state of each active instance into its tag where it has changed.
pub(super) fn note_states(view: &View<'_>, plan: &mut Plan) {
    for instance in view.observation.instances.iter().filter(|instance| instance.is_active()) {
        // A tag that was not read may say the same already, and since when.
        let Some(record) = instance.ec2.read() else { continue };
        let state = match instance.jibri {
            JibriStatus::Idle => RecordedState::Idle,
            JibriStatus::Busy => RecordedState::Busy,
            JibriStatus::Unhealthy => RecordedState::Unhealthy,
            JibriStatus::Missing => match launch_progress(view.policy, view.observation, instance) {
                LaunchProgress::Pending => continue,
                LaunchProgress::Overdue => RecordedState::Overdue,
                LaunchProgress::Done => match state_of_gone(view.observation, instance) {
                    Some(state) => state,
                    None => continue,
                },
            },
            JibriStatus::Unknown | JibriStatus::NotAsked => continue,
        };
        let before = record.recorded.map(|recorded| recorded.state);
        if before != Some(state) {
            let reason = match before {
                Some(before) => format!("it was {before} before"),
                None => "its tag does not say yet".into(),
            };
            let recorded = Recorded { state, since: view.observation.now };
            plan.step(Action::TagState { instance: instance.id.clone(), recorded }, reason);
        }
    }
}

/// Gives an instance its protection back.
pub(super) fn protect_again(view: &View<'_>, plan: &mut Plan) {
    for instance in &view.observation.instances {
        if instance.lifecycle == LifecycleState::InService && !instance.protected {
            let action = Action::Protect { instance: instance.id.clone() };
            plan.step(action, "an instance without protection could be ended by anything that lowers desired capacity");
        }
    }
}

/// Tells of instances that have said, when they were asked for another reason, that recordings wait on them. The instance tries
/// them again by itself.
pub(super) fn report_waiting(view: &View<'_>, plan: &mut Plan) {
    for instance in view.observation.instances.iter().filter(|instance| instance.is_active()) {
        let Some(CommandOutcome::Reported(report)) = instance.check.read().map(|check| &check.outcome) else {
            continue;
        };
        if let Some(oldest_seconds) = report.oldest_recording_seconds.filter(|oldest| *oldest > WAITS_LONG_SECONDS) {
            let (instance, recordings) = (instance.id.clone(), report.recordings_pending);
            plan.problems.push(Problem::RecordingsWait { instance, recordings, oldest_seconds });
        }
    }
}

/// Tells of Jibris that Jicofo lists and the group does not hold.
pub(super) fn report_strangers(view: &View<'_>, plan: &mut Plan) {
    // An id is a stale entry, gone in a moment, or another group's; anything else is a name that a person chose.
    let (ids, names): (Vec<String>, Vec<String>) =
        view.observation.strangers.iter().cloned().partition(|nickname| nickname.starts_with("i-"));
    if !ids.is_empty() {
        plan.waits.push(Wait::Forgetting { nicknames: ids });
    }
    // Other owners' Jibris have names too. They are likely to be ours where as many are listed as launches are missed, and of those
    // at least two: one launch may be bad luck, beside a Jibri that was there before.
    let observation = view.observation;
    let missed = marker(view.policy, observation).is_some() && !observation.instances.iter().any(is_known);
    let missing = usize::try_from(view.counts.overdue.max(2)).unwrap_or(usize::MAX);
    if missed && names.len() >= missing {
        plan.problems.push(Problem::WrongNames { nicknames: names });
    }
}
