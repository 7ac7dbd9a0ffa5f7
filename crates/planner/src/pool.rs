//! The pool in numbers: what is available, on its way, missing, or too much.

use crate::{Instance, JibriStatus, LifecycleState, Observation, Policy, Signal, busy::unaccounted, judge_service};

/// The pool in numbers, each in instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Active instances: launching or in service.
    pub active: u32,
    /// Active, and a recording could begin on it now.
    pub available: u32,
    /// Busy, on their way out included: each is a recording.
    pub busy: u32,
    /// Launched, or to be launched, within the boot grace, and not registered yet.
    pub pending: u32,
    /// Launched longer ago than the boot grace, and never registered.
    pub overdue: u32,
    /// Wanted by the group, and not launched yet; part of `pending`.
    pub unlaunched: u32,
    /// On their way out, the hook's wait included.
    pub draining: u32,
    /// Kept after an abandoned drain.
    pub retained: u32,
    /// Active, and their Jibris fail their recordings.
    pub failing: u32,
    /// The recordings that have failed in a row, each instance's since its last success.
    pub failures: u32,
    /// Recordings fail, and none has gone well since.
    pub in_doubt: bool,
    /// The longest that a Jibri has been busy for which Jicofo counts no session, in seconds.
    pub stuck_busy_seconds: u64,
    /// How many more are wanted than are available or pending.
    pub shortfall: u32,
    /// How many more are available than are to be held.
    pub surplus: u32,
}

/// Counts the pool as scale-out sees it.
pub fn count_pool(policy: &Policy, observation: &Observation) -> Counts {
    let mut counts = Counts::default();
    for instance in &observation.instances {
        counts.busy += u32::from(instance.jibri == JibriStatus::Busy);
        counts.draining += u32::from(matches!(
            instance.lifecycle,
            LifecycleState::Terminating | LifecycleState::TerminatingWait | LifecycleState::TerminatingProceed
        ));
        counts.retained += u32::from(instance.lifecycle == LifecycleState::TerminatingRetained);
        if !instance.is_active() {
            continue;
        }
        counts.active += 1;
        counts.available += u32::from(instance.is_available());
        match launch_progress(policy, observation, instance) {
            LaunchProgress::Pending => counts.pending += 1,
            LaunchProgress::Overdue => counts.overdue += 1,
            LaunchProgress::Done => {}
        }
    }
    let group = &observation.group;
    counts.unlaunched = group.desired_capacity.min(group.max_size).saturating_sub(counts.active);
    counts.pending += counts.unlaunched;
    let service = judge_service(observation);
    counts.failing = u32::try_from(service.failing.len()).unwrap_or(u32::MAX);
    (counts.failures, counts.in_doubt) = (service.failures, service.in_doubt);
    counts.stuck_busy_seconds = unaccounted(observation).first().map_or(0, |(_, busy_seconds)| *busy_seconds);
    // Where another launch would fare no better, none is made for a Jibri that fails.
    let kept = if service.replacement_helps { 0 } else { count_failing_idle(observation) };
    // Without a target nothing is missing, and nothing is too much.
    if let Some(target) = &observation.target {
        counts.shortfall = target.spare.saturating_sub(counts.available + counts.pending + kept);
        counts.surplus = counts.available.saturating_sub(target.hold.max(target.spare));
    }
    counts
}

fn count_failing_idle(observation: &Observation) -> u32 {
    let failing =
        |instance: &&Instance| instance.is_active() && instance.jibri == JibriStatus::Idle && instance.is_failing();
    u32::try_from(observation.instances.iter().filter(failing).count()).unwrap_or(u32::MAX)
}

/// How far the launch of an active instance has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LaunchProgress {
    /// It may still register.
    Pending,
    /// Its grace is over, and it never registered.
    Overdue,
    /// It has registered.
    Done,
}

/// How far the launch of `instance` has come. A grace does not end while another launch would fare no better, or while
/// its registration could not be seen: then launches would follow each other up to the maximum. That is so without a
/// signal, with Jibris under names of their own, and with launches so broken that they cannot even be drained.
pub(crate) fn launch_progress(policy: &Policy, observation: &Observation, instance: &Instance) -> LaunchProgress {
    if is_known(instance) {
        return LaunchProgress::Done;
    }
    let in_time = match instance.launched_at() {
        Some(launched_at) => observation.now.seconds_since(launched_at) <= policy.boot_grace_seconds,
        // EC2 lags behind the group: an instance that it does not list yet is new. One that was not read may be.
        None => true,
    };
    let no_use = observation.signal != Signal::Fresh
        || names_are_wrong(observation)
        || stuck_launches(observation) >= policy.terminations_per_tick;
    match in_time || no_use {
        true => LaunchProgress::Pending,
        false => LaunchProgress::Overdue,
    }
}

/// Whether Jicofo lists it, or has ever listed it.
fn is_known(instance: &Instance) -> bool {
    instance.jibri.is_listed() || instance.has_registered()
}

/// Whether the Jibris call themselves something other than their instance ids: then none can be seen to register.
fn names_are_wrong(observation: &Observation) -> bool {
    observation.strangers.iter().any(|nickname| !nickname.starts_with("i-"))
        && !observation.instances.iter().any(is_known)
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
