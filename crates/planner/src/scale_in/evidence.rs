//! What is known of an instance: by its tags over time, and by its own word.

use crate::{CommandOutcome, Instance, InstanceReport, JibriProcess, JibriStatus, RecordedState, Timestamp};

use super::room::View;

/// Since when the instance has been in this state, if its tag says so. A recording that began in between has broken it.
pub(super) fn state_since(instance: &Instance, state: RecordedState) -> Option<Timestamp> {
    let recorded = instance.recorded().filter(|recorded| recorded.state == state)?;
    Some(recorded.since.max(instance.last_selected_at.unwrap_or(recorded.since)))
}

/// What the instance says of itself.
pub(super) enum Evidence<'a> {
    /// This, lately enough.
    Says(JibriProcess),
    /// It has been asked, and has not answered yet.
    Awaited,
    /// It was asked lately, and could not answer.
    Failed(&'a str),
    /// It is not known to have been asked lately.
    None,
}

/// What the instance says of itself, by its newest check.
pub(super) fn evidence<'a>(view: &View<'_>, instance: &'a Instance) -> Evidence<'a> {
    let valid = |sent_at| view.observation.now.seconds_since(sent_at) <= view.policy.check_validity_seconds;
    match instance.check.read().filter(|check| valid(check.sent_at)).map(|check| &check.outcome) {
        Some(CommandOutcome::InFlight) => Evidence::Awaited,
        Some(CommandOutcome::Reported(report)) => Evidence::Says(report.process),
        Some(CommandOutcome::Failed(why)) => Evidence::Failed(why),
        None => Evidence::None,
    }
}

/// Whether every Jicofo has answered and none lists a Jibri, for good reason: all instances that had registered and are
/// to stay say themselves that their Jibri has exited, and said it within so many seconds.
pub fn all_have_exited(instances: &[Instance], now: Timestamp, within_seconds: u64) -> bool {
    let had_registered = |instance: &&Instance| instance.is_active() && instance.has_registered();
    let mut registered = instances.iter().filter(had_registered).peekable();
    registered.peek().is_some()
        && registered
            .all(|instance| instance.jibri == JibriStatus::Missing && has_exited(instance, now, within_seconds))
}

/// Whether an instance has said within so many seconds that its Jibri has exited.
pub fn has_exited(instance: &Instance, now: Timestamp, within_seconds: u64) -> bool {
    let says = instance.check.read().filter(|check| now.seconds_since(check.sent_at) <= within_seconds);
    let report = says.map(|check| &check.outcome);
    matches!(report, Some(CommandOutcome::Reported(InstanceReport { process: JibriProcess::Gone, .. })))
}
