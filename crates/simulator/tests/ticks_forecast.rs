//! The real ticks over the world with the forecast in charge: an office of a few days.

mod common;

use common::*;
use controller::metrics::{Metric, Publisher};
use serde_json::Value;
use simulator::run::Runner;
use world::{
    AlarmConfig, Comparison, Expression, Happening, Milliseconds, MissingData, Statistic, WorldConfig,
    demand::{Office, generate},
};

const DAY: Milliseconds = 24 * HOUR;
const PARAMETER: &str = "/jibri/forecast";

/// An office from Monday on, with bursts in the morning; threshold 3, and down to none by forecast.
fn office(settings: &[(&str, &str)]) -> Runner {
    let mut all = vec![
        ("JIBRIS_THRESHOLD", "3"),
        ("FORECAST_FLOOR", "0"),
        ("FORECAST_PARAMETER", PARAMETER),
        ("IDLE_COUNT_THRESHOLD", "1"),
        ("TERMINATIONS_PER_TICK", "20"),
        ("HIT_RATE", "0.99"),
    ];
    all.extend(settings);
    at_work(office_config(), &all)
}

fn office_config() -> WorldConfig {
    let office = Office { recordings_per_weekday: 120.0, ..Office::default() };
    let demand = generate(office, START, START + 9 * DAY, 7);
    WorldConfig { demand, max_size: 60, ..group_of(0) }
}

fn parameter(runner: &Runner) -> Option<Value> {
    let text = runner.world().get_parameter(PARAMETER).ok()?;
    Some(serde_json::from_str(&text).expect("JSON"))
}

fn available(runner: &Runner) -> u64 {
    u64::from(runner.world().snapshot().available)
}

/// Lets time go on until so much after the start.
fn go_to(runner: &mut Runner, after_start: Milliseconds) {
    let now = runner.world().now();
    go_on(runner, START + after_start - now);
}

#[test]
fn the_pool_is_ready_for_the_morning_burst_and_small_at_night() {
    let mut runner = office(&[]);
    go_to(&mut runner, 20 * HOUR);
    assert_eq!(parameter(&runner), None, "a day of history is needed");
    assert_eq!(available(&runner), 3, "the threshold rules until then");

    go_to(&mut runner, 8 * DAY + 3 * HOUR);
    let night = available(&runner);
    let mut most = [0, 0];
    for minute in 0..40 {
        go_to(&mut runner, 8 * DAY + 9 * HOUR + (40 + minute) * MINUTE);
        let ready = u64::from(runner.world().snapshot().available);
        let slot = usize::from((15..25).contains(&minute));
        most[slot] = most[slot].max(ready);
    }
    assert!(night < 3 && most[1] > most[0] + 2, "{night} at night, {most:?} around ten");
    let written = parameter(&runner).expect("a forecast");
    assert_eq!(
        (written["acting"].as_bool(), written["spare_targets"].as_array().map(Vec::len)),
        (Some(true), Some(120))
    );
    assert!(written["reason"].as_str().is_some_and(|reason| reason.contains("hit rate of 0.99")), "{written}");

    go_to(&mut runner, 10 * DAY);
    let summary = runner.world().summary();
    assert_eq!((summary.recordings_cut, summary.files_lost), (0, 0));
    assert_eq!(complaints(&runner), [""; 0]);
}

#[test]
fn when_forecasts_stop_coming_the_threshold_rules_and_says_so() {
    let mut runner = office(&[]);
    go_to(&mut runner, 3 * DAY + 3 * HOUR);
    assert!(available(&runner) < 3);
    runner.set_forecasting(false);
    go_on(&mut runner, 25 * MINUTE);
    assert_eq!(available(&runner), 3);
    assert!(complaints(&runner).iter().any(|complaint| complaint.contains("the forecast expired at")));
}

