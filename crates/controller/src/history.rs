//! Makes minutes of what CloudWatch remembers. What was not published is unknown, and not zero.

use std::collections::BTreeMap;

use forecast::Minute;
use planner::Timestamp;

use crate::ports::{History, Series};

const MINUTE_SECONDS: i64 = 60;
/// The longest history that is of use, in minutes: CloudWatch keeps minutes for fifteen days.
const MOST_MINUTES: i64 = 15 * 24 * 60;
/// The most Jibris, or starts of a minute: what is more counts as so many.
const MOST_JIBRIS: f64 = 10_000.0;

/// The minutes from the first that is known up to the one of `now`, which has not ended and is not among them.
pub(crate) fn assemble_minutes(history: &History, samples_per_minute: u64, now: Timestamp) -> Vec<Minute> {
    let end = now.0.div_euclid(MINUTE_SECONDS);
    let most_starts = MOST_JIBRIS / samples_per_minute.max(1) as f64;
    let starts = by_minute(&history.starts, end, most_starts);
    let Some(first) = starts.keys().next().copied() else { return Vec::new() };
    let failures = by_minute(&history.failures_total, end, f64::MAX);
    let available = by_minute(&history.available, end, MOST_JIBRIS);
    let busy = by_minute(&history.busy, end, MOST_JIBRIS);
    let failed_starts = by_minute(&history.failed_starts, end, most_starts);
    let strangers = by_minute(&history.strangers, end, MOST_JIBRIS);
    let in_doubt = by_minute(&history.in_doubt, end, 1.0);
    // People try again and again where every recording fails, and Jicofo does: that is no demand to learn from.
    let is_demand = |minute: &i64| in_doubt.get(minute).is_none_or(|in_doubt| *in_doubt < 1.0);
    let rises = differences(&failures);
    let value = |values: &BTreeMap<i64, f64>, minute: i64| values.get(&minute).map(|value| *value as f32);
    let minutes = first..end;
    minutes
        .map(|minute| Minute {
            // The average over a minute's samples, times their number: right even where some were taken twice.
            starts: value(&starts, minute)
                .filter(|_| is_demand(&minute))
                .map(|average| average * samples_per_minute as f32),
            refused: rises.get(&minute).map(|rise| {
                let failed = failed_starts.get(&minute).map_or(0.0, |average| average * samples_per_minute as f64);
                let ours = available.get(&minute).unwrap_or(&0.0) + busy.get(&minute).unwrap_or(&0.0);
                let all = ours + strangers.get(&minute).unwrap_or(&0.0);
                count_refusals(*rise, failed, if all > 0.0 { ours / all } else { 1.0 }) as f32
            }),
            available: value(&available, minute),
            busy: value(&busy, minute),
        })
        .collect()
}

fn by_minute(series: &Series, end: i64, most: f64) -> BTreeMap<i64, f64> {
    let usable = series.iter().filter(|(_, value)| value.is_finite() && *value >= 0.0);
    let minutes = usable.map(|(at, value)| (at.0.div_euclid(MINUTE_SECONDS), value.min(most)));
    minutes.filter(|(minute, _)| (end - MOST_MINUTES..end).contains(minute)).collect()
}

/// How many requests of this pool were refused in a minute. Jicofo counts a request that was refused once, and once more for
/// each Jibri that it tried before (jicofo: `JibriSession.start`, which calls itself). A refusal does not say which pool it
/// missed: where several serve one Jicofo, it is shared by their sizes.
fn count_refusals(rise: f64, failed_starts: f64, share: f64) -> f64 {
    (rise - failed_starts).max(0.0) * share
}

