//! How many Jibris will be wanted: plain history in, targets out. No I/O, no clock.
//!
//! - [`season`](self): what is usual at this time of the week, minute by minute in local time
//! - the level: what the last hours and days say against the season (gamma–Poisson)
//! - the distribution: starts within the lead time, negative binomial, less the recordings that end
//! - the price: what a refusal must cost so that the pool keeps the hit rate, learnt from what happened
//! - the commitment: which levels of the pool are worth their hours at that price, slot by slot
//!
//! `docs/forecast.md` has the formulas, their sources, and what they come to.

mod commitment;
mod distribution;
mod price;
mod season;
mod types;

pub use types::{Forecast, Input, Minute, Policy, Ratio, SLOT_SECONDS, SLOTS, State};

use commitment::commit;
use distribution::{Demand, lost_by_ending, marginal_refusals};
use season::{Rate, Season};

/// How many minutes of history must be known: a day.
const LEAST_KNOWN_MINUTES: usize = 24 * 60;
/// How long `availability` may take to see a shortfall, in seconds: it adds to the lead time of a launch.
const REACTION_SECONDS: i64 = 10;
/// How far back an outcome is still learnt from, in seconds.
const LEARN_BACK_SECONDS: i64 = 3600;
/// The last hours: after how many minutes they count half, and how many expected requests the prior is worth.
const HOURS: (f64, f64) = (90.0, 20.0);
/// The last days: after how many expected requests they fade to 1/e, and how many the prior is worth.
const DAYS: (f64, f64) = (300.0, 50.0);
/// The overdispersion guessed at first, what the guess is worth, and how many requests it takes to fade.
const OVERDISPERSION: (f64, f64, f64) = (0.02, 400.0, 2000.0);
/// An outcome of more minutes than this says nothing about the dispersion within a lead time.
const DISPERSION_MINUTES: i64 = 10;

/// The most starts that are expected in a minute: more than any pool has. It bounds what a wrong memory can ask for.
const MOST_STARTS: f64 = 10_000.0;

/// Makes a forecast.
///
/// # Errors
/// Why there can be none yet.
pub fn forecast(policy: &Policy, input: &Input) -> Result<Forecast, String> {
    let known = input.minutes.iter().filter(|minute| minute.starts.is_some()).count();
    if known < LEAST_KNOWN_MINUTES {
        return Err(format!("{known} minutes of history are known, and {LEAST_KNOWN_MINUTES} are needed"));
    }
    let season = Season::new(input);
    let mut state = input.state;
    let learnt_minutes = learn(&mut state, policy, input, &season);
    let level = Level::of(&state);
    let outlook = Outlook::new(input, &season, &level);

    let saved: Vec<Vec<f64>> = (0..SLOTS).map(|slot| marginal_refusals(&outlook.demand(slot))).collect();
    let slot_minutes = SLOT_SECONDS as f64 / 60.0;
    price::fade_table(&mut state, learnt_minutes as f64);
    let learnt_slots = usize::try_from(learnt_minutes * 60 / SLOT_SECONDS).unwrap_or(0).min(SLOTS);
    for (slot, saved) in saved.iter().enumerate().take(learnt_slots) {
        price::add_to_table(&mut state, outlook.demand(slot).in_slot, saved, slot_minutes);
    }
    let log_price = price::log_price(&state, policy.hit_rate);
    let lost: Vec<Vec<f64>> = (0..SLOTS).map(|slot| lost_by_ending(&outlook.demand(slot))).collect();
    let mut targets = commit(&saved, &lost, log_price.exp(), slot_minutes);
    let wanted = (targets.spare[0], targets.hold[0]);
    for (spare, hold) in targets.spare.iter_mut().zip(&mut targets.hold) {
        *spare = (*spare).max(policy.floor).min(policy.maximum);
        *hold = (*hold).min(policy.maximum).max(*spare);
    }
    let expected_refusals = saved.iter().zip(&targets.spare);
    Ok(Forecast {
        first_slot_at: outlook.begins_at,
        expected_starts: (0..SLOTS).map(|slot| outlook.starts_in(slot)).collect(),
        expected_refusals: expected_refusals.map(|(saved, spare)| saved.iter().skip(*spare as usize).sum()).collect(),
        reasons: explain(policy, input, &state, &level, &outlook, log_price, wanted),
        spare: targets.spare,
        hold: targets.hold,
        state,
    })
}

