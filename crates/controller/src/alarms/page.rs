//! `docs/alarms.md`.

use super::{ALARMS, Alarm, Comparison, Expression, MissingData, Source, Threshold, Watched};
use crate::metrics::Statistic;

const BEGINNING: &str = "\
<!-- Rendered from crates/controller/src/alarms/declared.rs: `cargo test -p controller --test pages` rewrites it. -->

# Alarms

Each alarm's description names its section here, and its mail says which stack it is of. The dashboard's first row shows all of
them, in the order of this page. [Metrics](metrics.md) tells what each metric means.
";

/// The page with a section for each alarm.
pub fn page() -> String {
    let sections = ALARMS.iter().map(|alarm| {
        format!("\n## {}\n\n**{}.** {}\n\nRings when {}.\n", alarm.id, alarm.meaning, alarm.remedy, rule(alarm))
    });
    BEGINNING.to_owned() + &sections.collect::<String>()
}

/// A metric's values, in words.
fn words_of(source: Source, statistic: Statistic) -> String {
    let metric = match source {
        Source::Pool(metric) => format!("`{metric}`"),
        Source::Errors(function) => format!("`Errors` of `{}`", function.name()),
        Source::Throttles(function) => format!("`Throttles` of `{}`", function.name()),
    };
    format!("the {} of {metric}", statistic.name().to_lowercase())
}

/// What is computed, in words.
fn words(expression: &Expression) -> String {
    match expression {
        Expression::Series(series) => words_of(series.source, series.statistic),
        Expression::Number(number) => number.to_string(),
        Expression::Fill(filled, number) => format!("{} (or {number} without data)", words(filled)),
        Expression::Sum(parts) => parts.iter().map(words).collect::<Vec<_>>().join(" + "),
        Expression::Quotient(one, other) => format!("{} / {}", words(one), words(other)),
        Expression::IsAtLeast(one, other) => {
            format!("the comparison (1 where {} is at least {}, else 0)", words(one), words(other))
        }
        Expression::Where(condition, value, number) => {
            format!("{} (or {number} where {} is under 1)", words(value), words(condition))
        }
    }
}

/// When an alarm rings, in words.
fn rule(alarm: &Alarm) -> String {
    let watched = match &alarm.watches {
        Watched::Metric(metric, statistic) => words_of(Source::Pool(*metric), *statistic),
        Watched::Expression { expression, .. } => words(expression),
    };
    let threshold = match alarm.threshold {
        Threshold::Number(number) => number.to_string(),
        Threshold::Parameter(name) => format!("`{name}`"),
    };
    let compared = match alarm.comparison {
        Comparison::Above => format!("above {threshold}"),
        Comparison::AtLeast => format!("at least {threshold}"),
        Comparison::Below => format!("below {threshold}"),
        Comparison::AtMost => format!("at most {threshold}"),
    };
    let period = match alarm.period_seconds {
        60 => "one minute".to_owned(),
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    };
    let periods = match (alarm.evaluation_periods, alarm.datapoints_to_alarm) {
        (1, _) => format!("for one period of {period}"),
        (periods, Some(datapoints)) => format!("in {datapoints} of {periods} periods of {period}"),
        (periods, None) => format!("for {periods} periods of {period}"),
    };
    let missing = match alarm.missing {
        MissingData::Missing => "A period without data does not count",
        MissingData::MissingAndTold => {
            "A period without data does not count; when the data stop, so that nothing looks, the alarm tells that too, as \
             insufficient data"
        }
        MissingData::NotBreaching => "A period without data counts as good",
        MissingData::Breaching => "A period without data counts as bad, for then nothing has looked",
        MissingData::Ignore => "Without data the alarm stays as it is",
    };
    format!("{watched} is {compared} {periods}. {missing}")
}
