//! What must hold of the parsers of demand, whatever they are given: `hostile.rs` and the targets in `fuzz/` hold it.
#![allow(unreachable_pub, reason = "the fuzz targets use it too, from another crate")]

use world::demand::{read_export, read_trace, write_trace};

/// Far more than one minute of a pool, and far less than memory holds.
const MOST_REQUESTS: usize = 5_000_000;
const LONGEST_MS: i64 = 7 * 24 * 3_600_000;

/// A trace is sorted and within its limits, and reads the same when it is written again; an error names its line.
pub fn trace(bytes: &[u8]) {
    let requests = match read_trace(bytes) {
        Err(error) => {
            let lines = bytes.split(|byte| *byte == b'\n').count();
            assert!((1..=lines).contains(&error.line), "line {} of {lines}", error.line);
            return assert_fit(&error.to_string());
        }
        Ok(requests) => requests,
    };
    assert!(!requests.is_empty() && requests.is_sorted_by_key(|request| request.at));
    assert!(requests.iter().all(|request| (1000..=LONGEST_MS).contains(&request.duration_ms)));
    let mut written = Vec::new();
    write_trace(&requests, &mut written).expect("moments that were read");
    assert_eq!(read_trace(&written[..]).as_ref(), Ok(&requests));
}

/// A trace that is made of metrics is one that can be read.
pub fn export(bytes: &[u8]) {
    match read_export(&String::from_utf8_lossy(bytes), 6, None) {
        Err(problem) => assert_fit(&problem),
        Ok(made) => {
            assert!((1..=MOST_REQUESTS).contains(&made.requests.len()), "{}", made.requests.len());
            assert!(made.mean_minutes.is_finite() && made.mean_minutes > 0.0 && made.unknown_minutes >= 0);
            let sound = |request: &world::demand::Request| (1000..=LONGEST_MS).contains(&request.duration_ms);
            assert!(made.requests.is_sorted_by_key(|request| request.at) && made.requests.iter().all(sound));
        }
    }
}

#[track_caller]
fn assert_fit(message: &str) {
    let length = message.chars().count();
    assert!((1..=300).contains(&length), "{length} characters: {message:.400}");
    assert!(!message.contains(|letter: char| letter.is_control()), "{message:?}");
}
