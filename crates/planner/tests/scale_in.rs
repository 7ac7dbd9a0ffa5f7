//! Scale-in and repairs, told as stories.

mod common;

use common::*;
use planner::*;

fn plan(observation: &Observation) -> Plan {
    let plan = plan_scale_in(&Policy::default(), observation);
    check_plan(&Policy::default(), observation, &plan).expect("the plan keeps the invariants");
    plan
}

fn confirmed(name: &str, idle_minutes: u64) -> Instance {
    Instance { check: says_idle(), ..idle(name, idle_minutes) }
}

#[test]
fn an_instance_that_is_idle_long_enough_is_asked_first_and_goes_when_it_agrees() {
    let mut observation = pool(vec![idle("i-1", 1), idle("i-2", 1), idle("i-3", 30)]);
    let first = plan(&observation);
    assert_eq!(actions(&first), [Action::Check { instance: InstanceId::new("i-3") }]);

    observation = apply(&observation, &first);
    let second = plan(&observation);
    assert!(second.steps.is_empty(), "{second}");
    assert_eq!(second.waits, [Wait::Check { instance: InstanceId::new("i-3") }]);

    observation.instances[2].check = says_idle();
    let third = plan(&observation);
    assert_eq!(actions(&third), [Action::Terminate { instance: InstanceId::new("i-3"), decrement: true }]);
    assert_eq!(plan(&apply(&observation, &third)), Plan::default());
}

#[test]
fn no_instance_goes_before_the_idle_threshold() {
    assert!(plan(&pool(vec![confirmed("i-1", 9), confirmed("i-2", 9), confirmed("i-3", 9)])).steps.is_empty());
}

#[test]
fn a_recording_between_two_readings_breaks_the_idle_time() {
    let used = Instance { last_selected_at: Some(minutes_ago(4)), ..confirmed("i-3", 30) };
    let plan = plan(&pool(vec![idle("i-1", 1), idle("i-2", 1), used]));
    assert_eq!(terminated(&plan), Vec::<&str>::new(), "{plan}");
}

#[test]
fn only_the_surplus_goes() {
    let observation = pool(vec![confirmed("i-1", 30), confirmed("i-2", 40), confirmed("i-3", 50)]);
    assert_eq!(terminated(&plan(&observation)), ["i-3"]);
}

#[test]
fn what_the_forecast_holds_stays() {
    let mut observation = pool(vec![confirmed("i-1", 30), confirmed("i-2", 40), confirmed("i-3", 50)]);
    observation.target = target(2, 3, 2);
    assert!(plan(&observation).steps.is_empty());
}

#[test]
fn an_instance_that_may_go_a_minute_from_now_is_asked_now_and_goes_then_without_a_wait() {
    let mut observation = pool(vec![idle("i-1", 1), idle("i-2", 1), idle("i-3", 9), idle("i-4", 30), idle("i-5", 40)]);
    observation.target = target(2, 5, 2);
    let asked = |plan: &Plan| -> Vec<String> {
        plan.steps.iter().map(|step| step.action.to_string()).filter(|action| action.starts_with("ask")).collect()
    };
    let first = plan(&observation);
    assert_eq!(asked(&first), ["ask i-5 what it does", "ask i-4 what it does", "ask i-3 what it does"]);

    observation = apply(&observation, &first);
    observation.target = target(2, 2, 2);
    for instance in &mut observation.instances {
        if instance.check.read().is_some() {
            instance.check = says_idle();
            *instance = recorded(instance.clone(), RecordedState::Idle, minutes_ago(10));
        }
    }
    assert_eq!(terminated(&plan(&observation)).len(), 3);
}

#[test]
fn an_instance_that_is_to_be_held_is_not_asked_ahead() {
    let mut observation = pool(vec![idle("i-1", 9), idle("i-2", 9), idle("i-3", 9)]);
    observation.target = target(1, 1, 3);
    assert!(plan(&observation).steps.is_empty());
}

