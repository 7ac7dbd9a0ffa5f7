//! On the lifecycle event, and every minute: every instance that the hook holds is kept waiting until it is drained.

use planner::{
    Action, CommandOutcome, DrainResult, Instance, InstanceId, LifecycleState, Observation, Plan, Policy, Step,
    check_plan, plan_drain,
};
use tracing::info;

use crate::{
    Ports, Settings, TickError,
    apply::{apply_checked, unless_ended},
    metrics::{Metric, datum},
    observe::observe,
    ports::{Clock, CloudReader, CloudWriter, Datum, Document, GroupMember, JicofoReader},
    publish::publish,
    readings::Readings,
};

/// How far the commands reach back that are looked at, over the time after which one is sent again, in seconds.
const LOOK_BACK_MARGIN_SECONDS: u64 = 60;

/// Takes every drain one step further, whatever began it; `only` restricts it to the instance of an event.
///
/// # Errors
/// What failed; the other drains go on. Only without the group's answer can no instance be kept waiting: the hook's
/// heartbeat time-out must outlast several ticks.
pub(crate) async fn run<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    only: Option<&InstanceId>,
) -> Result<(), TickError> {
    let mut errors = TickError::default();
    let policy = &settings.policy;
    let now = ports.clock.now();
    let mut group = ports.reader.describe_group().await?;
    let retained =
        group.members.iter().filter(|member| member.lifecycle == LifecycleState::TerminatingRetained).count();
    group.members.retain(|member| {
        member.lifecycle == LifecycleState::TerminatingWait && only.is_none_or(|instance| *instance == member.id)
    });
    let observation = match group.members.is_empty() {
        true => None,
        false => {
            let since = now.minus_seconds(policy.command_lost_seconds + LOOK_BACK_MARGIN_SECONDS);
            let observed = observe(Readings {
                descriptions: Some(ports.reader.describe_instances().await),
                drains: Some(ports.reader.list_commands(Document::Drain, since).await),
                ..Readings::new(now, group, policy)
            });
            // A drain goes on whatever else cannot be read: heartbeats need nothing but the group.
            observed.failures.iter().for_each(|failure| errors.add(failure));
            Some(observed.observation)
        }
    };
    let mut unheld_drains = 0;
    if let Some(observation) = &observation {
        let plan = plan_drains(policy, observation, &mut errors);
        unheld_drains = apply_checked(&ports.reader, ports.writer.as_ref(), &plan, &mut errors).await;
    }
    if only.is_none() {
        let metrics = drain_metrics(now, observation.as_ref(), retained, unheld_drains);
        publish(settings, ports.writer.as_ref(), &metrics, &mut errors).await;
    }
    errors.into_result()
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

/// Lets an instance go that leaves the warm pool. It has never run a Jibri: `instance/start.sh` starts none before the
/// instance is in service, and none that was comes back to the warm pool. The group lists none of these; one that it does
/// list is drained like any other, whatever the event says.
///
/// # Errors
/// What failed. Then the hook's time-out keeps the instance, for nobody else looks at it.
pub(crate) async fn release_from_warm_pool<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    instance: &InstanceId,
) -> Result<(), TickError> {
    let group = ports.reader.describe_group().await?;
    let is_listed = |member: &GroupMember| member.id == *instance && member.lifecycle != LifecycleState::Other;
    if group.members.iter().any(is_listed) {
        return run(settings, ports, Some(instance)).await;
    }
    info!(%instance, dry_run = ports.writer.is_none(), "leaves the warm pool: it has recorded nothing");
    if let Some(writer) = &ports.writer {
        unless_ended(instance, writer.complete_lifecycle_action(instance, DrainResult::Continue).await)?;
    }
    Ok(())
}

/// What is not known of any drain is left out: it is not zero.
fn drain_metrics(
    now: planner::Timestamp,
    observation: Option<&Observation>,
    retained: usize,
    unheld: u64,
) -> Vec<Datum> {
    let instances = observation.map_or(&[][..], |observation| &observation.instances);
    let mut metrics = vec![
        datum(Metric::DrainsUnderWay, u64::try_from(instances.len()).unwrap_or(u64::MAX), now),
        datum(Metric::UnheldDrains, unheld, now),
        datum(Metric::RetainedInstances, u64::try_from(retained).unwrap_or(u64::MAX), now),
    ];
    if instances.iter().all(|instance| instance.ec2.read().is_some()) {
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
