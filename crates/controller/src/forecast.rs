//! The forecast's parameter, and what is wanted with or without it. The threshold is always the floor.

use planner::{Target, Timestamp};
use serde::Deserialize;

use crate::{
    ports::{CallError, CallErrorKind},
    tags,
};

/// The largest target that is believed, in Jibris.
const LARGEST_TARGET: u32 = 10_000;

/// The parameter's value, as the forecast writes it.
#[derive(Deserialize)]
struct Parameter {
    spare_target: u32,
    hold_target: u32,
    expires_at: String,
}

/// Decides how many available Jibris are wanted. The problem, if there is one, is for the operator: the
/// threshold rules meanwhile.
pub fn decide_target(
    threshold: u32,
    parameter: Option<&Result<String, CallError>>,
    now: Timestamp,
) -> (Target, Option<String>) {
    let fallback =
        |source: &str| Target { spare: threshold, hold: threshold, hold_soon: threshold, source: source.to_owned() };
    let Some(parameter) = parameter else {
        return (fallback("JIBRIS_THRESHOLD"), None);
    };
    match read_parameter(parameter, now) {
        Ok(Some(parameter)) if parameter.spare_target.max(parameter.hold_target) > threshold => {
            let spare = parameter.spare_target.max(threshold);
            {
                let hold = parameter.hold_target.max(spare);
                (Target { spare, hold, hold_soon: hold, source: "the forecast".into() }, None)
            }
        }
        Ok(Some(_)) => (fallback("JIBRIS_THRESHOLD, over the forecast"), None),
        Ok(None) => (fallback("JIBRIS_THRESHOLD, without a forecast yet"), None),
        Err(problem) => (fallback("JIBRIS_THRESHOLD, without the forecast"), Some(problem)),
    }
}

fn read_parameter(parameter: &Result<String, CallError>, now: Timestamp) -> Result<Option<Parameter>, String> {
    let value = match parameter {
        Ok(value) => value,
        Err(error) if error.kind == CallErrorKind::ParameterNotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let parameter: Parameter =
        serde_json::from_str(value).map_err(|error| format!("the forecast's parameter cannot be read: {error}"))?;
    let expires_at = tags::parse_moment(&parameter.expires_at)
        .ok_or_else(|| format!("the forecast's expires_at is no moment in RFC 3339: {:?}", parameter.expires_at))?;
    if expires_at <= now {
        return Err(format!("the forecast expired at {}", parameter.expires_at));
    }
    let largest = parameter.spare_target.max(parameter.hold_target);
    if largest > LARGEST_TARGET {
        return Err(format!("the forecast wants {largest} Jibris, more than {LARGEST_TARGET}"));
    }
    Ok(Some(parameter))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn decide(value: &str) -> (u32, u32, Option<String>) {
        let (target, problem) = decide_target(2, Some(&Ok(value.to_owned())), NOW);
        (target.spare, target.hold, problem)
    }

    fn parameter(spare: &str, hold: &str, expires_at: &str) -> String {
        format!(r#"{{"spare_target":{spare},"hold_target":{hold},"expires_at":"{expires_at}","reason":"ignored"}}"#)
    }

    const LATER: &str = "2027-01-15T08:10:00Z";

    #[test]
    fn the_forecast_raises_and_the_threshold_is_the_floor() {
        assert_eq!(decide(&parameter("5", "8", LATER)), (5, 8, None));
        assert_eq!(decide(&parameter("1", "4", LATER)), (2, 4, None));
        assert_eq!(decide(&parameter("7", "3", LATER)), (7, 7, None));
        assert_eq!(decide(&parameter("0", "0", LATER)), (2, 2, None));
    }

    #[test]
    fn a_forecast_that_is_old_or_broken_leaves_the_threshold_and_says_so() {
        let broken = [
            parameter("5", "8", "2027-01-15T08:00:00Z"),
            parameter("5", "8", "soon"),
            parameter("-5", "8", LATER),
            parameter("5", "1e9", LATER),
            parameter("5", "4000000", LATER),
            "{}".into(),
            String::new(),
        ];
        for value in broken {
            let (spare, hold, problem) = decide(&value);
            assert_eq!((spare, hold), (2, 2), "{value}");
            assert!(problem.is_some(), "{value}");
        }
    }

    #[test]
    fn no_forecast_yet_is_no_problem_and_a_failed_reading_is_one() {
        let error = |kind| Err(CallError { operation: "ssm:GetParameter".into(), kind, message: "no".into() });
        assert_eq!(decide_target(2, None, NOW).1, None);
        assert_eq!(decide_target(2, Some(&error(CallErrorKind::ParameterNotFound)), NOW).1, None);
        assert!(decide_target(2, Some(&error(CallErrorKind::Other)), NOW).1.is_some());
    }
}
