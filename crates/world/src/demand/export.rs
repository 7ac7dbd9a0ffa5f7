//! A trace from a pool's metrics: the JSON that the AWS CLI writes for GetMetricData.

use std::collections::BTreeMap;

use controller::text::{quote, shorten};
use serde::Deserialize;

use super::Request;

const MINUTE_SECONDS: i64 = 60;
/// More starts in a minute than any pool has: a sign of another metric.
const MOST_STARTS: f64 = 10_000.0;
/// The most recordings that a trace is made of.
const MOST_REQUESTS: f64 = 5_000_000.0;
const LONGEST_SECONDS: f64 = 7.0 * 24.0 * 3600.0;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Export {
    metric_data_results: Vec<Series>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Series {
    #[serde(default)]
    id: String,
    #[serde(default)]
    label: String,
    timestamps: Vec<String>,
    values: Vec<f64>,
}

/// What was made of an export.
#[derive(Clone, Debug, PartialEq)]
pub struct Reconstruction {
    /// The trace.
    pub requests: Vec<Request>,
    /// The mean duration that it was made with, in minutes.
    pub mean_minutes: f64,
    /// Minutes between the first and the last of which nothing is known; they have no starts in the trace.
    pub unknown_minutes: i64,
}

/// Makes a trace: the starts of a minute are spread evenly over it, and durations are as an exponential distribution
/// has them, since nothing but their mean is known.
///
/// The mean is `mean_minutes`, or else follows from `BusyJibris` by Little's law: recordings under way are starts a
/// minute times minutes a recording.
///
/// # Errors
/// What is missing in the export, or is not as it must be.
pub fn read_export(json: &str, samples_per_minute: u32, mean_minutes: Option<f64>) -> Result<Reconstruction, String> {
    let export: Export = serde_json::from_str(json).map_err(|error| {
        format!("the export is not what `aws cloudwatch get-metric-data` writes: {}", shorten(&error))
    })?;
    let averages = read_series(&export, "RecordingStarts")?.ok_or_else(|| missing(&export))?;
    let starts: BTreeMap<i64, f64> =
        averages.iter().map(|(at, average)| (*at, (average * f64::from(samples_per_minute)).round())).collect();
    if let Some((at, count)) = starts.iter().find(|(_, count)| **count > MOST_STARTS) {
        return Err(format!("RecordingStarts is {count} in the minute of {at}, and must be at most {MOST_STARTS}"));
    }
    let all: f64 = starts.values().sum();
    if all > MOST_REQUESTS {
        return Err(format!("RecordingStarts has {all} recordings in all, and must have at most {MOST_REQUESTS}"));
    }
    if starts.values().all(|count| *count < 1.0) {
        return Err("RecordingStarts has no recording in it".into());
    }
    let mean_minutes = match mean_minutes {
        Some(minutes) => minutes,
        None => estimate_mean_minutes(&starts, read_series(&export, "BusyJibris")?.as_ref())?,
    };
    let span = starts.keys().next_back().zip(starts.keys().next()).map_or(0, |(last, first)| last - first);
    let known = i64::try_from(starts.len()).unwrap_or(i64::MAX);
    let unknown_minutes = span / MINUTE_SECONDS + 1 - known;
    Ok(Reconstruction { requests: spread(&starts, mean_minutes), mean_minutes, unknown_minutes })
}

fn missing(export: &Export) -> String {
    let found: Vec<&str> = export.metric_data_results.iter().map(|series| series.label.as_str()).collect();
    format!(
        "RecordingStarts is missing: no result has it as Label, or recordingStarts as Id; the labels are {}",
        shorten(&format!("{found:?}"))
    )
}

/// A metric's values by minute; a metric may be in several results, since the CLI joins pages.
fn read_series(export: &Export, name: &str) -> Result<Option<BTreeMap<i64, f64>>, String> {
    let is_it = |series: &&Series| series.label == name || series.id.eq_ignore_ascii_case(name);
    let mut values = BTreeMap::new();
    for series in export.metric_data_results.iter().filter(is_it) {
        let (times, count) = (series.timestamps.len(), series.values.len());
        if times != count {
            return Err(format!("{name} has {times} Timestamps and {count} Values, and must have as many"));
        }
        for (time, value) in series.timestamps.iter().zip(&series.values) {
            let at: jiff::Timestamp = time.parse().map_err(|_| {
                format!("a timestamp of {name} is {}, and must be a moment such as 2026-01-05T06:01:00Z", quote(time))
            })?;
            if at.as_second() % MINUTE_SECONDS != 0 {
                return Err(format!(
                    "a timestamp of {name} is {}, and must be a full minute: the period is 60",
                    quote(time)
                ));
            }
            if !value.is_finite() || *value < 0.0 {
                return Err(format!("{name} is {value} at {}, and must not be negative", quote(time)));
            }
            values.insert(at.as_second(), *value);
        }
    }
    let distance = values.keys().zip(values.keys().skip(1)).map(|(before, after)| after - before).min();
    match distance {
        Some(seconds) if seconds > MINUTE_SECONDS => {
            Err(format!("{name} has a value every {seconds} s, and must have one a minute: ask for Period 60"))
        }
        _ => Ok((!values.is_empty()).then_some(values)),
    }
}

fn estimate_mean_minutes(starts: &BTreeMap<i64, f64>, busy: Option<&BTreeMap<i64, f64>>) -> Result<f64, String> {
    let busy = busy.ok_or(
        "BusyJibris is missing, which the mean duration is estimated from: export it as well, or \
                           say --mean-minutes",
    )?;
    let both = || starts.iter().filter_map(|(at, count)| busy.get(at).map(|busy| (*count, *busy)));
    let (begun, under_way) =
        both().fold((0.0, 0.0), |(begun, under_way), (count, busy)| (begun + count, under_way + busy));
    if begun == 0.0 || under_way == 0.0 {
        return Err(
            "BusyJibris and RecordingStarts have no minute with a recording in common: say --mean-minutes".into()
        );
    }
    let mean_minutes = under_way / begun;
    let longest_minutes = LONGEST_SECONDS / 60.0;
    match mean_minutes <= longest_minutes {
        true => Ok(mean_minutes),
        false => Err(format!("by BusyJibris a recording takes {mean_minutes} minutes, more than {longest_minutes}")),
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "counts of a minute, seconds of a week"
)]
fn spread(starts: &BTreeMap<i64, f64>, mean_minutes: f64) -> Vec<Request> {
    // Additive recurrence with the golden ratio: evenly spread whatever the number, and the same every time.
    const STEP: f64 = 0.618_033_988_749_894_9;
    let mut quantile = 0.5;
    let mut requests = Vec::new();
    for (minute, count) in starts {
        let count = *count as i64;
        for number in 0..count {
            let seconds = (-mean_minutes * 60.0 * (1.0f64 - quantile).ln()).round().clamp(1.0, LONGEST_SECONDS);
            quantile = (quantile + STEP) % 1.0;
            let at = minute + (2 * number + 1) * MINUTE_SECONDS / (2 * count);
            requests.push(Request { at: at * 1000, duration_ms: seconds as i64 * 1000 });
        }
    }
    requests
}
