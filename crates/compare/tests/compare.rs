//! The comparison: its figures, recomputed from the log; its bound, its tuning, and the peers' rules.
#![allow(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use std::collections::HashMap;

use compare::{
    Question, WARM_UP_SECONDS, check_length, compare, event_log,
    outcome::Outcome,
    policies::{Contender, Parameter},
    pool::{Event, EventKind, PoolTally, Scenario},
    tune::tune,
};
use world::demand::{Office, Request, generate};

/// Monday, 5 January 2026, 00:00 UTC, in seconds.
const MONDAY: i64 = 1_767_571_200;
const DAY: i64 = 86_400;
const LEAD: i64 = 180;

fn three_weeks() -> Vec<Request> {
    let office = Office { recordings_per_weekday: 80.0, ..Office::default() };
    generate(office, MONDAY * 1000, (MONDAY + 21 * DAY) * 1000, 7)
}

fn scenario(demand: &[Request]) -> Scenario<'_> {
    Scenario { demand, lead_seconds: LEAD, warm_up_seconds: WARM_UP_SECONDS }
}

/// Requests at so many seconds after Monday midnight, and for so long; everything counts.
fn story(requests: &[(i64, i64)]) -> Vec<Request> {
    let request = |(at, seconds): &(i64, i64)| Request { at: (MONDAY + at) * 1000, duration_ms: seconds * 1000 };
    requests.iter().map(request).collect()
}

fn run(contender: Contender, parameter: u32, demand: &[Request]) -> (PoolTally, Vec<Event>) {
    let scenario = Scenario { demand, lead_seconds: LEAD, warm_up_seconds: 0 };
    contender.run(Parameter::Count(parameter), &scenario, true)
}

/// When something happened, in seconds after Monday midnight.
fn moments(events: &[Event], kind: EventKind) -> Vec<i64> {
    events.iter().filter(|event| event.kind == kind).map(|event| event.at - MONDAY).collect()
}

/// The figures of a log, from its text alone.
#[derive(Debug, Default, PartialEq)]
struct Recomputed {
    requests: u64,
    refused: u64,
    launches: u64,
    instance_seconds: i64,
    busy_seconds: i64,
}

fn recompute(csv: &str, counted_from: i64, demand: &[Request], lead_seconds: i64) -> Recomputed {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("time_seconds,event,instance,request"));
    let (mut figures, mut now) = (Recomputed::default(), i64::MIN);
    // What each instance is at, and since when it costs, is ready, and records which request.
    let mut costs: HashMap<u64, i64> = HashMap::new();
    let mut ready: HashMap<u64, bool> = HashMap::new();
    let mut records: HashMap<u64, (u64, i64)> = HashMap::new();
    let mut asked = vec![false; demand.len()];
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let at: i64 = fields[0].parse().unwrap();
        assert!(at >= now, "{line} is out of order");
        now = at;
        let counted = |from: i64| (at - from.max(counted_from)).max(0);
        let since = u64::from(at >= counted_from);
        let mut ask = |row: &str| {
            let row: usize = row.parse().unwrap();
            assert!(!std::mem::replace(&mut asked[row], true), "request {row} is answered twice");
            assert_eq!(demand[row].at.div_euclid(1000), at);
            row
        };
        if fields[1] == "refuse" {
            assert_eq!(fields[2], "", "{line}");
            assert!(ready.values().all(|ready| !ready), "{line}: a Jibri was ready");
            ask(fields[3]);
            figures.requests += since;
            figures.refused += since;
            continue;
        }
        let instance: u64 = fields[2].parse().unwrap();
        match fields[1] {
            "launch" => {
                assert_eq!(costs.insert(instance, at), None);
                figures.launches += since;
            }
            "available" => {
                assert_eq!(at - costs[&instance], lead_seconds);
                assert_eq!(ready.insert(instance, true), None);
            }
            "start" => {
                assert_eq!(ready.insert(instance, false), Some(true), "{line}: not ready");
                let row = ask(fields[3]);
                records.insert(instance, (row as u64, at));
                figures.requests += since;
            }
            "finish" => {
                let (row, from) = records.remove(&instance).unwrap();
                assert_eq!(row.to_string(), fields[3]);
                let index = usize::try_from(row).unwrap();
                assert_eq!(at - from, demand[index].duration_ms / 1000);
                figures.busy_seconds += counted(from);
                ready.insert(instance, true);
            }
            "terminate" => {
                assert!(!records.contains_key(&instance), "{line} cuts a recording");
                figures.instance_seconds += counted(costs.remove(&instance).unwrap());
                ready.remove(&instance);
            }
            other => panic!("{other} is no event"),
        }
    }
    assert!(costs.is_empty(), "{} instances never end", costs.len());
    assert!(asked.iter().all(|asked| *asked), "a request is not answered");
    figures
}

