//! CloudWatch alarms over the metrics that were put:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html>.

mod declared;
mod expression;
mod history;

use std::collections::{BTreeMap, VecDeque};

pub use controller::{
    alarms::{Comparison, MissingData},
    metrics::Statistic,
};

use super::{MetricView, Milliseconds};
pub use expression::Expression;
pub use history::Ring;

/// An alarm.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmConfig {
    /// `AlarmName`.
    pub name: String,
    /// `MetricName` and `Statistic`, or `Metrics`.
    pub watches: Expression,
    /// `Period`, in seconds.
    pub period_seconds: u32,
    /// `EvaluationPeriods`.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`.
    pub datapoints_to_alarm: u32,
    /// `ComparisonOperator`.
    pub comparison: Comparison,
    /// `Threshold`.
    pub threshold: f64,
    /// `TreatMissingData`.
    pub missing: MissingData,
    /// The scaling policy among `AlarmActions`.
    pub policy: Option<String>,
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

impl AlarmState {
    /// The state as CloudWatch writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        }
    }
}

impl AlarmConfig {
    pub(super) fn is_valid(&self) -> bool {
        self.period_seconds > 0 && (1..=self.evaluation_periods).contains(&self.datapoints_to_alarm)
    }

    fn period_ms(&self) -> Milliseconds {
        Milliseconds::from(self.period_seconds) * 1000
    }

    fn range_ms(&self) -> Milliseconds {
        self.period_ms() * Milliseconds::from(self.evaluation_range())
    }

    /// How many datapoints are looked at to make up for missing ones: the page has 5 for 3 periods, and no formula.
    fn evaluation_range(&self) -> u32 {
        self.evaluation_periods.saturating_add(2)
    }

    /// The state that follows from the datapoints of the evaluation range, the newest first: whether each is
    /// breaching, `None` for one that is missing. What is missing is made up for by older ones as far as possible:
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html>.
    fn decide(&self, datapoints: &[Option<bool>], before: AlarmState) -> AlarmState {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let (periods, wanted) = (count(self.evaluation_periods), count(self.datapoints_to_alarm));
        let ages = datapoints.iter().enumerate();
        let real: Vec<(usize, bool)> =
            ages.filter_map(|(age, breaches)| breaches.map(|breaches| (age, breaches))).take(periods).collect();
        let breaching = real.iter().filter(|(_, breaches)| *breaches).count();
        let missing = periods - real.len();
        let state = |breaching: usize| if breaching >= wanted { AlarmState::Alarm } else { AlarmState::Ok };
        match self.missing {
            MissingData::Breaching => state(breaching + missing),
            MissingData::NotBreaching => state(breaching),
            _ if missing == 0 || breaching >= wanted || breaching < real.len() => state(breaching),
            MissingData::Ignore => before,
            // All that is there is breaching: enough only if it began long enough ago, or else the next datapoint
            // may show that it was nothing.
            MissingData::Missing | MissingData::MissingAndTold => match real.last() {
                Some((age, _)) if age + 1 >= wanted => AlarmState::Alarm,
                _ => AlarmState::InsufficientData,
            },
        }
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
            series: alarms.iter().flat_map(|alarm| alarm.watches.names()).map(|name| (name, VecDeque::new())).collect(),
            keep_ms: alarms.iter().map(AlarmConfig::range_ms).max().unwrap_or(0),
        }
    }

    pub(super) fn put(&mut self, data: &[MetricView]) {
        for datum in data {
            if let Some(series) = self.series.get_mut(datum.name.as_ref()) {
                series.push_back((datum.at, datum.value));
                while series.front().is_some_and(|(at, _)| *at < datum.at - self.keep_ms) {
                    series.pop_front();
                }
            }
        }
    }

    /// Evaluates an alarm at a moment: its periods end there, one behind the other, since the window slides:
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html>. A value that came late
    /// counts in the period of its own time.
    pub(super) fn evaluate(&self, alarm: &AlarmConfig, before: AlarmState, now: Milliseconds) -> Evaluation {
        let datapoints: Vec<Option<f64>> = (0..alarm.evaluation_range())
            .map(|back| {
                let end = now - alarm.period_ms() * Milliseconds::from(back);
                let begin = end - alarm.period_ms();
                alarm.watches.value(&|name, statistic| {
                    let series = self.series.get(name).into_iter().flatten();
                    summarize(statistic, series.filter(|(at, _)| (begin..end).contains(at)).map(|(_, value)| *value))
                })
            })
            .collect();
        let breaches = |value: f64| match alarm.comparison {
            Comparison::Above => value > alarm.threshold,
            Comparison::AtLeast => value >= alarm.threshold,
            Comparison::Below => value < alarm.threshold,
            Comparison::AtMost => value <= alarm.threshold,
        };
        let breaching: Vec<Option<bool>> = datapoints.iter().map(|datapoint| datapoint.map(breaches)).collect();
        let newest = datapoints.iter().flatten().next().copied();
        Evaluation { state: alarm.decide(&breaching, before), newest }
    }
}

