//! Any plan, held against the invariants. Written from the invariants, not from the planner.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Action, CommandOutcome, DrainHook, DrainResult, HealthStatus, Instance, InstanceId, Invariant, JibriProcess,
    JibriStatus, Jicofos, LifecycleState, Observation, Plan, Policy, Stage, Violation, count_pool, judge_service,
    launch::{LaunchProgress, is_kept, launch_progress},
    proof::with_proofs,
};

/// Holds a plan against the invariants; an error lists all that it would break.
pub fn check_plan(policy: &Policy, observation: &Observation, plan: &Plan) -> Result<(), Vec<Violation>> {
    let noted = with_proofs(observation, plan);
    let mut check = Check { policy, observation: &noted, violations: Vec::new() };
    check.instances(plan);
    check.sizes(plan);
    check.terminations(plan);
    check.drains(plan);
    match check.violations.is_empty() {
        true => Ok(()),
        false => Err(check.violations),
    }
}

struct Check<'a> {
    policy: &'a Policy,
    observation: &'a Observation,
    violations: Vec<Violation>,
}

impl Check<'_> {
    fn require(&mut self, holds: bool, invariant: Invariant, detail: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(Violation { invariant, detail: detail() });
        }
    }

    fn find(&self, id: &InstanceId) -> Option<&Instance> {
        self.observation.instances.iter().find(|instance| instance.id == *id)
    }

    fn instances(&mut self, plan: &Plan) {
        let mut ended = BTreeSet::new();
        for step in &plan.steps {
            let Some(id) = step.action.instance() else { continue };
            self.require(self.find(id).is_some(), Invariant::Known, || format!("{} was not observed", step.action));
            if matches!(step.action, Action::Terminate { .. } | Action::CompleteDrain { .. }) {
                self.require(ended.insert(id.clone()), Invariant::Known, || format!("{} stands twice", step.action));
            }
        }
    }

    fn sizes(&mut self, plan: &Plan) {
        let group = self.observation.group;
        let counts = count_pool(self.policy, self.observation);
        let mut raises = 0;
        for step in &plan.steps {
            let Action::RaiseDesired { from, to } = step.action else {
                continue;
            };
            raises += 1;
            let needed = group.desired_capacity.max(counts.active).saturating_add(counts.shortfall);
            self.require(!self.policy.scale_out_paused, Invariant::Paused, || step.action.to_string());
            self.require(from == group.desired_capacity && to > from, Invariant::Sizes, || {
                format!("{}, but desired is {}", step.action, group.desired_capacity)
            });
            self.require(to <= group.max_size && to <= needed, Invariant::Sizes, || {
                format!("{}, over the maximum of {} or the need of {needed}", step.action, group.max_size)
            });
        }
        self.require(raises <= 1, Invariant::Sizes, || format!("desired capacity is raised {raises} times"));
    }

    fn terminations(&mut self, plan: &Plan) {
        let counts = count_pool(self.policy, self.observation);
        let group = self.observation.group;
        let (mut all, mut available, mut decrements) = (0u32, 0u32, 0u32);
        let (mut repairs, mut replaced) = (0u32, 0u32);
        for step in &plan.steps {
            let Action::Terminate { instance: id, decrement } = &step.action else {
                continue;
            };
            all += 1;
            decrements += u32::from(*decrement);
            self.require(!self.policy.scale_in_paused, Invariant::Paused, || step.action.to_string());
            let jibri = self.find(id).map_or(JibriStatus::Unknown, |instance| instance.jibri);
            self.require(self.observation.signal.lets_end(jibri), Invariant::UnknownIsNoVictim, || {
                format!("{}, which is {jibri:?}, and the signal is {:?}", step.action, self.observation.signal)
            });
            self.require(self.is_held(), Invariant::Held, || {
                format!("{}, and the hook is {:?}", step.action, self.observation.hook)
            });
            let Some(instance) = self.find(id).cloned() else {
                continue;
            };
            available += u32::from(instance.jibri == JibriStatus::Idle && !self.is_trial(&instance));
            let in_service = instance.lifecycle == LifecycleState::InService;
            self.require(in_service, Invariant::Evidence, || format!("{}, which is not in service", step.action));
            self.require(self.may_go(&instance), Invariant::Evidence, || {
                format!("{}, which is {:?} by Jicofo, and says {:?}", step.action, instance.jibri, instance.check)
            });
            let repair = instance.jibri != JibriStatus::Idle || self.is_trial(&instance);
            repairs += u32::from(repair);
            replaced += u32::from(repair && !decrement);
        }
        self.trials(plan);
        self.require(replaced >= counts.shortfall.min(repairs), Invariant::Sizes, || {
            format!("{replaced} of {repairs} repairs are to be replaced, and {} are missing", counts.shortfall)
        });
        let cap = self.policy.terminations_per_tick;
        self.require(all <= cap, Invariant::Cap, || format!("{all} terminations, {cap} are allowed"));
        self.require(available <= counts.surplus, Invariant::Hold, || {
            format!("{available} available Jibris would end, {} are surplus", counts.surplus)
        });
        self.own_spares(plan);
        let desired = group.desired_capacity.saturating_sub(decrements);
        self.require(decrements == 0 || desired >= group.min_size, Invariant::Sizes, || {
            format!(
                "{decrements} decrements from {} fall under the minimum of {}",
                group.desired_capacity, group.min_size
            )
        });
        self.require(decrements == 0 || desired >= counts.active.saturating_sub(all), Invariant::Sizes, || {
            format!("{decrements} decrements from {} fall under what goes on running", group.desired_capacity)
        });
    }

    /// Whether an instance that ends is replaced for its failures. Where another would fare no better, it ends like any other.
    fn is_trial(&self, instance: &Instance) -> bool {
        instance.is_failing() && judge_service(self.observation).replacement_helps
    }

    /// Each Jicofo that shares its Jibris with no other keeps its own spares.
    fn own_spares(&mut self, plan: &Plan) {
        let Some(target) = &self.observation.target else { return };
        let active = || self.observation.instances.iter().filter(|one| one.is_active());
        let all: BTreeSet<Jicofos> =
            active().map(|one| one.listed_by).filter(|listed_by| listed_by.count() > 0).collect();
        if all.len() < 2 || all.iter().any(|listed_by| listed_by.count() > 1) {
            return;
        }
        let mut left: BTreeMap<Jicofos, (u32, u32)> = BTreeMap::new();
        let ended: BTreeSet<&InstanceId> = plan.actions_of(Stage::Terminations).filter_map(Action::instance).collect();
        for one in active().filter(|one| one.jibri == JibriStatus::Idle) {
            let goes = ended.contains(&one.id) && !self.is_trial(one);
            let (stay, go) = left.entry(one.listed_by).or_default();
            *stay += u32::from(!goes);
            *go += u32::from(goes);
        }
        let held = target.hold.max(target.spare);
        for (jicofo, (stay, go)) in left {
            self.require(go == 0 || stay >= held, Invariant::Hold, || {
                format!("{go} of {jicofo:?} would end, and {stay} of the {held} stay that it is to keep")
            });
        }
    }

    /// Jibris that fail their recordings are not replaced in circles: one at a time, and every other instance is marked.
    fn trials(&mut self, plan: &Plan) {
        let ended = plan.actions_of(Stage::Terminations).filter_map(|action| self.find(action.instance()?));
        let trials: Vec<Instance> =
            ended.filter(|one| one.jibri == JibriStatus::Idle && self.is_trial(one)).cloned().collect();
        let Some(first) = trials.first() else { return };
        self.require(trials.len() == 1, Invariant::Trial, || format!("{} are replaced at once", trials.len()));
        let marked = |id: &InstanceId| {
            plan.steps.iter().any(|step| matches!(&step.action, Action::TagDoubted { instance, .. } if instance == id))
        };
        let others = self.observation.instances.iter().filter(|other| other.is_active() && other.ec2.read().is_some());
        let others: Vec<&Instance> = others.filter(|other| other.id != first.id).collect();
        let all_marked = !others.is_empty() && others.iter().all(|other| marked(&other.id));
        self.require(all_marked, Invariant::Trial, || format!("{} is replaced, and others are not marked", first.id));
    }

    /// Whether a drain that begins now lasts until it is completed, also without heartbeats.
    fn is_held(&self) -> bool {
        let keeps = matches!(self.observation.hook, DrainHook::Present { default_result: DrainResult::Abandon, .. });
        keeps && self.observation.group.retains_abandoned
    }

    /// What must be known of an instance before it may be terminated; its drain then proves the rest.
    fn may_go(&self, instance: &Instance) -> bool {
        let now = self.observation.now;
        let says = instance.check.read().and_then(|check| match &check.outcome {
            CommandOutcome::Reported(report)
                if now.seconds_since(check.sent_at) <= self.policy.check_validity_seconds =>
            {
                Some(report.process)
            }
            _ => None,
        });
        let recorded_for =
            |limit: u64| instance.recorded().is_some_and(|recorded| now.seconds_since(recorded.since) >= limit);
        match instance.jibri {
            JibriStatus::Unknown | JibriStatus::NotAsked => false,
            JibriStatus::Idle if self.is_trial(instance) => matches!(says, Some(JibriProcess::Idle(_))),
            JibriStatus::Idle => {
                says == Some(JibriProcess::Idle(HealthStatus::Healthy)) && recorded_for(self.policy.idle_seconds)
            }
            JibriStatus::Busy => {
                matches!(says, Some(JibriProcess::Expired(_) | JibriProcess::Gone | JibriProcess::Idle(_)))
            }
            JibriStatus::Unhealthy => recorded_for(1),
            JibriStatus::Missing => match (instance.has_registered(), instance.launched_at()) {
                (true, _) => says == Some(JibriProcess::Gone) || recorded_for(self.policy.boot_grace_seconds),
                // The first launch of many in vain stays, and the others are waited for ever longer.
                (false, Some(launched_at)) => {
                    now.seconds_since(launched_at) > self.policy.boot_grace_seconds
                        && recorded_for(1)
                        && launch_progress(self.policy, self.observation, instance) == LaunchProgress::Overdue
                        && !is_kept(self.policy, self.observation, instance)
                }
                (false, None) => false,
            },
        }
    }

    fn drains(&mut self, plan: &Plan) {
        let mut touched: BTreeSet<&InstanceId> = BTreeSet::new();
        let mut settled: BTreeSet<&InstanceId> = BTreeSet::new();
        for step in &plan.steps {
            let id = match &step.action {
                Action::Heartbeat { instance } | Action::CompleteDrain { instance, .. } => {
                    self.require(settled.insert(instance), Invariant::DrainsEnd, || {
                        format!("{} comes after another end", step.action)
                    });
                    instance
                }
                Action::SendDrain { instance } | Action::TagDraining { instance, .. } => instance,
                _ => continue,
            };
            touched.insert(id);
            let Some(instance) = self.find(id).cloned() else {
                continue;
            };
            let held = matches!(instance.lifecycle, LifecycleState::TerminatingWait | LifecycleState::LeavingWarmPool);
            self.require(held, Invariant::DrainsEnd, || format!("{}, which no hook holds", step.action));
            if let Action::CompleteDrain { result, .. } = step.action {
                self.require(self.may_complete(&instance, result), Invariant::Evidence, || {
                    format!("{} on {:?}", step.action, instance.drain)
                });
            }
        }
        for id in touched.difference(&settled) {
            let detail = format!("{id} gets neither a heartbeat nor an end");
            self.violations.push(Violation { invariant: Invariant::DrainsEnd, detail });
        }
    }

    fn may_complete(&self, instance: &Instance, result: DrainResult) -> bool {
        match result {
            DrainResult::Continue => {
                let drained = instance.drain.read().is_some_and(|command| match &command.outcome {
                    CommandOutcome::Reported(report) => {
                        report.process == JibriProcess::Gone
                            && report.recordings_pending == 0
                            && report.recordings_failed == 0
                            && !report.recording
                            && !report.finalizing
                    }
                    CommandOutcome::InFlight | CommandOutcome::Failed(_) => false,
                });
                // An instance that Jicofo has ever listed was in service, whatever an event says of it.
                let never_served = instance.lifecycle == LifecycleState::LeavingWarmPool && !instance.has_registered();
                drained || never_served || instance.is_terminated()
            }
            DrainResult::Abandon => {
                let too_old = |since| self.observation.now.seconds_since(since) > self.policy.drain_limit_seconds;
                self.observation.group.retains_abandoned && instance.draining_since().is_some_and(too_old)
            }
        }
    }
}
