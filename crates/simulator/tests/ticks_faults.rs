//! The real ticks over the world, killed, doubled, lost, late and throttled: nothing is cut, and the pool settles.

mod common;

use common::*;
use simulator::run::{InvocationFaults, Runner};
use world::{
    Incident, WorldConfig,
    demand::{Office, generate},
};

/// A busy day's demand on a pool of Jibris that take their time, in a world where SSM and EC2 do so too; a person
/// terminates a Jibri that records, now and then.
fn office(seed: u64) -> WorldConfig {
    let office = Office { recordings_per_weekday: 120.0, ..Office::default() };
    WorldConfig {
        seed,
        start: START,
        max_size: 60,
        demand: generate(office, START + 6 * HOUR, START + 18 * HOUR, seed),
        incidents: [9, 11, 13].map(|hour| (START + hour * HOUR + 5 * MINUTE, Incident::TerminateBusyByHand)).to_vec(),
        ..WorldConfig::default()
    }
}

/// The office's day under these faults, and then a day without any.
fn survives(seed: u64, config: WorldConfig, faults: InvocationFaults) -> Runner {
    let mut runner = at_work_with(config, &[], faults, seed);
    go_on(&mut runner, 18 * HOUR);
    runner.set_faults(InvocationFaults::default());
    go_on(&mut runner, 12 * HOUR);
    assert_at_rest(&runner, 2);
    let summary = runner.world().summary();
    assert!(summary.requests > 60, "{summary:?}");
    assert_eq!((summary.drains_retained, summary.drains_unfinished), (0, 0), "seed {seed}");
    runner
}

#[test]
fn a_day_without_faults_refuses_hardly_a_request() {
    let mut runner = at_work(office(1), &[("JIBRIS_THRESHOLD", "8")]);
    go_on(&mut runner, 30 * HOUR);
    assert_at_rest(&runner, 8);
    let summary = runner.world().summary();
    assert!(summary.refused * 20 < summary.requests, "{summary:?}");
    assert!(summary.longest_drain_seconds > 600, "a busy one was drained");
    assert_eq!(complaints(&runner), [""; 0]);
}

#[test]
fn functions_that_are_killed_on_their_way_cut_nothing() {
    for seed in 1..=3 {
        let faults = InvocationFaults { call_latency_ms: 400, killed: 0.6, ..InvocationFaults::default() };
        let runner = survives(seed, office(seed), faults);
        assert!(runner.counts().killed > 500, "{:?}", runner.counts());
    }
}

#[test]
fn functions_that_run_twice_at_once_cut_nothing_and_decrement_once() {
    for seed in 1..=3 {
        let faults = InvocationFaults { call_latency_ms: 3_000, doubled: 1.0, ..InvocationFaults::default() };
        let runner = survives(seed, office(seed), faults);
        assert!(runner.counts().doubled > 1_000);
    }
}

#[test]
fn events_and_schedules_that_are_lost_cost_a_tick_each() {
    for seed in 1..=3 {
        let faults = InvocationFaults { dropped: 0.5, ..InvocationFaults::default() };
        let runner = survives(seed, office(seed), faults);
        assert!(runner.counts().dropped > 1_000);
    }
}

#[test]
fn everything_at_once_cuts_nothing() {
    for seed in 1..=4 {
        let faults = InvocationFaults {
            call_latency_ms: 2_000,
            killed: 0.3,
            doubled: 0.3,
            dropped: 0.3,
            ..InvocationFaults::default()
        };
        let mut config = office(seed);
        config.rates.never_registers = 0.1;
        config.rates.commands_lost = 0.2;
        config.incidents.extend([
            (START + 8 * HOUR, Incident::JicofoRestarts),
            (START + 9 * HOUR, Incident::NextUploadsFail { count: 5 }),
            (START + 11 * HOUR, Incident::RemoveProtection),
            (START + 12 * HOUR, Incident::JibriUnhealthy),
            (START + 13 * HOUR, Incident::JibriDies),
            (START + 14 * HOUR, Incident::SsmOffline { for_ms: HOUR }),
            (START + 15 * HOUR, Incident::LaunchesFail { for_ms: HOUR }),
        ]);
        survives(seed, config, faults);
    }
}

#[test]
fn throttled_calls_are_made_up_for_at_the_next_tick() {
    for seed in 1..=3 {
        let mut config = office(seed);
        config.rates.throttled_calls = 0.2;
        let runner = survives(seed, config, InvocationFaults::default());
        let complaints = complaints(&runner);
        assert!(!complaints.is_empty() && complaints.iter().all(|complaint| complaint.contains("Rate exceeded")));
    }
}

#[test]
fn the_same_seeds_run_the_same_way() {
    let run = || {
        let faults = InvocationFaults {
            call_latency_ms: 1_000,
            killed: 0.2,
            doubled: 0.2,
            dropped: 0.2,
            ..InvocationFaults::default()
        };
        let mut runner = at_work_with(office(3), &[], faults, 3);
        go_on(&mut runner, 12 * HOUR);
        let counts = runner.counts();
        (log_text(&runner.world()), counts)
    };
    assert!(run() == run());
}
