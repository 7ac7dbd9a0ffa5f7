//! `simulator compare` and `simulator trace` from the outside: what they print, and what they refuse.
#![allow(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use controller::metrics::Metric;
use world::demand::{Office, generate, read_trace, write_trace};

/// Monday, 5 January 2026, 00:00 UTC, in milliseconds.
const MONDAY_MS: i64 = 1_767_571_200_000;
const DAY_MS: i64 = 86_400_000;

fn simulator(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_simulator")).args(arguments).output().unwrap()
}

/// A directory of this test's own, empty.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    directory
}

fn write_demand(path: &Path, days: i64) {
    let office = Office { recordings_per_weekday: 40.0, ..Office::default() };
    let mut csv = Vec::new();
    write_trace(&generate(office, MONDAY_MS, MONDAY_MS + days * DAY_MS, 1), &mut csv).unwrap();
    fs::write(path, csv).unwrap();
}

fn error_of(arguments: &[&str]) -> String {
    let output = simulator(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    assert!(output.stdout.is_empty(), "{arguments:?} prints a result");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_comparison_prints_json_alone_and_writes_a_log_for_each_policy() {
    let directory = directory("compare");
    let (trace, log) = (directory.join("trace.csv"), directory.join("log"));
    write_demand(&trace, 15);
    let output = simulator(&[
        "compare",
        "--trace",
        trace.to_str().unwrap(),
        "--hit-rate",
        "0.95",
        "--format",
        "json",
        "--log",
        log.to_str().unwrap(),
        "--policy",
        "threshold",
        "--policy",
        "bound",
    ]);
    assert!(output.status.success(), "{output:?}");
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row["policy"].as_str().unwrap()).collect();
    assert_eq!(names, ["threshold", "bound"]);
    let mut logs: Vec<String> =
        fs::read_dir(&log).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    logs.sort();
    assert_eq!(logs, ["bound.csv", "threshold.csv"]);
    let text = fs::read_to_string(log.join("threshold.csv")).unwrap();
    assert!(text.starts_with("time_seconds,event,instance,request\n"), "{text:.80}");
    assert!(text.lines().any(|line| line.contains(",refuse,,")), "no request was refused at 95 %");
}

#[test]
fn the_page_is_one_file_with_a_curve_a_day_and_every_policy() {
    let directory = directory("page");
    let (trace, page) = (directory.join("trace.csv"), directory.join("index.html"));
    write_demand(&trace, 15);
    let arguments = ["--trace", trace.to_str().unwrap(), "--hit-rate", "0.95", "--page", page.to_str().unwrap()];
    let output = simulator(&[&["compare"], &arguments[..]].concat());
    assert!(output.status.success(), "{output:?}");
    let html = fs::read_to_string(page).unwrap();
    for wanted in ["A Jibri for 95 % of the requests", "The trade-off", "A typical day: ", "target-tracking"] {
        assert!(html.contains(wanted), "{wanted}");
    }
    // It loads nothing: the names of XML's namespaces are its only addresses. A number that is none would be null in its data.
    for unwanted in ["src=", "<link", "@import", "url(", "NaN", "inf ", ":null"] {
        assert!(!html.contains(unwanted), "{unwanted}");
    }
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("policy "), "the table beside the page");
}

