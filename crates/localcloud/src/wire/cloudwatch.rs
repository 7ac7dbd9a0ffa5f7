//! Amazon CloudWatch: Smithy RPC v2 CBOR, service `GraniteServiceVersion20100801`; awsJson 1.0 and awsQuery are read as
//! the same.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>,
//! <https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>

use ciborium::Value;
use simulator::world::{AwsError, MetricView, Milliseconds};

use super::{Operation, Parameters, refused};
use crate::call_log::Resource;

/// The namespace of its XML, in awsQuery.
pub(crate) const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";

/// Values in one `PutMetricData`.
const METRICS_LIMIT: usize = 1_000;

const INVALID_VALUE: &str = "InvalidParameterValueException";
const MISSING_PARAMETER: &str = "MissingRequiredParameterException";

/// The code by which an error was known in the older query protocol; it goes along in a header.
///
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait>
pub(crate) fn query_code(code: &str) -> Option<&'static str> {
    match code {
        INVALID_VALUE => Some("InvalidParameterValue"),
        MISSING_PARAMETER => Some("MissingParameter"),
        _ => None,
    }
}

/// What awsJson says, in CBOR's terms: its timestamps are bare seconds since the epoch.
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let member = match name.as_str() {
                    "Timestamp" => Value::Tag(1, Box::new(from_json(member))),
                    _ => from_json(member),
                };
                (Value::Text(name.clone()), member)
            });
            Value::Map(members.collect())
        }
        Json::Array(members) => Value::Array(members.iter().map(from_json).collect()),
        Json::String(text) => Value::Text(text.clone()),
        Json::Number(number) => number.as_f64().map_or(Value::Null, Value::Float),
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Null => Value::Null,
    }
}

/// What awsQuery says of metrics, in CBOR's terms; what is no number or moment stays a text, and is refused as such.
pub(crate) fn from_query(parameters: &Parameters) -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    let datum = |datum: Parameters| {
        let names = ["MetricName", "Value", "Timestamp"];
        let members = names.iter().filter_map(|&name| {
            let value = datum.get(name)?;
            let read = match name {
                "Value" => value.parse().ok().map(Value::Float),
                "Timestamp" => value
                    .parse::<jiff::Timestamp>()
                    .ok()
                    .map(|moment| Value::Tag(1, Box::new(Value::Integer(moment.as_second().into())))),
                _ => None,
            };
            Some((text(name), read.unwrap_or_else(|| text(value))))
        });
        Value::Map(members.collect())
    };
    let data = parameters.structures("MetricData.member.").into_iter().map(datum).collect();
    let namespace = parameters.get("Namespace").map(|namespace| (text("Namespace"), text(namespace)));
    Value::Map(namespace.into_iter().chain([(text("MetricData"), Value::Array(data))]).collect())
}

/// Performs an action.
pub(crate) fn perform(operation: &mut Operation, action: &str, input: &Value) -> Result<Value, AwsError> {
    match action {
        "PutMetricData" => put_metric_data(operation, input),
        _ => Err(refused("UnknownOperationException", format!("The operation {action} is not known."))),
    }
}

fn put_metric_data(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    operation.on(Resource::any());
    let namespace = member(input, "Namespace")
        .and_then(Value::as_text)
        .ok_or_else(|| refused(MISSING_PARAMETER, "The parameter Namespace is required."))?;
    operation.condition("cloudwatch:namespace", namespace);
    let data = match member(input, "MetricData") {
        Some(Value::Array(data)) => data.as_slice(),
        _ => &[],
    };
    if data.is_empty() || data.len() > METRICS_LIMIT {
        return Err(refused(
            INVALID_VALUE,
            format!("MetricData must have between 1 and {METRICS_LIMIT} members, not {}.", data.len()),
        ));
    }
    let now = operation.world.now();
    let metrics = data.iter().map(|datum| read_datum(namespace, datum, now)).collect::<Result<Vec<_>, _>>()?;
    operation.world.put_metric_data(&metrics)?;
    Ok(Value::Map(Vec::new()))
}

fn read_datum(namespace: &str, datum: &Value, now: Milliseconds) -> Result<MetricView, AwsError> {
    let name = member(datum, "MetricName")
        .and_then(Value::as_text)
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
    let at = match member(datum, "Timestamp") {
        None => now,
        Some(timestamp) => read_timestamp(timestamp).ok_or_else(|| {
            refused("SerializationException", "a Timestamp must be tag 1 with seconds since the epoch")
        })?,
    };
    Ok(MetricView { namespace: namespace.to_owned(), name: name.to_owned(), value, at })
}

/// RFC 8949, section 3.4.2: tag 1, seconds since the epoch, integer or floating point.
#[allow(clippy::cast_possible_truncation, reason = "rounded, and moments are far within an i64")]
fn read_timestamp(value: &Value) -> Option<Milliseconds> {
    match value {
        Value::Tag(1, seconds) => Some((number(seconds)? * 1_000.0).round() as Milliseconds),
        _ => None,
    }
}

#[allow(clippy::cast_precision_loss, reason = "a metric's value is an f64 in CloudWatch")]
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(i128::from(*number) as f64),
        _ => None,
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_map()?;
    members.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, member)| member)
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
        let metric = read_datum("Jibri", &datum, 0).expect("a metric");
        assert_eq!(metric.at, 1_795_330_801_123);
        assert!((metric.value - 3.0).abs() < f64::EPSILON);
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