/// Learns from the minutes that have become known since the last forecast, and returns how many they are.
fn learn(state: &mut State, policy: &Policy, input: &Input, season: &Season) -> i64 {
    let end = input.now.div_euclid(60) * 60;
    let unknown = input.minutes.iter().rev().take_while(|minute| minute.starts.is_none()).count();
    let until = end - unknown as i64 * 60;
    let from = match state.learnt_until {
        0 => until,
        learnt_until => learnt_until.max(until - LEARN_BACK_SECONDS),
    };
    if from >= until {
        state.learnt_until = state.learnt_until.max(until);
        return 0;
    }
    let weights = season.weights(season.local_minute_of(from).div_euclid(24 * 60));
    let (mut requests, mut refused, mut expected, mut variance) = (0.0, 0.0, 0.0, 0.0);
    let first = input.minutes.len().saturating_sub(((end - from) / 60) as usize);
    let last = input.minutes.len() - unknown;
    for (index, minute) in input.minutes.iter().enumerate().take(last).skip(first) {
        let Some(asked) = minute.requests() else { continue };
        let moment = end - (input.minutes.len() - index) as i64 * 60;
        let Rate { mean, uncertainty } = season.rate(season.local_minute_of(moment), &weights);
        requests += asked;
        refused += minute.refused_for_want();
        expected += mean;
        variance += mean * uncertainty;
    }
    let minutes = (until - from) / 60;
    let before = Level::of(state);
    let mean = expected * before.factor();
    state.hours.learn(0.5_f64.powf(minutes as f64 / HOURS.0), requests, expected * before.days);
    state.days.learn((-expected / DAYS.0).exp(), requests, expected);
    if minutes <= DISPERSION_MINUTES && expected > 0.0 {
        // The uncertainty of the mean is subtracted, since it is counted apart.
        let squared = (requests - mean).powi(2) - mean - mean * mean * variance / expected;
        state.overdispersion.learn((-expected / OVERDISPERSION.2).exp(), squared, mean * mean);
    }
    price::learn_refusals(state, policy.hit_rate, requests, refused);
    state.learnt_until = until;
    minutes
}

/// What the last hours and days say against the season.
#[derive(Clone, Copy, Debug)]
struct Level {
    hours: f64,
    days: f64,
    overdispersion: f64,
}

impl Level {
    fn of(state: &State) -> Level {
        let (guess, worth, _) = OVERDISPERSION;
        Level {
            hours: state.hours.mean(1.0, HOURS.1),
            days: state.days.mean(1.0, DAYS.1),
            overdispersion: state.overdispersion.mean(guess, worth).clamp(0.0, 1.0),
        }
    }

    fn factor(&self) -> f64 {
        self.hours * self.days
    }
}

/// The coming hour, and the lead time after it.
struct Outlook {
    begins_at: i64,
    /// From the minute's beginning to the first slot's, in seconds.
    into_minute: f64,
    lead_seconds: f64,
    overdispersion: f64,
    /// Expected starts, and their variances for the uncertain means, before each minute.
    starts_before: Vec<f64>,
    variance_before: Vec<f64>,
    busy: f64,
    /// Ends of a recording, a minute.
    hazard: f64,
}

impl Outlook {
    fn new(input: &Input, season: &Season, level: &Level) -> Outlook {
        let begins_at = input.now.div_euclid(SLOT_SECONDS) * SLOT_SECONDS;
        let minute_at = input.now.div_euclid(60) * 60;
        let minutes = (SLOTS as i64 * SLOT_SECONDS + input.lead_seconds + REACTION_SECONDS) / 60 + 3;
        let (mut starts_before, mut variance_before) = (vec![0.0], vec![0.0]);
        let (mut starts, mut variance) = (0.0, 0.0);
        let mut day = None;
        let mut weights = Vec::new();
        for minute in 0..minutes {
            let local = season.local_minute_of(minute_at + minute * 60);
            if day != Some(local.div_euclid(24 * 60)) {
                day = Some(local.div_euclid(24 * 60));
                weights = season.weights(local.div_euclid(24 * 60));
            }
            let Rate { mean, uncertainty } = season.rate(local, &weights);
            let expected = (mean * level.factor()).min(MOST_STARTS);
            starts += expected;
            variance += expected * uncertainty;
            starts_before.push(starts);
            variance_before.push(variance);
        }
        Outlook {
            begins_at,
            into_minute: (begins_at - minute_at) as f64,
            lead_seconds: (input.lead_seconds + REACTION_SECONDS) as f64,
            overdispersion: level.overdispersion,
            starts_before,
            variance_before,
            busy: input.recordings_seconds.len() as f64,
            hazard: end_hazard(input.minutes),
        }
    }

