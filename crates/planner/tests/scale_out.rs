//! Scale-out, told as stories.

mod common;

use common::*;
use planner::*;

fn desired_after(observation: &Observation) -> u32 {
    let plan = plan_scale_out(&Policy::default(), observation);
    check_plan(&Policy::default(), observation, &plan).expect("the plan keeps the invariants");
    apply(observation, &plan).group.desired_capacity
}

#[test]
fn a_pool_with_its_spare_jibris_is_left_alone() {
    let plan = plan_scale_out(&Policy::default(), &pool(vec![idle("i-1", 1), idle("i-2", 1), busy("i-3")]));
    assert_eq!(plan, Plan::default());
    assert_eq!(plan.to_string(), "nothing to do");
}

#[test]
fn an_empty_group_is_no_dead_end() {
    assert_eq!(desired_after(&pool(vec![])), 2);
}

#[test]
fn the_whole_gap_is_closed_in_one_step() {
    let mut observation = pool(vec![busy("i-1"), busy("i-2"), busy("i-3")]);
    observation.target = target(7, 7, 7);
    assert_eq!(desired_after(&observation), 10);
}

#[test]
fn what_is_on_its_way_counts() {
    let mut observation = pool(vec![busy("i-1"), booting("i-2", 1)]);
    observation.group.desired_capacity = 3;
    assert_eq!(desired_after(&observation), 3, "one boots, and the group has yet to launch one");
}

#[test]
fn a_launch_that_never_registers_stops_counting_after_its_grace() {
    let lately = with(idle("i-1", 1), |record| record.registered_at = Some(minutes_ago(2)));
    let observation = pool(vec![lately, booting("i-2", 11)]);
    assert_eq!(desired_after(&observation), 3);
    let plan = plan_scale_out(&Policy::default(), &observation);
    assert_eq!(plan.problems, [Problem::LaunchesOverdue { instances: 1, within_seconds: 600 }]);
    assert!(plan.to_string().contains("1 instance did not register with Jicofo within 10 min of the launch"), "{plan}");
}

#[test]
fn an_instance_that_ec2_does_not_list_yet_is_new_and_one_that_was_not_read_may_be() {
    for ec2 in [Reading::Unlisted, Reading::Unread] {
        let fresh = Instance { ec2, ..booting("i-2", 0) };
        assert_eq!(desired_after(&pool(vec![idle("i-1", 1), fresh])), 2);
    }
}

#[test]
fn a_registration_is_not_noted_where_its_tag_was_not_read() {
    for ec2 in [Reading::Unlisted, Reading::Unread, Reading::NotAsked] {
        let observation = pool(vec![Instance { ec2, ..idle("i-1", 0) }, idle("i-2", 1)]);
        assert_eq!(plan_scale_out(&Policy::default(), &observation), Plan::default());
    }
}

#[test]
fn without_a_target_or_a_question_to_jicofo_nothing_is_missing() {
    let unasked = Instance { jibri: JibriStatus::NotAsked, ..idle("i-1", 1) };
    let asked_nothing = Observation { target: None, signal: Signal::NotAsked, ..pool(vec![unasked]) };
    assert_eq!(plan_scale_out(&Policy::default(), &asked_nothing).steps, []);
    let counts = count_pool(&Policy::default(), &asked_nothing);
    assert_eq!((counts.available, counts.shortfall, counts.surplus, counts.overdue), (0, 0, 0, 0));
}

#[test]
fn draining_jibris_are_not_capacity_even_while_they_are_idle() {
    let leaving = Instance { jibri: JibriStatus::Idle, ..draining("i-9") };
    assert_eq!(desired_after(&pool(vec![idle("i-1", 1), leaving])), 2);
}

#[test]
fn unhealthy_missing_and_unknown_jibris_are_not_available() {
    let unhealthy = Instance { jibri: JibriStatus::Unhealthy, ..idle("i-1", 1) };
    let missing = Instance { jibri: JibriStatus::Missing, ..idle("i-2", 1) };
    let unknown = Instance { jibri: JibriStatus::Unknown, ..idle("i-3", 1) };
    assert_eq!(desired_after(&pool(vec![unhealthy, missing, unknown])), 5);
}

