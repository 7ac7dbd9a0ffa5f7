//! The pool in numbers: what is available, on its way, missing, or too much.

use crate::{
    Instance, JibriStatus, LifecycleState, Observation, Policy,
    busy::stuck_seconds,
    judge_service,
    launch::{self, LaunchProgress, launch_progress},
    shards, vanished,
};

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
    /// Launched longer ago than launches are waited for now, and never registered.
    pub overdue: u32,
    /// Launched longer ago than the boot grace, and never registered, those included that are waited for or on their way out.
    pub unregistered: u32,
    /// Active, and vanished from Jicofo's list together with others a moment ago: they are expected to join again.
    pub returning: u32,
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
    /// A recording is known that went well.
    pub proven: bool,
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
        counts.unregistered += u32::from(launch::is_unregistered(policy, observation, instance));
        if !instance.is_active() {
            continue;
        }
        counts.active += 1;
        counts.available += u32::from(instance.is_available());
        counts.returning += u32::from(vanished::is_returning(observation, instance));
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
    counts.proven = service.last_good.is_some();
    counts.stuck_busy_seconds = stuck_seconds(policy, observation);
    // Where another launch would fare no better, a Jibri that fails is the one to have: none is launched in its place.
    let kept = if service.replacement_helps { 0 } else { count_failing_idle(observation) };
    // Without a target nothing is missing, and nothing is too much.
    if let Some(target) = &observation.target {
        let available = counts.available + kept;
        let lacking = shards::lacking(observation, target, available);
        counts.shortfall = lacking.saturating_sub(counts.pending + counts.returning);
        // One may be bad luck. Where several do not register, what is launched now would fare like them: one at a time shows
        // whether that is still so.
        let several = counts.unregistered > 1 || counts.pending > counts.unlaunched;
        if several && launch::marker(policy, observation).is_some() {
            counts.shortfall = counts.shortfall.min(1u32.saturating_sub(counts.pending));
        }
        counts.surplus = shards::surplus(observation, target, available);
    }
    counts
}

fn count_failing_idle(observation: &Observation) -> u32 {
    let failing =
        |instance: &&Instance| instance.is_active() && instance.jibri == JibriStatus::Idle && instance.is_failing();
    u32::try_from(observation.instances.iter().filter(failing).count()).unwrap_or(u32::MAX)
}
