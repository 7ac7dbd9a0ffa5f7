//! Made-up demand: an office whose meetings begin at the full and the half hour, and are recorded soon after.

use super::Request;
use crate::rng::Rng;

const SECOND_MS: i64 = 1000;
const HALF_HOUR_MS: i64 = 30 * 60 * SECOND_MS;
const DAY_MS: i64 = 24 * 3600 * SECOND_MS;
/// Recordings of each half hour of a weekday from 00:00 UTC on, as shares of the busiest: mornings and early
/// afternoons, a lunch, and hardly anything at night.
const PROFILE: [f64; 48] = [
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.02, 0.02, // until 06:00
    0.05, 0.08, 0.15, 0.2, 0.55, 0.4, 0.95, 0.6, 1.0, 0.6, 0.9, 0.45, // until 12:00
    0.35, 0.25, 0.85, 0.55, 1.0, 0.6, 0.85, 0.5, 0.6, 0.35, 0.35, 0.2, // until 18:00
    0.12, 0.08, 0.06, 0.04, 0.03, 0.02, 0.02, 0.01, 0.0, 0.0, 0.0, 0.0,
];

/// An office.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Office {
    /// Recordings on a weekday, on average; a twentieth of it on a day of the weekend.
    pub recordings_per_weekday: f64,
    /// The share of recordings that are begun at any moment, not just after the full or half hour.
    pub spontaneous: f64,
    /// The median of a recording's length, in minutes.
    pub median_minutes: f64,
}

impl Default for Office {
    fn default() -> Self {
        Office { recordings_per_weekday: 250.0, spontaneous: 0.2, median_minutes: 45.0 }
    }
}

/// The office's recordings from `start` up to `end`, in milliseconds since the Unix epoch.
pub fn generate(office: Office, start: i64, end: i64, seed: u64) -> Vec<Request> {
    let mut rng = Rng::new(seed);
    let total: f64 = PROFILE.iter().sum();
    let mut requests = Vec::new();
    let mut slot = start.div_euclid(HALF_HOUR_MS) * HALF_HOUR_MS;
    while slot < end {
        let half_hour = usize::try_from(slot.rem_euclid(DAY_MS) / HALF_HOUR_MS).unwrap_or(0);
        // The epoch was a Thursday.
        let weekend = matches!((slot.div_euclid(DAY_MS) + 4).rem_euclid(7), 0 | 6);
        let share = PROFILE[half_hour] / total * if weekend { 0.05 } else { 1.0 };
        for _ in 0..draw_poisson(&mut rng, office.recordings_per_weekday * share) {
            let at = slot + draw_offset_ms(&mut rng, office.spontaneous);
            let duration_ms = draw_duration_ms(&mut rng, office.median_minutes);
            if (start..end).contains(&at) {
                requests.push(Request { at, duration_ms });
            }
        }
        slot += HALF_HOUR_MS;
    }
    requests.sort_by_key(|request| (request.at, request.duration_ms));
    requests
}

/// Knuth's method: fine for the few recordings of half an hour.
fn draw_poisson(rng: &mut Rng, mean: f64) -> u32 {
    let (limit, mut product, mut count) = ((-mean).exp(), rng.unit(), 0);
    while product > limit {
        product *= rng.unit();
        count += 1;
    }
    count
}

/// When in its half hour a recording is begun: mostly within the first minutes.
#[allow(clippy::cast_possible_truncation, reason = "less than half an hour")]
fn draw_offset_ms(rng: &mut Rng, spontaneous: f64) -> i64 {
    match rng.chance(spontaneous) {
        true => rng.between(0, HALF_HOUR_MS - 1),
        false => (rng.log_normal(90.0, 0.8) * 1000.0).min(1_500_000.0) as i64,
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a few hours")]
fn draw_duration_ms(rng: &mut Rng, median_minutes: f64) -> i64 {
    let minutes = rng.log_normal(median_minutes, 0.5).clamp(3.0, 240.0);
    (minutes * 60.0).round() as i64 * SECOND_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 5 January 2026, 00:00 UTC.
    const MONDAY: i64 = 1_767_571_200_000;

    #[test]
    fn the_same_seed_makes_the_same_demand() {
        let week = |seed| generate(Office::default(), MONDAY, MONDAY + 7 * DAY_MS, seed);
        assert_eq!(week(1), week(1));
        assert_ne!(week(1), week(2));
        assert!(week(1).is_sorted_by_key(|request| request.at));
    }

    #[test]
    fn weekdays_are_as_busy_as_asked_and_weekends_are_quiet() {
        let weeks = 8;
        let requests = generate(Office::default(), MONDAY, MONDAY + weeks * 7 * DAY_MS, 3);
        let day_of = |request: &Request| (request.at - MONDAY).div_euclid(DAY_MS) % 7;
        let weekdays = i64::try_from(requests.iter().filter(|request| day_of(request) < 5).count()).unwrap();
        let weekends = i64::try_from(requests.len()).unwrap() - weekdays;
        assert!((235..=265).contains(&(weekdays / (weeks * 5))), "{weekdays}");
        assert!(weekends < weekdays / 20, "{weekends} and {weekdays}");
    }

    #[test]
    fn most_begin_within_five_minutes_after_the_full_and_the_half_hour() {
        let requests = generate(Office::default(), MONDAY, MONDAY + 5 * DAY_MS, 4);
        let early = requests.iter().filter(|request| request.at % HALF_HOUR_MS < 5 * 60 * SECOND_MS).count();
        assert!(early * 4 > requests.len() * 3, "{early} of {}", requests.len());
    }
}