/// What a counter rose by in each minute. Where it falls, a Jicofo has restarted, and perhaps others go on counting in
/// the same sum: what it rose by is not known. Nor is it known in which minute of a gap.
fn differences(counter: &BTreeMap<i64, f64>) -> BTreeMap<i64, f64> {
    let pairs = counter.iter().zip(counter.iter().skip(1));
    let neighbours = pairs.filter(|((before, _), (minute, _))| **before + 1 == **minute);
    let rises = neighbours.filter(|((_, before), (_, after))| after >= before);
    rises.map(|((_, before), (minute, after))| (*minute, (after - before).min(MOST_JIBRIS))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z.
    const NOW: Timestamp = Timestamp(1_800_000_000);

    /// Values of so many minutes ago.
    fn series(values: &[(i64, f64)]) -> Series {
        values.iter().map(|(ago, value)| (Timestamp(NOW.0 - ago * 60), *value)).collect()
    }

    #[test]
    fn a_minute_that_was_not_published_is_unknown() {
        let history = History {
            starts: series(&[(4, 0.5), (2, 0.0), (1, 1.0)]),
            busy: series(&[(2, 7.5)]),
            ..History::default()
        };
        let minutes = assemble_minutes(&history, 6, NOW);
        let starts: Vec<Option<f32>> = minutes.iter().map(|minute| minute.starts).collect();
        assert_eq!(starts, [Some(3.0), None, Some(0.0), Some(6.0)]);
        assert_eq!(minutes[2].busy, Some(7.5));
        assert_eq!(minutes[3].busy, None);
    }

    #[test]
    fn the_minute_of_now_and_what_cannot_be_are_left_out() {
        let history = History {
            starts: series(&[(2, 1.0), (1, f64::NAN), (0, 3.0), (-5, 4.0)]),
            busy: series(&[(2, -1.0)]),
            ..History::default()
        };
        let minutes = assemble_minutes(&history, 1, NOW);
        assert_eq!(minutes.len(), 2);
        assert_eq!((minutes[0].starts, minutes[0].busy, minutes[1].starts), (Some(1.0), None, None));
    }

    #[test]
    fn what_is_more_than_can_be_counts_as_the_most() {
        let many = series(&[(2, 1e300), (1, f64::INFINITY)]);
        let history = History { starts: many.clone(), busy: many, ..History::default() };
        let minutes = assemble_minutes(&history, 6, NOW);
        assert_eq!(minutes.len(), 2);
        assert!(minutes[0].starts.is_some_and(|starts| (starts - 10_000.0).abs() < 0.01));
        assert_eq!((minutes[0].busy, minutes[1]), (Some(10_000.0), Minute::default()));
    }

    #[test]
    fn a_moment_long_ago_makes_no_long_history() {
        let starts = vec![(Timestamp(i64::MIN), 1.0), (Timestamp(0), 1.0), (Timestamp(NOW.0 - 16 * 86_400), 1.0)];
        assert!(assemble_minutes(&History { starts, ..History::default() }, 6, NOW).is_empty());
    }

    #[test]
    fn refusals_are_what_the_counter_rose_by_and_unknown_over_restarts_and_gaps() {
        let history = History {
            starts: series(&[(6, 0.0), (1, 0.0)]),
            failures_total: series(&[(6, 10.0), (5, 12.0), (4, 12.0), (3, 1.0), (1, 9.0)]),
            ..History::default()
        };
        let refused: Vec<Option<f32>> =
            assemble_minutes(&history, 6, NOW).iter().map(|minute| minute.refused).collect();
        assert_eq!(refused, [None, Some(2.0), Some(0.0), None, None, None]);
    }

    #[test]
    fn a_start_that_fails_on_the_way_is_no_refusal_and_pools_share_what_is_refused() {
        let history = |failed: f64, strangers: f64| History {
            starts: series(&[(2, 0.0), (1, 0.0)]),
            failures_total: series(&[(2, 10.0), (1, 14.0)]),
            busy: series(&[(1, 6.0)]),
            failed_starts: series(&[(1, failed / 6.0)]),
            strangers: series(&[(1, strangers)]),
            ..History::default()
        };
        let refused = |failed, strangers| assemble_minutes(&history(failed, strangers), 6, NOW)[1].refused;
        assert_eq!(refused(0.0, 0.0), Some(4.0));
        assert_eq!(refused(3.0, 0.0), Some(1.0));
        assert_eq!(refused(6.0, 0.0), Some(0.0));
        assert_eq!(refused(0.0, 18.0), Some(1.0));
    }

    #[test]
    fn without_any_starts_there_is_no_history() {
        assert_eq!(assemble_minutes(&History::default(), 6, NOW), []);
    }
}
