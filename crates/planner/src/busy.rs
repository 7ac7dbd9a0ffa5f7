//! Jibris that are busy, and for which Jicofo counts no session.

use crate::{Instance, JibriStatus, Observation, Policy, RecordedState};

/// The active instances that are suspected to be busy without a recording or a stream, each with for how long it has been busy
/// in seconds: as many as Jicofo counts sessions too few, those that have been busy for longest first. Jicofo does not say
/// which Jibri has which session.
pub(crate) fn unaccounted(observation: &Observation) -> Vec<(&Instance, u64)> {
    let mut busy = busy_for(observation);
    busy.truncate(usize::try_from(observation.unaccounted_busy).unwrap_or(usize::MAX));
    busy
}

/// The active instances that are busy, each with for how long in seconds, the longest first.
fn busy_for(observation: &Observation) -> Vec<(&Instance, u64)> {
    let busy =
        observation.instances.iter().filter(|instance| instance.is_active() && instance.jibri == JibriStatus::Busy);
    let mut busy: Vec<(&Instance, u64)> = busy
        .filter_map(|instance| {
            let recorded = instance.recorded().filter(|recorded| recorded.state == RecordedState::Busy)?;
            let since = recorded.since.max(instance.last_selected_at.unwrap_or(recorded.since));
            Some((instance, observation.now.seconds_since(since)))
        })
        .collect();
    busy.sort_by(|(one, one_seconds), (other, other_seconds)| {
        other_seconds.cmp(one_seconds).then_with(|| one.id.cmp(&other.id))
    });
    busy
}

/// For how many times the time after which a Jibri is suspected it may be busy with a session.
const LONGEST_SESSION: u64 = 4;

/// The longest that a Jibri has been busy without a session, or beyond any session, in seconds; 0 where none is.
pub(crate) fn stuck_seconds(policy: &Policy, observation: &Observation) -> u64 {
    let longest = busy_for(observation).first().map_or(0, |(_, busy_seconds)| *busy_seconds);
    let unaccounted = unaccounted(observation).first().map_or(0, |(_, busy_seconds)| *busy_seconds);
    match longest > policy.busy_suspicion_seconds.saturating_mul(LONGEST_SESSION) {
        true => longest,
        false => unaccounted,
    }
}
