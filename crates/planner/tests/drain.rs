//! One drain, told as stories.

mod common;

use common::*;
use planner::*;

fn plan(instance: &Instance) -> Plan {
    let observation = pool(vec![instance.clone()]);
    let plan = plan_drain(&Policy::default(), NOW, &observation.group, instance);
    check_plan(&Policy::default(), &observation, &plan).expect("the plan keeps the invariants");
    plan
}

fn reported(process: JibriProcess, pending: u32, failed: u32) -> Option<Command> {
    let report = InstanceReport { process, recordings_pending: pending, recordings_failed: failed };
    Some(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Reported(report) })
}

fn id() -> InstanceId {
    InstanceId::new("i-1")
}

#[test]
fn a_drain_begins_with_a_heartbeat_a_note_and_the_command() {
    let instance = Instance { draining_since: None, ..draining("i-1") };
    let first = plan(&instance);
    assert_eq!(
        actions(&first),
        [
            Action::Heartbeat { instance: id() },
            Action::TagDraining { instance: id(), since: NOW },
            Action::SendDrain { instance: id() },
        ]
    );
    let after = apply(&pool(vec![instance]), &first);
    assert_eq!(actions(&plan(&after.instances[0])), [Action::Heartbeat { instance: id() }]);
}

#[test]
fn a_busy_jibri_is_kept_waiting_and_asked_again() {
    let instance = Instance { drain: reported(JibriProcess::Busy(HealthStatus::Healthy), 1, 0), ..draining("i-1") };
    assert_eq!(actions(&plan(&instance)), [Action::Heartbeat { instance: id() }, Action::SendDrain { instance: id() }]);
}

#[test]
fn it_ends_when_jibri_has_exited_and_nothing_is_left() {
    let complete = Action::CompleteDrain { instance: id(), result: DrainResult::Continue };
    let gone = Instance { drain: reported(JibriProcess::Gone, 0, 0), ..draining("i-1") };
    assert_eq!(actions(&plan(&gone)), std::slice::from_ref(&complete));
    let terminated = Instance { ec2: Some(Ec2State::Terminated), ..draining("i-1") };
    assert_eq!(actions(&plan(&terminated)), [complete]);
}

#[test]
fn nothing_else_is_evidence() {
    let outcomes = [
        reported(JibriProcess::Gone, 1, 0),
        reported(JibriProcess::Gone, 1, 1),
        reported(JibriProcess::Idle(HealthStatus::Healthy), 0, 0),
        reported(JibriProcess::Expired(HealthStatus::Healthy), 0, 0),
        reported(JibriProcess::Unresponsive, 0, 0),
        Some(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Failed("empty output".into()) }),
        Some(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::InFlight }),
        None,
    ];
    for drain in outcomes {
        for ec2 in [None, Some(Ec2State::Exists), Some(Ec2State::ShuttingDown)] {
            let instance = Instance { drain: drain.clone(), ec2, ..draining("i-1") };
            assert_eq!(actions(&plan(&instance))[0], Action::Heartbeat { instance: id() }, "{instance:?}");
        }
    }
}

#[test]
fn a_command_that_never_ends_is_sent_again() {
    let sent_at = NOW.minus_seconds(Policy::default().command_lost_seconds + 1);
    let drain = Some(Command { sent_at, outcome: CommandOutcome::InFlight });
    let instance = Instance { drain, draining_since: Some(minutes_ago(90)), ..draining("i-1") };
    assert!(actions(&plan(&instance)).contains(&Action::SendDrain { instance: id() }));
}

#[test]
fn after_its_limit_a_drain_is_retained_and_reported() {
    let draining_since = Some(NOW.minus_seconds(Policy::default().drain_limit_seconds + 1));
    let stuck = Instance { draining_since, drain: reported(JibriProcess::Gone, 1, 1), ..draining("i-1") };
    let plan = plan(&stuck);
    assert_eq!(actions(&plan), [Action::CompleteDrain { instance: id(), result: DrainResult::Abandon }]);
    assert!(plan.problems[0].contains("1 recordings wait for upload, 1 of them failed"), "{plan}");
}

#[test]
fn only_an_instance_that_the_hook_holds_is_drained() {
    for lifecycle in [
        LifecycleState::Pending,
        LifecycleState::InService,
        LifecycleState::Terminating,
        LifecycleState::TerminatingProceed,
        LifecycleState::TerminatingRetained,
        LifecycleState::Other,
    ] {
        assert_eq!(plan(&Instance { lifecycle, ..draining("i-1") }), Plan::default());
    }
}

#[test]
fn a_group_that_would_end_it_never_gets_an_abandoned_drain() {
    let draining_since = Some(NOW.minus_seconds(Policy::default().drain_limit_seconds + 1));
    let stuck = Instance { draining_since, drain: reported(JibriProcess::Gone, 1, 1), ..draining("i-1") };
    let group = Group { retains_abandoned: false, ..pool(vec![]).group };
    let plan = plan_drain(&Policy::default(), NOW, &group, &stuck);
    assert_eq!(actions(&plan)[0], Action::Heartbeat { instance: id() });
    assert!(plan.problems[0].contains("TerminateHookAbandon to retain"), "{plan}");
    assert!(plan.problems[1].contains("kept waiting for as long as its hook allows"), "{plan}");
}
