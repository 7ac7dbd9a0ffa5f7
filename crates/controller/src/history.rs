//! Makes minutes of what CloudWatch remembers. What was not published is unknown, and not zero.

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
    let starts = ByMinute::new(&history.starts, end, most_starts);
    let Some(first) = starts.first() else { return Vec::new() };
    let failures = ByMinute::new(&history.failures_total, end, f64::MAX);
    let available = ByMinute::new(&history.available, end, MOST_JIBRIS);
    let busy = ByMinute::new(&history.busy, end, MOST_JIBRIS);
    let failed_starts = ByMinute::new(&history.failed_starts, end, most_starts);
    let strangers = ByMinute::new(&history.strangers, end, MOST_JIBRIS);
    let in_doubt = ByMinute::new(&history.in_doubt, end, 1.0);
    // People try again and again where every recording fails, and Jicofo does: that is no demand to learn from.
    let is_demand = |minute: i64| in_doubt.at(minute).is_none_or(|in_doubt| in_doubt < 1.0);
    let minutes = first..end;
    minutes
        .map(|minute| Minute {
            // The average over a minute's samples, times their number: right even where some were taken twice.
            starts: starts
                .at(minute)
                .filter(|_| is_demand(minute))
                .map(|average| average as f32 * samples_per_minute as f32),
            refused: rise(&failures, minute).map(|rise| {
                let failed = failed_starts.at(minute).map_or(0.0, |average| average * samples_per_minute as f64);
                let ours = available.at(minute).unwrap_or(0.0) + busy.at(minute).unwrap_or(0.0);
                let all = ours + strangers.at(minute).unwrap_or(0.0);
                count_refusals(rise, failed, if all > 0.0 { ours / all } else { 1.0 }) as f32
            }),
            available: available.at(minute).map(|value| value as f32),
            busy: busy.at(minute).map(|value| value as f32),
        })
        .collect()
}

/// The values of a series by minute, from the longest ago that is of use up to the minute of now.
struct ByMinute {
    begin: i64,
    /// Not a number where none was published.
    values: Vec<f64>,
}

impl ByMinute {
    fn new(series: &Series, end: i64, most: f64) -> ByMinute {
        let begin = end - MOST_MINUTES;
        let mut values = vec![f64::NAN; usize::try_from(MOST_MINUTES).unwrap_or_default()];
        for (at, value) in series.iter().filter(|(_, value)| value.is_finite() && *value >= 0.0) {
            let minute = at.0.div_euclid(MINUTE_SECONDS);
            let place = minute.checked_sub(begin).and_then(|place| usize::try_from(place).ok());
            if let Some(slot) = place.and_then(|place| values.get_mut(place)) {
                *slot = value.min(most);
            }
        }
        ByMinute { begin, values }
    }

    fn first(&self) -> Option<i64> {
        let place = self.values.iter().position(|value| !value.is_nan())?;
        i64::try_from(place).ok().map(|place| self.begin + place)
    }

    fn at(&self, minute: i64) -> Option<f64> {
        let place = usize::try_from(minute - self.begin).ok()?;
        self.values.get(place).copied().filter(|value| !value.is_nan())
    }
}

/// What a counter rose by in a minute. Where it falls, a Jicofo has restarted, and perhaps others go on counting in the same
/// sum: what it rose by is not known. Nor is it known in which minute of a gap.
fn rise(counter: &ByMinute, minute: i64) -> Option<f64> {
    let (before, after) = (counter.at(minute - 1)?, counter.at(minute)?);
    (after >= before).then(|| (after - before).min(MOST_JIBRIS))
}

/// How many requests of this pool were refused in a minute. Jicofo counts a request that was refused once, and once more for
/// each Jibri that it tried before (jicofo: `JibriSession.start`, which calls itself). A refusal does not say which pool it
/// missed: where several serve one Jicofo, it is shared by their sizes.
fn count_refusals(rise: f64, failed_starts: f64, share: f64) -> f64 {
    (rise - failed_starts).max(0.0) * share
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
