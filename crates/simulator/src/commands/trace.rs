//! `simulator trace`.

use std::{fs, io::Write, path::PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use world::demand::{read_export, write_trace};

const HELP: &str = r#"Make the export so, for the pool jibri (CloudWatch keeps minutes for 15 days):

  aws cloudwatch get-metric-data --output json \
    --start-time "$(date --utc --date '15 days ago' +%Y-%m-%dT%H:%M:00Z)" --end-time "$(date --utc +%Y-%m-%dT%H:%M:00Z)" \
    --metric-data-queries '[
      {"Id": "recordingStarts", "Label": "RecordingStarts", "MetricStat": {"Period": 60, "Stat": "Average", "Metric":
        {"Namespace": "JibriAutoscaler", "MetricName": "RecordingStarts",
         "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "jibri"}]}}},
      {"Id": "busyJibris", "Label": "BusyJibris", "MetricStat": {"Period": 60, "Stat": "Average", "Metric":
        {"Namespace": "JibriAutoscaler", "MetricName": "BusyJibris",
         "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "jibri"}]}}}]' > metrics.json

A refused request is no start, and so is not in the trace."#;

#[derive(Args, Debug)]
#[command(after_long_help = HELP)]
pub(crate) struct TraceArguments {
    /// The JSON that `aws cloudwatch get-metric-data` wrote: RecordingStarts, and BusyJibris if there is no --mean-minutes.
    #[arg(long, value_name = "FILE")]
    from_metrics: PathBuf,
    /// How long a recording lasts on average, in minutes, from 1 to 1440; without it, it is estimated from BusyJibris.
    #[arg(long, value_parser = parse_minutes)]
    mean_minutes: Option<f64>,
    /// SAMPLE_INTERVAL_SECONDS of the pool: the average of a minute is over so many samples.
    #[arg(long, default_value = "10", value_parser = parse_interval)]
    sample_interval_seconds: u32,
}

fn parse_minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes| (1.0..=1440.0).contains(minutes));
    minutes.ok_or_else(|| format!("mean minutes is {text:?}, and must be a number from 1 to 1440"))
}

fn parse_interval(text: &str) -> Result<u32, String> {
    let seconds = text.parse().ok().filter(|seconds| (5..=30).contains(seconds) && 60 % seconds == 0);
    seconds.ok_or_else(|| {
        format!("sample interval seconds is {text:?}, and must be a whole number from 5 to 30 that divides 60")
    })
}

pub(crate) fn trace(arguments: &TraceArguments) -> anyhow::Result<()> {
    let path = &arguments.from_metrics;
    let json = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let made = read_export(&json, 60 / arguments.sample_interval_seconds, arguments.mean_minutes)
        .map_err(|problem| anyhow!("{}: {problem}", path.display()))?;
    eprintln!("{} recordings of {:.1} minutes on average", made.requests.len(), made.mean_minutes);
    if made.unknown_minutes > 0 {
        eprintln!("{} minutes are not in the export, and have no recording in the trace", made.unknown_minutes);
    }
    let mut text = Vec::new();
    write_trace(&made.requests, &mut text)?;
    match std::io::stdout().write_all(&text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => bail!("cannot write the trace: {error}"),
        _ => Ok(()),
    }
}
