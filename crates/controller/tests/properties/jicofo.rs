use controller::{jicofo::parse_reading, ports::JicofoReading};
use serde_json::Value;

use super::assert_fit;

/// A Jibri is healthy or idle only if the text says so of that very name, no listed Jibri is left out, and
/// no number is made up. An error is fit to be logged.
pub fn jicofo(stats: &[u8], debug: &[u8]) {
    let reading = match parse_reading(stats, debug) {
        Err(problem) => return assert_fit(&problem, 300),
        Ok(reading) => reading,
    };
    // What is passed over may be too deep, or a number too large, for the parser that it is compared with.
    if let Ok(stats) = serde_json::from_slice(stats) {
        hold_counters(&reading, &stats);
    }
    if let Ok(debug) = serde_json::from_slice(debug) {
        hold_jibris(&reading, &debug);
    }
}

fn hold_counters(reading: &JicofoReading, stats: &Value) {
    let said = |of: &Value, name: &str| of.get(name).map_or(0, |number| number.as_u64().expect("a whole number"));
    assert_eq!(reading.stats.conferences, said(stats, "conferences"));
    assert_eq!(reading.stats.participants, said(stats, "participants"));
    let jibri = &stats["jibri"];
    let sessions = said(jibri, "recording_active") + said(jibri, "live_streaming_active");
    assert_eq!(reading.stats.jibri_sessions, sessions);
    assert!(stats["jibri_detector"]["available"].is_u64(), "without a brewery there is no reading");
}

fn hold_jibris(reading: &JicofoReading, debug: &Value) {
    let brewery = debug["jibri_detector"].as_object().expect("a reading comes from an object");
    let listed = brewery.iter().filter(|(nickname, entry)| entry.is_object() || nickname.starts_with("i-")).count();
    assert_eq!(reading.jibris.len(), listed, "a Jibri was left out, or made up");
    for jibri in &reading.jibris {
        let says = |field: &str, word: &str| {
            brewery[&jibri.nickname][field].as_str().is_some_and(|said| said.eq_ignore_ascii_case(word))
        };
        assert_eq!(jibri.healthy, says("health_status", "HEALTHY"), "{jibri:?}");
        assert_eq!(!jibri.busy, says("busy_status", "IDLE"), "{jibri:?}");
    }
}