#[test]
fn a_shadow_publishes_and_acts_on_nothing() {
    let mut runner = office(&[("FORECAST_SHADOW", "true")]);
    go_to(&mut runner, 3 * DAY + 3 * HOUR);
    assert_eq!(available(&runner), 3);
    let written = parameter(&runner).expect("a forecast");
    assert_eq!(written["acting"], false);
    assert!(written["spare_targets"][0].as_u64().is_some_and(|spare| spare < 3), "{written}");
    assert_eq!(complaints(&runner), [""; 0]);
}

#[test]
fn a_parameter_that_a_person_broke_is_overwritten_by_the_next_forecast() {
    let mut runner = office(&[]);
    go_to(&mut runner, 3 * DAY + 3 * HOUR + MINUTE);
    runner.world().put_parameter(PARAMETER, "{\"spare_targets\": \"many\"}").expect("written");
    go_on(&mut runner, 3 * MINUTE);
    assert!(complaints(&runner).iter().any(|complaint| complaint.contains("cannot be read")));
    go_on(&mut runner, 5 * MINUTE);
    assert!(parameter(&runner).expect("a forecast")["state"]["learnt_until"].as_i64().is_some());
}

#[test]
fn what_is_planned_is_ready_when_it_begins() {
    let planned = r#"{"weekly": [{"days": ["thursday"], "from": "03:30", "until": "03:40", "spare": 9}]}"#;
    let mut runner = office(&[("PLANNED_PARAMETER", "/jibri/planned"), ("LEAD_SECONDS", "90")]);
    runner.world().put_parameter("/jibri/planned", planned).expect("written");
    go_to(&mut runner, 3 * DAY + 3 * HOUR + 20 * MINUTE);
    assert!(available(&runner) < 3);
    go_to(&mut runner, 3 * DAY + 3 * HOUR + 30 * MINUTE);
    assert_eq!(available(&runner), 9);
    go_to(&mut runner, 3 * DAY + 3 * HOUR + 39 * MINUTE);
    assert_eq!(available(&runner), 9);
    go_to(&mut runner, 3 * DAY + 3 * HOUR + 50 * MINUTE);
    assert!(available(&runner) < 3);
}

#[test]
fn a_plan_that_cannot_be_read_is_an_error_and_the_rest_is_forecast() {
    let mut runner = office(&[("PLANNED_PARAMETER", "/jibri/planned")]);
    runner.world().put_parameter("/jibri/planned", "{\"weekly\": 3}").expect("written");
    go_to(&mut runner, DAY + 4 * HOUR);
    assert!(complaints(&runner).iter().any(|complaint| complaint.contains("without what is planned")));
    assert!(parameter(&runner).is_some());
}

/// An alarm that rings as soon as its metric has any value.
fn witness(metric: Metric) -> AlarmConfig {
    AlarmConfig {
        name: metric.name().into(),
        watches: Expression::metric(metric.name(), Statistic::Maximum),
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: Comparison::AtLeast,
        threshold: 0.0,
        missing: MissingData::NotBreaching,
        policy: None,
    }
}

#[test]
fn every_metric_that_is_declared_of_a_function_is_published() {
    let declared = || Metric::ALL.iter().filter(|metric| metric.publisher() != Publisher::FinalizeScript);
    let mut config = office_config();
    config.alarms = declared().map(|metric| witness(*metric)).collect();
    let mut runner = at_work(config, &[("FORECAST_PARAMETER", PARAMETER)]);
    go_to(&mut runner, 26 * HOUR);
    let world = runner.world();
    let rang = |name: &str| {
        let is_it = |happening: &Happening| matches!(happening, Happening::AlarmChanged { alarm, state: "ALARM" } if alarm == name);
        world.log().iter().any(|entry| is_it(&entry.happening))
    };
    let silent: Vec<&Metric> = declared().filter(|metric| !rang(metric.name())).collect();
    assert!(silent.is_empty(), "declared, and published by no function: {silent:?}");
}