    /// A sum before a moment of the outlook, in seconds after the first slot's beginning, between minutes in proportion.
    fn before(&self, sums: &[f64], seconds: f64) -> f64 {
        let minutes = (seconds + self.into_minute) / 60.0;
        let index = (minutes as usize).min(sums.len() - 2);
        sums[index] + (sums[index + 1] - sums[index]) * (minutes - index as f64)
    }

    fn starts(&self, from: f64, until: f64) -> f64 {
        self.before(&self.starts_before, until) - self.before(&self.starts_before, from)
    }

    fn starts_in(&self, slot: usize) -> f64 {
        let begin = (slot as i64 * SLOT_SECONDS) as f64;
        self.starts(begin, begin + SLOT_SECONDS as f64)
    }

    /// The demand that launches of a slot face.
    fn demand(&self, slot: usize) -> Demand {
        let ordered = (slot as i64 * SLOT_SECONDS) as f64;
        let arrived = ordered + self.lead_seconds;
        let middle = arrived + SLOT_SECONDS as f64 / 2.0;
        let during_lead = self.starts(ordered, middle);
        let variance = self.before(&self.variance_before, middle) - self.before(&self.variance_before, ordered);
        let uncertainty = if during_lead > 0.0 { variance / during_lead } else { 0.0 };
        // When the launch is ordered, some of the recordings under way now have ended, and some more have begun.
        let busy = (self.busy + self.starts(0.0, ordered)) * (-self.hazard * ordered / 60.0).exp();
        Demand {
            during_lead,
            in_slot: self.starts(arrived, arrived + SLOT_SECONDS as f64),
            overdispersion: self.overdispersion + uncertainty,
            ends: busy * self.hazard * self.lead_seconds / 60.0,
        }
    }
}

/// How many of the recordings under way end in a minute: starts by busy minutes, by Little's law.
fn end_hazard(minutes: &[Minute]) -> f64 {
    let known = minutes.iter().filter_map(|minute| Some((minute.starts?, minute.busy?)));
    let (starts, busy) =
        known.fold((0.0, 0.0), |sums, (starts, busy)| (sums.0 + f64::from(starts), sums.1 + f64::from(busy)));
    if busy > 100.0 { starts / busy } else { 0.0 }
}

/// Says where each part of the present target comes from.
fn explain(
    policy: &Policy,
    input: &Input,
    state: &State,
    level: &Level,
    outlook: &Outlook,
    log_price: f64,
    (spare, hold): (u32, u32),
) -> Vec<String> {
    let demand = outlook.demand(0);
    let mut reasons = vec![
        format!(
            "{:.1} starts expected within {} s: the season, times {:.2} for the last days, times {:.2} for the last hours",
            demand.during_lead, input.lead_seconds, level.days, level.hours
        ),
        format!("{:.1} of {} recordings expected to end meanwhile", demand.ends, outlook.busy),
        format!(
            "overdispersion {:.3}, of it {:.3} for what the history leaves open",
            demand.overdispersion,
            demand.overdispersion - level.overdispersion
        ),
        format!(
            "a refusal is worth {:.1} instance-hours for a hit rate of {}, with {:+.1} refusals in excess",
            log_price.exp() / 60.0,
            policy.hit_rate,
            state.excess_refusals
        ),
        format!("that wants {spare} spare and holds {hold}"),
    ];
    if spare < policy.floor {
        reasons.push(format!("raised to the floor of {}", policy.floor));
    }
    if hold > policy.maximum {
        reasons.push(format!("capped at the maximum of {}", policy.maximum));
    }
    reasons
}
