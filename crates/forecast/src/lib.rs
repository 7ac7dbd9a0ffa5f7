//! How many Jibris will be wanted: plain history in, targets out. No I/O, no clock.

use serde::{Deserialize, Serialize};

/// A minute, in seconds: the length of a slot.
pub const SLOT_SECONDS: i64 = 60;

/// How many slots a forecast covers.
pub const SLOTS: usize = 60;

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
    /// Recordings that were refused.
    pub refused: Option<f32>,
    /// The fewest Jibris that were available.
    pub available: Option<f32>,
    /// Recordings under way.
    pub busy: Option<f32>,
    /// Conferences under way.
    pub conferences: Option<f32>,
}

/// What a forecast is made from.
pub struct Input<'a> {
    /// Now, in seconds since the Unix epoch.
    pub now: i64,
    /// Whole minutes, oldest first; the last one ends with the minute that `now` is in begins.
    pub minutes: &'a [Minute],
    /// Local time less UTC, in seconds, at a moment in seconds since the Unix epoch.
    pub offset_seconds: &'a dyn Fn(i64) -> i64,
    /// For how long each recording under way has lasted, in seconds.
    pub recordings_seconds: &'a [i64],
    /// How long a launch takes until its Jibri is available, in seconds.
    pub lead_seconds: i64,
    /// What the last forecast remembered; the default after none.
    pub state: State,
}

/// What one forecast hands to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Until when the outcome has been learnt from, in seconds since the Unix epoch; 0 for never.
    pub learnt_until: i64,
    /// The logarithm of the price of a refusal, in instance-minutes.
    pub log_price: f64,
    /// Refusals beyond what the hit rate allows; negative is credit.
    pub excess_refusals: f64,
}

impl Default for State {
    fn default() -> Self {
        State { learnt_until: 0, log_price: 5.0, excess_refusals: 0.0 }
    }
}

/// The targets of the coming hour, one a slot, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// When the first slot begins: the minute of now.
    pub first_slot_at: i64,
    /// Available and pending Jibris to have at least, from each slot's beginning.
    pub spare: Vec<u32>,
    /// Available Jibris to keep at least; never under `spare`.
    pub hold: Vec<u32>,
    /// Expected starts in each slot.
    pub expected_starts: Vec<f64>,
    /// Expected refusals in each slot.
    pub expected_refusals: Vec<f64>,
    /// What to hand to the next forecast.
    pub state: State,
    /// Which part of the target of now comes from what: sentences.
    pub reasons: Vec<String>,
}

/// Makes a forecast.
///
/// # Errors
/// Why there can be none yet.
pub fn forecast(policy: &Policy, input: &Input) -> Result<Forecast, String> {
    let known = input.minutes.iter().filter(|minute| minute.starts.is_some()).count();
    if known < 24 * 60 {
        return Err(format!("{known} minutes of history are known, and a day is needed"));
    }
    let total: f64 = input.minutes.iter().filter_map(|minute| minute.starts).map(f64::from).sum();
    #[allow(clippy::cast_precision_loss, reason = "minutes of two weeks")]
    let rate = total / known as f64;
    #[allow(clippy::cast_precision_loss, reason = "minutes")]
    let mean = rate * input.lead_seconds as f64 / 60.0;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let spare = ((mean + 3.0 * mean.sqrt()).ceil() as u32).max(policy.floor).min(policy.maximum);
    Ok(Forecast {
        first_slot_at: input.now.div_euclid(SLOT_SECONDS) * SLOT_SECONDS,
        spare: vec![spare; SLOTS],
        hold: vec![spare; SLOTS],
        expected_starts: vec![rate; SLOTS],
        expected_refusals: vec![0.0; SLOTS],
        state: input.state,
        reasons: vec![format!("{rate:.2} starts a minute on average")],
    })
}
