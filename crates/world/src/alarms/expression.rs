//! What an alarm watches: a metric, or what CloudWatch's metric math makes of some:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html>.

use super::Statistic;

/// A value for each period. A period in which an operand has no value has none either, but for [`Expression::Fill`].
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A metric of this name.
    Metric(String, Statistic),
    /// This number.
    Number(f64),
    /// `FILL`: a value, or this number in a period without one.
    Fill(Box<Expression>, f64),
    /// The sum of all.
    Sum(Vec<Expression>),
    /// The first divided by the second.
    Quotient(Box<Expression>, Box<Expression>),
    /// `IF`: 1 where the first is at least the second, else 0.
    IsAtLeast(Box<Expression>, Box<Expression>),
    /// `IF`: the second where the first is at least 1, else this number.
    Where(Box<Expression>, Box<Expression>, f64),
}

impl Expression {
    /// A metric by its name.
    pub fn metric(name: &str, statistic: Statistic) -> Expression {
        Expression::Metric(name.to_owned(), statistic)
    }

    /// The names of the metrics in it.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Expression::Metric(name, _) => vec![name.clone()],
            Expression::Number(_) => Vec::new(),
            Expression::Fill(filled, _) => filled.names(),
            Expression::Sum(parts) => parts.iter().flat_map(Expression::names).collect(),
            Expression::Quotient(one, other) | Expression::IsAtLeast(one, other) | Expression::Where(one, other, _) => {
                [one.names(), other.names()].concat()
            }
        }
    }

    /// The value of a period, of which the metrics' statistics are looked up.
    pub(super) fn value(&self, look_up: &dyn Fn(&str, Statistic) -> Option<f64>) -> Option<f64> {
        match self {
            Expression::Metric(name, statistic) => look_up(name, *statistic),
            Expression::Number(number) => Some(*number),
            Expression::Fill(filled, number) => Some(filled.value(look_up).unwrap_or(*number)),
            Expression::Sum(parts) => parts.iter().map(|part| part.value(look_up)).sum(),
            // A division by zero has no value.
            Expression::Quotient(one, other) => {
                Some(one.value(look_up)? / other.value(look_up)?).filter(|value| value.is_finite())
            }
            Expression::IsAtLeast(one, other) => {
                Some(if one.value(look_up)? >= other.value(look_up)? { 1.0 } else { 0.0 })
            }
            Expression::Where(condition, value, number) => {
                let (condition, value) = (condition.value(look_up)?, value.value(look_up)?);
                Some(if condition >= 1.0 { value } else { *number })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operand_without_a_value_leaves_none_unless_it_is_filled() {
        let known = |name: &str, _| (name != "gap").then_some(if name == "six" { 6.0 } else { 0.0 });
        let metric = |name: &str| Expression::metric(name, Statistic::Sum);
        let boxed = |name: &str| Box::new(metric(name));
        let filled = Expression::Fill(boxed("gap"), 2.0);
        let rows = [
            (Expression::Sum(vec![metric("six"), metric("gap")]), None),
            (Expression::Sum(vec![metric("six"), filled]), Some(8.0)),
            (Expression::Quotient(boxed("six"), Box::new(Expression::Number(4.0))), Some(1.5)),
            (Expression::Quotient(boxed("six"), boxed("zero")), None),
            (Expression::IsAtLeast(boxed("six"), boxed("zero")), Some(1.0)),
            (Expression::IsAtLeast(boxed("six"), boxed("six")), Some(1.0)),
            (Expression::IsAtLeast(boxed("zero"), boxed("six")), Some(0.0)),
            (Expression::IsAtLeast(boxed("six"), boxed("gap")), None),
            (Expression::Where(boxed("six"), boxed("zero"), 9.0), Some(0.0)),
            (Expression::Where(boxed("zero"), boxed("six"), 9.0), Some(9.0)),
            (Expression::Where(boxed("gap"), boxed("six"), 9.0), None),
        ];
        for (expression, value) in rows {
            assert_eq!(expression.value(&known), value, "{expression:?}");
        }
    }
}
