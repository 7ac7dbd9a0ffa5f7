//! The stack's alarms, as this world evaluates them.

use controller::alarms::{self, ALARMS, Alarm, SCALE_OUT_POLICY, Series, Threshold, Watched};

use super::{AlarmConfig, Expression};
use crate::lambda::metric_name;

impl AlarmConfig {
    /// Every alarm of the stack. The template's parameters, which a threshold may be, are looked up.
    ///
    /// # Errors
    /// An alarm's threshold is a parameter that is not known.
    pub fn all_declared(parameter: impl Fn(&str) -> Option<f64>) -> Result<Vec<AlarmConfig>, String> {
        ALARMS.iter().map(|alarm| AlarmConfig::declared(alarm, &parameter)).collect()
    }

    /// An alarm as the stack has it. The template's parameters, which a threshold may be, are looked up.
    ///
    /// # Errors
    /// The alarm's threshold is a parameter that is not known.
    pub fn declared(alarm: &Alarm, parameter: impl Fn(&str) -> Option<f64>) -> Result<AlarmConfig, String> {
        let watches = match &alarm.watches {
            Watched::Metric(metric, statistic) => Expression::metric(metric.name(), *statistic),
            Watched::Expression { expression, .. } => convert(expression),
        };
        let threshold = match alarm.threshold {
            Threshold::Number(number) => number,
            Threshold::Parameter(name) => {
                parameter(name).ok_or_else(|| format!("the parameter {name} is not known"))?
            }
        };
        Ok(AlarmConfig {
            name: alarm.id.to_owned(),
            watches,
            period_seconds: alarm.period_seconds,
            evaluation_periods: alarm.evaluation_periods,
            datapoints_to_alarm: alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods),
            comparison: alarm.comparison,
            threshold,
            missing: alarm.missing,
            policy: alarm.grows_the_pool.then(|| SCALE_OUT_POLICY.to_owned()),
        })
    }
}

fn convert(expression: &alarms::Expression) -> Expression {
    use alarms::Expression as Declared;
    let boxed = |expression| Box::new(convert(expression));
    match expression {
        Declared::Series(Series { source, statistic, .. }) => Expression::metric(&metric_name(*source), *statistic),
        Declared::Number(number) => Expression::Number(*number),
        Declared::Fill(filled, number) => Expression::Fill(boxed(filled), *number),
        Declared::Sum(parts) => Expression::Sum(parts.iter().map(convert).collect()),
        Declared::Quotient(one, other) => Expression::Quotient(boxed(one), boxed(other)),
        Declared::IsAtLeast(one, other) => Expression::IsAtLeast(boxed(one), boxed(other)),
        Declared::Where(condition, value, number) => Expression::Where(boxed(condition), boxed(value), *number),
    }
}
