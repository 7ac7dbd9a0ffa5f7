//! The alarms as the page has them: YAML, indented as under `Resources`, and the dashboard's row.

use std::fmt::Write;

use crate::names::camel_case;

use controller::{
    Function,
    alarms::{Alarm, Comparison, MissingData, SCALE_OUT_POLICY, Series, Source, Threshold, Watched},
};

/// The topic that every alarm tells.
const TOPIC: &str = "!Ref AlarmTopic";

/// The resource of an alarm: `AWS::CloudWatch::Alarm`.
pub(crate) fn resource(alarm: &Alarm) -> String {
    let mut lines = Lines::default();
    lines.add(2, &format!("{}:", alarm.id));
    lines.add(4, "Type: AWS::CloudWatch::Alarm");
    if let Some(condition) = alarm.condition {
        lines.add(4, &format!("Condition: {condition}"));
    }
    lines.add(4, "Properties:");
    lines.add(6, &format!("AlarmDescription: {}. See {}", alarm.meaning, alarm.link()));
    match &alarm.watches {
        Watched::Metric(metric, statistic) => {
            metric_of(Source::Pool(*metric)).iter().for_each(|line| lines.add(6, line));
            lines.add(6, &format!("Statistic: {}", statistic.name()));
            lines.add(6, &format!("Period: {}", alarm.period_seconds));
        }
        Watched::Expression { id, label, expression } => {
            lines.add(6, "Metrics:");
            lines.add(8, &format!("- Id: {id}"));
            lines.add(10, &format!("Expression: {expression}"));
            lines.add(10, &format!("Label: {label}"));
            for series in expression.series() {
                add_series(&mut lines, &series, alarm.period_seconds);
            }
        }
    }
    lines.add(6, &format!("EvaluationPeriods: {}", alarm.evaluation_periods));
    if let Some(datapoints) = alarm.datapoints_to_alarm {
        lines.add(6, &format!("DatapointsToAlarm: {datapoints}"));
    }
    lines.add(6, &format!("ComparisonOperator: {}", comparison(alarm.comparison)));
    lines.add(
        6,
        &match alarm.threshold {
            Threshold::Number(number) => format!("Threshold: {number}"),
            Threshold::Parameter(name) => format!("Threshold: !Ref {name}"),
        },
    );
    lines.add(6, &format!("TreatMissingData: {}", missing(alarm.missing)));
    lines.add(
        6,
        &match alarm.grows_the_pool {
            true => format!("AlarmActions: [!Ref {SCALE_OUT_POLICY}, {TOPIC}]"),
            false => format!("AlarmActions: [{TOPIC}]"),
        },
    );
    lines.add(6, &format!("OKActions: [{TOPIC}]"));
    if alarm.missing == MissingData::MissingAndTold {
        lines.add(6, &format!("InsufficientDataActions: [{TOPIC}]"));
    }
    lines.0
}

/// The alarms of the dashboard's first row: the members of a JSON array within `!Sub`.
pub(crate) fn dashboard_row(alarms: &[Alarm]) -> String {
    let arns: Vec<String> = alarms.iter().map(|alarm| format!("\"${{{}.Arn}}\"", alarm.id)).collect();
    arns.join(",\n")
}

/// Indented lines.
#[derive(Default)]
struct Lines(String);

impl Lines {
    fn add(&mut self, indentation: usize, line: &str) {
        let _ = writeln!(self.0, "{:indentation$}{line}", "");
    }
}

fn add_series(lines: &mut Lines, series: &Series, period_seconds: u32) {
    lines.add(8, &format!("- Id: {}", series.id));
    lines.add(10, "ReturnData: false");
    lines.add(10, "MetricStat:");
    lines.add(12, "Metric:");
    metric_of(series.source).iter().for_each(|line| lines.add(14, line));
    lines.add(12, &format!("Stat: {}", series.statistic.name()));
    lines.add(12, &format!("Period: {period_seconds}"));
}

/// `Namespace`, `MetricName` and `Dimensions`.
fn metric_of(source: Source) -> [String; 3] {
    let of_function = |name: &str, function: Function| {
        let dimensions = format!("Dimensions: [{{Name: FunctionName, Value: !Ref {}}}]", resource_of(function));
        ["Namespace: AWS/Lambda".to_owned(), format!("MetricName: {name}"), dimensions]
    };
    match source {
        Source::Pool(metric) => [
            "Namespace: !Ref MetricNamespace".to_owned(),
            format!("MetricName: {metric}"),
            "Dimensions: [{Name: AutoScalingGroupName, Value: !Ref AWS::StackName}]".to_owned(),
        ],
        Source::Errors(function) => of_function("Errors", function),
        Source::Throttles(function) => of_function("Throttles", function),
    }
}

/// The logical id of a function.
fn resource_of(function: Function) -> String {
    format!("{}Function", camel_case(function.name()))
}

fn comparison(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Above => "GreaterThanThreshold",
        Comparison::AtLeast => "GreaterThanOrEqualToThreshold",
        Comparison::Below => "LessThanThreshold",
        Comparison::AtMost => "LessThanOrEqualToThreshold",
    }
}

fn missing(missing: MissingData) -> &'static str {
    match missing {
        MissingData::Missing | MissingData::MissingAndTold => "missing",
        MissingData::NotBreaching => "notBreaching",
        MissingData::Breaching => "breaching",
        MissingData::Ignore => "ignore",
    }
}
