//! Scale-out: close the whole gap at once, count what is on its way, and never lower anything.

use crate::{Action, Instance, JibriStatus, LifecycleState, Observation, Plan, Policy, Signal, time::Spoken};

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
    counts.shortfall = observation.target.spare.saturating_sub(counts.available + counts.pending);
    counts.surplus = counts.available.saturating_sub(observation.target.hold.max(observation.target.spare));
    counts
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

/// How far the launch of `instance` has come. A grace does not end while another launch would fare no better, or
/// nobody could tell: then more launches would follow each other up to the maximum. These are a lost signal, Jibris
/// under names of their own, and launches so broken that they cannot even be drained.
pub(crate) fn launch_progress(policy: &Policy, observation: &Observation, instance: &Instance) -> LaunchProgress {
    if is_known(instance) {
        return LaunchProgress::Done;
    }
    let in_time = match instance.launched_at {
        Some(launched_at) => observation.now.seconds_since(launched_at) <= policy.boot_grace_seconds,
        // EC2 lags behind the group: what it does not list yet is new.
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
    !matches!(instance.jibri, JibriStatus::Missing | JibriStatus::Unknown) || instance.has_registered()
}

/// Whether the Jibris call themselves something other than their instance ids: then nobody can have registered.
fn names_are_wrong(observation: &Observation) -> bool {
    observation.strangers.iter().any(|nickname| !nickname.starts_with("i-"))
        && !observation.instances.iter().any(is_known)
}

/// How many instances never registered, were told to end for it, and cannot be drained either.
pub(crate) fn stuck_launches(observation: &Observation) -> u32 {
    let stuck = observation.instances.iter().filter(|instance| {
        instance.lifecycle == LifecycleState::TerminatingWait
            && instance.ec2.is_some()
            && !instance.has_registered()
            && instance.jibri == JibriStatus::Missing
    });
    u32::try_from(stuck.count()).unwrap_or(u32::MAX)
}

/// Plans scale-out, and notes who has registered.
///
/// Desired capacity rises by the whole shortfall at once, to the maximum at most; it is measured from what is
/// active where somebody has lowered it under that. While the signal is lost, nothing happens before
/// `signal_grace_seconds`; then the pool may grow by the target, once.
pub fn plan_capacity(policy: &Policy, observation: &Observation) -> Plan {
    let mut plan = Plan::default();
    note_registrations(observation, &mut plan);
    let counts = count_pool(policy, observation);
    let group = &observation.group;
    explain_waits(policy, observation, &counts, &mut plan);

    let blind_wait = match &observation.signal {
        Signal::Fresh => false,
        Signal::Lost { for_seconds, .. } => *for_seconds < policy.signal_grace_seconds,
    };
    let shortfall = if blind_wait { 0 } else { counts.shortfall };
    let base = group.desired_capacity.max(counts.active);
    let wanted = base.saturating_add(shortfall);
    let to = wanted.min(group.max_size);
    if shortfall > 0 && wanted > to {
        plan.problems.push(format!(
            "the group is at its maximum of {}: {} more Jibris are wanted",
            group.max_size,
            (wanted - to).min(shortfall)
        ));
    }
    if to <= group.desired_capacity {
        return plan;
    }
    if policy.scale_out_paused {
        plan.problems.push(format!("scale-out is paused: desired capacity would be {to}"));
        return plan;
    }
    let reason = match shortfall {
        0 => format!("{} instances are active, and none ends because desired capacity is lower", counts.active),
        _ => format!(
            "{} available and {} pending, {} spare wanted by {}",
            counts.available, counts.pending, observation.target.spare, observation.target.source
        ),
    };
    plan.step(Action::RaiseDesired { from: group.desired_capacity, to }, reason);
    plan
}

fn note_registrations(observation: &Observation, plan: &mut Plan) {
    for instance in &observation.instances {
        let listed = !matches!(instance.jibri, JibriStatus::Missing | JibriStatus::Unknown);
        // A tag that EC2 has not been asked about may be there already.
        if listed && instance.is_active() && instance.registered_at.is_none() && instance.ec2.is_some() {
            let boot = match instance.launched_at {
                Some(launched_at) => {
                    format!(" {} after its launch", Spoken(observation.now.seconds_since(launched_at)))
                }
                None => String::new(),
            };
            let action = Action::TagRegistered { instance: instance.id.clone(), at: observation.now };
            plan.step(action, format!("Jicofo lists it{boot}"));
        }
    }
}

fn explain_waits(policy: &Policy, observation: &Observation, counts: &Counts, plan: &mut Plan) {
    let booting = counts.pending - counts.unlaunched;
    if booting > 0 {
        plan.waits.push(format!(
            "{booting} launched instances to register, each within {}",
            Spoken(policy.boot_grace_seconds)
        ));
    }
    if counts.unlaunched > 0 {
        plan.waits.push(format!("the group to launch {} instances", counts.unlaunched));
    }
    if counts.overdue > 0 {
        plan.problems.push(format!(
            "{} instances have not registered within {} of their launch",
            counts.overdue,
            Spoken(policy.boot_grace_seconds)
        ));
    }
    let stuck = stuck_launches(observation);
    if stuck >= policy.terminations_per_tick {
        plan.problems.push(format!(
            "{stuck} launches never registered, and cannot be drained either: no more are replaced until somebody has \
             looked at the launch template, the network and the user data"
        ));
    }
    if let Signal::Lost { why, for_seconds } = &observation.signal {
        plan.problems.push(format!("no signal from Jicofo for {}: {why}", Spoken(*for_seconds)));
    }
}
