use controller::report::parse_report;
use planner::{HealthStatus, JibriProcess};
use serde_json::{Value, json};

use super::assert_fit;

/// A report is believed only as the one whole line that says so, with every member; not when it is cut or doubled.
pub fn report(output: &str) {
    let report = match parse_report(output) {
        Err(problem) => return assert_fit(&problem, 300),
        Ok(report) => report,
    };
    let line = output.split("----------ERROR-------").next().expect("something").trim();
    let said: Value = serde_json::from_str(line).expect("one line, and nothing else");
    let health = |health| match health {
        HealthStatus::Healthy => json!("HEALTHY"),
        HealthStatus::Unhealthy => json!("UNHEALTHY"),
    };
    let (process, busy_status, health_status) = match report.process {
        JibriProcess::Gone => ("gone", Value::Null, Value::Null),
        JibriProcess::Unresponsive => ("unresponsive", Value::Null, Value::Null),
        JibriProcess::Idle(status) => ("running", json!("IDLE"), health(status)),
        JibriProcess::Busy(status) => ("running", json!("BUSY"), health(status)),
        JibriProcess::Expired(status) => ("running", json!("EXPIRED"), health(status)),
    };
    let members = said.as_object().expect("an object");
    for (name, value) in [
        ("process", json!(process)),
        ("busy_status", busy_status),
        ("health_status", health_status),
        ("recordings_pending", json!(report.recordings_pending)),
        ("recordings_failed", json!(report.recordings_failed)),
        ("recording", json!(report.recording)),
        ("finalizing", json!(report.finalizing)),
        ("oldest_recording_seconds", json!(report.oldest_recording_seconds)),
        ("good_recording_seconds", json!(report.good_recording_seconds)),
    ] {
        assert_eq!(members.get(name), Some(&value), "{name} in {line}");
    }
    assert!(report.recordings_failed <= report.recordings_pending);
    hold_no_other(line);
}

fn hold_no_other(line: &str) {
    // All cuts of a line that is as long as a script's; a longer one costs the square of its length.
    for (cut, _) in line.char_indices().take(1000) {
        assert!(parse_report(&line[..cut]).is_err(), "a cut line was believed: {}", &line[..cut]);
    }
    assert!(parse_report(&format!("{line}{line}")).is_err() && parse_report(&format!("{line}\n{line}")).is_err());
}
