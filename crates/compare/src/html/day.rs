//! A typical day: what is wanted, and how large each pool is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::{
    Comparison, Entry, Question,
    policies::Contender,
    pool::{EventKind, Scenario},
};

const DAY_SECONDS: i64 = 86_400;
const MINUTES: usize = 1440;

/// The weekday with the median number of requests, minute by minute.
#[derive(Debug, Serialize)]
pub(super) struct Day {
    /// Its midnight (UTC), in seconds since the Unix epoch.
    #[serde(skip)]
    pub(super) midnight: i64,
    /// How many recordings were asked for.
    #[serde(skip)]
    pub(super) requests: usize,
    /// Recordings under way, if none is refused.
    demand: Vec<i32>,
    pools: Vec<Pool>,
}

/// The instances that one policy pays for.
#[derive(Debug, Serialize)]
struct Pool {
    name: &'static str,
    is_ours: bool,
    sizes: Vec<i32>,
}

impl Day {
    /// Nothing if no whole weekday is counted.
    pub(super) fn of(question: &Question, comparison: &Comparison) -> Option<Day> {
        let (midnight, requests) = typical_day(&question.scenario)?;
        let drawn = comparison.entries.iter().filter(|entry| is_drawn(entry.contender));
        let pools = drawn.map(|entry| Pool {
            name: entry.contender.name(),
            is_ours: entry.contender.is_ours(),
            sizes: size_by_minute(entry, midnight),
        });
        Some(Day { midnight, requests, demand: busy_by_minute(&question.scenario, midnight), pools: pools.collect() })
    }
}

fn is_drawn(contender: Contender) -> bool {
    contender.is_ours() || matches!(contender, Contender::Seed | Contender::Threshold | Contender::Bound)
}

/// Midnight (UTC) of the weekday with the median number of requests in the counted part, and that number.
fn typical_day(scenario: &Scenario) -> Option<(i64, usize)> {
    let from = scenario.counted_from().div_euclid(DAY_SECONDS) + 1;
    let until = scenario.demand.last()?.at.div_euclid(1000 * DAY_SECONDS);
    let mut requests: BTreeMap<i64, usize> = BTreeMap::new();
    for request in scenario.demand {
        let day = request.at.div_euclid(1000 * DAY_SECONDS);
        // The epoch was a Thursday.
        if (from..until).contains(&day) && !matches!((day + 4).rem_euclid(7), 0 | 6) {
            *requests.entry(day).or_default() += 1;
        }
    }
    let mut days: Vec<(usize, i64)> = requests.into_iter().map(|(day, count)| (count, day)).collect();
    days.sort_unstable();
    days.get(days.len() / 2).map(|(count, day)| (day * DAY_SECONDS, *count))
}

fn busy_by_minute(scenario: &Scenario, day: i64) -> Vec<i32> {
    let changes = scenario.demand.iter().flat_map(|request| {
        [(request.at.div_euclid(1000), 1), ((request.at + request.duration_ms).div_euclid(1000), -1)]
    });
    by_minute(changes, day)
}

fn size_by_minute(entry: &Entry, day: i64) -> Vec<i32> {
    let changes = entry.events.iter().filter_map(|event| match event.kind {
        EventKind::Launch => Some((event.at, 1)),
        EventKind::Terminate => Some((event.at, -1)),
        _ => None,
    });
    by_minute(changes, day)
}

/// A count at the end of each minute of a day, from its changes.
fn by_minute(changes: impl Iterator<Item = (i64, i32)>, day: i64) -> Vec<i32> {
    let mut counts = vec![0; MINUTES];
    for (at, change) in changes {
        let minute = usize::try_from((at - day).div_euclid(60)).unwrap_or(0);
        if let Some(count) = counts.get_mut(minute) {
            *count += change;
        }
    }
    let mut total = 0;
    for count in &mut counts {
        total += *count;
        *count = total;
    }
    counts
}
