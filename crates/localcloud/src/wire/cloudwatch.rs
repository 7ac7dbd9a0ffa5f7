//! Amazon CloudWatch in its three protocols: Smithy RPC v2 CBOR, awsJson 1.0 (both `GraniteServiceVersion20100801`)
//! and awsQuery, version 2010-08-01. All are read into the same, in CBOR's terms.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>,
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use ciborium::Value;
use world::{AwsError, MetricView, Milliseconds};

use super::cbor::{list_member, member, moments, number, numbers, read_moment, text_member, texts};
use super::metric_data::{self, read_key};
use super::{Operation, Parameters, refused};
use crate::call_log::Resource;
use crate::metrics::MetricKey;

/// Values in one `PutMetricData`.
const METRICS_LIMIT: usize = 1_000;

/// The namespace of its answers in awsQuery.
pub(crate) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

const INVALID_VALUE: &str = "InvalidParameterValue";
const MISSING_PARAMETER: &str = "MissingParameter";

/// The name of an error's structure in the protocols that came after awsQuery; there its code was the name.
pub(crate) fn shape(code: &'static str) -> &'static str {
    match code {
        INVALID_VALUE => "InvalidParameterValueException",
        MISSING_PARAMETER => "MissingRequiredParameterException",
        "InvalidAction" => "UnknownOperationException",
        "Throttling" => "ThrottlingException",
        other => other,
    }
}

/// What awsQuery says, in CBOR's terms.
pub(crate) fn from_query(action: &str, parameters: &Parameters) -> Value {
    if action == "GetMetricData" {
        return metric_data::from_query(parameters);
    }
    let mut input = texts(parameters, &["Namespace"]);
    let data = parameters.structures("MetricData.member.");
    input.push((Value::Text("MetricData".into()), Value::Array(data.iter().map(datum_from_query).collect())));
    Value::Map(input)
}

fn datum_from_query(datum: &Parameters) -> Value {
    let mut members = texts(datum, &["MetricName", "Unit"]);
    members.extend(numbers(datum, &["Value"]));
    members.extend(moments(datum, &["Timestamp"]));
    let dimensions = datum.structures("Dimensions.member.");
    let dimensions = dimensions.iter().map(|dimension| Value::Map(texts(dimension, &["Name", "Value"])));
    members.push((Value::Text("Dimensions".into()), Value::Array(dimensions.collect())));
    Value::Map(members)
}

/// Performs an action, and gives its output if it has one.
pub(crate) fn perform(operation: &mut Operation, action: &str, input: &Value) -> Result<Option<Value>, AwsError> {
    match action {
        "PutMetricData" => put_metric_data(operation, input).map(|()| None),
        "GetMetricData" => metric_data::get_metric_data(operation, input).map(Some),
        _ => Err(refused("InvalidAction", format!("Could not find operation {action} for version 2010-08-01"))),
    }
}

fn put_metric_data(operation: &mut Operation, input: &Value) -> Result<(), AwsError> {
    operation.on(Resource::any());
    let namespace = text_member(input, "Namespace")
        .ok_or_else(|| refused(MISSING_PARAMETER, "The parameter Namespace is required."))?;
    operation.condition("cloudwatch:namespace", namespace);
    let data = list_member(input, "MetricData");
    if data.is_empty() || data.len() > METRICS_LIMIT {
        return Err(refused(
            INVALID_VALUE,
            format!("MetricData must have between 1 and {METRICS_LIMIT} members, not {}.", data.len()),
        ));
    }
    let now = operation.world.now();
    let published = data.iter().map(|datum| read_datum(namespace, datum, now)).collect::<Result<Vec<_>, _>>()?;
    let (metrics, keys): (Vec<MetricView>, Vec<MetricKey>) = published.into_iter().unzip();
    operation.world.put_metric_data(&metrics)?;
    for (metric, key) in metrics.iter().zip(keys) {
        operation.metrics.put(key, metric.at, metric.value, now);
    }
    Ok(())
}

fn read_datum(namespace: &str, datum: &Value, now: Milliseconds) -> Result<(MetricView, MetricKey), AwsError> {
    let name = text_member(datum, "MetricName")
        .ok_or_else(|| refused(MISSING_PARAMETER, "The parameter MetricData.member.N.MetricName is required."))?;
    let value = member(datum, "Value").and_then(number).ok_or_else(|| {
        refused(INVALID_VALUE, format!("{name}: here a metric has a Value, not statistics or Values"))
    })?;
    if !value.is_finite() {
        return Err(refused(
            INVALID_VALUE,
            format!("The value {value} of {name} is a special value, which is not supported."),
        ));
    }
    if let Some(unit) = member(datum, "Unit").filter(|unit| !unit.as_text().is_some_and(is_unit)) {
        return Err(refused(INVALID_VALUE, format!("{name}: {unit:?} is not a Unit")));
    }
    let key = read_key(datum, namespace).ok_or_else(|| {
        refused(MISSING_PARAMETER, format!("{name}: each of the Dimensions requires a Name and a Value."))
    })?;
    let at = match member(datum, "Timestamp") {
        None => now,
        Some(timestamp) => read_moment(timestamp).ok_or_else(|| {
            refused("SerializationException", "a Timestamp must be tag 1 with seconds since the epoch")
        })?,
    };
    Ok((MetricView { namespace: namespace.to_owned().into(), name: name.to_owned().into(), value, at }, key))
}

/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
fn is_unit(unit: &str) -> bool {
    const ALONE: [&str; 5] = ["Seconds", "Milliseconds", "Microseconds", "Percent", "None"];
    const ALSO_PER_SECOND: [&str; 11] = [
        "Count",
        "Bytes",
        "Kilobytes",
        "Megabytes",
        "Gigabytes",
        "Terabytes",
        "Bits",
        "Kilobits",
        "Megabits",
        "Gigabits",
        "Terabits",
    ];
    ALONE.contains(&unit) || ALSO_PER_SECOND.contains(&unit.strip_suffix("/Second").unwrap_or(unit))
}

#[cfg(test)]
mod tests {
    use ciborium::cbor;

    use super::*;

    #[test]
    fn a_datum_is_read_with_its_timestamp() {
        let mut datum = cbor!({"MetricName" => "Available", "Value" => 3, "StorageResolution" => 1}).expect("cbor");
        if let Value::Map(members) = &mut datum {
            let timestamp = Value::Tag(1, Box::new(Value::Float(1_795_330_801.123)));
            members.push((Value::Text("Timestamp".into()), timestamp));
        }
        let (metric, _) = read_datum("Jibri", &datum, 0).expect("a metric");
        assert_eq!(metric.at, 1_795_330_801_123);
        assert!((metric.value - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn json_and_a_form_are_read_alike() {
        let json = serde_json::json!({"Namespace": "Jibri", "MetricData": [{
            "MetricName": "Free", "Unit": "Count", "Value": 3.5, "Timestamp": 1_795_330_801.5,
            "Dimensions": [{"Name": "Group", "Value": "a b"}],
        }]});
        let form = Parameters::parse(
            b"Namespace=Jibri&MetricData.member.1.MetricName=Free&MetricData.member.1.Unit=Count\
              &MetricData.member.1.Value=3.5&MetricData.member.1.Timestamp=2026-11-22T07%3A00%3A01.500Z\
              &MetricData.member.1.Dimensions.member.1.Name=Group\
              &MetricData.member.1.Dimensions.member.1.Value=a+b",
        );
        let in_order = |value: Value| {
            let Value::Map(input) = value else { panic!("a map") };
            let data = input.iter().find(|(name, _)| name.as_text() == Some("MetricData")).map(|(_, data)| data);
            let mut datum = data.and_then(|data| data.as_array()?.first()?.as_map().cloned()).expect("a datum");
            datum.sort_by(|(name, _), (other, _)| name.as_text().cmp(&other.as_text()));
            datum
        };
        assert_eq!(in_order(from_query("PutMetricData", &form)), in_order(super::super::cbor::from_json(&json)));
    }

    #[test]
    fn what_cloudwatch_refuses_is_refused() {
        let endless = cbor!({"MetricName" => "Available", "Value" => f64::NAN}).expect("cbor");
        assert_eq!(read_datum("Jibri", &endless, 0).expect_err("NaN").code, INVALID_VALUE);
        let nameless = cbor!({"Value" => 1.0}).expect("cbor");
        assert_eq!(read_datum("Jibri", &nameless, 0).expect_err("no name").code, MISSING_PARAMETER);
        let untagged = cbor!({"MetricName" => "Available", "Value" => 1.0, "Timestamp" => 5}).expect("cbor");
        assert_eq!(read_datum("Jibri", &untagged, 0).expect_err("no tag").code, "SerializationException");
    }
}
