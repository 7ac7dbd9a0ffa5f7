//! The real ticks over the world: the pool follows its demand, and repairs what breaks.

mod common;

use common::*;
use simulator::run::Runner;
use world::{Happening, Incident, JicofoAnswer, JicofoFault, Milliseconds, WorldConfig};

/// So many recordings, a minute apart, of so long each.
fn burst(after_start: Milliseconds, recordings: i64, duration_ms: Milliseconds) -> Vec<world::demand::Request> {
    (0..recordings).map(|index| request(after_start + index * MINUTE, duration_ms)).collect()
}

/// A pool of two spare Jibris, half an hour old.
fn rested(config: WorldConfig, settings: &[(&str, &str)]) -> Runner {
    let mut runner = at_work(config, settings);
    go_on(&mut runner, 30 * MINUTE);
    assert_at_rest(&runner, 2);
    assert_eq!(complaints(&runner), [""; 0]);
    runner
}

/// Lets an incident happen to a pool at rest; the pool comes to rest again, and has replaced the instance that was hit.
fn replaced_after(incident: Incident, settings: &[(&str, &str)], within: Milliseconds) -> Runner {
    let mut runner = rested(group_of(0), settings);
    let before = ids(&mut runner.world());
    runner.world().cause(incident);
    go_on(&mut runner, within);
    assert_at_rest(&runner, 2);
    let after = ids(&mut runner.world());
    assert!(before.iter().any(|id| !after.contains(id)), "no instance was replaced");
    runner
}

#[test]
fn an_empty_group_is_filled_to_the_threshold() {
    let mut runner = at_work(group_of(0), &[("JIBRIS_THRESHOLD", "4")]);
    go_on(&mut runner, SECOND);
    assert_eq!(runner.world().snapshot().desired, 4, "the whole gap at once");
    go_on(&mut runner, 24 * HOUR);
    assert_at_rest(&runner, 4);
    assert_eq!(runner.world().summary().launches, 4);
}

#[test]
fn the_pool_follows_a_burst_and_comes_back_to_its_threshold() {
    let mut config = group_of(0);
    config.max_size = 30;
    config.demand = burst(31 * MINUTE, 12, 40 * MINUTE);
    let mut runner = rested(config, &[]);
    go_on(&mut runner, 15 * MINUTE);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.busy, snapshot.available, snapshot.desired), (12, 2, 14));

    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
    let summary = runner.world().summary();
    assert_eq!((summary.requests, summary.refused), (12, 0));
    assert_eq!(complaints(&runner), [""; 0]);
}

#[test]
fn the_minimum_of_the_group_is_kept_above_the_threshold() {
    let mut config = group_of(8);
    config.min_size = 5;
    let mut runner = at_work(config, &[]);
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 5);
}

#[test]
fn a_pool_at_its_maximum_stays_there_and_goes_on() {
    let mut config = group_of(0);
    config.max_size = 4;
    config.demand = burst(31 * MINUTE, 8, 30 * MINUTE);
    let mut runner = rested(config, &[]);
    go_on(&mut runner, 20 * MINUTE);
    assert_eq!(runner.world().snapshot().busy, 4);
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
    assert_eq!(runner.world().summary().refused, 4);
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut config = group_of(5);
    config.demand = burst(10 * MINUTE, 5, 30 * MINUTE);
    let mut runner = at_work(config.clone(), &[("DRY_RUN", "true"), ("JIBRIS_THRESHOLD", "2")]);
    go_on(&mut runner, 3 * HOUR);
    let mut untouched = begin(config);
    wait(&mut untouched, 3 * HOUR);
    assert_eq!(log_text(&runner.world()), log_text(&untouched));
    assert_eq!(
        runner.world().describe_instances_of_group(GROUP).unwrap(),
        untouched.describe_instances_of_group(GROUP).unwrap()
    );
    assert!(runner.counts().started > 500);
}

#[test]
fn what_is_paused_does_not_happen() {
    let mut runner = at_work(group_of(5), &[("SCALE_IN_PAUSED", "true")]);
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 5);
    let mut runner = at_work(group_of(1), &[("SCALE_OUT_PAUSED", "true")]);
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 1);
}

#[test]
fn a_launch_that_never_registers_is_replaced_after_its_grace() {
    let mut config = group_of(0);
    config.incidents = vec![(START, Incident::NextLaunchNeverRegisters)];
    let mut runner = at_work(config, &[]);
    go_on(&mut runner, 9 * MINUTE);
    assert_eq!(terminations(&runner), 0);
    go_on(&mut runner, 51 * MINUTE);
    assert_at_rest(&runner, 2);
    let world = runner.world();
    let registered = times(&world, |happening| matches!(happening, Happening::Registered { .. }));
    assert!(registered < world.summary().launches as usize);
}

