//! What a pool would have published in a past that is made up: what a forecast learns from.

use std::collections::BTreeMap;

use world::Milliseconds;
use world::demand::Request;

const MINUTE: Milliseconds = 60_000;
/// The sampling interval of `availability`.
const SLOT: Milliseconds = 10_000;
/// How long a Jibri that was taken was missed: until another had been launched.
const LAUNCH: Milliseconds = 3 * MINUTE;

/// Values by metric, each with its moment in milliseconds since the Unix epoch.
pub type History = BTreeMap<String, Vec<(Milliseconds, f64)>>;

/// The metrics from `start`, a whole minute, up to `end` of a pool that was asked for these recordings, of which `waiting` Jibris always
/// were wanted to wait, and which refused nobody.
pub fn published(requests: &[Request], start: Milliseconds, end: Milliseconds, waiting: u32) -> History {
    let series = |step: Milliseconds, value: f64| -> Vec<(Milliseconds, f64)> {
        std::iter::successors(Some(start), |at| Some(at + step))
            .take_while(|at| *at < end)
            .map(|at| (at, value))
            .collect()
    };
    let mut starts = series(SLOT, 0.0);
    let mut busy = series(MINUTE, 0.0);
    let mut available = series(MINUTE, f64::from(waiting));
    for request in requests.iter().filter(|request| (start..end).contains(&request.at)) {
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
        let later = Request { at: 8 * MINUTE, ..request };
        let history = published(&[request, later], 0, 8 * MINUTE, 2);
        let values = |name: &str| history[name].iter().map(|(_, value)| *value).collect::<Vec<_>>();
        let starts: Vec<_> = history["RecordingStarts"].iter().filter(|(_, value)| *value > 0.0).collect();
        assert_eq!(starts, [&(MINUTE + 10_000, 1.0)]);
        assert_eq!(history["RecordingStarts"].len(), 48);
        assert_eq!(values("BusyJibris"), [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
        assert_eq!(values("Conferences"), values("BusyJibris"));
        assert_eq!(values("AvailableJibris"), [2.0, 2.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0]);
        assert_eq!(values("JibriFailuresTotal"), [0.0; 8]);
    }
}
