//! What CloudWatch remembers of the metrics that a forecast reads: aggregates of each minute, for fifteen days.

use std::collections::BTreeMap;

use controller::ports::HISTORY_METRICS;

use super::{AwsError, MetricView, Milliseconds, Statistic, World};

const MINUTE_MS: Milliseconds = 60_000;
/// How long minutes are kept.
const KEPT_MINUTES: Milliseconds = 15 * 24 * 60;

/// The aggregates, by metric and minute.
#[derive(Clone, Debug, Default)]
pub(super) struct Published {
    minutes: BTreeMap<&'static str, BTreeMap<Milliseconds, Aggregate>>,
}

#[derive(Clone, Copy, Debug)]
struct Aggregate {
    sum: f64,
    samples: f64,
    least: f64,
    most: f64,
}

impl Published {
    pub(super) fn put(&mut self, data: &[MetricView]) {
        for datum in data {
            // No other is asked for.
            let mut remembered = HISTORY_METRICS.iter().map(|(metric, ..)| metric.name());
            let Some(name) = remembered.find(|name| *name == datum.name) else { continue };
            let minute = datum.at.div_euclid(MINUTE_MS);
            let minutes = self.minutes.entry(name).or_default();
            let new = Aggregate { sum: 0.0, samples: 0.0, least: f64::INFINITY, most: f64::NEG_INFINITY };
            let aggregate = minutes.entry(minute).or_insert(new);
            aggregate.sum += datum.value;
            aggregate.samples += 1.0;
            aggregate.least = aggregate.least.min(datum.value);
            aggregate.most = aggregate.most.max(datum.value);
            while minutes.first_key_value().is_some_and(|(first, _)| *first < minute - KEPT_MINUTES) {
                minutes.pop_first();
            }
        }
    }
}

impl World {
    /// `GetMetricData` of one metric: the periods that anything was published in, each with its beginning.
    ///
    /// # Errors
    /// Throttling alone.
    pub fn get_metric_data(
        &mut self,
        name: &str,
        statistic: Statistic,
        period_ms: Milliseconds,
        since: Milliseconds,
    ) -> Result<Vec<(Milliseconds, f64)>, AwsError> {
        self.throttle("Throttling")?;
        let Some(minutes) = self.published.minutes.get(name) else { return Ok(Vec::new()) };
        // Minutes come in order, and so do the periods that they lie in.
        let mut periods: Vec<(Milliseconds, Aggregate)> = Vec::with_capacity(minutes.len());
        for (minute, aggregate) in minutes.range(since.div_euclid(MINUTE_MS)..) {
            let begin = (minute * MINUTE_MS).div_euclid(period_ms) * period_ms;
            match periods.last_mut() {
                Some((last, whole)) if *last == begin => {
                    whole.sum += aggregate.sum;
                    whole.samples += aggregate.samples;
                    whole.least = whole.least.min(aggregate.least);
                    whole.most = whole.most.max(aggregate.most);
                }
                _ => periods.push((begin, *aggregate)),
            }
        }
        let value = |aggregate: Aggregate| match statistic {
            Statistic::Average => aggregate.sum / aggregate.samples,
            Statistic::Sum => aggregate.sum,
            Statistic::Minimum => aggregate.least,
            // Of launches that all take about as long the highest is the 95th percentile.
            Statistic::Maximum | Statistic::P95 => aggregate.most,
        };
        Ok(periods.into_iter().map(|(begin, aggregate)| (begin, value(aggregate))).collect())
    }
}