#[test]
fn an_unhealthy_jibri_is_replaced() {
    replaced_after(Incident::JibriUnhealthy, &[], 30 * MINUTE);
}

#[test]
fn a_jibri_that_dies_is_replaced_after_the_grace() {
    let mut runner = rested(group_of(0), &[]);
    runner.world().cause(Incident::JibriDies);
    go_on(&mut runner, 9 * MINUTE);
    assert_eq!(terminations(&runner), 0, "it may still come back");
    assert_eq!(runner.world().snapshot().available, 2, "its place is taken at once");
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn an_expired_jibri_is_asked_as_soon_as_jicofo_counts_no_session_for_it_and_replaced() {
    let runner = replaced_after(Incident::JibriExpires, &[], 2 * HOUR);
    let world = runner.world();
    let at = |wanted: fn(&Happening) -> bool| {
        let found = world.log().iter().find(|entry| wanted(&entry.happening));
        found.unwrap().at
    };
    let expired = at(|happening| matches!(happening, Happening::Incident { .. }));
    let terminating = at(|happening| matches!(happening, Happening::Terminating { .. }));
    assert!(terminating - expired <= 5 * MINUTE, "{} s", (terminating - expired) / 1000);
}

#[test]
fn a_long_recording_is_not_taken_for_an_expired_jibri() {
    let mut config = group_of(0);
    config.demand = vec![request(31 * MINUTE, 9 * HOUR)];
    let mut runner = rested(config, &[("BUSY_SUSPICION_HOURS", "1")]);
    go_on(&mut runner, 9 * HOUR - MINUTE);
    let busy = runner.world().snapshot().busy;
    assert_eq!((busy, terminations(&runner)), (1, 0));
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn a_machine_that_ends_by_hand_is_replaced() {
    replaced_after(Incident::TerminateEc2ByHand { busy: false }, &[], 30 * MINUTE);
}

#[test]
fn protection_that_was_removed_comes_back() {
    let mut runner = rested(group_of(0), &[]);
    runner.world().cause(Incident::RemoveProtection);
    go_on(&mut runner, 2 * MINUTE);
    assert!(group(&mut runner.world()).instances.iter().all(|member| member.protected));
    assert_eq!(terminations(&runner), 0);
}

#[test]
fn a_desired_capacity_lowered_by_hand_is_raised_again_and_no_recording_is_cut() {
    let mut config = group_of(0);
    config.demand = burst(31 * MINUTE, 5, 3 * HOUR);
    let mut runner = rested(config, &[]);
    go_on(&mut runner, 15 * MINUTE);
    runner.world().cause(Incident::LowerDesiredByHand { to: 0 });
    go_on(&mut runner, 10 * SECOND);
    assert_eq!(runner.world().snapshot().desired, 7);
    go_on(&mut runner, 2 * HOUR);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.busy, snapshot.available, terminations(&runner)), (5, 2, 0));
}

#[test]
fn a_maximum_lowered_under_the_running_count_cuts_no_recording() {
    let mut config = group_of(0);
    config.demand = burst(31 * MINUTE, 5, 2 * HOUR);
    let mut runner = rested(config, &[]);
    go_on(&mut runner, 15 * MINUTE);
    runner.world().set_max_size(3);
    go_on(&mut runner, HOUR);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.busy, snapshot.desired, terminations(&runner)), (5, 3, 0));
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn without_an_answer_from_jicofo_no_instance_ends_and_the_pool_grows_by_the_target_at_most() {
    let faults = [
        (JicofoFault::Refuses, "connection refused"),
        (JicofoFault::Fails, "500 Internal Server Error"),
        (JicofoFault::Garbage, "no JSON"),
        (JicofoFault::Hangs, "timed out"),
        (JicofoFault::WithoutDetector, "no jibri_detector"),
    ];
    for (how, words) in faults {
        let mut config = group_of(5);
        // Three of the five are to go, and would in a moment.
        config.incidents = vec![(START + 9 * MINUTE, Incident::JicofoAway { for_ms: 2 * HOUR, how })];
        let mut runner = at_work(config, &[]);
        go_on(&mut runner, 2 * HOUR + 8 * MINUTE);
        assert_eq!(terminations(&runner), 0, "{how:?}");
        assert_eq!(runner.world().snapshot().desired, 7, "{how:?}");
        let complaints = complaints(&runner);
        assert!(
            !complaints.is_empty() && complaints.iter().all(|complaint| complaint.contains(words)),
            "{complaints:?}"
        );
        go_on(&mut runner, 2 * HOUR);
        assert_at_rest(&runner, 2);
    }
}

