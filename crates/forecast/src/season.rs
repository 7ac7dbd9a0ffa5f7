//! What is usual at this time of the week: the seasonal profile, minute by minute in local time.
//!
//! The rate of a minute is a level (the hour around it) times the shape of an hour (meetings begin at the full and the
//! half hour), corrected by the minute itself as far as the history proves that it is different. How much proof it
//! takes is estimated from the history too (empirical Bayes), so that smooth demand is smoothed and bursts are kept.

use crate::types::{Input, Minute};

const MINUTE_SECONDS: i64 = 60;
const DAY_MINUTES: i64 = 1440;
/// How far the level looks to either side, in minutes: an hour in all, so that it always sees one whole shape.
const LEVEL_REACH: i64 = 30;
/// How far the first guess of the level looks, in minutes, and how many requests the guess is worth: few requests, on
/// weekends or in a small pool, say little about one hour of the day.
const GUESS: (i64, f64) = (90, 3.0);
/// How far the correction looks to either side, in minutes.
const MINUTE_REACH: i64 = 1;
/// How many days back.
const DAYS: i64 = 15;
/// After how many days a day counts half.
const DAY_HALF_LIFE: f64 = 14.0;
/// How many minutes of a day must be known for it to be of use.
const LEAST_KNOWN_MINUTES: f64 = 600.0;
/// How many other days the same day of the week is worth: a new weekly meeting shows on one day of the week only.
const SAME_WEEKDAY: f64 = 2.0;
/// By which ratio two days' totals may differ and the days still be alike (a standard deviation, logarithmic).
const LIKENESS: f64 = 0.35;
/// The least weight of a day, however unlike: enough when there is no other day, and far too little to count otherwise.
const LEAST_LIKENESS: f64 = 1e-4;
/// Expected requests that the prior guesses of the two variances are worth, squared.
const SHAPE_PRIOR: (f64, f64) = (0.02, 100.0);
const MINUTE_PRIOR: (f64, f64) = (0.1, 200.0);
/// A minute that differs by more standard deviations than this is believed to be different without much proof.
const SURPRISE: f64 = 3.0;
/// How many minutes are compared at once with the hour around them.
const BLOCK_MINUTES: usize = 3;

/// A rate, and how sure it is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rate {
    /// Requests a minute.
    pub(crate) mean: f64,
    /// The variance of the mean by its square.
    pub(crate) uncertainty: f64,
}

/// The weight of one past day for another.
type DayWeight = (i64, f64);

/// The seasonal profile of a history.
pub(crate) struct Season<'a> {
    offset_seconds: &'a dyn Fn(i64) -> i64,
    end: i64,
    /// Requests, and known minutes, before each minute of the history.
    requests_before: Vec<f64>,
    known_before: Vec<f64>,
    /// The shape of an hour by its minutes, 1 on average, and its sum before each minute.
    shape: [f64; 60],
    shape_before: [f64; 61],
    /// Past local days, newest first, with their totals and the share of each that is known.
    days: Vec<(i64, f64, f64)>,
    /// The usual total of each day of the week, from Thursday on, where known.
    usual: [Option<f64>; 7],
    /// How many requests it takes to move a minute half-way from the hour around it.
    proof: f64,
}

