//! How far launches have come, and how long they are waited for.

use crate::{Instance, JibriStatus, LifecycleState, Observation, Policy, Signal, Timestamp};

/// The longest that a launch is waited for, in seconds, where the ones before it have never registered.
const LONGEST_PATIENCE_SECONDS: u64 = 1800;

/// How far the launch of an active instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaunchProgress {
    /// It may still register.
    Pending,
    /// Its time is over, and it never registered.
    Overdue,
    /// It has registered.
    Done,
}

/// How far the launch of `instance` has come. Its time does not end where its registration could not be seen, nor where those
/// launched before cannot even be drained: then launches would follow each other up to the maximum.
pub(crate) fn launch_progress(policy: &Policy, observation: &Observation, instance: &Instance) -> LaunchProgress {
    if is_known(instance) {
        return LaunchProgress::Done;
    }
    let in_time = match instance.launched_at() {
        Some(launched_at) => {
            let patience_seconds = patience_seconds(policy, observation, instance, launched_at);
            observation.now.seconds_since(launched_at) <= patience_seconds
        }
        // EC2 lags behind the group: an instance that it does not list yet is new. One that was not read may be.
        None => true,
    };
    let no_use = observation.signal != Signal::Fresh || stuck_launches(observation) >= policy.terminations_per_tick;
    match in_time || no_use {
        true => LaunchProgress::Pending,
        false => LaunchProgress::Overdue,
    }
}

/// How long a launch is waited for, in seconds: the boot grace, and while launches do not register at all, as long as they have
/// not. So they follow each other after one grace, two, four.
fn patience_seconds(policy: &Policy, observation: &Observation, instance: &Instance, launched_at: Timestamp) -> u64 {
    let grace_seconds = policy.boot_grace_seconds;
    match marker(policy, observation) {
        Some(marker) if marker.id != instance.id => {
            let failing_for = marker.launched_at().map_or(0, |first| launched_at.seconds_since(first));
            grace_seconds.max(failing_for.min(LONGEST_PATIENCE_SECONDS))
        }
        _ => grace_seconds,
    }
}

/// The oldest instance whose Jibri has not registered within its grace, of those launched since the last registration: it shows
/// for how long launches have failed. It is kept, for a tick has no other memory, and for a person to look at.
pub(crate) fn marker<'a>(policy: &Policy, observation: &'a Observation) -> Option<&'a Instance> {
    // One that is listed for the first time is noted in this very tick. Where no tag can be written, each looks like this for
    // ever; but what is listed long after its launch did not register just now.
    let registered_at = |instance: &Instance| {
        let tagged = instance.ec2.read().and_then(|record| record.registered_at);
        let latest = instance.launched_at().map(|at| at.plus_seconds(policy.boot_grace_seconds));
        let untagged = latest.map_or(observation.now, |latest| latest.min(observation.now));
        tagged.or(instance.jibri.is_listed().then_some(untagged))
    };
    let last_registered_at = observation.instances.iter().filter_map(registered_at).max();
    let overdue = observation.instances.iter().filter(|instance| {
        instance.is_active()
            && !is_known(instance)
            && instance.jibri == JibriStatus::Missing
            && is_unregistered(policy, observation, instance)
            && instance.launched_at() >= last_registered_at
    });
    overdue.min_by_key(|instance| (instance.launched_at(), instance.id.clone()))
}

/// Whether the marker stays. Where the group is full, it holds the place of a launch that might register: then it stays for as
/// long as any launch is waited for.
pub(crate) fn is_kept(policy: &Policy, observation: &Observation, instance: &Instance) -> bool {
    if marker(policy, observation).is_none_or(|marker| marker.id != instance.id) {
        return false;
    }
    let active = observation.instances.iter().filter(|instance| instance.is_active()).count();
    if u32::try_from(active).unwrap_or(u32::MAX) >= observation.group.max_size {
        let age_seconds = instance.launched_at().map_or(0, |at| observation.now.seconds_since(at));
        return age_seconds <= LONGEST_PATIENCE_SECONDS.max(policy.boot_grace_seconds);
    }
    // Alone it shows nothing: where no other launch is under way, or has failed, it goes like any other.
    let in_vain = |other: &Instance| other.is_active() && !is_known(other) && other.id != instance.id;
    observation.instances.iter().any(in_vain)
}

/// Whether an instance was launched longer ago than the boot grace, and has never registered; on its way out, too.
pub(crate) fn is_unregistered(policy: &Policy, observation: &Observation, instance: &Instance) -> bool {
    let there = instance.is_active()
        || matches!(instance.lifecycle, LifecycleState::Terminating | LifecycleState::TerminatingWait);
    let overdue = |at: Timestamp| observation.now.seconds_since(at) > policy.boot_grace_seconds;
    there && !is_known(instance) && instance.launched_at().is_some_and(overdue)
}

/// Whether Jicofo lists it, or has ever listed it.
pub(crate) fn is_known(instance: &Instance) -> bool {
    instance.jibri.is_listed() || instance.has_registered()
}

/// How many instances never registered, were told to end for it, and cannot be drained either.
pub(crate) fn stuck_launches(observation: &Observation) -> u32 {
    let stuck = observation.instances.iter().filter(|instance| {
        instance.lifecycle == LifecycleState::TerminatingWait
            && instance.ec2.read().is_some()
            && !instance.has_registered()
            && instance.jibri == JibriStatus::Missing
    });
    u32::try_from(stuck.count()).unwrap_or(u32::MAX)
}
