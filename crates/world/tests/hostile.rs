//! Hostile input: traces and exports of metrics, whatever they hold.

#[path = "../../controller/tests/mutation/mod.rs"]
mod mutation;
mod properties;

use controller::metrics::Metric;
use mutation::{config, hostile};
use proptest::prelude::*;
use world::demand::{read_export, read_trace};

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_trace_is_sound_or_its_bad_line_is_named(input in hostile("trace")) {
        properties::trace(&input);
    }

    #[test]
    fn an_export_makes_a_sound_trace_or_says_what_is_wrong(input in hostile("export")) {
        properties::export(&input);
    }
}

#[test]
fn the_deepest_and_the_longest_are_errors_and_no_overflow() {
    for part in ["[", "{\"MetricDataResults\":", "\"", "9", ",", "start,duration_seconds", "\n"] {
        let text = part.repeat(8 * 1024 * 1024 / part.len());
        properties::trace(text.as_bytes());
        properties::export(text.as_bytes());
    }
}

#[test]
fn a_million_recordings_are_read() {
    let trace = format!("start,duration_seconds\n{}", "2026-01-05T06:01:57Z,60\n".repeat(1_000_000));
    assert_eq!(read_trace(trace.as_bytes()).expect("a trace").len(), 1_000_000);
}

#[test]
fn a_small_export_makes_no_endless_trace() {
    let times: Vec<String> =
        (0..600).map(|minute| format!("\"2026-01-05T{:02}:{:02}:00Z\"", minute / 60, minute % 60)).collect();
    let export = format!(
        r#"{{"MetricDataResults":[{{"Label":"{}","Timestamps":[{}],"Values":[{}1600]}}]}}"#,
        Metric::RecordingStarts,
        times.join(","),
        "1600,".repeat(599)
    );
    let problem = read_export(&export, 6, Some(30.0)).expect_err("too many");
    assert_eq!(problem, "RecordingStarts has 5760000 recordings in all, and must have at most 5000000");
}
