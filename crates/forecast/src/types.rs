//! The input of a forecast, and its result.

use serde::{Deserialize, Serialize};

/// The length of a slot, in seconds.
pub const SLOT_SECONDS: i64 = 30;

/// How many slots a forecast covers: an hour.
pub const SLOTS: usize = 120;

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// The probability that a request finds a Jibri.
    pub hit_rate: f64,
    /// The least spare target.
    pub floor: u32,
    /// The largest target.
    pub maximum: u32,
}

/// One minute of the past. What is not known is `None`, and is not zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Minute {
    /// Recordings that began.
    pub starts: Option<f32>,
    /// Recordings that could not begin.
    pub refused: Option<f32>,
    /// The fewest Jibris that were available.
    pub available: Option<f32>,
    /// Recordings under way.
    pub busy: Option<f32>,
}

impl Minute {
    /// Recordings that were refused since no Jibri was available. A recording that fails while Jibris wait fails for another
    /// reason, and more Jibris would not help it.
    pub fn refused_for_want(&self) -> f64 {
        match (self.refused, self.available) {
            (Some(refused), Some(available)) if available <= 1.0 => f64::from(refused),
            (Some(refused), None) => f64::from(refused),
            _ => 0.0,
        }
    }

    /// Requests, served or not; `None` when the minute is not known.
    pub(crate) fn requests(&self) -> Option<f64> {
        self.starts.map(|starts| f64::from(starts) + self.refused_for_want())
    }
}

/// What a forecast is made from.
pub struct Input<'a> {
    /// Now, in seconds since the Unix epoch.
    pub now: i64,
    /// Whole minutes, oldest first; the last one ends when the minute of `now` begins. Two weeks are of use.
    pub minutes: &'a [Minute],
    /// Local time less UTC, in seconds, at a moment in seconds since the Unix epoch: demand follows local time.
    pub offset_seconds: &'a dyn Fn(i64) -> i64,
    /// For how long each recording under way has lasted, in seconds.
    pub recordings_seconds: &'a [i64],
    /// How long a launch takes until its Jibri is available, in seconds.
    pub lead_seconds: i64,
    /// What the last forecast remembered; the default after none.
    pub state: State,
}

/// The targets of the coming hour, one a slot, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// When the first slot begins, in seconds since the Unix epoch: the slot of now.
    pub first_slot_at: i64,
    /// Available and pending Jibris to have at least, in each slot.
    pub spare: Vec<u32>,
    /// Available Jibris to keep; never under `spare`.
    pub hold: Vec<u32>,
    /// Expected starts in each slot.
    pub expected_starts: Vec<f64>,
    /// Expected refusals among the requests that each slot's launches would serve, if the spare target is met.
    pub expected_refusals: Vec<f64>,
    /// What to hand to the next forecast.
    pub state: State,
    /// Sentences that say where each part of the present target comes from.
    pub reasons: Vec<String>,
}

/// Something observed beside what was expected of it; old observations fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// What was observed.
    pub observed: f64,
    /// What was expected.
    pub expected: f64,
}

impl Ratio {
    /// Lets the past fade to a share of it, and adds what is new.
    pub(crate) fn learn(&mut self, remaining: f64, observed: f64, expected: f64) {
        self.observed = self.observed * remaining + observed;
        self.expected = self.expected * remaining + expected;
    }

    /// The observed by the expected, drawn towards `prior` by as much as `weight` expected ones would.
    pub(crate) fn mean(&self, prior: f64, weight: f64) -> f64 {
        (weight * prior + self.observed) / (weight + self.expected)
    }
}

/// How many prices the table of refusals has.
pub(crate) const PRICES: usize = 24;

/// What one forecast hands to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Until when the outcome has been learnt from, in seconds since the Unix epoch; 0 for never.
    pub learnt_until: i64,
    /// Requests of the last hours against the season.
    pub hours: Ratio,
    /// Requests of the last days against the season.
    pub days: Ratio,
    /// Squared errors beyond a Poisson's, against squared means: the overdispersion.
    pub overdispersion: Ratio,
    /// Expected refusals of the last days at each of the tabled prices.
    pub refusals_at: [f64; PRICES],
    /// Expected requests of the same days.
    pub requests: f64,
    /// Refusals beyond what the hit rate allows; negative is credit.
    pub excess_refusals: f64,
    /// What the excess has taught about the price for good, as a logarithm.
    pub price_bias: f64,
}

impl State {
    /// Whether these numbers can come from a forecast, made at `now` at the latest.
    pub fn is_usable(&self, now: i64) -> bool {
        let ratios = [self.hours, self.days];
        let sums = ratios.iter().flat_map(|ratio| [ratio.observed, ratio.expected]);
        let counts = sums.chain(self.refusals_at).chain([self.requests, self.overdispersion.expected]);
        let free = [self.overdispersion.observed, self.excess_refusals, self.price_bias];
        (0..=now).contains(&self.learnt_until)
            && counts.into_iter().all(|count| (0.0..1e12).contains(&count))
            && free.iter().all(|number| number.abs() < 1e12)
    }
}
