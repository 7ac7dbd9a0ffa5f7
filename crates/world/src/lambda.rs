//! What Lambda itself publishes of the functions' invocations, in `AWS/Lambda`:
//! <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html>.

use controller::{Function, alarms::Source};

use super::{MetricView, Milliseconds, World};

const NAMESPACE: &str = "AWS/Lambda";

/// The name under which this world keeps a metric. Metrics of Lambda have a dimension, the function's name.
pub(super) fn metric_name(source: Source) -> String {
    match source {
        Source::Pool(metric) => metric.name().to_owned(),
        Source::Errors(function) => format!("{function} Errors"),
        Source::Throttles(function) => format!("{function} Throttles"),
    }
}

impl World {
    /// An invocation has ended: by itself, by its time-out, or because it was killed. Lambda publishes both metrics of
    /// each invocation, zeros too, and nothing for a minute without one. Their time is when the function was invoked,
    /// which may be a minute ago.
    pub fn publish_invocation(&mut self, function: Function, invoked_at: Milliseconds, failed: bool) {
        self.publish_of_lambda(Source::Errors(function), invoked_at, f64::from(u8::from(failed)));
        self.publish_of_lambda(Source::Throttles(function), invoked_at, 0.0);
    }

    /// Lambda has refused to invoke a function for want of concurrency. It is no invocation, and so no error either.
    pub fn publish_throttle(&mut self, function: Function) {
        self.publish_of_lambda(Source::Throttles(function), self.now, 1.0);
    }

    fn publish_of_lambda(&mut self, source: Source, at: Milliseconds, value: f64) {
        self.metrics.put(&[MetricView { namespace: NAMESPACE.into(), name: metric_name(source).into(), value, at }]);
    }
}