#[test]
fn a_restart_of_jicofo_terminates_no_instance() {
    let mut config = group_of(0);
    config.max_size = 20;
    config.demand = burst(31 * MINUTE, 5, 3 * HOUR);
    // What grew meanwhile goes again later, and is not the matter here.
    let mut runner = rested(config, &[("IDLE_COUNT_THRESHOLD", "60")]);
    go_on(&mut runner, 15 * MINUTE);
    runner.world().cause(Incident::JicofoRestarts);
    go_on(&mut runner, 30 * MINUTE);
    assert_eq!(terminations(&runner), 0);
    assert!(runner.world().snapshot().desired <= 9, "what has not rejoined is missed at most once");
    go_on(&mut runner, 5 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn a_jicofo_that_lists_no_jibri_for_a_moment_is_not_believed() {
    let mut runner = at_work(group_of(0), &[("JIBRIS_THRESHOLD", "1")]);
    for _ in 0..12 {
        go_on(&mut runner, 10 * MINUTE);
        runner.world().cause(Incident::JicofoRestarts);
    }
    go_on(&mut runner, 10 * MINUTE);
    assert_at_rest(&runner, 1);
    assert_eq!(runner.world().summary().launches, 1);
}

/// Jicofo lists no Jibri, and none will come: the launch that takes the place of the only Jibri fails too.
#[test]
fn a_pool_of_one_whose_jibri_dies_is_no_dead_end() {
    let mut runner = at_work(group_of(0), &[("JIBRIS_THRESHOLD", "1")]);
    go_on(&mut runner, 30 * MINUTE);
    runner.world().cause(Incident::NextLaunchNeverRegisters);
    runner.world().cause(Incident::JibriDies);
    go_on(&mut runner, 20 * MINUTE);
    assert_eq!(runner.world().snapshot().available, 1, "the dead one was asked, and its end believed");
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 1);
}

#[test]
fn launches_that_fail_are_waited_for() {
    let mut config = group_of(0);
    config.incidents = vec![(START, Incident::LaunchesFail { for_ms: HOUR })];
    let mut runner = at_work(config, &[]);
    go_on(&mut runner, 50 * MINUTE);
    assert_eq!(runner.world().snapshot().desired, 2, "and not asked for again and again");
    go_on(&mut runner, 20 * MINUTE);
    assert_at_rest(&runner, 2);
}

/// Two Jicofos, each with Jibris of its own.
fn two_shards() -> WorldConfig {
    let mut config = group_of(0);
    (config.max_size, config.jicofos, config.own_jibris) = (30, 2, true);
    config
}

#[test]
fn each_of_two_jicofos_with_jibris_of_its_own_keeps_its_spares() {
    let mut config = two_shards();
    // Those of the second Jicofo go on for an hour, and those of the first for a minute.
    config.demand = (0..24)
        .map(|index| request(90 * MINUTE + index * 2 * MINUTE, if index % 2 == 0 { MINUTE } else { HOUR }))
        .collect();
    let mut runner = at_work(config, &[("IDLE_COUNT_THRESHOLD", "2")]);
    go_on(&mut runner, 80 * MINUTE);
    assert_at_rest(&runner, 4);
    go_on(&mut runner, 4 * HOUR);
    let summary = runner.world().summary();
    assert_eq!((summary.requests, summary.refused), (24, 0), "two spare for both together would not do");
    assert_at_rest(&runner, 4);
    assert!(terminations(&runner) > 0, "what is too much goes");
    assert_eq!(complaints(&runner), [""; 0]);
}

#[test]
fn the_jibris_of_a_jicofo_that_lists_none_for_an_hour_are_waited_for() {
    let mut runner = at_work(two_shards(), &[]);
    go_on(&mut runner, 80 * MINUTE);
    assert_at_rest(&runner, 4);
    let before = ids(&mut runner.world());
    runner.world().cause(Incident::OneJicofoEmpty { for_ms: HOUR });
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 4);
    assert_eq!(ids(&mut runner.world()), before);
}

/// How many Jibris each of the two Jicofos lists.
fn listed(runner: &Runner) -> [usize; 2] {
    let answers = runner.world().jicofos();
    [0, 1].map(|place| match &answers[place] {
        JicofoAnswer::Answers(view) => view.brewery.len(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn a_jicofo_whose_jibris_all_die_gets_others() {
    let mut runner = at_work(two_shards(), &[]);
    go_on(&mut runner, 80 * MINUTE);
    assert_eq!(listed(&runner), [2, 2]);
    while listed(&runner).iter().all(|jibris| *jibris > 0) {
        runner.world().cause(Incident::JibriDies);
        go_on(&mut runner, 30 * SECOND);
    }
    go_on(&mut runner, 2 * HOUR);
    assert!(listed(&runner).iter().all(|jibris| *jibris >= 2), "{:?}", listed(&runner));
}
