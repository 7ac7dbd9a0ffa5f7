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

fn reported(process: JibriProcess, pending: u32, failed: u32) -> Reading<Command> {
    let report = InstanceReport { recordings_pending: pending, recordings_failed: failed, ..report(process) };
    Reading::Read(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Reported(report) })
}

fn draining_since(since: Timestamp) -> Instance {
    with(draining("i-1"), |record| record.draining_since = Some(since))
}

/// It has drained for a second longer than it may.
fn too_old() -> Instance {
    let since = NOW.minus_seconds(Policy::default().drain_limit_seconds + 1);
    Instance { drain: reported(JibriProcess::Gone, 1, 1), ..draining_since(since) }
}

fn id() -> InstanceId {
    InstanceId::new("i-1")
}

#[test]
fn a_drain_begins_with_a_heartbeat_a_note_and_the_command() {
    let instance = with(draining("i-1"), |record| record.draining_since = None);
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
    let terminated = with(draining("i-1"), |record| record.state = Ec2State::Terminated);
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
        Reading::Read(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Failed("empty output".into()) }),
        Reading::Read(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::InFlight }),
        Reading::Unlisted,
        Reading::Unread,
        Reading::NotAsked,
    ];
    for drain in outcomes {
        let known = [Ec2State::Exists, Ec2State::ShuttingDown]
            .map(|state| with(draining("i-1"), |record| record.state = state).ec2);
        for ec2 in known.into_iter().chain([Reading::Unlisted, Reading::Unread, Reading::NotAsked]) {
            let instance = Instance { drain: drain.clone(), ec2, ..draining("i-1") };
            assert_eq!(actions(&plan(&instance))[0], Action::Heartbeat { instance: id() }, "{instance:?}");
        }
    }
}

#[test]
fn a_command_that_never_ends_is_sent_again() {
    let sent_at = NOW.minus_seconds(Policy::default().command_lost_seconds + 1);
    let drain = Reading::Read(Command { sent_at, outcome: CommandOutcome::InFlight });
    let instance = Instance { drain, ..draining_since(minutes_ago(90)) };
    assert!(actions(&plan(&instance)).contains(&Action::SendDrain { instance: id() }));
}

#[test]
fn after_its_limit_a_drain_is_retained_and_reported() {
    let plan = plan(&too_old());
    assert_eq!(actions(&plan), [Action::CompleteDrain { instance: id(), result: DrainResult::Abandon }]);
    let [Problem::Retained { age_seconds: 165_601, state, .. }] = &plan.problems[..] else { panic!("{plan}") };
    assert!(state.contains("1 recordings wait for upload, 1 of them failed"), "{plan}");
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
    let group = Group { retains_abandoned: false, ..pool(vec![]).group };
    let plan = plan_drain(&Policy::default(), NOW, &group, &too_old());
    assert_eq!(actions(&plan)[0], Action::Heartbeat { instance: id() });
    assert!(
        matches!(
            plan.problems[..],
            [Problem::AbandonWouldEnd { .. }, Problem::KeptWaiting { age_seconds: 165_601, .. }]
        ),
        "{plan}"
    );
}

/// A command may be running on it: another is not sent for want of an answer.
#[test]
fn where_the_commands_cannot_be_read_none_is_sent_and_none_is_made_up() {
    for drain in [Reading::Unread, Reading::NotAsked] {
        let unread = plan(&Instance { drain, ..draining("i-1") });
        assert_eq!(actions(&unread), [Action::Heartbeat { instance: id() }]);
        assert_eq!(unread.waits, [Wait::DrainCommandList { instance: id() }]);
    }
    let unsent = plan(&Instance { drain: Reading::Unlisted, ..draining("i-1") });
    assert_eq!(actions(&unsent), [Action::Heartbeat { instance: id() }, Action::SendDrain { instance: id() }]);
}

/// Writing it again would set the clock of the drain back.
#[test]
fn the_beginning_of_a_drain_is_not_noted_where_its_tag_was_not_read() {
    for ec2 in [Reading::Unlisted, Reading::Unread, Reading::NotAsked] {
        let plan = plan(&Instance { ec2, ..draining("i-1") });
        assert_eq!(actions(&plan), [Action::Heartbeat { instance: id() }, Action::SendDrain { instance: id() }]);
    }
}

#[test]
fn an_instance_that_leaves_the_warm_pool_ends_at_once_unless_it_has_ever_served() {
    let leaving = |registered_at| Instance {
        lifecycle: LifecycleState::LeavingWarmPool,
        jibri: JibriStatus::NotAsked,
        drain: Reading::NotAsked,
        ..with(draining("i-1"), |record| (record.registered_at, record.recorded) = (registered_at, None))
    };
    let end = Action::CompleteDrain { instance: id(), result: DrainResult::Continue };
    assert_eq!(actions(&plan(&leaving(None))), std::slice::from_ref(&end));

    let served = leaving(Some(minutes_ago(60)));
    let mut wrong = Plan::default();
    wrong.steps.push(Step { action: end, reason: "an event says so".into() });
    let broken = check_plan(&Policy::default(), &pool(vec![served]), &wrong).unwrap_err();
    assert_eq!(broken[0].invariant, Invariant::Evidence);
}

#[test]
fn the_age_of_a_drain_comes_from_the_activities_of_the_group_where_no_tag_tells() {
    let untagged = with(draining("i-1"), |record| record.draining_since = None);
    let held = |ec2: Reading<Ec2Record>, since: u64| Instance {
        ec2,
        terminating_since: Reading::Read(minutes_ago(since)),
        ..draining("i-1")
    };
    let limit = Policy { drain_limit_seconds: 3600, ..Policy::default() };
    let plan = |instance: &Instance| actions(&plan_drain(&limit, NOW, &pool(vec![]).group, instance));
    let abandons = |actions: &[Action]| {
        actions.iter().any(|action| matches!(action, Action::CompleteDrain { result: DrainResult::Abandon, .. }))
    };
    for ec2 in [untagged.ec2, Reading::Unread, Reading::Unlisted] {
        let over = held(ec2, 61);
        assert!(abandons(&plan(&over)), "{ec2:?}");
        let observation = pool(vec![over.clone()]);
        let of_drain = plan_drain(&limit, NOW, &observation.group, &over);
        assert_eq!(check_plan(&limit, &observation, &of_drain), Ok(()));
        assert!(!abandons(&plan(&held(ec2, 59))));
    }
    // The tag is then written with what is known, and is not set back.
    let tagged = plan(&held(untagged.ec2, 59));
    let since = minutes_ago(59);
    assert!(tagged.contains(&Action::TagDraining { instance: InstanceId::new("i-1"), since }), "{tagged:?}");
    // Where the activities were not read, the drain may have begun long ago.
    let unread = Instance { terminating_since: Reading::Unread, ..held(untagged.ec2, 59) };
    assert!(!plan(&unread).iter().any(|action| matches!(action, Action::TagDraining { .. })));
    // A tag counts for more: an instance may be told to end twice.
    assert_eq!(held(draining("i-1").ec2, 61).draining_since(), Some(minutes_ago(3)));
}
