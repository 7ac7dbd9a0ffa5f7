//! On the lifecycle event, and every minute: every instance that the hook holds is kept waiting until it is drained.

use planner::{
    Action, Command, CommandOutcome, DrainResult, InstanceId, LifecycleState, Observation, Plan, Step, Target,
    check_plan, plan_drain,
};

use tracing::info;

use crate::{
    Ports, Settings, TickError,
    apply::{apply_checked, unless_ended},
    metrics::{count, seconds},
    observe::{assemble, newest_commands},
    ports::{Clock, CloudReader, CloudWriter, Document, GroupMember, JicofoReader, Metric},
    publish::publish,
};

/// How far the commands reach back that are looked at, over the time after which one is sent again, in seconds.
const LOOK_BACK_MARGIN_SECONDS: u64 = 60;

/// Takes every drain one step further, whoever asked for it; `only` restricts it to the instance of an event.
///
/// # Errors
/// What failed; the other drains go on. Only without the group's answer can nobody be kept waiting: the hook's
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
            // A drain goes on whatever else cannot be read: heartbeats need nothing but the group.
            let descriptions = ports.reader.describe_instances().await.unwrap_or_else(|error| {
                errors.add(error);
                Vec::new()
            });
            let target = Target { spare: 0, hold: 0, hold_soon: 0, source: "nobody".into() };
            let observed = assemble(now, group, descriptions, Vec::new(), target, 0);
            Some(attach_commands(settings, ports, observed.observation, &mut errors).await)
        }
    };
    let mut unheld_drains = 0;
    if let Some(observation) = &observation {
        let mut plan = Plan::default();
        for instance in &observation.instances {
            let one = plan_drain(policy, now, &observation.group, instance);
            // Each on its own: what is wrong with one drain must not keep the others from their heartbeat.
            match check_plan(policy, observation, &one) {
                Ok(()) => plan.append(one),
                Err(violations) => {
                    errors.add_violations(&one, &violations);
                    let reason = "its plan cannot be applied".to_owned();
                    let action = Action::Heartbeat { instance: instance.id.clone() };
                    plan.steps.push(Step { action, reason });
                }
            }
        }
        unheld_drains = apply_checked(&ports.reader, ports.writer.as_ref(), &plan, &mut errors).await;
    }
    if only.is_none() {
        let metrics = drain_metrics(now, observation.as_ref(), retained, unheld_drains);
        publish(settings, ports.writer.as_ref(), &metrics, &mut errors).await;
    }
    errors.into_result()
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

async fn attach_commands<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    mut observation: Observation,
    errors: &mut TickError,
) -> Observation {
    let since = observation.now.minus_seconds(settings.policy.command_lost_seconds + LOOK_BACK_MARGIN_SECONDS);
    match ports.reader.list_commands(Document::Drain, since).await {
        Ok(sent) => {
            let mut newest = newest_commands(sent);
            for instance in &mut observation.instances {
                instance.drain = newest.remove(&instance.id);
            }
        }
        Err(error) => {
            errors.add(error);
            // What was sent cannot be seen now: wait for it, and keep the instance.
            for instance in &mut observation.instances {
                instance.drain = Some(Command { sent_at: observation.now, outcome: CommandOutcome::InFlight });
            }
        }
    }
    observation
}

/// What is not known of any drain is left out: it is not zero.
fn drain_metrics(
    now: planner::Timestamp,
    observation: Option<&Observation>,
    retained: usize,
    unheld: u64,
) -> Vec<Metric> {
    let instances = observation.map_or(&[][..], |observation| &observation.instances);
    let mut metrics = vec![
        count("DrainsUnderWay", u64::try_from(instances.len()).unwrap_or(u64::MAX), now),
        count("UnheldDrains", unheld, now),
        count("RetainedInstances", u64::try_from(retained).unwrap_or(u64::MAX), now),
    ];
    if instances.iter().all(|instance| instance.ec2.is_some()) {
        let oldest = instances.iter().filter_map(|instance| instance.draining_since).min();
        metrics.push(seconds("OldestDrainSeconds", oldest.map_or(0, |since| now.seconds_since(since)), now));
    }
    let reported = instances.iter().filter_map(|instance| match &instance.drain.as_ref()?.outcome {
        CommandOutcome::Reported(report) => Some(u64::from(report.recordings_failed)),
        CommandOutcome::InFlight | CommandOutcome::Failed(_) => None,
    });
    let failed: Vec<u64> = reported.collect();
    if instances.is_empty() || !failed.is_empty() {
        metrics.push(count("FailedUploads", failed.iter().sum::<u64>(), now));
    }
    metrics
}
