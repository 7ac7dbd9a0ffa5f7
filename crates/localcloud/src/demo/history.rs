//! Two weeks of the same office before the morning, as the pool's metrics: what a forecast learns from.

use std::collections::BTreeMap;

use simulator::demand::{Office, Request, generate};
use simulator::world::Milliseconds;

const MINUTE: Milliseconds = 60_000;
const DAYS: Milliseconds = 14;
/// The sampling interval of `availability`.
const SLOT: Milliseconds = 10_000;
/// How long a Jibri that was taken was missed: until another had been launched.
const LAUNCH: Milliseconds = 3 * MINUTE;

/// Values by metric, each with its moment.
pub(super) type History = BTreeMap<String, Vec<(Milliseconds, f64)>>;

/// The office until `end`, with a pool that always wants as many to wait, and refuses nobody.
pub(super) fn history(office: Office, end: Milliseconds, waiting: u32, seed: u64) -> History {
    let start = end - DAYS * 24 * 60 * MINUTE;
    publish(&generate(office, start, end, seed), start, end, waiting)
}

fn publish(requests: &[Request], start: Milliseconds, end: Milliseconds, waiting: u32) -> History {
    let series = |step: Milliseconds, value: f64| -> Vec<(Milliseconds, f64)> {
        std::iter::successors(Some(start), |at| Some(at + step))
            .take_while(|at| *at < end)
            .map(|at| (at, value))
            .collect()
    };
    let mut starts = series(SLOT, 0.0);
    let mut busy = series(MINUTE, 0.0);
    let mut available = series(MINUTE, f64::from(waiting));
    for request in requests {
        let since = |at: Milliseconds| move |(moment, _): &(Milliseconds, f64)| *moment < at;
        let slot = starts.partition_point(since(request.at - SLOT + 1));
        starts[slot].1 += 1.0;
        let minutes =
            |series: &[_], from, until| series.partition_point(since(from))..series.partition_point(since(until));
        for minute in minutes(&busy, request.at, request.at + request.duration_ms) {
            busy[minute].1 += 1.0;
        }
        for minute in minutes(&available, request.at, request.at + LAUNCH) {
            available[minute].1 = (available[minute].1 - 1.0).max(0.0);
        }
    }
    // In this world there are no other meetings than those that are recorded.
    BTreeMap::from([
        ("RecordingStarts".to_owned(), starts),
        ("Conferences".to_owned(), busy.clone()),
        ("BusyJibris".to_owned(), busy),
        ("AvailableJibris".to_owned(), available),
        ("JibriFailuresTotal".to_owned(), series(MINUTE, 0.0)),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_seen_in_every_metric() {
        let request = Request { at: MINUTE + 15_000, duration_ms: 4 * MINUTE };
        let history = publish(&[request], 0, 8 * MINUTE, 2);
        let values = |name: &str| history[name].iter().map(|(_, value)| *value).collect::<Vec<_>>();
        let starts: Vec<_> = history["RecordingStarts"].iter().filter(|(_, value)| *value > 0.0).collect();
        assert_eq!(starts, [&(MINUTE + 10_000, 1.0)]);
        assert_eq!(history["RecordingStarts"].len(), 48);
        assert_eq!(values("BusyJibris"), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(values("Conferences"), values("BusyJibris"));
        assert_eq!(values("AvailableJibris"), [2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(values("JibriFailuresTotal"), [0.0; 8]);
    }

    #[test]
    fn two_weeks_end_where_the_morning_begins() {
        let end = 1_767_571_200_000;
        let history = history(Office::default(), end, 15, 1);
        let starts = &history["RecordingStarts"];
        assert_eq!((starts[0].0, starts.last().map(|(at, _)| *at)), (end - 14 * 86_400_000, Some(end - SLOT)));
        let total: f64 = starts.iter().map(|(_, value)| value).sum();
        assert!((2_300.0..2_750.0).contains(&total), "ten weekdays of 250, and two weekends: {total}");
    }
}
