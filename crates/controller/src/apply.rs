//! Applies a checked plan, stage after stage: each precondition is confirmed at the last moment, and each step stands
//! alone, so that one that fails keeps no other from being done.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use planner::{
    Action, DrainResult, InstanceId, LifecycleState, Observation, Plan, Policy, Stage, check_plan, why_unheld,
};
use tracing::{debug, info, warn};

use crate::{
    TickError,
    observe::read_hook,
    ports::{CallError, CallErrorKind, CloudReader, CloudWriter, Document, GroupMember},
    tags,
};

/// How many calls about single instances are under way at once.
const CONCURRENT_CALLS: usize = 8;

/// Logs the plan, holds it against the invariants, and applies it if there is a writer.
pub(crate) async fn check_and_apply<R: CloudReader, W: CloudWriter>(
    reader: &R,
    writer: Option<&W>,
    policy: &Policy,
    observation: &Observation,
    plan: &Plan,
    errors: &mut TickError,
) -> Applied {
    if let Err(violations) = check_plan(policy, observation, plan) {
        errors.add_violations(plan, &violations);
        return Applied { unheld_drains: 0, noted: false };
    }
    apply_checked(reader, writer, plan, errors).await
}

/// What became of a plan.
pub(crate) struct Applied {
    /// How many drains it was to keep waiting, or to end, and could not.
    pub(crate) unheld_drains: u64,
    /// Whether every tag could be written.
    pub(crate) noted: bool,
}

/// Logs a plan that keeps the invariants, and applies it if there is a writer.
pub(crate) async fn apply_checked<R: CloudReader, W: CloudWriter>(
    reader: &R,
    writer: Option<&W>,
    plan: &Plan,
    errors: &mut TickError,
) -> Applied {
    log_plan(plan, writer.is_none());
    let Some(writer) = writer else {
        return Applied { unheld_drains: 0, noted: true };
    };
    let mut applier = Applier { reader, writer, errors, unheld_drains: 0, noted: true };
    applier.apply(plan).await;
    Applied { unheld_drains: applier.unheld_drains, noted: applier.noted }
}

fn log_plan(plan: &Plan, dry_run: bool) {
    for step in &plan.steps {
        info!(dry_run, action = %step.action, reason = step.reason, "planned a step");
    }
    for wait in &plan.waits {
        debug!(%wait, "waiting");
    }
    for problem in &plan.problems {
        warn!(%problem, "found a problem");
    }
}

struct Applier<'a, R, W> {
    reader: &'a R,
    writer: &'a W,
    errors: &'a mut TickError,
    unheld_drains: u64,
    /// Whether every tag could be written.
    noted: bool,
}

