//! The trade-off of each policy: idle hours against refused requests.

use serde::Serialize;

use super::super::{Comparison, Question, policies::Contender};

/// What the figure is drawn of.
#[derive(Debug, Serialize)]
pub(super) struct TradeOff {
    /// The share of the requests that may be refused.
    allowed: f64,
    requests: u64,
    curves: Vec<Curve>,
}

/// One policy at several parameters.
#[derive(Debug, Serialize)]
struct Curve {
    name: &'static str,
    is_ours: bool,
    /// The bound has no parameter, and so one point alone.
    is_bound: bool,
    points: Vec<Point>,
}

/// One policy at one parameter.
#[derive(Debug, Serialize)]
struct Point {
    parameter: String,
    refused: u64,
    idle_hours: f64,
    /// It reaches the wanted hit rate with the fewest idle hours.
    is_tuned: bool,
}

impl TradeOff {
    /// Nothing if no parameters were tried.
    pub(super) fn of(question: &Question, comparison: &Comparison) -> Option<TradeOff> {
        let first = comparison.entries.iter().find_map(|entry| entry.trade_off.first())?;
        let curves = comparison.entries.iter().map(|entry| Curve {
            name: entry.contender.name(),
            is_ours: entry.contender.is_ours(),
            is_bound: entry.contender == Contender::Bound,
            points: entry
                .trade_off
                .iter()
                .map(|figures| Point {
                    parameter: figures.parameter.to_string(),
                    refused: figures.tally.refused,
                    idle_hours: figures.idle_hours(),
                    is_tuned: figures.parameter == entry.tuned.figures.parameter,
                })
                .collect(),
        });
        Some(TradeOff {
            allowed: 1.0 - question.hit_rate,
            requests: first.tally.requests.max(1),
            curves: curves.collect(),
        })
    }
}
