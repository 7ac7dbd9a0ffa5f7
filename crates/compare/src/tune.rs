//! The smallest parameter that reaches a hit rate, with hindsight.

use std::{collections::BTreeMap, panic, thread};

use super::{
    outcome::hours,
    policies::{Contender, Parameter},
    pool::{Scenario, Tally},
};

/// How many parameters under the one found are tried as well: more of a thing is not always better.
const NEIGHBOURS: u32 = 3;

/// A run at one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The parameter.
    pub parameter: Parameter,
    /// What the run came to.
    pub tally: Tally,
}

impl Figures {
    /// Instance hours without a recording.
    pub fn idle_hours(&self) -> f64 {
        hours(self.tally.instance_seconds - self.tally.busy_seconds)
    }

    /// The share of the requests that found a Jibri.
    #[allow(clippy::cast_precision_loss, reason = "requests of a trace")]
    pub fn hit_rate(&self) -> f64 {
        1.0 - self.tally.refused as f64 / self.tally.requests.max(1) as f64
    }

    /// Whether no more were refused than the hit rate allows; counted, so that rounding decides nothing.
    #[allow(clippy::cast_precision_loss, reason = "requests of a trace")]
    pub fn reaches(&self, hit_rate: f64) -> bool {
        self.tally.refused as f64 <= (1.0 - hit_rate) * self.tally.requests as f64 + 1e-9
    }
}

/// How many times the refusals that are allowed a policy may have that is not tuned: it meets its future unseen, and is
/// over as often as under.
pub const TOLERANCE: f64 = 1.3;

/// The tuned run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned {
    /// The run.
    pub figures: Figures,
    /// Whether it keeps the hit rate; one that is not tuned, within [`TOLERANCE`].
    pub reached: bool,
}

/// Tunes a contender: doubles its parameter until it serves well enough, then halves the interval.
pub fn tune(contender: Contender, scenario: &Scenario, hit_rate: f64) -> Tuned {
    if !contender.is_tuned() {
        let parameter = contender.fixed_parameter(hit_rate);
        let figures = Figures { parameter, tally: contender.run(parameter, scenario, false).0 };
        return Tuned { figures, reached: figures.reaches(1.0 - (1.0 - hit_rate) * TOLERANCE) };
    }
    let mut runs: BTreeMap<u32, Figures> = BTreeMap::new();
    let mut run = |count: u32| {
        *runs.entry(count).or_insert_with(|| {
            let parameter = Parameter::Count(count);
            Figures { parameter, tally: contender.run(parameter, scenario, false).0 }
        })
    };
    let largest = largest_parameter(scenario);
    let (mut fails, mut serves) = (0, 1);
    while !run(serves).reaches(hit_rate) {
        if serves == largest {
            return Tuned { figures: run(largest), reached: false };
        }
        (fails, serves) = (serves, (serves * 2).min(largest));
    }
    while serves - fails > 1 {
        let middle = fails.midpoint(serves);
        match run(middle).reaches(hit_rate) {
            true => serves = middle,
            false => fails = middle,
        }
    }
    while let Some(smaller) =
        (1..=NEIGHBOURS).filter_map(|less| serves.checked_sub(less)).find(|count| run(*count).reaches(hit_rate))
    {
        serves = smaller;
    }
    Tuned { figures: run(serves), reached: true }
}

/// Twice the most recordings at once, and some: beyond, a larger number buys nothing.
pub fn largest_parameter(scenario: &Scenario) -> u32 {
    let mut changes: Vec<(i64, i32)> =
        scenario.demand.iter().flat_map(|request| [(request.at, 1), (request.at + request.duration_ms, -1)]).collect();
    changes.sort_unstable();
    let (mut now, mut most) = (0i32, 0i32);
    for (_, change) in changes {
        now += change;
        most = most.max(now);
    }
    most.unsigned_abs() * 2 + 16
}

/// Runs at parameters around the tuned one, in order of the parameter: a curve of idle hours against refusals.
pub fn trade_off(contender: Contender, scenario: &Scenario, tuned: &Figures) -> Vec<Figures> {
    let parameters: Vec<Parameter> = match tuned.parameter {
        Parameter::Count(count) => {
            let around = [40, 55, 70, 80, 90, 100, 110, 125, 150].map(|percent| (count * percent).div_ceil(100));
            let mut counts: Vec<u32> = around.into_iter().filter(|count| *count > 0).collect();
            counts.dedup();
            counts.into_iter().map(Parameter::Count).collect()
        }
        Parameter::Rate(rate) => {
            let around = [10.0, 3.0, 1.0, 0.3].map(|factor| 1.0 - (1.0 - rate) * factor);
            let allowed =
                around.into_iter().filter(|other| (0.5..=0.9999).contains(other) || (*other - rate).abs() < 1e-12);
            allowed.map(|other| if (other - rate).abs() < 1e-12 { rate } else { other }).map(Parameter::Rate).collect()
        }
        Parameter::Nothing => return vec![*tuned],
    };
    let run = |parameter| match parameter == tuned.parameter {
        true => *tuned,
        false => Figures { parameter, tally: contender.run(parameter, scenario, false).0 },
    };
    // The forecast's runs take seconds each: at once, where there are cores for it.
    thread::scope(|scope| {
        let runs: Vec<_> = parameters.into_iter().map(|parameter| scope.spawn(move || run(parameter))).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
    })
}
