//! What was published: every value with its moment, for as long as CloudWatch keeps minutes.

use std::collections::BTreeMap;

use world::Milliseconds;

/// Values of a minute are kept for fifteen days.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention>
const RETENTION: Milliseconds = 15 * 24 * 3_600_000;

/// What makes a metric: the same name with other dimensions is another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Names and values, in order.
    pub(crate) dimensions: BTreeMap<String, String>,
}

/// All metrics.
#[derive(Debug, Default)]
pub(crate) struct MetricStore(BTreeMap<MetricKey, Vec<(Milliseconds, f64)>>);

/// Some values of a period.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Statistic {
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
    /// The smallest value that at least so many percent do not exceed.
    Percentile(f64),
}

impl MetricStore {
    /// Adds a value, and forgets what is too old.
    pub(crate) fn put(&mut self, key: MetricKey, at: Milliseconds, value: f64, now: Milliseconds) {
        let values = self.0.entry(key).or_default();
        values.insert(values.partition_point(|(moment, _)| *moment <= at), (at, value));
        let old = values.partition_point(|(moment, _)| *moment < now - RETENTION);
        values.drain(..old);
    }

    /// The value with the latest moment.
    pub(crate) fn latest(&self, key: &MetricKey) -> Option<f64> {
        self.0.get(key)?.last().map(|(_, value)| *value)
    }

    /// A statistic of each period that has values, oldest first: from `from` on, up to and without `until`.
    pub(crate) fn points(
        &self,
        key: &MetricKey,
        (from, until): (Milliseconds, Milliseconds),
        period: Milliseconds,
        statistic: Statistic,
    ) -> Vec<(Milliseconds, f64)> {
        let values = self.0.get(key).map_or(&[][..], Vec::as_slice);
        let first = values.partition_point(|(moment, _)| *moment < from);
        let last = values.partition_point(|(moment, _)| *moment < until).max(first);
        let period_of = |at: Milliseconds| from + (at - from).div_euclid(period) * period;
        let periods = values[first..last].chunk_by(|(one, _), (other, _)| period_of(*one) == period_of(*other));
        periods.map(|values| (period_of(values[0].0), statistic.of(values))).collect()
    }
}

impl Statistic {
    /// A statistic by its name: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html>
    pub(crate) fn read(name: &str) -> Option<Statistic> {
        Some(match name {
            "Average" => Statistic::Average,
            "Sum" => Statistic::Sum,
            "Minimum" => Statistic::Minimum,
            "Maximum" => Statistic::Maximum,
            "SampleCount" => Statistic::SampleCount,
            _ => {
                let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
                Statistic::Percentile(Some(percent).filter(|percent| (0.0..=100.0).contains(percent))?)
            }
        })
    }

    /// Of one or more values.
    #[allow(clippy::cast_precision_loss, reason = "far fewer values than an f64 can count")]
    fn of(self, values: &[(Milliseconds, f64)]) -> f64 {
        let count = values.len() as f64;
        let sum = || values.iter().map(|(_, value)| value).sum::<f64>();
        match self {
            Statistic::Average => sum() / count,
            Statistic::Sum => sum(),
            Statistic::Minimum => percentile(values, 0.0),
            Statistic::Maximum => percentile(values, 100.0),
            Statistic::SampleCount => count,
            Statistic::Percentile(percent) => percentile(values, percent),
        }
    }
}

#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small rank")]
fn percentile(values: &[(Milliseconds, f64)], percent: f64) -> f64 {
    let mut sorted: Vec<f64> = values.iter().map(|(_, value)| *value).collect();
    sorted.sort_by(f64::total_cmp);
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted[rank.saturating_sub(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Milliseconds = 60_000;

    fn key(dimension: &str) -> MetricKey {
        let dimensions = BTreeMap::from([("Group".to_owned(), dimension.to_owned())]);
        MetricKey { namespace: "Jibri".into(), name: "Free".into(), dimensions }
    }

    fn store(values: &[(Milliseconds, f64)]) -> MetricStore {
        let mut store = MetricStore::default();
        for (at, value) in values {
            store.put(key("jibri"), *at, *value, *at);
        }
        store
    }

    #[test]
    fn each_statistic_is_that_of_a_periods_values() {
        let values: Vec<_> = [4.0, 1.0, 2.0, 9.0].iter().zip([30, 10, 20, 0]).collect();
        let values: Vec<_> = values.into_iter().map(|(value, second)| (second * 1_000, *value)).collect();
        let store = store(&values);
        let of = |name: &str| {
            let statistic = Statistic::read(name).expect("a statistic");
            let points = store.points(&key("jibri"), (0, MINUTE), MINUTE, statistic);
            assert_eq!(points.len(), 1, "{name}");
            points[0].1
        };
        let names = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p95", "p0.5"];
        assert_eq!(names.map(of), [4.0, 16.0, 1.0, 9.0, 4.0, 2.0, 9.0, 1.0]);
        assert_eq!(["p101", "p", "average", "tm99"].map(Statistic::read), [None; 4]);
    }

    #[test]
    fn periods_begin_with_the_range_and_those_without_values_are_left_out() {
        let store = store(&[(0, 1.0), (MINUTE, 2.0), (3 * MINUTE - 1, 3.0), (5 * MINUTE, 4.0), (6 * MINUTE, 5.0)]);
        let points = |range, period| store.points(&key("jibri"), range, period, Statistic::Sum);
        assert_eq!(points((MINUTE, 6 * MINUTE), MINUTE), [(MINUTE, 2.0), (2 * MINUTE, 3.0), (5 * MINUTE, 4.0)]);
        assert_eq!(points((MINUTE, 6 * MINUTE), 2 * MINUTE), [(MINUTE, 5.0), (5 * MINUTE, 4.0)]);
        assert_eq!(points((6 * MINUTE, MINUTE), MINUTE), []);
    }

    #[test]
    fn other_dimensions_are_another_metric() {
        let store = store(&[(0, 1.0)]);
        assert_eq!(store.points(&key("other"), (0, MINUTE), MINUTE, Statistic::Sum), []);
    }

    #[test]
    fn what_is_older_than_fifteen_days_is_forgotten() {
        let store = store(&[(0, 1.0), (1, 2.0), (RETENTION + 1, 3.0)]);
        let points = store.points(&key("jibri"), (0, RETENTION + MINUTE), 2 * RETENTION, Statistic::Sum);
        assert_eq!(points, [(0, 5.0)]);
    }
}
