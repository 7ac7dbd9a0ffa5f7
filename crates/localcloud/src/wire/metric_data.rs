//! `GetMetricData`: what was published, back again.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>

use std::collections::BTreeMap;

use ciborium::Value;
use world::{AwsError, Milliseconds};

use super::cbor::{list_member, map, member, moment, moments, numbers, read_moment, text_member, texts, whole_number};
use super::page::{Page, page_size};
use super::{Operation, Parameters, refused};
use crate::call_log::Resource;
use crate::metrics::{MetricKey, Statistic};

/// Queries in one request.
const QUERIES_LIMIT: usize = 500;
/// The most and the default of data points on one page.
const POINTS_LIMIT: usize = 100_800;
const MINUTE: Milliseconds = 60_000;
/// As long as a metric is kept at its coarsest: 455 days.
const LONGEST_PERIOD_SECONDS: i64 = 455 * 86_400;
const VALIDATION_ERROR: &str = "ValidationError";

/// One metric that is asked for.
struct Query<'a> {
    id: &'a str,
    label: &'a str,
    key: MetricKey,
    period: Milliseconds,
    statistic: Statistic,
}

/// What awsQuery asks, in CBOR's terms.
pub(super) fn from_query(parameters: &Parameters) -> Value {
    let mut input = texts(parameters, &["ScanBy", "NextToken"]);
    input.extend(moments(parameters, &["StartTime", "EndTime"]));
    input.extend(numbers(parameters, &["MaxDatapoints"]));
    let queries = parameters.structures("MetricDataQueries.member.");
    let queries = queries.iter().map(|query| {
        let mut members = texts(query, &["Id", "Label", "Expression"]);
        if let Some(truth) = query.get("ReturnData") {
            members.push((Value::Text("ReturnData".into()), Value::Bool(truth == "true")));
        }
        let stat = query.structure("MetricStat.");
        let metric = stat.structure("Metric.");
        let mut metric_members = texts(&metric, &["Namespace", "MetricName"]);
        let dimensions = metric.structures("Dimensions.member.");
        let dimensions = dimensions.iter().map(|dimension| Value::Map(texts(dimension, &["Name", "Value"])));
        metric_members.push((Value::Text("Dimensions".into()), Value::Array(dimensions.collect())));
        let mut stat_members = texts(&stat, &["Stat", "Unit"]);
        stat_members.extend(numbers(&stat, &["Period"]));
        stat_members.push((Value::Text("Metric".into()), Value::Map(metric_members)));
        members.push((Value::Text("MetricStat".into()), Value::Map(stat_members)));
        Value::Map(members)
    });
    input.push((Value::Text("MetricDataQueries".into()), Value::Array(queries.collect())));
    Value::Map(input)
}

/// Every page has every metric: that of which more is to come says `PartialData`.
pub(super) fn get_metric_data(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    operation.on(Resource::any());
    let range = read_range(input)?;
    let size = member(input, "MaxDatapoints").map(|size| whole_number(size).unwrap_or(0));
    let size = page_size(size, POINTS_LIMIT, POINTS_LIMIT, VALIDATION_ERROR)?;
    let queries = read_queries(input)?;
    let ascending = match text_member(input, "ScanBy") {
        None | Some("TimestampDescending") => false,
        Some("TimestampAscending") => true,
        Some(other) => {
            return Err(invalid(format!("ScanBy is {other}, not TimestampAscending or TimestampDescending.")));
        }
    };
    let mut points = Vec::new();
    for (index, query) in queries.iter().enumerate() {
        let mut found = operation.metrics.points(&query.key, range, query.period, query.statistic);
        if !ascending {
            found.reverse();
        }
        let last = found.len();
        points.extend(found.into_iter().zip(1..).map(|(point, number)| (index, point, number == last)));
    }
    let page = Page::of(points, text_member(input, "NextToken"), size, "InvalidNextToken")?;
    let unfinished = match page.items.last().filter(|_| page.next_token.is_some()) {
        Some((index, _, is_last)) => index + usize::from(*is_last),
        None => queries.len(),
    };
    let results = queries.iter().enumerate().map(|(index, query)| {
        let mine = || page.items.iter().filter(move |(of, ..)| *of == index).map(|(_, point, _)| *point);
        map([
            ("Id", Value::Text(query.id.to_owned())),
            ("Label", Value::Text(query.label.to_owned())),
            ("Timestamps", Value::Array(mine().map(|(at, _)| moment(at)).collect())),
            ("Values", Value::Array(mine().map(|(_, value)| Value::Float(value)).collect())),
            ("StatusCode", Value::Text(if index >= unfinished { "PartialData" } else { "Complete" }.to_owned())),
        ])
    });
    let mut output = vec![(Value::Text("MetricDataResults".into()), Value::Array(results.collect()))];
    output.push((Value::Text("Messages".into()), Value::Array(Vec::new())));
    output.extend(page.next_token.map(|token| (Value::Text("NextToken".into()), Value::Text(token))));
    Ok(Value::Map(output))
}

