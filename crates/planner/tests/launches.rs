//! Launches that never register, Jibris that vanish together, and strangers in the brewery, told as stories.

mod common;

use common::*;
use planner::*;

const GRACE_MINUTES: u64 = 10;

fn scale_in(observation: &Observation) -> Plan {
    let plan = plan_scale_in(&Policy::default(), observation);
    check_plan(&Policy::default(), observation, &plan).expect("the plan keeps the invariants");
    plan
}

fn counts(observation: &Observation) -> Counts {
    count_pool(&Policy::default(), observation)
}

fn missing(name: &str) -> Instance {
    Instance { jibri: JibriStatus::Missing, ..idle(name, 5) }
}

/// The moments, in minutes, at which instances are launched for a pool in which none registers; those that are replaced are
/// gone at once.
fn launches_of_two_days(spare: u32) -> Vec<u64> {
    let policy = Policy::default();
    let mut observation = pool(vec![]);
    let start = observation.now;
    let mut launches = vec![];
    for minute in 0..2 * 1440 {
        observation.now = start.plus_seconds(minute * 60);
        observation.target = target(spare, spare, spare);
        let plan = plan_scale_out(&policy, &observation);
        observation = apply(&observation, &plan);
        let active = u32::try_from(observation.instances.len()).expect("a small pool");
        for _ in active..observation.group.desired_capacity {
            launches.push(minute);
            let mut launched = booting(&format!("i-{:04}", launches.len()), 0);
            record(&mut launched).launched_at = observation.now;
            observation.instances.push(launched);
        }
        let plan = plan_scale_in(&policy, &observation);
        check_plan(&policy, &observation, &plan).expect("the plan keeps the invariants");
        observation = apply(&observation, &plan);
        observation.instances.retain(Instance::is_active);
    }
    launches
}

