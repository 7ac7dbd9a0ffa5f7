//! What the script of a command printed. Only a whole, well-formed report is evidence.

use planner::{HealthStatus, InstanceReport, JibriProcess};
use serde::Deserialize;

/// What SSM puts between the standard output and the standard error of a script.
const ERROR_SECTION: &str = "----------ERROR-------";

#[derive(Deserialize)]
struct Line {
    process: Process,
    busy_status: Option<BusyStatus>,
    health_status: Option<Health>,
    recordings_pending: u32,
    recordings_failed: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Process {
    Gone,
    Running,
    Unresponsive,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum BusyStatus {
    Idle,
    Busy,
    Expired,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Health {
    Healthy,
    Unhealthy,
}

/// Reads the one line of JSON that `instance/jibri_drain.py` prints, out of the output that SSM keeps.
pub fn parse_report(output: &str) -> Result<InstanceReport, String> {
    let printed = output.split(ERROR_SECTION).next().unwrap_or_default();
    let mut lines = printed.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.next().ok_or("it printed nothing")?;
    if lines.next().is_some() {
        return Err("it printed more than the one line of its report".into());
    }
    let line: Line = serde_json::from_str(line).map_err(|error| format!("it printed no report: {error}"))?;
    let process = match (line.process, line.busy_status, line.health_status) {
        (Process::Gone, None, None) => JibriProcess::Gone,
        (Process::Unresponsive, None, None) => JibriProcess::Unresponsive,
        (Process::Running, Some(busy), Some(health)) => {
            let health = match health {
                Health::Healthy => HealthStatus::Healthy,
                Health::Unhealthy => HealthStatus::Unhealthy,
            };
            match busy {
                BusyStatus::Idle => JibriProcess::Idle(health),
                BusyStatus::Busy => JibriProcess::Busy(health),
                BusyStatus::Expired => JibriProcess::Expired(health),
            }
        }
        _ => {
            return Err("its report contradicts itself: a status goes with a running process, and only with it".into());
        }
    };
    let (pending, failed) = (line.recordings_pending, line.recordings_failed);
    if failed > pending {
        return Err(format!("its report contradicts itself: {failed} failed of {pending} pending recordings"));
    }
    Ok(InstanceReport { process, recordings_pending: pending, recordings_failed: failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: &str =
        r#"{"process":"gone","busy_status":null,"health_status":null,"recordings_pending":0,"recordings_failed":0}"#;

    #[test]
    fn a_report_is_read_with_and_without_an_error_section() {
        let gone = InstanceReport { process: JibriProcess::Gone, recordings_pending: 0, recordings_failed: 0 };
        assert_eq!(parse_report(GONE), Ok(gone));
        assert_eq!(parse_report(&format!("{GONE}\n\n----------ERROR-------\nretrying\n")), Ok(gone));
        let busy = GONE.replace(
            r#""gone","busy_status":null,"health_status":null"#,
            r#""running","busy_status":"BUSY","health_status":"UNHEALTHY""#,
        );
        assert_eq!(parse_report(&busy).unwrap().process, JibriProcess::Busy(HealthStatus::Unhealthy));
    }

    #[test]
    fn anything_less_is_no_evidence() {
        let hostile = [
            String::new(),
            "\n----------ERROR-------\nTraceback".into(),
            "null".into(),
            "{}".into(),
            GONE[..GONE.len() - 1].into(),
            format!("{GONE}\n{GONE}"),
            GONE.replace("gone", "Gone"),
            GONE.replace(r#""recordings_pending":0"#, r#""recordings_pending":-1"#),
            GONE.replace(r#""recordings_failed":0"#, r#""recordings_failed":2"#),
            GONE.replace(r#""busy_status":null"#, r#""busy_status":"IDLE""#),
            GONE.replace("gone", "running"),
            GONE.replace(r#""recordings_pending":0,"#, ""),
        ];
        for output in hostile {
            assert!(parse_report(&output).is_err(), "{output}");
        }
    }
}
