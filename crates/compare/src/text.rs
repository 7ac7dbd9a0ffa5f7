//! The comparison as a table for a terminal.

use std::fmt::Write;

use super::outcome::Outcome;

/// The table, a line a policy.
pub fn table(outcomes: &[Outcome]) -> String {
    let mut text = format!(
        "{:<17} {:>9} {:>8} {:>7} {:>9} {:>10} {:>10} {:>10} {:>8} {:>8} {:>7}\n",
        "policy",
        "parameter",
        "requests",
        "refused",
        "hit rate",
        "instance h",
        "busy h",
        "idle h",
        "launches",
        "× bound",
        "× seed"
    );
    for outcome in outcomes {
        let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        let _ = writeln!(
            text,
            "{:<17} {:>9} {:>8} {:>7} {:>8.3}% {:>10.1} {:>10.1} {:>10.1} {:>8} {:>8} {:>7}",
            outcome.policy,
            outcome.parameter.to_string(),
            outcome.requests,
            outcome.refused,
            outcome.hit_rate * 100.0,
            outcome.instance_hours,
            outcome.busy_hours,
            outcome.idle_hours,
            outcome.launches,
            ratio(outcome.idle_ratio_to_bound),
            ratio(outcome.idle_ratio_to_seed)
        );
    }
    text
}