#[test]
fn a_value_out_of_bounds_is_named_with_what_is_allowed() {
    for (arguments, expected) in [
        (["--hit-rate", "1"], "hit rate is \"1\", and must be a number from 0.5 to 0.9999"),
        (["--hit-rate", "NaN"], "hit rate is \"NaN\""),
        (["--lead-seconds", "29"], "29 is not in 30..=1800"),
        (["--policy", "magic"], "possible values: seed, threshold"),
        (["--trace", "/nowhere.csv"], "cannot open /nowhere.csv"),
    ] {
        let error = error_of(&[&["compare"], &arguments[..]].concat());
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_trace_that_is_broken_or_too_short_is_refused() {
    let directory = directory("broken");
    let trace = directory.join("trace.csv");
    fs::write(&trace, "start,duration_seconds\n2026-01-05T06:01:57Z,60\nsoon,60\n").unwrap();
    let error = error_of(&["compare", "--trace", trace.to_str().unwrap()]);
    assert!(error.contains("line 3: start is \"soon\""), "{error}");
    write_demand(&trace, 7);
    let error = error_of(&["compare", "--trace", trace.to_str().unwrap()]);
    assert!(error.contains("must be at least 192"), "{error}");
}

/// An export with these values, a minute each, from 08:00 on.
fn export(starts: &[f64], busy: Option<&[f64]>) -> String {
    let series = |label: &str, values: &[f64]| {
        let times: Vec<String> =
            (0..values.len()).map(|minute| format!("2026-01-05T08:{minute:02}:00+00:00")).collect();
        serde_json::json!({"Id": "m", "Label": label, "Timestamps": times, "Values": values, "StatusCode": "Complete"})
    };
    let mut results = vec![series(Metric::RecordingStarts.name(), starts)];
    results.extend(busy.map(|busy| series(Metric::BusyJibris.name(), busy)));
    serde_json::json!({"MetricDataResults": results, "Messages": []}).to_string()
}

fn trace_of(name: &str, json: &str, more: &[&str]) -> Output {
    let file = directory(name).join("metrics.json");
    fs::write(&file, json).unwrap();
    simulator(&[&["trace", "--from-metrics", file.to_str().unwrap()], more].concat())
}

#[test]
fn starts_are_spread_over_their_minute() {
    // Averages of six samples: 3, 0 and 1 starts.
    let output = trace_of("spread", &export(&[0.5, 0.0, 1.0 / 6.0], None), &["--mean-minutes", "30"]);
    let csv = String::from_utf8(output.stdout).unwrap();
    let starts: Vec<&str> = csv.lines().skip(1).map(|line| &line[..20]).collect();
    assert_eq!(
        starts,
        ["2026-01-05T08:00:10Z", "2026-01-05T08:00:30Z", "2026-01-05T08:00:50Z", "2026-01-05T08:02:30Z"]
    );
}

#[test]
fn the_mean_duration_follows_from_the_busy_jibris() {
    // Ten starts a minute, and 200 at once: twenty minutes each.
    let output = trace_of("little", &export(&[10.0 / 6.0; 50], Some(&[200.0; 50])), &[]);
    let requests = read_trace(&output.stdout[..]).unwrap();
    assert_eq!(requests.len(), 500);
    let total: i64 = requests.iter().map(|request| request.duration_ms / 1000).sum();
    assert!((total / 500 - 1200).abs() < 24, "{} s", total / 500);
    assert!(String::from_utf8(output.stderr).unwrap().contains("of 20.0 minutes on average"));
}

#[test]
fn an_export_that_lacks_something_says_what() {
    let other = r#"{"MetricDataResults":[{"Id":"a","Label":"Other","Timestamps":[],"Values":[]}]}"#;
    let uneven = r#"{"MetricDataResults":[{"Label":"STARTS","Timestamps":[],"Values":[1]}]}"#;
    let five = r#"{"MetricDataResults":[{"Label":"STARTS","Values":[1,1],
        "Timestamps":["2026-01-05T08:00:00Z","2026-01-05T08:05:00Z"]}]}"#;
    let negative = r#"{"MetricDataResults":[{"Label":"STARTS","Values":[-1],"Timestamps":["2026-01-05T08:00:00Z"]}]}"#;
    let named = |json: &str| json.replace("STARTS", Metric::RecordingStarts.name());
    for (json, expected) in [
        (export(&[1.0], None), "BusyJibris is missing"),
        (export(&[0.0, 0.0], None), "no recording in it"),
        (
            other.to_owned(),
            "RecordingStarts is missing: no result has it as Label, or recordingStarts as Id; the labels \
                            are [\"Other\"]",
        ),
        (named(uneven), "0 Timestamps and 1 Values"),
        (named(five), "every 300 s"),
        (named(negative), "must not be negative"),
        ("{}".to_owned(), "MetricDataResults"),
    ] {
        let output = trace_of("lacking", &json, &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && error.contains(expected), "{error}");
    }
}
