//! On the lifecycle event, and every minute: every instance that the hook holds is kept waiting until it is drained.

use std::collections::BTreeSet;

use planner::{
    Action, CommandOutcome, Instance, InstanceId, LifecycleState, Observation, Plan, Policy, Step, Timestamp,
    check_plan, plan_drain,
};

use crate::{
    Ports, Settings, TickError,
    apply::apply_checked,
    measure::datum,
    metrics::Metric,
    observe::observe,
    ports::{Clock, CloudReader, CloudWriter, Datum, Document, GroupDescription, InstanceDescription, JicofoReader},
    publish::publish,
    readings::Readings,
    tags,
};

/// How far the commands reach back that are looked at, over the time after which one is sent again, in seconds.
const LOOK_BACK_MARGIN_SECONDS: u64 = 60;

/// How far the group's activities reach back that are looked at, in seconds: AWS lets no hook hold an instance for longer
/// than 48 hours.
const LONGEST_DRAIN_SECONDS: u64 = 49 * 3600;

/// Which of the instances that the hook holds a tick looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Scope<'a> {
    /// All that the group lists.
    Group,
    /// The one of a lifecycle event.
    Terminating(&'a InstanceId),
    /// The one of a lifecycle event that says that it leaves the warm pool. An instance that the group lists is drained like
    /// any other, whatever the event says.
    LeavingWarmPool(&'a InstanceId),
}

impl Scope<'_> {
    fn includes(self, id: &InstanceId) -> bool {
        match self {
            Scope::Group => true,
            Scope::Terminating(instance) | Scope::LeavingWarmPool(instance) => instance == id,
        }
    }
}

/// Takes every drain within `scope` one step further, whatever began it.
///
/// # Errors
/// What failed; the other drains go on. Only without the group's answer can no instance be kept waiting: the hook's
/// heartbeat time-out must outlast several ticks.
pub(crate) async fn run<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    scope: Scope<'_>,
) -> Result<(), TickError> {
    let mut errors = TickError::default();
    let policy = &settings.policy;
    let now = ports.clock.now();
    let mut group = ports.reader.describe_group().await?;
    let retained =
        group.members.iter().filter(|member| member.lifecycle == LifecycleState::TerminatingRetained).count();
    let is_listed = |id: &InstanceId| {
        group.members.iter().any(|member| member.id == *id && member.lifecycle != LifecycleState::Other)
    };
    let leaving_warm_pool = match scope {
        Scope::LeavingWarmPool(instance) if !is_listed(instance) => Some(instance.clone()),
        _ => None,
    };
    group.members.retain(|member| member.lifecycle == LifecycleState::TerminatingWait && scope.includes(&member.id));
    let readings = match (group.members.is_empty(), leaving_warm_pool) {
        (true, None) => None,
        // It has recorded nothing: no other source has to be asked.
        (_, Some(leaving)) => Some(Readings { leaving_warm_pool: Some(leaving), ..Readings::new(now, group, policy) }),
        (false, None) => {
            let since = now.minus_seconds(policy.command_lost_seconds + LOOK_BACK_MARGIN_SECONDS);
            let descriptions = ports.reader.describe_instances().await;
            let untold = without_age(&group, descriptions.as_deref().ok(), now);
            let terminations = match untold.is_empty() {
                true => None,
                false => {
                    let since = now.minus_seconds(LONGEST_DRAIN_SECONDS);
                    Some(ports.reader.describe_terminations(&untold, since).await)
                }
            };
            Some(Readings {
                descriptions: Some(descriptions),
                terminations,
                drains: Some(ports.reader.list_commands(Document::Drain, since).await),
                ..Readings::new(now, group, policy)
            })
        }
    };
    let observation = readings.map(|readings| {
        let observed = observe(readings);
        // A drain goes on whatever else cannot be read: heartbeats need nothing but the group.
        observed.failures.iter().for_each(|failure| errors.add(failure));
        observed.observation
    });
    let mut unheld_drains = 0;
    if let Some(observation) = &observation {
        let plan = plan_drains(policy, observation, &mut errors);
        let applied = apply_checked(&ports.reader, ports.writer.as_ref(), &plan, &mut errors).await;
        unheld_drains = applied.unheld_drains;
    }
    if matches!(scope, Scope::Group) {
        let metrics = drain_metrics(now, observation.as_ref(), retained, unheld_drains);
        publish(settings, ports.writer.as_ref(), &metrics, &mut errors).await;
    }
    errors.into_result()
}

/// The instances of which no tag tells since when they drain: it has not been written yet, cannot be written, cannot be read,
/// or EC2 lists the instance no more.
fn without_age(
    group: &GroupDescription,
    descriptions: Option<&[InstanceDescription]>,
    now: Timestamp,
) -> Vec<InstanceId> {
    let described = descriptions.unwrap_or_default().iter();
    let told: BTreeSet<&InstanceId> = described
        .filter(|description| tags::read_tags(&description.tags, now).draining_since.is_some())
        .map(|description| &description.id)
        .collect();
    let members = group.members.iter().map(|member| &member.id);
    members.filter(|id| !told.contains(id)).cloned().collect()
}

/// Plans and checks each drain on its own: what is wrong with one must not keep the others from their heartbeat.
fn plan_drains(policy: &Policy, observation: &Observation, errors: &mut TickError) -> Plan {
    let mut plan = Plan::default();
    for instance in &observation.instances {
        let one = plan_drain(policy, observation.now, &observation.group, instance);
        match check_plan(policy, observation, &one) {
            Ok(()) => plan.append(one),
            Err(violations) => {
                errors.add_violations(&one, &violations);
                let action = Action::Heartbeat { instance: instance.id.clone() };
                plan.steps.push(Step { action, reason: "its plan cannot be applied".into() });
            }
        }
    }
    plan
}

/// What is not known of any drain is left out: it is not zero.
fn drain_metrics(now: Timestamp, observation: Option<&Observation>, retained: usize, unheld: u64) -> Vec<Datum> {
    let instances = observation.map_or(&[][..], |observation| &observation.instances);
    let mut metrics = vec![
        datum(Metric::DrainsUnderWay, u64::try_from(instances.len()).unwrap_or(u64::MAX), now),
        datum(Metric::UnheldDrains, unheld, now),
        datum(Metric::RetainedInstances, u64::try_from(retained).unwrap_or(u64::MAX), now),
    ];
    if instances.iter().all(Instance::drain_age_is_known) {
        let oldest = instances.iter().filter_map(Instance::draining_since).min();
        metrics.push(datum(Metric::OldestDrainSeconds, oldest.map_or(0, |since| now.seconds_since(since)), now));
    }
    let reported = instances.iter().filter_map(|instance| match &instance.drain.read()?.outcome {
        CommandOutcome::Reported(report) => Some(u64::from(report.recordings_failed)),
        CommandOutcome::InFlight | CommandOutcome::Failed(_) => None,
    });
    let failed: Vec<u64> = reported.collect();
    if instances.is_empty() || !failed.is_empty() {
        metrics.push(datum(Metric::FailedUploads, failed.iter().sum::<u64>(), now));
    }
    metrics
}
