//! The same properties over plain bytes, as a fuzzer gives them; `fuzz/seeds/` has samples of each.

use controller::ports::Series;
use planner::Timestamp;

use super::NOW;

/// `/stats`, a zero byte, `/debug`.
pub fn jicofo(bytes: &[u8]) {
    let (stats, debug) = split(bytes);
    super::jicofo(stats, debug);
}

/// The output that SSM keeps.
pub fn report(bytes: &[u8]) {
    super::report(&String::from_utf8_lossy(bytes));
}

/// A tag a line, `key=value`.
pub fn tags(bytes: &[u8]) {
    super::tags(&pairs(bytes).collect::<Vec<_>>());
}

/// The forecast's parameter.
pub fn target(bytes: &[u8]) {
    super::target(&String::from_utf8_lossy(bytes));
}

/// A variable a line, `NAME=value`.
pub fn settings(bytes: &[u8]) {
    super::settings(&pairs(bytes).collect());
}

/// The event, if it is JSON at all: Lambda's runtime has parsed it.
pub fn events(bytes: &[u8]) {
    if let Ok(event) = serde_json::from_slice(bytes) {
        super::events::events(&event);
    }
}

/// The forecast's parameter, a zero byte, the planned events, a zero byte, and changes to two days of metrics: a byte
/// that says of what, two that say when, eight of a floating-point number.
pub fn forecast(bytes: &[u8]) {
    let (parameter, rest) = split(bytes);
    let (planned, changes) = split(rest);
    let end = NOW.0.div_euclid(60) * 60;
    let minutes = || (1..2 * 1440).map(move |ago| end - ago * 60);
    let series = |value: &dyn Fn(i64) -> f64| minutes().map(|at| (Timestamp(at), value(at))).collect::<Series>();
    let mut history = super::History {
        starts: series(&|at| if at % 3600 == 0 { 1.0 } else { 0.0 }),
        failures_total: series(&|_| 3.0),
        available: series(&|_| 4.0),
        busy: series(&|_| 4.0),
        failed_starts: series(&|_| 0.0),
        in_doubt: series(&|_| 0.0),
        strangers: series(&|_| 1.0),
        launch_seconds: vec![(NOW, 120.0)],
    };
    let mut recordings = 3;
    for change in changes.chunks_exact(11) {
        let ago = i64::from(u16::from_le_bytes([change[1], change[2]]));
        let value = f64::from_le_bytes(change[3..].try_into().expect("eight bytes"));
        let at = Timestamp(end - ago * 60);
        match change[0] % 8 {
            0 => history.starts.push((at, value)),
            1 => history.failures_total.push((at, value)),
            2 => history.available.push((at, value)),
            3 => history.busy.push((at, value)),
            4 => history.launch_seconds.push((at, value)),
            5 => history.starts.iter_mut().for_each(|(_, starts)| *starts = value),
            6 => history.busy.iter_mut().for_each(|(_, busy)| *busy = value),
            _ => {
                history.starts.push((Timestamp(i64::from_le_bytes(change[3..].try_into().expect("eight bytes"))), 1.0));
                recordings = usize::from(change[1]) * 40;
            }
        }
    }
    super::forecast(&String::from_utf8_lossy(parameter), &String::from_utf8_lossy(planned), &history, recordings);
}

fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn pairs(bytes: &[u8]) -> impl Iterator<Item = (String, String)> {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let pair = |line: &str| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.split('\n').filter_map(pair).collect::<Vec<_>>().into_iter()
}