#[test]
fn the_maximum_is_kept_and_said() {
    let mut observation = pool(vec![busy("i-1"), busy("i-2")]);
    observation.group.max_size = 3;
    assert_eq!(desired_after(&observation), 3);
    let plan = plan_scale_out(&Policy::default(), &observation);
    assert_eq!(plan.problems, [Problem::AtMaximum { max_size: 3, wanted: 1 }]);
}

#[test]
fn desired_lowered_by_hand_under_the_running_count_is_raised_again() {
    let mut observation = pool(vec![busy("i-1"), busy("i-2"), idle("i-3", 1), idle("i-4", 1)]);
    observation.group.desired_capacity = 1;
    assert_eq!(desired_after(&observation), 4);
    observation.instances.truncate(3);
    assert_eq!(desired_after(&observation), 4, "three run, and one more is wanted");
}

#[test]
fn a_short_silence_changes_nothing() {
    let mut observation = pool(vec![idle("i-1", 1)]);
    observation.instances[0].jibri = JibriStatus::Unknown;
    observation.signal = lost(20);
    assert_eq!(desired_after(&observation), 1);
}

#[test]
fn in_a_long_silence_the_pool_grows_by_the_target_and_no_further() {
    let mut observation = pool(vec![idle("i-1", 1), idle("i-2", 1), busy("i-3")]);
    for instance in &mut observation.instances {
        instance.jibri = JibriStatus::Unknown;
    }
    observation.signal = lost(30);
    assert_eq!(desired_after(&observation), 5);
    for name in ["i-8", "i-9"] {
        observation.instances.push(Instance { jibri: JibriStatus::Unknown, ..booting(name, 600) });
    }
    observation.group.desired_capacity = 5;
    assert_eq!(desired_after(&observation), 5, "none can be seen to register now, however long it takes");
}

#[test]
fn paused_scale_out_says_what_it_would_do() {
    let policy = Policy { scale_out_paused: true, ..Policy::default() };
    let plan = plan_scale_out(&policy, &pool(vec![busy("i-1")]));
    assert!(plan.steps.is_empty());
    assert_eq!(plan.problems, [Problem::ScaleOutPaused { to: 3 }]);
}

#[test]
fn a_registration_is_noted_once_with_the_time_it_took() {
    let newcomer = with(idle("i-1", 0), |record| {
        record.registered_at = None;
        record.launched_at = minutes_ago(3);
    });
    let observation = pool(vec![newcomer, idle("i-2", 1)]);
    let plan = plan_scale_out(&Policy::default(), &observation);
    assert_eq!(actions(&plan), [Action::TagRegistered { instance: InstanceId::new("i-1"), at: NOW }]);
    assert!(plan.to_string().contains("3 min after its launch"), "{plan}");
    assert_eq!(plan_scale_out(&Policy::default(), &apply(&observation, &plan)), Plan::default());
}

#[test]
fn launches_too_broken_to_be_drained_are_not_followed_by_ever_more() {
    let broken = |name| Instance { lifecycle: LifecycleState::TerminatingWait, ..booting(name, 60) };
    let mut observation = pool(vec![booting("i-1", 60), broken("i-2"), broken("i-3")]);
    assert_eq!(desired_after(&observation), 2, "one is tried at a time");
    observation.instances.push(broken("i-4"));
    observation.group.desired_capacity = 2;
    assert_eq!(desired_after(&observation), 2);
    let plan = plan_scale_out(&Policy::default(), &observation);
    let stuck = Problem::LaunchesStuck { instances: 3 };
    assert!(plan.problems.contains(&stuck), "{plan}");
    assert!(stuck.to_string().starts_with("3 instances never registered with Jicofo, and cannot be drained: "));
    assert!(actions(&plan_scale_in(&Policy::default(), &observation)).is_empty());
}
