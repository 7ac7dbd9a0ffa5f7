//! How long the comparison takes: every policy, tuned, over eight made-up weeks of 250 recordings a weekday.
//!
//! `make bench`. The figure is wall time on this machine, policies side by side on its cores; the runs are whole.
#![allow(clippy::print_stdout, reason = "a benchmark tells its figures")]

use std::time::Instant;

use compare::{Question, WARM_UP_SECONDS, compare, policies::Contender, pool::Scenario};
use world::{
    Milliseconds, WorldConfig,
    demand::{Office, generate},
};

const WEEKS: Milliseconds = 8;
const WEEK_MS: Milliseconds = 7 * 24 * 3_600_000;
const RUNS: usize = 3;

fn main() {
    let start = WorldConfig::default().start;
    let demand = generate(Office::default(), start, start + WEEKS * WEEK_MS, 1);
    let scenario = Scenario { demand: &demand, lead_seconds: 180, warm_up_seconds: WARM_UP_SECONDS };
    let question = Question { scenario, hit_rate: 0.999, logged: false, trade_off: false };
    let mut best = f64::INFINITY;
    for _ in 0..RUNS {
        let began = Instant::now();
        let comparison = compare(&question, &Contender::ALL, &|_| {});
        let seconds = began.elapsed().as_secs_f64();
        best = best.min(seconds);
        println!("{WEEKS} weeks, {} requests, {} policies: {seconds:.2} s", demand.len(), comparison.entries.len());
    }
    println!("best of {RUNS}: {best:.2} s");
}
