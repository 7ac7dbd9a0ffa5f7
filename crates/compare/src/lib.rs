//! Policies side by side, over one demand: each with its own parameter tuned to the same hit rate.

pub mod bound;
pub mod event_log;
pub mod figures;
pub mod forecast;
pub mod html;
pub mod outcome;
pub mod policies;
pub mod pool;
pub mod text;
pub mod tune;

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use figures::{Figures, Tuned};
use outcome::Outcome;
use policies::Contender;
use pool::{Event, Scenario};

/// How much of the beginning of a trace is not counted, in seconds: a week.
pub const WARM_UP_SECONDS: i64 = 7 * 24 * 3600;

/// The least of a trace that must be counted, in seconds: a day.
pub const LEAST_COUNTED_SECONDS: i64 = 24 * 3600;

/// One contender's part of the comparison.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The policy.
    pub contender: Contender,
    /// Its tuned run.
    pub tuned: Tuned,
    /// Everything that happened in it.
    pub events: Vec<Event>,
    /// What it came to with other parameters: the trade-off; in order of the parameter.
    pub trade_off: Vec<Figures>,
}

/// The comparison.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The chosen contenders, in the order of [`Contender::ALL`].
    pub entries: Vec<Entry>,
    /// The rows to report, one an entry.
    pub outcomes: Vec<Outcome>,
}

/// What to compare.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The demand, and how long a launch takes.
    pub scenario: Scenario<'a>,
    /// The hit rate that each policy is tuned to.
    pub hit_rate: f64,
    /// Whether to keep what happened in each tuned run.
    pub logged: bool,
    /// Whether to run each policy at other parameters as well.
    pub trade_off: bool,
}

/// Tells whether a trace is long enough.
///
/// # Errors
/// How long it is, and how long it must be.
pub fn check_length(scenario: &Scenario) -> Result<(), String> {
    let last = scenario.demand.last().map_or(0, |request| request.at.div_euclid(1000));
    let hours = (last - scenario.first_at()) / 3600;
    let needed = (WARM_UP_SECONDS + LEAST_COUNTED_SECONDS) / 3600;
    match last - scenario.first_at() >= WARM_UP_SECONDS + LEAST_COUNTED_SECONDS {
        true => Ok(()),
        false => Err(format!(
            "the trace is {hours} hours long from its first request to its last, and must be at least {needed}: \
             the first week warms up and is not counted, and a day is the least to count"
        )),
    }
}

/// Tunes and runs every chosen contender, several at a time. The bound and the seed always run: the others are
/// measured against them.
pub fn compare(question: &Question, chosen: &[Contender], progress: &(dyn Fn(&str) + Sync)) -> Comparison {
    let wanted =
        |contender: &Contender| chosen.contains(contender) || matches!(contender, Contender::Seed | Contender::Bound);
    let runners: Vec<Contender> = Contender::ALL.into_iter().filter(wanted).collect();
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Entry)>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from).min(runners.len()) {
            scope.spawn(|| {
                // The last ones first: the forecast takes the longest.
                while let Some(index) = runners.len().checked_sub(next.fetch_add(1, Ordering::Relaxed) + 1) {
                    let entry = run_one(question, runners[index], progress);
                    done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((index, entry));
                }
            });
        }
    });
    let mut entries = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    entries.sort_by_key(|(index, _)| *index);
    let mut entries: Vec<Entry> = entries.into_iter().map(|(_, entry)| entry).collect();
    let idle_hours = |contender| {
        let entry = entries.iter().find(|entry| entry.contender == contender);
        entry.map_or(0.0, |entry| entry.tuned.figures.idle_hours())
    };
    let (bound, seed) = (idle_hours(Contender::Bound), idle_hours(Contender::Seed));
    entries.retain(|entry| chosen.contains(&entry.contender));
    let outcomes = entries.iter().map(|entry| Outcome::new(entry.contender, &entry.tuned, bound, seed)).collect();
    Comparison { entries, outcomes }
}

fn run_one(question: &Question, contender: Contender, progress: &(dyn Fn(&str) + Sync)) -> Entry {
    let scenario = &question.scenario;
    let tuned = tune::tune(contender, scenario, question.hit_rate);
    let events = match question.logged {
        true => contender.run(tuned.figures.parameter, scenario, true).1,
        false => Vec::new(),
    };
    let trade_off = match question.trade_off {
        true => tune::trade_off(contender, scenario, &tuned.figures),
        false => Vec::new(),
    };
    let tally = tuned.figures.tally;
    progress(&format!(
        "{contender}: {} of {} refused, {:.1} idle hours{}",
        tally.refused,
        tally.requests,
        tuned.figures.idle_hours(),
        if tuned.reached { "" } else { "; not the wanted hit rate" }
    ));
    Entry { contender, tuned, events, trade_off }
}