impl<'a> Season<'a> {
    pub(crate) fn new(input: &Input<'a>) -> Season<'a> {
        let end = input.now.div_euclid(MINUTE_SECONDS) * MINUTE_SECONDS;
        let (mut requests, mut known) = (0.0, 0.0);
        let (mut requests_before, mut known_before) = (vec![0.0], vec![0.0]);
        for minute in input.minutes {
            if let Some(asked) = minute.requests() {
                requests += asked;
                known += 1.0;
            }
            requests_before.push(requests);
            known_before.push(known);
        }
        let mut season = Season {
            offset_seconds: input.offset_seconds,
            end,
            requests_before,
            known_before,
            shape: [1.0; 60],
            shape_before: [0.0; 61],
            days: Vec::new(),
            usual: [None; 7],
            proof: 1.0 / MINUTE_PRIOR.0,
        };
        let begin = end - input.minutes.len() as i64 * MINUTE_SECONDS;
        let profile = DayProfile::new(input.minutes, local_minute(begin + (input.offset_seconds)(begin)));
        season.shape = profile.shape();
        for minute in 0..60 {
            season.shape_before[minute + 1] = season.shape_before[minute] + season.shape[minute];
        }
        season.proof = profile.proof(&season.shape);
        season.note_days();
        season
    }

    /// The local minute of a moment, since the epoch.
    pub(crate) fn local_minute_of(&self, moment: i64) -> i64 {
        local_minute(moment + (self.offset_seconds)(moment))
    }

    fn note_days(&mut self) {
        let today = self.local_minute_of(self.end).div_euclid(DAY_MINUTES);
        let mut sums = [(0.0, 0.0); 7];
        for age in 1..=DAYS {
            let day = today - age;
            let (requests, known) = self.count(self.utc(day * DAY_MINUTES), 0, DAY_MINUTES);
            if known < LEAST_KNOWN_MINUTES {
                continue;
            }
            let share = known / DAY_MINUTES as f64;
            self.days.push((day, requests / share, share));
            let weight = fade(age);
            let sum = &mut sums[day.rem_euclid(7) as usize];
            *sum = (sum.0 + weight * requests / share, sum.1 + weight);
        }
        self.usual = sums.map(|(total, weight)| (weight > 0.0).then(|| total / weight));
    }

    /// The weight of each past day for this one: larger if it was as busy as this day of the week usually is.
    pub(crate) fn weights(&self, day: i64) -> Vec<DayWeight> {
        let is_weekend = |day: i64| matches!(day.rem_euclid(7), 2 | 3);
        let past = self.days.iter().filter(|(past, ..)| *past < day);
        let mut weights: Vec<DayWeight> = past
            .map(|&(past, total, share)| {
                let likeness = match self.usual[day.rem_euclid(7) as usize] {
                    Some(usual) => {
                        let distance = ((total + 3.0) / (usual + 3.0)).ln() / LIKENESS;
                        (-0.5 * distance * distance).exp().max(LEAST_LIKENESS)
                    }
                    None if is_weekend(past) == is_weekend(day) => 1.0,
                    None => 0.1,
                };
                let name = if (day - past) % 7 == 0 { SAME_WEEKDAY } else { 1.0 };
                (past, fade(day - past) * share * likeness * name)
            })
            .collect();
        // When no past day is like this one, all of them count a little.
        if weights.iter().map(|(_, weight)| weight).sum::<f64>() < 0.3 {
            weights.iter_mut().for_each(|(_, weight)| *weight += 0.05);
        }
        weights
    }

    /// The usual rate of a local minute, given the weights of its day.
    pub(crate) fn rate(&self, minute: i64, weights: &[DayWeight]) -> Rate {
        let day = minute.div_euclid(DAY_MINUTES);
        let minute_shape = self.shape_sum(minute - MINUTE_REACH, minute + MINUTE_REACH + 1);
        let minute_shape = minute_shape / (2 * MINUTE_REACH + 1) as f64;
        let (guess_reach, guess_worth) = GUESS;
        let (mut wide, mut wide_known) = (0.0, 0.0);
        let (mut around, mut around_known, mut here, mut here_known) = (0.0, 0.0, 0.0, 0.0);
        for (past, weight) in weights {
            let moment = self.utc(minute - (day - past) * DAY_MINUTES);
            let (requests, known) = self.count(moment, -guess_reach, guess_reach);
            wide += weight * requests;
            wide_known += weight * known;
            let (requests, known) = self.count(moment, -LEVEL_REACH, LEVEL_REACH);
            around += weight * requests;
            around_known += weight * known;
            let (requests, known) = self.count(moment, -MINUTE_REACH, MINUTE_REACH + 1);
            here += weight * requests;
            here_known += weight * known;
        }
        // As if 0.02 requests had been seen in five more minutes, so that the rate is never zero.
        let guess = (wide + 0.02) / (wide_known + 5.0);
        let level = (around + guess_worth) / (around_known + guess_worth / guess);
        let expected_here = level * here_known * minute_shape;
        let proof = self.proof_against(here, expected_here);
        let correction = (proof + here) / (proof + expected_here);
        Rate {
            mean: level * self.shape[minute.rem_euclid(60) as usize] * correction,
            uncertainty: 1.0 / (proof + here) + 1.0 / (guess_worth + around),
        }
    }

    /// How many requests it takes to move a minute half-way, when `here` were seen and `expected` expected. It takes far
    /// fewer when chance cannot explain the difference: a new weekly meeting stands out even of smooth demand.
    fn proof_against(&self, here: f64, expected: f64) -> f64 {
        let variance = (expected * (1.0 + expected / self.proof)).max(0.1);
        let surprise = (here - expected).powi(2) / variance / (SURPRISE * SURPRISE);
        (self.proof / (1.0 + surprise * surprise)).max(1.0)
    }

    /// The moment of a local minute.
    fn utc(&self, minute: i64) -> i64 {
        let local = minute * MINUTE_SECONDS;
        local - (self.offset_seconds)(local - (self.offset_seconds)(local))
    }

    /// Requests, and known minutes, between two minutes counted from a moment.
    fn count(&self, moment: i64, from: i64, until: i64) -> (f64, f64) {
        let length = self.requests_before.len() as i64 - 1;
        let at = (moment - self.end).div_euclid(MINUTE_SECONDS) + length;
        let index = |minutes: i64| (at + minutes).clamp(0, length) as usize;
        let (from, until) = (index(from), index(until));
        (self.requests_before[until] - self.requests_before[from], self.known_before[until] - self.known_before[from])
    }

    fn shape_sum(&self, from: i64, until: i64) -> f64 {
        let before =
            |minute: i64| minute.div_euclid(60) as f64 * 60.0 + self.shape_before[minute.rem_euclid(60) as usize];
        before(until) - before(from)
    }
}

fn local_minute(local_seconds: i64) -> i64 {
    local_seconds.div_euclid(MINUTE_SECONDS)
}

fn fade(age_days: i64) -> f64 {
    0.5_f64.powf(age_days as f64 / DAY_HALF_LIFE)
}

/// The inverse of a variance beyond the Poisson's, estimated from (observed, expected) with a prior guess of it.
fn inverse_variance(pairs: impl Iterator<Item = (f64, f64, f64)>, prior: (f64, f64), range: (f64, f64)) -> f64 {
    let (mut excess, mut weight) = (0.0, 0.0);
    for (observed, expected, own_variance) in pairs {
        excess += (observed - expected).powi(2) - expected - own_variance;
        weight += expected * expected;
    }
    1.0 / ((excess + prior.0 * prior.1) / (weight + prior.1)).clamp(range.0, range.1)
}

/// The sum of all days: requests and known minutes by minute of the day.
struct DayProfile {
    requests: Vec<f64>,
    known: Vec<f64>,
}

impl DayProfile {
    fn new(minutes: &[Minute], first_local_minute: i64) -> DayProfile {
        let length = DAY_MINUTES as usize;
        let mut profile = DayProfile { requests: vec![0.0; length], known: vec![0.0; length] };
        let mut at = first_local_minute.rem_euclid(DAY_MINUTES) as usize;
        for minute in minutes {
            if let Some(requests) = minute.requests() {
                profile.requests[at] += requests;
                profile.known[at] += 1.0;
            }
            at = (at + 1) % length;
        }
        profile
    }