impl<R: CloudReader, W: CloudWriter> Applier<'_, R, W> {
    async fn apply(&mut self, plan: &Plan) {
        for stage in Stage::ALL {
            match stage {
                Stage::Heartbeats => self.heartbeat(plan).await,
                Stage::DrainEnds => self.complete_drains(plan).await,
                Stage::Raise => self.raise_desired(plan).await,
                Stage::Protection => self.protect(plan).await,
                Stage::Tags => self.tag(plan).await,
                Stage::DrainCommands => self.send(plan, Document::Drain).await,
                Stage::Checks => self.send(plan, Document::Check).await,
                Stage::Terminations if self.noted => self.terminate(plan).await,
                // What is known of the others' idle times may be as old as the tags that could not be written.
                Stage::Terminations => {}
            }
        }
    }

    /// Until it succeeds, AWS counts down to the end of the hook.
    fn note_hold(&mut self, result: Result<(), CallError>) {
        self.unheld_drains += u64::from(result.is_err());
        self.note(result);
    }

    fn note(&mut self, result: Result<(), CallError>) {
        if let Err(error) = result {
            self.errors.add(error);
        }
    }

    async fn heartbeat(&mut self, plan: &Plan) {
        let waiting = instances_of(plan, Stage::Heartbeats);
        let beats = stream::iter(waiting.iter().map(|id| self.writer.record_heartbeat(id)));
        for (id, result) in waiting.iter().zip(beats.buffered(CONCURRENT_CALLS).collect::<Vec<_>>().await) {
            self.note_hold(unless_ended(id, result));
        }
    }

    async fn complete_drains(&mut self, plan: &Plan) {
        let ends = plan.actions_of(Stage::DrainEnds).filter_map(|action| match action {
            Action::CompleteDrain { instance, result } => Some((instance, *result)),
            _ => None,
        });
        let ends: Vec<(&InstanceId, DrainResult)> = ends.collect();
        let calls = stream::iter(ends.iter().map(|(id, result)| self.writer.complete_lifecycle_action(id, *result)));
        for ((id, _), result) in ends.iter().zip(calls.buffered(CONCURRENT_CALLS).collect::<Vec<_>>().await) {
            self.note_hold(unless_ended(id, result));
        }
    }

    async fn raise_desired(&mut self, plan: &Plan) {
        for action in plan.actions_of(Stage::Raise) {
            let Action::RaiseDesired { to, .. } = *action else {
                continue;
            };
            match self.reader.describe_group().await {
                // It was raised by hand or by an alarm meanwhile: setting it now could lower it.
                Ok(group) if group.sizes.desired_capacity >= to => {
                    info!(
                        desired = group.sizes.desired_capacity,
                        to, "skipped a step: desired capacity is high enough by now"
                    );
                }
                Ok(group) => {
                    let result = self.writer.set_desired_capacity(to.min(group.sizes.max_size)).await;
                    self.note(result);
                }
                Err(error) => self.errors.add(error),
            }
        }
    }

    async fn protect(&mut self, plan: &Plan) {
        let bare = instances_of(plan, Stage::Protection);
        if !bare.is_empty() {
            let result = self.writer.protect(&bare).await;
            self.note(result);
        }
    }

    async fn tag(&mut self, plan: &Plan) {
        let mut batches: BTreeMap<(&str, String), Vec<InstanceId>> = BTreeMap::new();
        for action in plan.actions_of(Stage::Tags) {
            let (key, value, instance) = match action {
                Action::TagRegistered { instance, at } => (tags::REGISTERED_AT, tags::format_moment(*at), instance),
                Action::TagState { instance, recorded } => (tags::STATE, tags::format_recorded(*recorded), instance),
                Action::TagProof { instance, proof } => (tags::PROOF, tags::format_proof(*proof), instance),
                Action::TagDoubted { instance, at } => (tags::DOUBTED_AT, tags::format_moment(*at), instance),
                Action::TagDraining { instance, since } => {
                    (tags::DRAINING_SINCE, tags::format_moment(*since), instance)
                }
                _ => continue,
            };
            batches.entry((key, value)).or_default().push(instance.clone());
        }
        for ((key, value), instances) in batches {
            let result = self.writer.tag(&instances, key, &value).await;
            self.noted &= result.is_ok();
            self.note(result);
        }
    }

    async fn send(&mut self, plan: &Plan, document: Document) {
        let stage = match document {
            Document::Check => Stage::Checks,
            Document::Drain => Stage::DrainCommands,
        };
        let asked = instances_of(plan, stage);
        if !asked.is_empty() {
            let result = self.writer.send_command(document, &asked).await;
            self.note(result);
        }
    }

    async fn terminate(&mut self, plan: &Plan) {
        for action in plan.actions_of(Stage::Terminations) {
            let Action::Terminate { instance, decrement } = action else {
                continue;
            };
            let hook = match self.reader.describe_hook().await {
                Ok(found) => read_hook(found),
                Err(error) => return self.errors.add(error),
            };
            let group = match self.reader.describe_group().await {
                Ok(group) => group,
                Err(error) => return self.errors.add(error),
            };
            if let Some(why) = why_unheld(hook, &group.sizes) {
                return self.errors.add(why);
            }
            let in_service = group
                .members
                .iter()
                .any(|member| member.id == *instance && member.lifecycle == LifecycleState::InService);
            // Where an earlier step has failed, desired capacity may be lower than what is active: it must not sink further.
            let active =
                |member: &&GroupMember| matches!(member.lifecycle, LifecycleState::Pending | LifecycleState::InService);
            let active = group.members.iter().filter(active).count();
            let headroom = group.sizes.desired_capacity > group.sizes.min_size
                && usize::try_from(group.sizes.desired_capacity).is_ok_and(|desired| active <= desired);
            if !in_service || (*decrement && !headroom) {
                info!(%instance, in_service, headroom, "skipped a step: the group has changed since it was planned");
                continue;
            }
            let result = self.writer.terminate(instance, *decrement).await;
            self.note(result);
        }
    }
}

/// The instances that this stage is about, each once, in the order of their ids.
fn instances_of(plan: &Plan, stage: Stage) -> Vec<InstanceId> {
    let instances: BTreeSet<InstanceId> =
        plan.actions_of(stage).filter_map(|action| action.instance().cloned()).collect();
    instances.into_iter().collect()
}

/// A lifecycle action that has ended already is what we wanted: an event came twice, or two ticks overlapped.
fn unless_ended(instance: &InstanceId, result: Result<(), CallError>) -> Result<(), CallError> {
    match result {
        Err(error) if error.kind == CallErrorKind::NoActiveLifecycleAction => {
            info!(%instance, "its lifecycle action has ended already");
            Ok(())
        }
        result => result,
    }
}
