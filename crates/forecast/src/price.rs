//! The price of a refusal, in instance-minutes: the one number that turns the hit rate into targets.
//!
//! With one price for every slot, each hour of a Jibri is spent where it saves most. Equal quantiles in every slot would
//! spend as much on quiet slots as on busy ones. The price is found in two steps. Ahead: a table has the refusals that the
//! model expected in the last days at each price, and shows which price gives the hit rate. Back: refusals beyond what the
//! hit rate allows raise the price at once, and a little of that for good (a controller with a proportional and an
//! integral part), so that the pool keeps the hit rate even where the model is wrong.

use crate::types::{PRICES, State};

/// The logarithm of the first tabled price, and the step to the next.
const FIRST: f64 = 2.0;
const STEP: f64 = 0.5;
/// After how many days the tabled refusals count half.
const HALF_LIFE_DAYS: f64 = 7.0;
/// Expected requests before the table is believed.
const LEAST_REQUESTS: f64 = 20.0;
/// What one excess refusal adds to the logarithm of the price, as long as it is in excess. It is small, since chance moves
/// the number of refusals, and a price that swings costs more than one that stays.
const PROPORTIONAL: f64 = 0.2;
/// What one excess refusal adds to the logarithm of the price for good.
const INTEGRAL: f64 = 0.1;
/// How many refusals are remembered as excess or credit, so that a lucky month does not excuse a bad week.
const EXCESS_LIMIT: f64 = 4.0;
/// The range of what is added for good.
const BIAS_RANGE: (f64, f64) = (-3.0, 4.0);
/// The range of the logarithm of the price: from 3 minutes to 2 years a refusal.
const PRICE_RANGE: (f64, f64) = (1.0, 14.0);
/// The share of requests kept in hand against bad luck.
const MARGIN: f64 = 0.0002;

/// The share of requests that may be refused, less the margin.
pub(crate) fn allowed_share(hit_rate: f64) -> f64 {
    let share = 1.0 - hit_rate;
    (share - MARGIN).max(share / 2.0)
}

/// Learns from what happened to requests.
pub(crate) fn learn_refusals(state: &mut State, hit_rate: f64, requests: f64, refused: f64) {
    let excess = refused - allowed_share(hit_rate) * requests;
    state.excess_refusals = (state.excess_refusals + excess).clamp(-EXCESS_LIMIT, EXCESS_LIMIT);
    state.price_bias = (state.price_bias + INTEGRAL * excess).clamp(BIAS_RANGE.0, BIAS_RANGE.1);
}

/// Lets the table fade by a stretch of time, and adds what is expected in another.
pub(crate) fn fade_table(state: &mut State, minutes: f64) {
    let remaining = 0.5_f64.powf(minutes / (24.0 * 60.0 * HALF_LIFE_DAYS));
    state.requests *= remaining;
    state.refusals_at.iter_mut().for_each(|refusals| *refusals *= remaining);
}

/// Adds one slot to the table: for each price, the refusals when only levels that are worth the price are kept.
pub(crate) fn add_to_table(state: &mut State, requests: f64, saved: &[f64], slot_minutes: f64) {
    state.requests += requests;
    for (index, refusals) in state.refusals_at.iter_mut().enumerate() {
        let worth = slot_minutes / tabled_price(index).exp();
        *refusals += saved.iter().filter(|saved| **saved < worth).sum::<f64>();
    }
}

/// The logarithm of the price that keeps the hit rate.
pub(crate) fn log_price(state: &State, hit_rate: f64) -> f64 {
    let ahead = match state.requests > LEAST_REQUESTS {
        true => read_table(state, allowed_share(hit_rate) * state.requests),
        false => 6.0 - ((1.0 - hit_rate) / 0.01).ln(),
    };
    let back = PROPORTIONAL * state.excess_refusals + state.price_bias;
    (ahead + back).clamp(PRICE_RANGE.0, PRICE_RANGE.1)
}

fn tabled_price(index: usize) -> f64 {
    FIRST + STEP * index as f64
}

/// The price at which the tabled refusals fall to what is allowed, between two of the table logarithmically.
fn read_table(state: &State, allowed: f64) -> f64 {
    let Some(index) = state.refusals_at.iter().position(|refusals| *refusals < allowed) else {
        return tabled_price(PRICES - 1);
    };
    if index == 0 {
        return tabled_price(0) - STEP;
    }
    let (above, below) = (state.refusals_at[index - 1].ln(), state.refusals_at[index].max(1e-12).ln());
    tabled_price(index - 1) + STEP * (above - allowed.ln()) / (above - below).max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table in which every e-fold of the price halves the refusals of 1,000 requests, from 100 on.
    fn tabled() -> State {
        let mut state = State { requests: 1000.0, ..State::default() };
        for (index, refusals) in state.refusals_at.iter_mut().enumerate() {
            *refusals = 100.0 * 0.5_f64.powf(tabled_price(index) - FIRST);
        }
        state
    }

    #[test]
    fn the_price_is_read_where_the_table_meets_the_hit_rate() {
        let price = log_price(&tabled(), 0.99);
        let refusals = 100.0 * 0.5_f64.powf(price - FIRST);
        assert!((refusals - 9.8).abs() < 1e-6, "{refusals}");
        assert!(log_price(&tabled(), 0.999) > price);
    }

    #[test]
    fn a_table_that_never_meets_it_gives_its_ends() {
        let (mut poor, mut rich) = (tabled(), tabled());
        poor.refusals_at = [900.0; PRICES];
        rich.refusals_at = [0.0; PRICES];
        assert_eq!(log_price(&poor, 0.99), tabled_price(PRICES - 1));
        assert_eq!(log_price(&rich, 0.99), FIRST - STEP);
    }

    #[test]
    fn refusals_in_excess_raise_the_price_at_once_and_a_little_for_good() {
        let mut state = tabled();
        let before = log_price(&state, 0.99);
        learn_refusals(&mut state, 0.99, 0.0, 2.0);
        let after = log_price(&state, 0.99);
        assert!((after - before - 2.0 * (PROPORTIONAL + INTEGRAL)).abs() < 1e-9);
        learn_refusals(&mut state, 0.99, 2.0 / allowed_share(0.99), 0.0);
        assert!((log_price(&state, 0.99) - before).abs() < 1e-9);
    }

    #[test]
    fn luck_and_disaster_are_remembered_within_limits() {
        let mut state = tabled();
        learn_refusals(&mut state, 0.999, 0.0, 500.0);
        assert_eq!((state.excess_refusals, state.price_bias), (EXCESS_LIMIT, BIAS_RANGE.1));
        learn_refusals(&mut state, 0.999, 1e6, 0.0);
        assert_eq!((state.excess_refusals, state.price_bias), (-EXCESS_LIMIT, BIAS_RANGE.0));
    }

    #[test]
    fn a_slot_adds_what_is_not_worth_keeping_at_each_price() {
        let mut state = State::default();
        add_to_table(&mut state, 0.5, &[0.4, 0.09, 0.01], 0.5);
        assert_eq!(state.requests, 0.5);
        // At e² minutes half a minute is worth 0.068 refusals, at e^13.5 none of these.
        assert!((state.refusals_at[0] - 0.01).abs() < 1e-12);
        assert_eq!(state.refusals_at[PRICES - 1], 0.0);
        fade_table(&mut state, 7.0 * 24.0 * 60.0);
        assert!((state.requests - 0.25).abs() < 1e-12);
    }
}
