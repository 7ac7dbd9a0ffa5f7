//! CBOR's values: in their terms all of CloudWatch's protocols are read and answered.

use ciborium::Value;
use world::Milliseconds;

use super::{Parameters, Xml};
use crate::clock::iso_8601;

/// The members of CloudWatch's requests that are moments.
const MOMENTS: [&str; 3] = ["Timestamp", "StartTime", "EndTime"];

/// What awsJson says: its timestamps are bare seconds since the epoch.
pub(crate) fn from_json(value: &serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let member = match from_json(member) {
                    seconds if MOMENTS.contains(&name.as_str()) => Value::Tag(1, Box::new(seconds)),
                    other => other,
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

/// An answer in awsJson.
pub(crate) fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        Value::Map(members) => {
            let members = members.iter().map(|(name, member)| (text(name).to_owned(), to_json(member)));
            Json::Object(members.collect())
        }
        Value::Array(members) => Json::Array(members.iter().map(to_json).collect()),
        Value::Tag(_, seconds) => to_json(seconds),
        Value::Float(number) => Json::from(*number),
        other => Json::from(text(other)),
    }
}

/// An answer in the XML of awsQuery.
pub(crate) fn to_xml(value: &Value, xml: &mut Xml) {
    match value {
        Value::Map(members) => {
            for (name, member) in members {
                xml.element(text(name), |xml| to_xml(member, xml));
            }
        }
        Value::Array(members) => {
            for member in members {
                xml.element("member", |xml| to_xml(member, xml));
            }
        }
        Value::Tag(..) => xml.escaped(iso_8601(read_moment(value).unwrap_or(0))),
        Value::Float(number) => xml.escaped(number),
        other => xml.escaped(text(other)),
    }
}

/// A map with these members.
pub(crate) fn map<const COUNT: usize>(members: [(&str, Value); COUNT]) -> Value {
    Value::Map(members.into_iter().map(|(name, value)| (Value::Text(name.to_owned()), value)).collect())
}

/// The members of a form that are there, as text.
pub(crate) fn texts(parameters: &Parameters, names: &[&str]) -> Vec<(Value, Value)> {
    let members = names.iter().filter_map(|name| Some((*name, parameters.get(name)?)));
    members.map(|(name, value)| (Value::Text(name.into()), Value::Text(value.into()))).collect()
}

/// The members of a form that are there, as numbers; what is none stays text.
pub(crate) fn numbers(parameters: &Parameters, names: &[&str]) -> Vec<(Value, Value)> {
    let read = |text: Value| match text.as_text().map(str::parse) {
        Some(Ok(number)) => Value::Float(number),
        _ => text,
    };
    texts(parameters, names).into_iter().map(|(name, value)| (name, read(value))).collect()
}

/// The members of a form that are there, as moments.
pub(crate) fn moments(parameters: &Parameters, names: &[&str]) -> Vec<(Value, Value)> {
    let read = |text: Value| match text.as_text().map(str::parse::<jiff::Timestamp>) {
        Some(Ok(moment)) => Value::Tag(1, Box::new(Value::Float(moment.as_duration().as_secs_f64()))),
        _ => Value::Null,
    };
    texts(parameters, names).into_iter().map(|(name, value)| (name, read(value))).collect()
}

/// RFC 8949, section 3.4.2: tag 1, seconds since the epoch, integer or floating point.
#[allow(clippy::cast_possible_truncation, reason = "rounded, and one that no calendar has is none")]
pub(crate) fn read_moment(value: &Value) -> Option<Milliseconds> {
    match value {
        Value::Tag(1, seconds) => {
            let at = (number(seconds)? * 1_000.0).round() as Milliseconds;
            jiff::Timestamp::from_millisecond(at).is_ok().then_some(at)
        }
        _ => None,
    }
}

/// A moment, for an answer.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
pub(crate) fn moment(at: Milliseconds) -> Value {
    Value::Tag(1, Box::new(Value::Float(at as f64 / 1_000.0)))
}

#[allow(clippy::cast_precision_loss, reason = "a metric's value is an f64 in CloudWatch")]
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(i128::from(*number) as f64),
        _ => None,
    }
}

/// A whole number; awsJson's come as floating point.
#[allow(clippy::cast_possible_truncation, reason = "it is whole, and a larger one is refused anyway")]
pub(crate) fn whole_number(value: &Value) -> Option<i64> {
    number(value).filter(|number| number.fract() == 0.0).map(|number| number as i64)
}

pub(crate) fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let members = value.as_map()?;
    members.iter().find(|(key, _)| key.as_text() == Some(name)).map(|(_, member)| member)
}

/// A member that is text.
pub(crate) fn text_member<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    member(value, name).and_then(Value::as_text)
}

/// A member that is a list; without it there are none.
pub(crate) fn list_member<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    member(value, name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_text().unwrap_or_default()
}