/// From when until when, the start in whole minutes.
fn read_range(input: &Value) -> Result<(Milliseconds, Milliseconds), AwsError> {
    let read = |name: &str| {
        let moment = member(input, name).and_then(read_moment);
        moment.ok_or_else(|| invalid(format!("The parameter {name} is required, and is a moment.")))
    };
    let (start, end) = (read("StartTime")?, read("EndTime")?);
    if start >= end {
        return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
    }
    Ok((start.div_euclid(MINUTE) * MINUTE, end))
}

/// Those whose data are to be returned.
fn read_queries(input: &Value) -> Result<Vec<Query<'_>>, AwsError> {
    let queries = list_member(input, "MetricDataQueries");
    if queries.is_empty() || queries.len() > QUERIES_LIMIT {
        let count = queries.len();
        return Err(invalid(format!(
            "MetricDataQueries must have between 1 and {QUERIES_LIMIT} members, not {count}."
        )));
    }
    let mut ids: Vec<&str> = queries.iter().filter_map(|query| text_member(query, "Id")).collect();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() < queries.len() {
        return Err(invalid("Each of the MetricDataQueries requires an Id of its own."));
    }
    let is_returned = |query: &&Value| member(query, "ReturnData").and_then(Value::as_bool) != Some(false);
    queries.iter().filter(is_returned).map(read_query).collect()
}

fn read_query(query: &Value) -> Result<Query<'_>, AwsError> {
    let id = text_member(query, "Id").unwrap_or_default();
    let is_word = id.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    if !id.starts_with(|first: char| first.is_ascii_lowercase()) || !is_word {
        return Err(invalid(format!(
            "The Id {id} must begin with a lower-case letter, and have letters, digits and _."
        )));
    }
    let Some(stat) = member(query, "MetricStat").filter(|_| member(query, "Expression").is_none()) else {
        return Err(invalid(format!("{id}: here a query has a MetricStat, not an Expression.")));
    };
    if member(stat, "Unit").is_some() {
        return Err(invalid(format!("{id}: here a query does not choose a Unit.")));
    }
    let period = member(stat, "Period").and_then(whole_number).filter(is_period);
    let period = period.ok_or_else(|| invalid(format!("{id}: here Period is a multiple of 60 seconds.")))?;
    let statistic = text_member(stat, "Stat").and_then(Statistic::read);
    let statistic = statistic.ok_or_else(|| invalid(format!("{id}: Stat is none that is known here.")))?;
    let key = member(stat, "Metric").and_then(|metric| read_key(metric, text_member(metric, "Namespace")?));
    let key = key.ok_or_else(|| {
        invalid(format!("{id}: Metric requires a Namespace, a MetricName, and Dimensions with values."))
    })?;
    let label = text_member(query, "Label").or_else(|| text_member(member(stat, "Metric")?, "MetricName"));
    Ok(Query { id, label: label.unwrap_or_default(), key, period: period * 1_000, statistic })
}

fn is_period(seconds: &i64) -> bool {
    (60..=LONGEST_PERIOD_SECONDS).contains(seconds) && seconds % 60 == 0
}

/// A metric by its name and dimensions.
pub(super) fn read_key(metric: &Value, namespace: &str) -> Option<MetricKey> {
    let dimensions = list_member(metric, "Dimensions").iter().map(|dimension| {
        Some((text_member(dimension, "Name")?.to_owned(), text_member(dimension, "Value")?.to_owned()))
    });
    Some(MetricKey {
        namespace: namespace.to_owned(),
        name: text_member(metric, "MetricName")?.to_owned(),
        dimensions: dimensions.collect::<Option<BTreeMap<_, _>>>()?,
    })
}

fn invalid(message: impl Into<String>) -> AwsError {
    refused(VALIDATION_ERROR, message)
}
