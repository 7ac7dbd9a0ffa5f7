//! What an alarm computes from metrics: a tree, which the template has as CloudWatch's metric math and the simulated
//! world evaluates.

use std::fmt;

use crate::{
    Function,
    metrics::{Metric, Statistic},
};

/// The values that an alarm looks at: of metrics, or of other expressions, period by period.
///
/// A period in which an operand has no value has none either, but for [`Expression::Fill`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Expression {
    /// A metric.
    Series(Series),
    /// This number.
    Number(f64),
    /// A value, or this number in a period without one.
    Fill(&'static Expression, f64),
    /// The sum of one or more.
    Sum(&'static [Expression]),
    /// The first divided by the second.
    Quotient(&'static Expression, &'static Expression),
    /// 1 where the first is at least the second, else 0.
    IsAtLeast(&'static Expression, &'static Expression),
    /// The second where the first is at least 1, else this number.
    Where(&'static Expression, &'static Expression, f64),
}

/// One metric of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Series {
    /// `Id` within the alarm.
    pub id: &'static str,
    /// Which metric it is.
    pub source: Source,
    /// `Stat`.
    pub statistic: Statistic,
}

/// Where a metric comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The pool's namespace.
    Pool(Metric),
    /// `Errors` in `AWS/Lambda`: invocations of a function that ended with an error.
    Errors(Function),
    /// `Throttles` in `AWS/Lambda`: invocations of a function that Lambda refused.
    Throttles(Function),
}

impl Expression {
    /// The metrics in it, in their order.
    pub fn series(&self) -> Vec<Series> {
        match self {
            Expression::Series(series) => vec![*series],
            Expression::Number(_) => Vec::new(),
            Expression::Fill(filled, _) => filled.series(),
            Expression::Sum(parts) => parts.iter().flat_map(Expression::series).collect(),
            Expression::Quotient(one, other) | Expression::IsAtLeast(one, other) | Expression::Where(one, other, _) => {
                [one.series(), other.series()].concat()
            }
        }
    }
}

/// As CloudWatch's metric math:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// An operand of `/`: a sum or a quotient needs parentheses.
        fn operand(expression: &Expression) -> String {
            match expression {
                Expression::Sum(_) | Expression::Quotient(..) => format!("({expression})"),
                _ => expression.to_string(),
            }
        }
        match self {
            Expression::Series(series) => formatter.write_str(series.id),
            Expression::Number(number) => write!(formatter, "{number}"),
            Expression::Fill(filled, number) => write!(formatter, "FILL({filled}, {number})"),
            Expression::Sum(parts) => {
                let parts: Vec<String> = parts.iter().map(Expression::to_string).collect();
                formatter.write_str(&parts.join(" + "))
            }
            Expression::Quotient(one, other) => write!(formatter, "{} / {}", operand(one), operand(other)),
            Expression::IsAtLeast(one, other) => write!(formatter, "IF({one} >= {other}, 1, 0)"),
            Expression::Where(condition, value, number) => {
                write!(formatter, "IF({condition} >= 1, {value}, {number})")
            }
        }
    }
}
