//! CloudWatch alarms over the metrics that were put:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>.

use std::collections::{BTreeMap, VecDeque};

use super::{MetricView, Milliseconds};

/// An alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmConfig {
    /// `AlarmName`.
    pub name: String,
    /// `MetricName`.
    pub metric: String,
    /// `Statistic`.
    pub statistic: Statistic,
    /// `Period`, in seconds.
    pub period_seconds: u32,
    /// `EvaluationPeriods`.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`.
    pub datapoints_to_alarm: u32,
    /// `ComparisonOperator` is `GreaterThanOrEqualToThreshold`; else `LessThanOrEqualToThreshold`.
    pub at_least: bool,
    /// `Threshold`.
    pub threshold: f64,
    /// `TreatMissingData`.
    pub missing: MissingData,
    /// The scaling policy among `AlarmActions`.
    pub policy: Option<String>,
}

/// `Statistic`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// `Average`.
    Average,
    /// `Maximum`.
    Maximum,
    /// `Minimum`.
    Minimum,
    /// `Sum`.
    Sum,
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    /// `missing`: periods without data do not count; with none at all the alarm has insufficient data.
    Missing,
    /// `notBreaching`.
    NotBreaching,
    /// `breaching`.
    Breaching,
    /// `ignore`: the state stays.
    Ignore,
}

/// `StateValue`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmState {
    /// `OK`.
    Ok,
    /// `ALARM`.
    Alarm,
    /// `INSUFFICIENT_DATA`.
    InsufficientData,
}

impl AlarmConfig {
    pub(super) fn is_valid(&self) -> bool {
        self.period_seconds > 0 && (1..=self.evaluation_periods).contains(&self.datapoints_to_alarm)
    }

    fn period_ms(&self) -> Milliseconds {
        Milliseconds::from(self.period_seconds) * 1000
    }

    fn span_ms(&self) -> Milliseconds {
        self.period_ms() * Milliseconds::from(self.evaluation_periods)
    }
}

/// What an evaluation has found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Evaluation {
    pub(super) state: AlarmState,
    /// The newest value, which a step policy measures its breach from.
    pub(super) newest: Option<f64>,
}

/// The metrics that alarms look at, for as long as they look back.
#[derive(Clone, Debug, Default)]
pub(super) struct Metrics {
    series: BTreeMap<String, VecDeque<(Milliseconds, f64)>>,
    keep_ms: Milliseconds,
}

impl Metrics {
    pub(super) fn new(alarms: &[AlarmConfig]) -> Metrics {
        Metrics {
            series: alarms.iter().map(|alarm| (alarm.metric.clone(), VecDeque::new())).collect(),
            keep_ms: alarms.iter().map(AlarmConfig::span_ms).max().unwrap_or(0) * 2,
        }
    }

    pub(super) fn put(&mut self, data: &[MetricView]) {
        for datum in data {
            if let Some(series) = self.series.get_mut(&datum.name) {
                series.push_back((datum.at, datum.value));
                while series.front().is_some_and(|(at, _)| *at < datum.at - self.keep_ms) {
                    series.pop_front();
                }
            }
        }
    }

    /// Evaluates an alarm at a moment: its periods end there, one behind the other.
    pub(super) fn evaluate(&self, alarm: &AlarmConfig, before: AlarmState, now: Milliseconds) -> Evaluation {
        let series = self.series.get(&alarm.metric);
        let datapoints: Vec<Option<f64>> = (0..alarm.evaluation_periods)
            .map(|back| {
                let end = now - alarm.period_ms() * Milliseconds::from(back);
                let begin = end - alarm.period_ms();
                let values = series.into_iter().flatten().filter(|(at, _)| (begin..end).contains(at));
                summarize(alarm.statistic, values.map(|(_, value)| *value))
            })
            .collect();
        let breaches = |value: f64| match alarm.at_least {
            true => value >= alarm.threshold,
            false => value <= alarm.threshold,
        };
        let missing = datapoints.iter().filter(|datapoint| datapoint.is_none()).count();
        let mut breaching = datapoints.iter().flatten().filter(|value| breaches(**value)).count();
        let all_missing = missing == datapoints.len();
        let newest = datapoints.iter().flatten().next().copied();
        let state = match alarm.missing {
            MissingData::Missing if all_missing => AlarmState::InsufficientData,
            MissingData::Ignore if all_missing => before,
            _ => {
                if alarm.missing == MissingData::Breaching {
                    breaching += missing;
                }
                match u32::try_from(breaching).unwrap_or(u32::MAX) >= alarm.datapoints_to_alarm {
                    true => AlarmState::Alarm,
                    false => AlarmState::Ok,
                }
            }
        };
        Evaluation { state, newest }
    }
}

fn summarize(statistic: Statistic, values: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut count, mut sum, mut least, mut most) = (0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY);
    for value in values {
        count += 1.0;
        sum += value;
        least = f64::min(least, value);
        most = f64::max(most, value);
    }
    (count > 0.0).then_some(match statistic {
        Statistic::Average => sum / count,
        Statistic::Maximum => most,
        Statistic::Minimum => least,
        Statistic::Sum => sum,
    })
}
