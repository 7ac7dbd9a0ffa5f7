//! Every alarm, declared once, as data: the template's alarms and dashboard row (`crates/stack/src/alarms.rs`),
//! [`docs/alarms.md`](../../../docs/alarms.md) ([`page`]) and the alarms of the simulated world are made of it.

mod declared;
mod expression;
mod page;

pub use declared::ALARMS;
pub use expression::{Expression, Series, Source};
pub use page::page;

use crate::metrics::{Metric, Statistic};

/// The logical id of the scaling policy of an alarm that grows the pool.
pub const SCALE_OUT_POLICY: &str = "ScaleOutPolicy";

/// The page whose section an alarm's description names.
const GUIDE: &str = "docs/alarms.md";

/// An alarm.
#[derive(Debug, PartialEq)]
pub struct Alarm {
    /// Its logical id in the template.
    pub id: &'static str,
    /// What it means when it rings: one line.
    pub meaning: &'static str,
    /// What the operator does then: up to three sentences of Markdown, links as from `docs/`.
    pub remedy: &'static str,
    /// What it watches.
    pub watches: Watched,
    /// `Period` of each metric, in seconds.
    pub period_seconds: u32,
    /// `EvaluationPeriods`.
    pub evaluation_periods: u32,
    /// `DatapointsToAlarm`; without it, all of the evaluation periods.
    pub datapoints_to_alarm: Option<u32>,
    /// `ComparisonOperator`.
    pub comparison: Comparison,
    /// `Threshold`.
    pub threshold: Threshold,
    /// `TreatMissingData`.
    pub missing: MissingData,
    /// Whether the group's own scaling policy grows the pool while it rings. Every alarm also tells the topic.
    pub grows_the_pool: bool,
    /// The template's condition under which there is such an alarm; without it, always.
    pub condition: Option<&'static str>,
}

/// What an alarm watches.
#[derive(Debug, PartialEq)]
pub enum Watched {
    /// One metric of the pool.
    Metric(Metric, Statistic),
    /// What is computed from one or several metrics.
    Expression {
        /// `Id` of the expression.
        id: &'static str,
        /// `Label`.
        label: &'static str,
        /// How it is computed.
        expression: Expression,
    },
}

/// `ComparisonOperator`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `GreaterThanThreshold`.
    Above,
    /// `GreaterThanOrEqualToThreshold`.
    AtLeast,
    /// `LessThanThreshold`.
    Below,
    /// `LessThanOrEqualToThreshold`.
    AtMost,
}

/// `Threshold`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Threshold {
    /// This number.
    Number(f64),
    /// The template's parameter of this name.
    Parameter(&'static str),
}

/// `TreatMissingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingData {
    /// `missing`: periods without data do not count; with none at all the alarm has insufficient data.
    Missing,
    /// `missing`, and the topic is told too when the data stop (`InsufficientDataActions`). A new alarm, which has no data
    /// yet, begins in that state and tells nothing: with `breaching` each new stack would ring before its functions ran.
    MissingAndTold,
    /// `notBreaching`.
    NotBreaching,
    /// `breaching`.
    Breaching,
    /// `ignore`: the state stays.
    Ignore,
}

/// The alarm of this logical id.
pub fn find(id: &str) -> Option<&'static Alarm> {
    ALARMS.iter().find(|alarm| alarm.id == id)
}

impl Alarm {
    /// The metrics that it watches, in their order.
    pub fn series(&self) -> Vec<Series> {
        match &self.watches {
            Watched::Metric(metric, statistic) => {
                vec![Series { id: "watched", source: Source::Pool(*metric), statistic: *statistic }]
            }
            Watched::Expression { expression, .. } => expression.series(),
        }
    }

    /// Where the documents tell what to do.
    pub fn link(&self) -> String {
        format!("{GUIDE}#{}", self.id.to_lowercase())
    }
}