/// A statistic of a period's values; `None` when there is none.
#[allow(clippy::cast_precision_loss, reason = "far fewer values than an f64 can count")]
fn summarize(statistic: Statistic, values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let sum = || values.iter().sum::<f64>();
    match statistic {
        Statistic::Average => (!values.is_empty()).then(|| sum() / values.len() as f64),
        Statistic::Maximum => values.last().copied(),
        Statistic::Minimum => values.first().copied(),
        Statistic::Sum => (!values.is_empty()).then(sum),
        Statistic::P95 => values.get((values.len() * 95).div_ceil(100).saturating_sub(1)).copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm(evaluation_periods: u32, datapoints_to_alarm: u32, missing: MissingData) -> AlarmConfig {
        AlarmConfig {
            name: "shortage".into(),
            watches: Expression::metric("Shortage", Statistic::Maximum),
            period_seconds: 60,
            evaluation_periods,
            datapoints_to_alarm,
            comparison: Comparison::AtLeast,
            threshold: 1.0,
            missing,
            policy: None,
        }
    }

    /// The datapoints as the page writes them: the newest is the last, `X` is breaching, `-` is missing.
    fn decide(datapoints: &str, datapoints_to_alarm: u32, missing: MissingData, before: AlarmState) -> AlarmState {
        let newest_first = datapoints.chars().rev().map(|datapoint| match datapoint {
            'X' => Some(true),
            '0' => Some(false),
            _ => None,
        });
        alarm(3, datapoints_to_alarm, missing).decide(&newest_first.collect::<Vec<_>>(), before)
    }

    #[test]
    fn the_tables_of_the_page_hold() {
        use AlarmState::{Alarm, InsufficientData, Ok};
        // Datapoints to alarm, datapoints, and the state if missing, breaching and not breaching is assumed of what
        // is missing. `None` where it is ignored: the state stays.
        let rows = [
            (3, "0-X-X", Ok, Some(Ok), Ok, Ok),
            (3, "0----", Ok, Some(Ok), Ok, Ok),
            (3, "-----", InsufficientData, None, Alarm, Ok),
            (3, "0XX-X", Alarm, Some(Alarm), Alarm, Alarm),
            (3, "--X--", Alarm, None, Alarm, Ok),
            (2, "0-X-X", Alarm, Some(Alarm), Alarm, Alarm),
            (2, "00X0X", Alarm, Some(Alarm), Alarm, Alarm),
            (2, "0-X--", Ok, Some(Ok), Alarm, Ok),
            (2, "----0", Ok, Some(Ok), Alarm, Ok),
            (2, "---X-", Alarm, None, Alarm, Ok),
        ];
        for (wanted, datapoints, missing, ignored, breaching, not_breaching) in rows {
            for before in [Ok, Alarm, InsufficientData] {
                let states =
                    [MissingData::Missing, MissingData::Ignore, MissingData::Breaching, MissingData::NotBreaching]
                        .map(|missing| decide(datapoints, wanted, missing, before));
                let expected = [missing, ignored.unwrap_or(before), breaching, not_breaching];
                assert_eq!(states, expected, "{wanted} of 3 in {datapoints} after {before:?}");
            }
        }
    }

    #[test]
    fn a_first_breach_after_a_silence_is_no_alarm_yet() {
        for datapoints in ["----X", "---X-"] {
            let state = decide(datapoints, 3, MissingData::Missing, AlarmState::Ok);
            assert_ne!(state, AlarmState::Alarm, "{datapoints}");
        }
    }

    #[test]
    fn an_alarm_lives_on_its_last_datapoints_for_two_periods_when_its_metric_falls_silent() {
        let alarm = alarm(3, 3, MissingData::NotBreaching);
        let mut metrics = Metrics::new(std::slice::from_ref(&alarm));
        let minute_ms = 60_000;
        let shortage = |minute| MetricView {
            namespace: "JibriAutoscaler".into(),
            name: "Shortage".into(),
            value: 1.0,
            at: minute * minute_ms,
        };
        let states: Vec<AlarmState> = (1..=6)
            .map(|minute| {
                if minute <= 3 {
                    metrics.put(&[shortage(minute - 1)]);
                }
                metrics.evaluate(&alarm, AlarmState::Ok, minute * minute_ms).state
            })
            .collect();
        use AlarmState::{Alarm, Ok};
        assert_eq!(states, [Ok, Ok, Alarm, Alarm, Alarm, Ok]);
    }
}