#[test]
fn terminations_per_tick_are_capped_and_the_next_tick_goes_on() {
    let fleet = (0..9).map(|number| confirmed(&format!("i-{number}"), 30 + number)).collect();
    let observation = pool(fleet);
    let first = plan(&observation);
    assert_eq!(terminated(&first), ["i-8", "i-7", "i-6"]);
    assert_eq!(terminated(&plan(&apply(&observation, &first))), ["i-5", "i-4", "i-3"]);
}

#[test]
fn the_minimum_of_the_group_is_kept_before_any_instance_is_asked() {
    let mut observation = pool(vec![confirmed("i-1", 30), idle("i-2", 40), idle("i-3", 50)]);
    observation.group.min_size = 3;
    let plan = plan(&observation);
    assert!(plan.steps.is_empty(), "{plan}");
    assert_eq!(plan.waits, [Wait::Minimum { min_size: 3, surplus: 1 }]);
}

#[test]
fn outdated_goes_before_the_fullest_zone_before_the_longest_idle() {
    let at = |zone: &str, instance: Instance| Instance { zone: zone.into(), ..instance };
    let observation = pool(vec![
        at("a", confirmed("i-longest", 90)),
        at("b", confirmed("i-full-1", 20)),
        at("b", confirmed("i-full-2", 30)),
        at("c", Instance { outdated: true, ..confirmed("i-outdated", 15) }),
        at("b", busy("i-busy")),
    ]);
    let policy = Policy { terminations_per_tick: 4, ..Policy::default() };
    let mut wanted = observation.clone();
    wanted.target = target(0, 0, 0);
    let plan = plan_scale_in(&policy, &wanted);
    assert_eq!(terminated(&plan), ["i-outdated", "i-full-2", "i-full-1", "i-longest"]);
}

#[test]
fn an_instance_that_contradicts_jicofo_stays_and_the_next_one_is_taken() {
    let contradicts = Instance { check: says(JibriProcess::Busy(HealthStatus::Healthy)), ..idle("i-3", 50) };
    let observation = pool(vec![idle("i-1", 1), confirmed("i-2", 30), contradicts]);
    assert_eq!(terminated(&plan(&observation)), ["i-2"]);
}

#[test]
fn a_check_that_failed_or_is_old_is_no_evidence() {
    let failed =
        Reading::Read(Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Failed("Undeliverable".into()) });
    let silent = Instance { check: failed, ..idle("i-3", 50) };
    let first = plan(&pool(vec![idle("i-1", 1), idle("i-2", 1), silent]));
    assert!(first.steps.is_empty(), "{first}");
    let why = "Undeliverable".to_owned();
    assert_eq!(first.waits, [Wait::CheckThatSucceeds { instance: InstanceId::new("i-3"), why }]);

    let Reading::Read(check) = says_idle() else { panic!("a check") };
    let old = Instance { check: Reading::Read(Command { sent_at: minutes_ago(5), ..check }), ..idle("i-3", 50) };
    let second = plan(&pool(vec![idle("i-1", 1), idle("i-2", 1), old]));
    assert_eq!(actions(&second), [Action::Check { instance: InstanceId::new("i-3") }]);
}

#[test]
fn without_a_signal_nothing_is_terminated() {
    let dead = overdue("i-4", 70);
    let mut observation = pool(vec![confirmed("i-1", 30), confirmed("i-2", 40), confirmed("i-3", 50), dead]);
    assert_eq!(terminated(&plan(&observation)), ["i-4", "i-3"]);
    observation.signal = lost(0);
    assert!(terminated(&plan(&observation)).is_empty());
}

/// Two to replace and one too many, one without protection, and one whose tag is not written yet; under this hook.
fn much_to_do(hook: DrainHook) -> Observation {
    let bare = Instance { protected: false, ..confirmed("i-2", 40) };
    let fresh = with(idle("i-5", 0), |record| record.recorded = None);
    let mut observation = pool(vec![confirmed("i-1", 30), bare, confirmed("i-3", 50), overdue("i-4", 70), fresh]);
    observation.target = target(2, 3, 2);
    observation.hook = hook;
    observation
}

