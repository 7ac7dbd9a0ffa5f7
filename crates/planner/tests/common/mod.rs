//! Small worlds to plan in, and what a plan makes of them.
#![allow(dead_code, reason = "each test file uses its own part")]

use planner::*;

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);

/// The template's hook.
pub(crate) const HOLDS: DrainHook =
    DrainHook::Present { default_result: DrainResult::Abandon, heartbeat_timeout_seconds: 7200 };

pub(crate) fn minutes_ago(minutes: u64) -> Timestamp {
    NOW.minus_seconds(minutes * 60)
}

/// An idle, protected, healthy Jibri that registered an hour ago and was never used.
pub(crate) fn idle(name: &str, idle_minutes: u64) -> Instance {
    Instance {
        id: InstanceId::new(name),
        zone: "a".into(),
        lifecycle: LifecycleState::InService,
        protected: true,
        outdated: false,
        ec2: Reading::Read(Ec2Record {
            state: Ec2State::Exists,
            launched_at: minutes_ago(65),
            registered_at: Some(minutes_ago(60)),
            recorded: Some(Recorded { state: RecordedState::Idle, since: minutes_ago(idle_minutes) }),
            draining_since: None,
            proof: None,
            doubted_at: None,
        }),
        jibri: JibriStatus::Idle,
        listed_by: Jicofos::only(0),
        last_selected_at: None,
        last_failed_at: None,
        check: Reading::Unlisted,
        drain: Reading::Unlisted,
        terminating_since: Reading::NotAsked,
    }
}

/// What EC2 says of it, to be changed.
pub(crate) fn record(instance: &mut Instance) -> &mut Ec2Record {
    match &mut instance.ec2 {
        Reading::Read(record) => record,
        unread => panic!("its record is {unread:?}"),
    }
}

/// The same instance, of which EC2 says something else.
pub(crate) fn with(mut instance: Instance, change: impl FnOnce(&mut Ec2Record)) -> Instance {
    change(record(&mut instance));
    instance
}

/// Its tag says that it has been in this state since then.
pub(crate) fn recorded(instance: Instance, state: RecordedState, since: Timestamp) -> Instance {
    with(instance, |record| record.recorded = Some(Recorded { state, since }))
}

pub(crate) fn busy(name: &str) -> Instance {
    let used = Instance { jibri: JibriStatus::Busy, last_selected_at: Some(minutes_ago(5)), ..idle(name, 0) };
    let proven = with(used, |record| record.proof = Some(Proof::Good { selected_at: minutes_ago(5) }));
    recorded(proven, RecordedState::Busy, minutes_ago(5))
}

/// Launched so long ago, and not registered.
pub(crate) fn booting(name: &str, launched_minutes_ago: u64) -> Instance {
    with(Instance { jibri: JibriStatus::Missing, ..idle(name, 0) }, |record| {
        record.launched_at = minutes_ago(launched_minutes_ago);
        (record.registered_at, record.recorded) = (None, None);
    })
}

/// Launched so long ago, and found not to have registered a minute ago.
pub(crate) fn overdue(name: &str, launched_minutes_ago: u64) -> Instance {
    recorded(booting(name, launched_minutes_ago), RecordedState::Overdue, minutes_ago(1))
}

pub(crate) fn draining(name: &str) -> Instance {
    let waits = Instance { lifecycle: LifecycleState::TerminatingWait, ..busy(name) };
    with(waits, |record| record.draining_since = Some(minutes_ago(3)))
}

/// What an instance reports that holds no recording, and has made none.
pub(crate) fn report(process: JibriProcess) -> InstanceReport {
    InstanceReport {
        process,
        recordings_pending: 0,
        recordings_failed: 0,
        recording: false,
        finalizing: false,
        oldest_recording_seconds: None,
        good_recording_seconds: None,
    }
}

pub(crate) fn says(process: JibriProcess) -> Reading<Command> {
    Reading::Read(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Reported(report(process)) })
}

pub(crate) fn says_idle() -> Reading<Command> {
    says(JibriProcess::Idle(HealthStatus::Healthy))
}

/// A group of these instances, as many as it wants, between 0 and 20, with 2 spare.
pub(crate) fn pool(instances: Vec<Instance>) -> Observation {
    let active = instances.iter().filter(|instance| instance.is_active()).count();
    Observation {
        now: NOW,
        group: Group {
            min_size: 0,
            max_size: 20,
            desired_capacity: u32::try_from(active).expect("a small pool"),
            retains_abandoned: true,
        },
        hook: HOLDS,
        instances,
        signal: Signal::Fresh,
        after_silence: false,
        untagged: false,
        unaccounted_busy: 0,
        strangers: vec![],
        empty_jicofos: vec![],
        target: target(2, 2, 2),
    }
}

/// So many are wanted, to be held, and to be held a minute from now.
pub(crate) fn target(spare: u32, hold: u32, hold_soon: u32) -> Option<Target> {
    Some(Target { spare, hold, hold_soon, source: "a test".into() })
}

pub(crate) fn lost(for_seconds: u64) -> Signal {
    Signal::Lost { why: "connection refused".into(), for_seconds }
}

pub(crate) fn actions(plan: &Plan) -> Vec<Action> {
    plan.steps.iter().map(|step| step.action.clone()).collect()
}

pub(crate) fn terminated(plan: &Plan) -> Vec<&str> {
    let terminations = plan.steps.iter().filter(|step| matches!(step.action, Action::Terminate { .. }));
    terminations.filter_map(|step| step.action.instance()).map(InstanceId::as_str).collect()
}

/// What the world looks like a moment after the plan was applied, before anything else has happened.
pub(crate) fn apply(observation: &Observation, plan: &Plan) -> Observation {
    let mut after = observation.clone();
    for step in &plan.steps {
        let instance =
            step.action.instance().and_then(|id| after.instances.iter_mut().find(|instance| instance.id == *id));
        match (&step.action, instance) {
            (Action::RaiseDesired { to, .. }, _) => after.group.desired_capacity = *to,
            (Action::TagRegistered { at, .. }, Some(instance)) => record(instance).registered_at = Some(*at),
            (Action::TagState { recorded, .. }, Some(instance)) => record(instance).recorded = Some(*recorded),
            (Action::TagProof { proof, .. }, Some(instance)) => record(instance).proof = Some(*proof),
            (Action::TagDoubted { at, .. }, Some(instance)) => record(instance).doubted_at = Some(*at),
            (Action::Protect { .. }, Some(instance)) => instance.protected = true,
            (Action::Check { .. }, Some(instance)) => {
                instance.check = Reading::Read(Command { sent_at: after.now, outcome: CommandOutcome::InFlight });
            }
            (Action::Terminate { decrement, .. }, Some(instance)) => {
                instance.lifecycle = LifecycleState::Terminating;
                after.group.desired_capacity -= u32::from(*decrement);
            }
            (Action::TagDraining { since, .. }, Some(instance)) => record(instance).draining_since = Some(*since),
            (Action::Heartbeat { .. }, Some(_)) => {}
            (Action::SendDrain { .. }, Some(instance)) => {
                instance.drain = Reading::Read(Command { sent_at: after.now, outcome: CommandOutcome::InFlight });
            }
            (Action::CompleteDrain { result, .. }, Some(instance)) => {
                instance.lifecycle = match result {
                    DrainResult::Continue => LifecycleState::TerminatingProceed,
                    DrainResult::Abandon => LifecycleState::TerminatingRetained,
                };
            }
            (action, None) => panic!("{action} is about no instance of the group"),
        }
    }
    after
}
