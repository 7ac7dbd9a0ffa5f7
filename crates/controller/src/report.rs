//! What the script of a command printed. Only a whole, well-formed report is evidence.

use planner::{HealthStatus, InstanceReport, JibriProcess};
use serde::{Deserialize, Deserializer};

use crate::{
    object::Object,
    text::{quote, shorten},
};

/// What SSM puts between the standard output and the standard error of a script.
const ERROR_SECTION: &str = "----------ERROR-------";

/// Every member is printed, also where it is null: a line that lacks one is not the script's.
#[derive(Deserialize)]
struct Line {
    process: String,
    #[serde(deserialize_with = "required")]
    busy_status: Option<String>,
    #[serde(deserialize_with = "required")]
    health_status: Option<String>,
    recordings_pending: u32,
    recordings_failed: u32,
    recording: bool,
    finalizing: bool,
    #[serde(deserialize_with = "required")]
    oldest_recording_seconds: Option<u64>,
    #[serde(deserialize_with = "required")]
    good_recording_seconds: Option<u64>,
}

fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

/// Reads the one line of JSON that `instance/jibri_drain.py` prints, out of the output that SSM keeps.
///
/// # Errors
/// Why the output is no evidence, in words.
pub fn parse_report(output: &str) -> Result<InstanceReport, String> {
    let printed = output.split(ERROR_SECTION).next().unwrap_or_default();
    let mut lines = printed.lines().map(str::trim_ascii).filter(|line| !line.is_empty());
    let line = lines.next().ok_or("it printed nothing")?;
    if lines.next().is_some() {
        return Err("it printed more than the one line of its report".into());
    }
    let Object(line): Object<Line> =
        serde_json::from_str(line).map_err(|error| format!("it printed no report: {}", shorten(&error)))?;
    let process = match (&*line.process, line.busy_status.as_deref(), line.health_status.as_deref()) {
        ("gone", None, None) => JibriProcess::Gone,
        ("unresponsive", None, None) => JibriProcess::Unresponsive,
        ("running", Some(busy), Some(health)) => read_running(busy, health)?,
        ("gone" | "unresponsive" | "running", ..) => {
            return Err("its report contradicts itself: a status goes with a running process, and only with it".into());
        }
        (other, ..) => return Err(unknown("process", other)),
    };
    let (pending, failed) = (line.recordings_pending, line.recordings_failed);
    if failed > pending {
        return Err(format!("its report contradicts itself: {failed} failed of {pending} pending recordings"));
    }
    Ok(InstanceReport {
        process,
        recordings_pending: pending,
        recordings_failed: failed,
        recording: line.recording,
        finalizing: line.finalizing,
        oldest_recording_seconds: line.oldest_recording_seconds,
        good_recording_seconds: line.good_recording_seconds,
    })
}

fn read_running(busy: &str, health: &str) -> Result<JibriProcess, String> {
    let health = match health {
        "HEALTHY" => HealthStatus::Healthy,
        "UNHEALTHY" => HealthStatus::Unhealthy,
        other => return Err(unknown("health_status", other)),
    };
    match busy {
        "IDLE" => Ok(JibriProcess::Idle(health)),
        "BUSY" => Ok(JibriProcess::Busy(health)),
        "EXPIRED" => Ok(JibriProcess::Expired(health)),
        other => Err(unknown("busy_status", other)),
    }
}

fn unknown(member: &str, word: &str) -> String {
    format!("its report has an unknown {member}: {}", quote(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: &str = r#"{"process":"gone","busy_status":null,"health_status":null,"recordings_pending":0,"recordings_failed":0,"recording":false,"finalizing":false,"oldest_recording_seconds":null,"good_recording_seconds":null}"#;

    #[test]
    fn a_report_is_read_with_and_without_an_error_section() {
        let gone = InstanceReport {
            process: JibriProcess::Gone,
            recordings_pending: 0,
            recordings_failed: 0,
            recording: false,
            finalizing: false,
            oldest_recording_seconds: None,
            good_recording_seconds: None,
        };
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
            GONE.replace(r#""health_status":null,"#, ""),
            GONE.replace(r#""gone""#, r#"{"gone":null}"#),
            GONE.replace(r#""recordings_failed":0"#, r#""recordings_failed":0,"process":"gone""#),
            r#"["gone",null,null,0,0]"#.into(),
        ];
        for output in hostile {
            assert!(parse_report(&output).is_err(), "{output}");
        }
    }
}