#[test]
fn nothing_is_ended_or_replaced_unless_a_hook_is_known_to_hold_it_without_heartbeats_too() {
    let continues = DrainHook::Present { default_result: DrainResult::Continue, heartbeat_timeout_seconds: 7200 };
    for (hook, retains_abandoned, why) in [
        (DrainHook::Missing, true, Unheld::HookMissing),
        (DrainHook::Unknown, true, Unheld::HookUnknown),
        (DrainHook::NotAsked, true, Unheld::HookUnknown),
        (continues, true, Unheld::HookContinues),
        (HOLDS, false, Unheld::GroupEndsAbandoned),
    ] {
        let mut observation = much_to_do(HOLDS);
        let held = plan(&observation);
        assert_eq!(terminated(&held), ["i-4", "i-3"]);
        assert!(held.problems.is_empty(), "{held}");

        observation.hook = hook;
        observation.group.retains_abandoned = retains_abandoned;
        let unheld = plan(&observation);
        // What ends nothing goes on.
        assert!(matches!(actions(&unheld)[..], [Action::TagState { .. }, Action::Protect { .. }]), "{unheld}");
        assert_eq!(unheld.problems, [Problem::Unheld(why)]);

        let violations = check_plan(&Policy::default(), &observation, &held).expect_err("both would end undrained");
        assert_eq!(violations.len(), 2, "{violations:?}");
        assert!(violations.iter().all(|violation| violation.invariant == Invariant::Held), "{violations:?}");
    }
}

#[test]
fn a_hook_that_ends_a_drain_too_early_is_reported_and_holds_all_the_same() {
    let lasts = |heartbeat_timeout_seconds, drain_limit_seconds| {
        let hook = DrainHook::Present { default_result: DrainResult::Abandon, heartbeat_timeout_seconds };
        let policy = Policy { drain_limit_seconds, ..Policy::default() };
        let plan = plan_scale_in(&policy, &much_to_do(hook));
        assert_eq!(terminated(&plan), ["i-4", "i-3"]);
        plan.problems
    };
    let impatient =
        |timeout_seconds, needed_seconds| [Problem::Impatient(Impatience { timeout_seconds, needed_seconds })];
    assert_eq!(lasts(1656, 46 * 3600), []);
    assert_eq!(lasts(1655, 46 * 3600), impatient(1655, 1656));
    // A heartbeat may be late, however short a drain may be.
    assert_eq!(lasts(120, 600), []);
    assert_eq!(lasts(119, 600), impatient(119, 120));
}

/// Idle, and registered since the others of these tests were launched: launches do register.
fn registered_lately(name: &str) -> Instance {
    with(idle(name, 1), |record| record.registered_at = Some(minutes_ago(2)))
}

#[test]
fn a_launch_that_never_registered_is_replaced_where_one_is_still_missing() {
    let mut observation = pool(vec![registered_lately("i-1"), overdue("i-2", 11)]);
    let ends = |decrement| [Action::Terminate { instance: InstanceId::new("i-2"), decrement }];
    assert_eq!(actions(&plan(&observation)), ends(false));
    // Scale-out has launched another meanwhile.
    observation.instances.push(booting("i-3", 1));
    observation.group.desired_capacity = 3;
    assert_eq!(actions(&plan(&observation)), ends(true));
    observation.group.min_size = 3;
    assert_eq!(actions(&plan(&observation)), ends(false));
}

