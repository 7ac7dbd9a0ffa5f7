//! How long a month of a busy pool takes: 250 recordings a weekday, a sample every ten seconds, the real ticks.
//!
//! `make bench`. The figure is wall time of one run on this machine; the work is counted beside it.
#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::{collections::BTreeMap, time::Instant};

use controller::Settings;
use simulator::run::{InvocationFaults, Runner};
use world::{
    Milliseconds, WorldConfig,
    demand::{Office, generate},
};

const DAYS: Milliseconds = 30;
const DAY_MS: Milliseconds = 24 * 3_600_000;
const RUNS: usize = 3;

fn main() {
    let start = WorldConfig::default().start;
    let end = start + DAYS * DAY_MS;
    let demand = generate(Office::default(), start, end, 1);
    let variables = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://jicofo:8888"), ("JIBRIS_THRESHOLD", "8")];
    let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let settings = Settings::from_variables(&variables).expect("settings");
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let config = WorldConfig { start, demand: demand.clone(), ..WorldConfig::default() };
        let mut runner =
            Runner::new(config, settings.clone(), InvocationFaults::default(), 1).expect("a world that is possible");
        let began = Instant::now();
        runner.run_until(end);
        best = best.min(began.elapsed().as_secs_f64());
        let happenings = runner.world().log().len();
        let summary = runner.world().summary();
        println!(
            "{DAYS} days, {} requests, {} launches, {} invocations, {happenings} happenings: {:.2} s",
            summary.requests,
            summary.launches,
            runner.counts().started,
            began.elapsed().as_secs_f64()
        );
    }
    println!("best of {RUNS}: {best:.2} s");
}
