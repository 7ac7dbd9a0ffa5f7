//! Jibris that are busy, and for which Jicofo counts no session.

use crate::{Instance, JibriStatus, Observation, RecordedState};

/// The active instances that are suspected to be busy without a recording or a stream, each with for how long it has been busy
/// in seconds: as many as Jicofo counts sessions too few, those that have been busy for longest first. Jicofo does not say
/// which Jibri has which session.
pub(crate) fn unaccounted(observation: &Observation) -> Vec<(&Instance, u64)> {
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
    busy.truncate(usize::try_from(observation.unaccounted_busy).unwrap_or(usize::MAX));
    busy
}