/// Where no tag can be written, a Jicofo that has just restarted makes every Jibri look like that.
#[test]
fn a_launch_that_is_overdue_at_one_reading_is_noted_and_goes_at_the_next() {
    let observation = pool(vec![registered_lately("i-1"), booting("i-2", 11)]);
    let recorded = Recorded { state: RecordedState::Overdue, since: NOW };
    assert_eq!(actions(&plan(&observation)), [Action::TagState { instance: InstanceId::new("i-2"), recorded }]);
    let untagged = Observation { now: NOW.plus_seconds(60), ..observation.clone() };
    assert!(terminated(&plan(&untagged)).is_empty());
    let mut noted = apply(&observation, &plan(&observation));
    noted.now = NOW.plus_seconds(60);
    assert_eq!(terminated(&plan(&noted)), ["i-2"]);
    assert!(!noted.instances[1].has_registered(), "what was noted is no registration");
}

#[test]
fn a_jibri_that_vanished_is_noted_then_replaced_after_the_grace() {
    let mut observation = pool(vec![idle("i-1", 1), Instance { jibri: JibriStatus::Missing, ..idle("i-2", 5) }]);
    let first = plan(&observation);
    let recorded = Recorded { state: RecordedState::Missing, since: NOW };
    assert_eq!(actions(&first), [Action::TagState { instance: InstanceId::new("i-2"), recorded }]);
    observation = apply(&observation, &first);
    assert!(plan(&observation).steps.is_empty());
    observation.now = NOW.plus_seconds(601);
    assert_eq!(terminated(&plan(&observation)), ["i-2"]);
}

#[test]
fn an_unhealthy_jibri_is_replaced_on_the_second_reading() {
    let sick = Instance { jibri: JibriStatus::Unhealthy, ..idle("i-2", 5) };
    let mut observation = pool(vec![idle("i-1", 1), sick]);
    let first = plan(&observation);
    assert!(terminated(&first).is_empty());
    observation = apply(&observation, &first);
    observation.now = NOW.plus_seconds(60);
    assert_eq!(terminated(&plan(&observation)), ["i-2"]);
}

#[test]
fn an_instance_that_is_busy_beyond_belief_is_asked_and_goes_unless_it_says_so_itself() {
    let ages = |check| {
        let busy = Instance { check, last_selected_at: None, ..busy("i-1") };
        pool(vec![recorded(busy, RecordedState::Busy, minutes_ago(6 * 60 + 5))])
    };
    assert_eq!(actions(&plan(&ages(Reading::Unlisted))), [Action::Check { instance: InstanceId::new("i-1") }]);
    assert_eq!(terminated(&plan(&ages(says_idle()))), ["i-1"]);
    let expired = says(JibriProcess::Expired(HealthStatus::Healthy));
    assert_eq!(terminated(&plan(&ages(expired))), ["i-1"]);
    let hung = plan(&ages(says(JibriProcess::Busy(HealthStatus::Healthy))));
    assert!(hung.steps.is_empty(), "{hung}");
    let problem = Problem::BusyTooLong { instance: InstanceId::new("i-1"), busy_seconds: 21_900 };
    assert_eq!(problem.to_string(), "i-1 has been busy for 6 h 05 min; look whether its recording or its upload hangs");
    assert_eq!(hung.problems, [problem]);
    let failed = Command { sent_at: minutes_ago(1), outcome: CommandOutcome::Failed("Undeliverable".into()) };
    let silent = plan(&ages(Reading::Read(failed)));
    assert!(silent.steps.is_empty() && matches!(silent.problems[..], [Problem::BusyAndSilent { .. }]), "{silent}");
}

#[test]
fn above_desired_the_surplus_goes_without_taking_desired_along() {
    let mut observation = pool(vec![confirmed("i-1", 30), confirmed("i-2", 40), confirmed("i-3", 50)]);
    observation.group.desired_capacity = 2;
    let plan = plan(&observation);
    assert_eq!(actions(&plan), [Action::Terminate { instance: InstanceId::new("i-3"), decrement: false }]);
}

#[test]
fn protection_taken_away_by_hand_comes_back() {
    let bare = Instance { protected: false, ..busy("i-1") };
    assert_eq!(actions(&plan(&pool(vec![bare]))), [Action::Protect { instance: InstanceId::new("i-1") }]);
}