    /// The shape of an hour: the sum of all hours, drawn towards flat as far as chance alone explains it.
    fn shape(&self) -> [f64; 60] {
        let (mut requests, mut known) = ([0.0; 60], [0.0; 60]);
        for minute in 0..self.requests.len() {
            requests[minute % 60] += self.requests[minute];
            known[minute % 60] += self.known[minute];
        }
        let mean = requests.iter().sum::<f64>() / known.iter().sum::<f64>().max(1.0);
        let pairs = (0..60).map(|minute| (requests[minute], known[minute] * mean, 0.0));
        let proof = inverse_variance(pairs, SHAPE_PRIOR, (0.005, 2.0));
        let mut shape = [1.0; 60];
        for minute in 0..60 {
            shape[minute] = (requests[minute] + proof) / (known[minute] * mean + proof);
        }
        let total = shape.iter().sum::<f64>() / 60.0;
        shape.map(|share| share / total)
    }

    /// How many requests it takes to move a minute half-way from the hour around it.
    fn proof(&self, shape: &[f64; 60]) -> f64 {
        let length = self.requests.len();
        let (mut requests_before, mut shape_before) = (vec![0.0], vec![0.0]);
        for at in 0..2 * length {
            let minute = at % length;
            requests_before.push(requests_before[at] + self.requests[minute]);
            shape_before.push(shape_before[at] + self.known[minute] * shape[minute % 60]);
        }
        let reach = LEVEL_REACH as usize;
        let pairs = (0..length).step_by(BLOCK_MINUTES).filter_map(|block| {
            let at = block + if block < length / 2 { length } else { 0 };
            let sum = |before: &[f64], from: usize, until: usize| before[until] - before[from];
            let here = sum(&requests_before, at, at + BLOCK_MINUTES);
            let here_shape = sum(&shape_before, at, at + BLOCK_MINUTES);
            // The hour around the block does not contain the block itself.
            let (from, until) = (at - reach, at + BLOCK_MINUTES + reach);
            let around = sum(&requests_before, from, until) - here;
            let around_shape = sum(&shape_before, from, until) - here_shape;
            let expected = around / around_shape * here_shape;
            (around_shape > 0.0).then(|| (here, expected, expected * expected / (around + 1.0)))
        });
        inverse_variance(pairs, MINUTE_PRIOR, (0.002, 0.5))
    }
}