#[test]
fn launches_that_never_register_follow_each_other_ever_more_slowly_and_one_at_a_time() {
    let launches = launches_of_two_days(2);
    assert_eq!(launches[..2], [0, 0]);
    let tries: Vec<u64> = launches[2..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(tries.is_sorted() && tries.iter().all(|wait| (GRACE_MINUTES..=32).contains(wait)), "{tries:?}");
    assert!((90..110).contains(&launches.len()), "{} launches in two days", launches.len());
    assert!(launches_of_two_days(12).len() < 120, "a larger pool tries no more often");
}

#[test]
fn the_first_launch_that_never_registered_is_kept_to_be_looked_at_until_one_registers() {
    let mut observation = pool(vec![overdue("i-1", 60), overdue("i-2", 45)]);
    let plan = scale_in(&observation);
    assert_eq!(terminated(&plan), ["i-2"]);
    let told = plan_scale_out(&Policy::default(), &observation).problems;
    let first = InstanceId::new("i-1");
    assert!(told.contains(&Problem::LaunchesDoNotRegister { instance: first, for_seconds: 3600 }), "{told:?}");

    observation.instances[1] = with(idle("i-2", 1), |record| record.registered_at = Some(minutes_ago(1)));
    assert_eq!(terminated(&scale_in(&observation)), ["i-1"]);
    assert_eq!(counts(&observation).shortfall, 1);
}

#[test]
fn those_that_never_registered_are_counted_until_they_are_gone() {
    let leaves = Instance { lifecycle: LifecycleState::TerminatingWait, ..booting("i-3", 20) };
    let observation = pool(vec![booting("i-1", 60), booting("i-2", 5), leaves, idle("i-4", 1)]);
    assert_eq!(counts(&observation).unregistered, 2);
}

#[test]
fn a_launch_that_was_not_seen_to_register_without_a_signal_is_not_overdue() {
    let observation = Observation { signal: lost(60), ..pool(vec![booting("i-1", 60), booting("i-2", 60)]) };
    assert_eq!((counts(&observation).overdue, counts(&observation).pending), (0, 2));
}

#[test]
fn strangers_keep_no_launch_from_expiring_whatever_they_call_themselves() {
    for nickname in ["jibri-1", "i-0123456789abcdef0", ""] {
        let mut observation = pool(vec![overdue("i-1", 60)]);
        observation.strangers = vec![nickname.into()];
        observation.target = target(1, 1, 1);
        assert_eq!((counts(&observation).overdue, counts(&observation).shortfall), (1, 1), "{nickname}");
    }
}

#[test]
fn wrong_names_are_suspected_only_where_as_many_are_listed_as_launches_are_missed() {
    let suspects = |instances: Vec<Instance>, names: &[&str]| {
        let strangers = names.iter().map(|name| (*name).to_owned()).collect();
        let observation = Observation { strangers, ..pool(instances) };
        scale_in(&observation).problems.iter().any(|problem| matches!(problem, Problem::WrongNames { .. }))
    };
    let two = || vec![overdue("i-1", 60), overdue("i-2", 60)];
    assert!(suspects(two(), &["jibri-1", "jibri-2"]));
    assert!(!suspects(two(), &["jibri-1"]));
    assert!(!suspects(two(), &["i-0a", "i-0b"]));
    assert!(!suspects(vec![overdue("i-1", 60)], &["jibri-1"]), "one launch may be bad luck, and jibri-1 another's");
    assert!(!suspects(vec![booting("i-1", 5), booting("i-2", 5)], &["jibri-1", "jibri-2"]));
    assert!(!suspects(vec![overdue("i-1", 60), idle("i-2", 1)], &["jibri-1", "jibri-2"]));
}

#[test]
fn a_half_filled_list_causes_no_launch_for_as_long_as_a_rejoin_may_take() {
    let policy = Policy::default();
    for present in 1..7 {
        let fleet = (0..8).map(|number| match number < present {
            true => idle(&format!("i-{number}"), 5),
            false => missing(&format!("i-{number}")),
        });
        let mut observation = pool(fleet.collect());
        observation.target = target(8, 8, 8);
        let first = plan_scale_out(&policy, &observation);
        assert!(first.steps.iter().all(|step| step.action.stage() == Stage::Tags), "{first}");
        observation = apply(&observation, &first);
        let start = observation.now;
        for seconds in [1, 10, 60, 90] {
            observation.now = start.plus_seconds(seconds);
            assert_eq!(counts(&observation).shortfall, 0, "{present} of 8 after {seconds} s");
        }
        // All but one are back; the last one is still expected, and then no more.
        for instance in &mut observation.instances[..7] {
            instance.jibri = JibriStatus::Idle;
        }
        observation.now = start.plus_seconds(60);
        assert_eq!(counts(&observation).shortfall, 0);
        observation.now = start.plus_seconds(120);
        assert_eq!(counts(&observation).shortfall, 1);
    }
}

#[test]
fn a_single_jibri_that_vanishes_is_made_up_for_at_once_unless_the_whole_list_was_empty_a_moment_ago() {
    let mut observation = pool(vec![idle("i-1", 1), missing("i-2")]);
    assert_eq!((counts(&observation).returning, counts(&observation).shortfall), (0, 1));
    observation.after_silence = true;
    assert_eq!((counts(&observation).returning, counts(&observation).shortfall), (1, 0));
}

#[test]
fn what_vanished_together_and_stays_away_is_replaced_like_any_other() {
    let away = |name| recorded(missing(name), RecordedState::Vanished, minutes_ago(30));
    let observation = pool(vec![idle("i-1", 1), away("i-2"), away("i-3")]);
    assert_eq!(terminated(&scale_in(&observation)), ["i-2", "i-3"]);
}

#[test]
fn where_no_tag_can_be_written_those_that_vanished_are_made_up_for() {
    let mut observation = pool(vec![missing("i-1"), missing("i-2"), idle("i-3", 5)]);
    observation.target = target(3, 3, 3);
    assert_eq!(counts(&observation).shortfall, 0);
    observation.untagged = true;
    assert_eq!(counts(&observation).shortfall, 2);
}

#[test]
fn one_that_vanishes_a_sample_after_the_others_is_expected_back_too() {
    let gone = |name: &str| recorded(missing(name), RecordedState::Vanished, NOW.minus_seconds(10));
    let mut observation = pool(vec![gone("i-1"), gone("i-2"), missing("i-3"), idle("i-4", 5)]);
    observation.target = target(4, 4, 4);
    assert_eq!(counts(&observation).shortfall, 0);
}

#[test]
fn where_the_group_is_full_a_launch_in_vain_does_not_keep_its_place() {
    let full = |minutes| {
        let mut observation = pool(vec![overdue("i-1", minutes)]);
        observation.group.max_size = 1;
        observation
    };
    assert_eq!(terminated(&scale_in(&full(25))), Vec::<&str>::new());
    assert_eq!(terminated(&scale_in(&full(35))), ["i-1"]);
}

#[test]
fn one_launch_in_vain_does_not_hold_a_healthy_pool_back() {
    let mut observation = pool(vec![overdue("i-1", 30), busy("i-2"), busy("i-3")]);
    observation.target = target(6, 6, 6);
    assert_eq!(counts(&observation).shortfall, 6);
}

#[test]
fn launches_that_cannot_be_drained_are_no_sign_of_wrong_names() {
    let stuck = |number| Instance { lifecycle: LifecycleState::TerminatingWait, ..booting(&format!("i-{number}"), 60) };
    let plan = scale_in(&pool((0..3).map(stuck).chain([overdue("i-9", 90)]).collect()));
    assert!(!plan.problems.iter().any(|problem| matches!(problem, Problem::WrongNames { .. })), "{plan}");
}

#[test]
fn the_check_lets_neither_the_first_launch_in_vain_go_nor_one_that_is_waited_for() {
    let observation = pool(vec![overdue("i-1", 60), overdue("i-2", 25)]);
    for id in ["i-1", "i-2"] {
        let mut plan = Plan::default();
        let action = Action::Terminate { instance: InstanceId::new(id), decrement: false };
        plan.steps.push(Step { action, reason: "a bug".into() });
        assert!(check_plan(&Policy::default(), &observation, &plan).is_err(), "{id}");
    }
}