#[test]
fn tags_are_written_on_transitions_only() {
    let returned = Instance { jibri: JibriStatus::Idle, ..busy("i-1") };
    let observation = pool(vec![returned, idle("i-2", 3)]);
    let first = plan(&observation);
    let recorded = Recorded { state: RecordedState::Idle, since: NOW };
    assert_eq!(actions(&first), [Action::TagState { instance: InstanceId::new("i-1"), recorded }]);
    assert_eq!(plan(&apply(&observation, &first)), Plan::default());
}

#[test]
fn paused_scale_in_still_notes_what_it_sees() {
    let policy = Policy { scale_in_paused: true, ..Policy::default() };
    let fresh = with(confirmed("i-4", 0), |record| record.recorded = None);
    let observation = pool(vec![confirmed("i-1", 30), confirmed("i-2", 40), confirmed("i-3", 50), fresh]);
    let plan = plan_scale_in(&policy, &observation);
    assert!(matches!(actions(&plan)[..], [Action::TagState { .. }]), "{plan}");
    let [Problem::ScaleInPaused { would }] = &plan.problems[..] else { panic!("{plan}") };
    let would: Vec<String> = would.iter().map(|step| step.action.to_string()).collect();
    assert_eq!(would, ["terminate i-3, one fewer wanted", "terminate i-2, one fewer wanted"]);
    let text = plan.problems[0].to_string();
    assert!(
        text.contains("are paused, and would do this: terminate i-3, one fewer wanted (idle for 50 min,"),
        "{text}"
    );

    let hangs = Instance { check: says(JibriProcess::Unresponsive), last_selected_at: None, ..busy("i-5") };
    let hangs = recorded(hangs, RecordedState::Busy, minutes_ago(7 * 60));
    let told = plan_scale_in(&policy, &pool(vec![hangs])).problems;
    assert!(matches!(told[..], [Problem::BusyTooLong { .. }]), "{told:?}");
}

#[test]
fn the_state_tag_proves_registration_too() {
    // The other function's tag is missing, and Jicofo has forgotten it: that is no launch which never registered.
    let missing = Instance { jibri: JibriStatus::Missing, ..idle("i-2", 60) };
    let forgotten = with(missing, |record| record.registered_at = None);
    assert!(terminated(&plan(&pool(vec![idle("i-1", 1), forgotten]))).is_empty());
}

/// Else a pool whose only Jibri has died would wait for a signal for ever.
#[test]
fn where_jicofo_lists_no_jibri_those_that_had_registered_are_asked_and_believed() {
    let missing = |name| Instance { jibri: JibriStatus::Missing, ..idle(name, 5) };
    let mut observation = pool(vec![missing("i-1"), missing("i-2"), booting("i-3", 5)]);
    observation.signal = lost(0);
    let asked: Vec<Action> =
        ["i-1", "i-2"].map(|name| Action::Check { instance: InstanceId::new(name) }).into_iter().collect();
    assert_eq!(actions(&plan(&observation)), asked);

    observation.instances[0].check = says(JibriProcess::Gone);
    assert!(!all_have_exited(&observation.instances, NOW, 150), "one has not answered");
    observation.instances[1].check = says_idle();
    assert!(!all_have_exited(&observation.instances, NOW, 150), "one is there");
    observation.instances[1].check = says(JibriProcess::Gone);
    assert!(all_have_exited(&observation.instances, NOW, 150));
    assert!(!all_have_exited(&observation.instances, NOW, 30), "that was a minute ago");
    observation.signal = Signal::Fresh;
    assert_eq!(terminated(&plan(&observation)), ["i-1", "i-2"]);

    observation.instances[0].jibri = JibriStatus::Unknown;
    assert!(!all_have_exited(&observation.instances, NOW, 150), "a Jicofo was silent");
    assert!(!all_have_exited(&[booting("i-3", 5)], NOW, 150), "none has said anything");
}