fn of(tally: &PoolTally) -> Recomputed {
    let PoolTally { requests, refused, launches, instance_seconds, busy_seconds } = *tally;
    Recomputed { requests, refused, launches, instance_seconds, busy_seconds }
}

fn csv(events: &[Event]) -> String {
    let mut text = Vec::new();
    event_log::write(events, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn quiet(_: &str) {}

#[test]
fn every_figure_of_every_policy_follows_from_its_log_alone() {
    let demand = three_weeks();
    let scenario = scenario(&demand);
    let question = Question { scenario, hit_rate: 0.99, logged: true, trade_off: false };
    let comparison = compare(&question, &Contender::ALL, &quiet);
    for (entry, outcome) in comparison.entries.iter().zip(&comparison.outcomes) {
        let recomputed = recompute(&csv(&entry.events), demand[0].at / 1000 + 7 * DAY, &demand, LEAD);
        assert_eq!(recomputed, of(&entry.tuned.figures.tally), "{}", entry.contender);
        let idle_hours = (recomputed.instance_seconds - recomputed.busy_seconds) as f64 / 3600.0;
        assert!((outcome.idle_hours - idle_hours).abs() < 1e-6, "{outcome:?}");
        assert!((outcome.hit_rate - (1.0 - recomputed.refused as f64 / recomputed.requests as f64)).abs() < 1e-9);
    }
}

#[test]
fn no_policy_beats_the_bound_and_the_rows_come_in_the_order_of_the_report() {
    let demand = three_weeks();
    let question = Question { scenario: scenario(&demand), hit_rate: 0.99, logged: false, trade_off: false };
    let outcomes = compare(&question, &Contender::ALL, &quiet).outcomes;
    let names: Vec<&str> = outcomes.iter().map(|outcome| outcome.policy).collect();
    assert_eq!(names, Contender::ALL.map(Contender::name));
    let bound = outcomes.last().unwrap();
    assert_eq!((bound.policy, bound.refused, bound.parameter), ("bound", 0, Parameter::Nothing));
    for outcome in &outcomes {
        assert!(outcome.idle_ratio_to_bound.unwrap() >= 1.0, "{outcome:?}");
        assert_eq!(outcome.requests, bound.requests);
    }
    assert_eq!(outcomes[0].idle_ratio_to_seed, Some(1.0));
}

#[test]
fn a_row_has_exactly_these_fields() {
    let demand = three_weeks();
    let question = Question { scenario: scenario(&demand), hit_rate: 0.9, logged: false, trade_off: false };
    let outcomes: Vec<Outcome> = compare(&question, &[Contender::Bound], &quiet).outcomes;
    let json = serde_json::to_string(&outcomes).unwrap();
    let expected = [
        "policy",
        "parameter",
        "requests",
        "refused",
        "hit_rate",
        "instance_hours",
        "busy_hours",
        "idle_hours",
        "launches",
        "idle_ratio_to_bound",
        "idle_ratio_to_seed",
    ];
    let row = &serde_json::from_str::<serde_json::Value>(&json).unwrap()[0];
    assert_eq!(row.as_object().unwrap().len(), expected.len());
    let places: Vec<usize> = expected.iter().map(|name| json.find(&format!("\"{name}\":")).unwrap()).collect();
    assert!(places.is_sorted(), "{json}");
    assert!(row["parameter"].is_null());
    assert!(row["idle_ratio_to_seed"].as_f64().unwrap() < 1.0, "measured against the seed, though it was not chosen");
}

#[test]
fn the_same_question_has_the_same_answer() {
    let demand = three_weeks();
    let question = Question { scenario: scenario(&demand), hit_rate: 0.99, logged: true, trade_off: false };
    let answer = || {
        let comparison = compare(&question, &Contender::ALL, &quiet);
        let logs: Vec<String> = comparison.entries.iter().map(|entry| csv(&entry.events)).collect();
        (comparison.outcomes, logs)
    };
    assert_eq!(answer(), answer());
}

#[test]
fn a_tuned_parameter_reaches_the_hit_rate_and_one_less_does_not() {
    let demand = three_weeks();
    let scenario = scenario(&demand);
    for contender in Contender::ALL.into_iter().filter(|contender| contender.is_tuned()) {
        let tuned = tune(contender, &scenario, 0.98);
        let Parameter::Count(count) = tuned.figures.parameter else { panic!("{contender} has no count") };
        assert!(tuned.reached, "{contender}");
        assert!(tuned.figures.hit_rate() >= 0.98, "{contender}");
        for less in 1..=3 {
            let Some(smaller) = count.checked_sub(less) else { break };
            let (tally, _) = contender.run(Parameter::Count(smaller), &scenario, false);
            assert!(tally.refused as f64 > 0.02 * tally.requests as f64, "{contender} serves well with {smaller} too");
        }
    }
}

#[test]
fn a_trace_without_a_day_to_count_is_refused_with_its_length() {
    let demand = story(&[(0, 60), (7 * DAY + 23 * 3600, 60)]);
    assert_eq!(
        check_length(&scenario(&demand)).unwrap_err(),
        "the trace is 191 hours long from its first request to its last, and must be at least 192: the first week \
         warms up and is not counted, and a day is the least to count"
    );
    assert_eq!(check_length(&scenario(&story(&[(0, 60), (8 * DAY, 60)]))), Ok(()));
}

#[test]
fn the_bound_launches_in_time_and_keeps_an_instance_only_through_gaps_shorter_than_a_launch() {
    // Two overlap; the third comes 100 s after the second ends, the fourth 180 s after the third: a launch's time.
    let demand = story(&[(1000, 600), (1100, 900), (2100, 60), (2340, 60)]);
    let (tally, events) = run(Contender::Bound, 0, &demand);
    // What counts begins with the first request: nothing of the first launch does, and 100 s of the second.
    assert_eq!(moments(&events, EventKind::Launch), [820, 920, 2160]);
    assert_eq!(moments(&events, EventKind::Terminate), [1600, 2160, 2400]);
    assert_eq!(tally.busy_seconds, 600 + 900 + 60 + 60);
    assert_eq!(tally.instance_seconds - tally.busy_seconds, 100 + 100 + 180);
    assert_eq!((tally.requests, tally.refused, tally.launches), (4, 0, 1));
}

#[test]
fn the_bound_gives_a_request_to_the_jibri_that_became_free_last() {
    // Free at 1500 and at 1600; the Jibri that was freed first would idle longer, and ends.
    let demand = story(&[(1000, 500), (1000, 600), (1650, 60), (1790, 60)]);
    let (_, events) = run(Contender::Bound, 0, &demand);
    let takers: Vec<usize> =
        events.iter().filter(|event| event.kind == EventKind::Start).filter_map(|event| event.instance).collect();
    assert_eq!(takers, [0, 1, 1, 1], "1650 goes to the one free since 1600, 1790 to the same, free since 1710");
}
