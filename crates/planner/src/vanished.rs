//! Jibris that have registered and are in no list now. After a restart of Prosody they join again one by one, a second apart
//! (jicoco: `MucClient`); for some seconds the list is half full.

use crate::{Instance, JibriStatus, Observation, RecordedState, Signal};

/// For how long those that vanished together are expected back, in seconds, from when their tags say that they vanished.
const RETURN_SECONDS: u64 = 90;

/// Whether an instance has registered, and is in no list now.
fn is_gone(observation: &Observation, instance: &Instance) -> bool {
    observation.signal == Signal::Fresh
        && instance.is_active()
        && instance.has_registered()
        && instance.jibri == JibriStatus::Missing
}

/// Whether its tag does not say yet that it is gone.
fn is_newly_gone(observation: &Observation, instance: &Instance) -> bool {
    let noted = |state| matches!(state, RecordedState::Missing | RecordedState::Vanished);
    is_gone(observation, instance) && !instance.recorded().is_some_and(|recorded| noted(recorded.state))
}

/// Whether its tag says that it vanished with others, and not long ago.
fn has_lately_vanished(observation: &Observation, instance: &Instance) -> bool {
    let vanished = instance.recorded().filter(|recorded| recorded.state == RecordedState::Vanished);
    vanished.is_some_and(|vanished| observation.now.seconds_since(vanished.since) <= RETURN_SECONDS)
}

/// What the tag of an instance is to say that is newly gone: alone, or together with others.
pub(crate) fn state_of_gone(observation: &Observation, instance: &Instance) -> Option<RecordedState> {
    if !is_newly_gone(observation, instance) {
        return None;
    }
    let with_it = |other: &&Instance| is_newly_gone(observation, other) || has_lately_vanished(observation, other);
    let together = observation.instances.iter().filter(with_it).count();
    match together > 1 || observation.after_silence {
        true => Some(RecordedState::Vanished),
        false => Some(RecordedState::Missing),
    }
}

/// Whether an instance is expected to join again within moments: then no other is launched in its place.
pub(crate) fn is_returning(observation: &Observation, instance: &Instance) -> bool {
    // Without tags there is no telling for how long it has been gone.
    let newly = !observation.untagged && state_of_gone(observation, instance) == Some(RecordedState::Vanished);
    newly || is_gone(observation, instance) && has_lately_vanished(observation, instance)
}
