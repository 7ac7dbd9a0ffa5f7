//! The forecast's parameter, and what is wanted with or without it.
//!
//! A forecast that is valid rules, down to `FORECAST_FLOOR`. Without one, or in shadow mode, `JIBRIS_THRESHOLD` does; a
//! parameter that could not be read ends no Jibri.

use planner::{Target, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    object::Object,
    ports::{CallError, CallErrorKind},
    tags,
    text::{quote, shorten},
};

/// The largest target that is believed, in Jibris.
pub(crate) const LARGEST_TARGET: u32 = 10_000;
/// The most slots that a parameter may have.
const MOST_SLOTS: usize = 1000;

/// The parameter's value, as `forecast` writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Parameter {
    /// When it was written; RFC 3339, like every moment here.
    pub(crate) written_at: String,
    /// From when on it rules no more.
    pub(crate) expires_at: String,
    /// When the first slot begins.
    pub(crate) first_slot_at: String,
    /// The length of a slot.
    pub(crate) slot_seconds: i64,
    /// Available and pending Jibris wanted, a slot each.
    pub(crate) spare_targets: Vec<u32>,
    /// Available Jibris kept, a slot each.
    pub(crate) hold_targets: Vec<u32>,
    /// Expected starts, a slot each.
    pub(crate) expected_starts: Vec<f64>,
    /// Which part of the target of the first slot comes from what.
    pub(crate) reason: String,
    /// Whether the functions act on it; false is shadow mode.
    pub(crate) acting: bool,
    /// What one forecast hands to the next.
    pub(crate) state: serde_json::Value,
}

/// Decides how many available Jibris are wanted. The problem, if there is one, is for the operator: the
/// threshold rules meanwhile.
pub fn decide_target(
    threshold: u32,
    floor: u32,
    parameter: Option<&Result<String, CallError>>,
    now: Timestamp,
) -> (Target, Option<String>) {
    let fallback =
        |source: &str| Target { spare: threshold, hold: threshold, hold_soon: threshold, source: source.to_owned() };
    let Some(parameter) = parameter else {
        return (fallback("JIBRIS_THRESHOLD"), None);
    };
    match read_targets(parameter, now) {
        Ok(Reading::Targets { spare, hold, hold_soon }) => {
            let spare = spare.max(floor);
            let (hold, hold_soon) = (hold.max(spare), hold_soon.max(floor));
            (Target { spare, hold, hold_soon, source: "the forecast".into() }, None)
        }
        Ok(Reading::Shadow) => (fallback("JIBRIS_THRESHOLD, beside a forecast in shadow mode"), None),
        Ok(Reading::NotYet) => (fallback("JIBRIS_THRESHOLD, without a forecast yet"), None),
        Err(problem) => {
            let mut target = fallback("JIBRIS_THRESHOLD, without the forecast");
            if parameter.is_err() {
                // It may want many: no Jibri ends because of one call that failed.
                (target.hold, target.hold_soon) = (LARGEST_TARGET, LARGEST_TARGET);
            }
            (target, Some(problem))
        }
    }
}

/// What a parameter says of now.
enum Reading {
    Targets { spare: u32, hold: u32, hold_soon: u32 },
    Shadow,
    NotYet,
}

fn read_targets(parameter: &Result<String, CallError>, now: Timestamp) -> Result<Reading, String> {
    let value = match parameter {
        Ok(value) => value,
        Err(error) if error.kind == CallErrorKind::ParameterNotFound => return Ok(Reading::NotYet),
        Err(error) => return Err(error.to_string()),
    };
    let Object(parameter): Object<Parameter> = serde_json::from_str(value)
        .map_err(|error| format!("the forecast's parameter cannot be read: {}", shorten(&error)))?;
    let moment = |name: &str, text: &str| {
        tags::parse_moment(text)
            .ok_or_else(|| format!("the forecast's {name} is no moment in RFC 3339: {}", quote(text)))
    };
    let expires_at = moment("expires_at", &parameter.expires_at)?;
    let first_slot_at = moment("first_slot_at", &parameter.first_slot_at)?;
    if !parameter.acting {
        return Ok(Reading::Shadow);
    }
    if expires_at <= now {
        return Err(format!("the forecast expired at {}", tags::format_moment(expires_at)));
    }
    let Parameter { slot_seconds, spare_targets, hold_targets, .. } = &parameter;
    if !(1..=3600).contains(slot_seconds) {
        return Err(format!("the forecast's slot_seconds is {slot_seconds}, and must be from 1 to 3600"));
    }
    if spare_targets.len() != hold_targets.len() || !(1..=MOST_SLOTS).contains(&spare_targets.len()) {
        return Err(format!(
            "the forecast has {} spare_targets and {} hold_targets, and must have as many of both, from 1 to {MOST_SLOTS}",
            spare_targets.len(),
            hold_targets.len()
        ));
    }
    let slot_at = |moment: Timestamp| usize::try_from((moment.0 - first_slot_at.0).div_euclid(*slot_seconds)).ok();
    let slot = slot_at(now).filter(|slot| *slot < spare_targets.len()).ok_or_else(|| {
        let first = tags::format_moment(first_slot_at);
        format!("the forecast's {} slots from {first} do not cover now", spare_targets.len())
    })?;
    let (spare, hold) = (spare_targets[slot], hold_targets[slot]);
    let hold_soon = slot_at(now.plus_seconds(60)).and_then(|slot| hold_targets.get(slot)).map_or(hold, |hold| *hold);
    let largest = spare.max(hold).max(hold_soon);
    if largest > LARGEST_TARGET {
        return Err(format!("the forecast wants {largest} Jibris, more than {LARGEST_TARGET}"));
    }
    Ok(Reading::Targets { spare, hold, hold_soon })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15T08:00:00Z.
    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn parameter() -> Parameter {
        Parameter {
            written_at: "2027-01-15T07:58:00Z".into(),
            expires_at: "2027-01-15T08:13:00Z".into(),
            first_slot_at: "2027-01-15T07:58:00Z".into(),
            slot_seconds: 60,
            spare_targets: vec![9, 9, 5, 4, 1],
            hold_targets: vec![9, 9, 8, 6, 0],
            acting: true,
            ..Parameter::default()
        }
    }

    fn decide_at(parameter: &Parameter, now: Timestamp) -> (u32, u32, u32, Option<String>) {
        let (target, problem) = decide_target(3, 2, Some(&Ok(serde_json::to_string(parameter).unwrap())), now);
        (target.spare, target.hold, target.hold_soon, problem)
    }

    fn decide(change: impl Fn(&mut Parameter)) -> (u32, u32, u32, Option<String>) {
        let mut parameter = parameter();
        change(&mut parameter);
        decide_at(&parameter, NOW)
    }

    #[test]
    fn the_slot_of_now_rules_and_the_next_minute_is_known() {
        assert_eq!(decide(|_| ()), (5, 8, 6, None));
        assert_eq!(decide_at(&parameter(), NOW.plus_seconds(59)), (5, 8, 6, None));
        assert_eq!(decide_at(&parameter(), NOW.plus_seconds(60)), (4, 6, 2, None));
    }

    #[test]
    fn a_valid_forecast_may_want_less_than_the_threshold_and_not_less_than_the_floor() {
        assert_eq!(decide_at(&parameter(), NOW.plus_seconds(120)), (2, 2, 2, None));
        assert_eq!(decide(|parameter| parameter.hold_targets[2] = 1), (5, 5, 6, None));
    }

    #[test]
    fn a_shadow_is_no_problem_and_changes_nothing() {
        assert_eq!(decide(|parameter| parameter.acting = false), (3, 3, 3, None));
    }

    #[test]
    fn a_forecast_that_is_old_or_broken_leaves_the_threshold_and_says_so() {
        type Change = fn(&mut Parameter);
        let broken: [(Change, &str); 9] = [
            (|parameter| parameter.expires_at = "2027-01-15T08:00:00Z".into(), "expired at 2027-01-15T08:00:00Z"),
            (|parameter| parameter.expires_at = "soon".into(), "expires_at is no moment"),
            (|parameter| parameter.first_slot_at = "now".into(), "first_slot_at is no moment"),
            (|parameter| parameter.first_slot_at = "2027-01-15T08:01:00Z".into(), "do not cover now"),
            (|parameter| parameter.first_slot_at = "2027-01-15T07:55:00Z".into(), "do not cover now"),
            (|parameter| parameter.slot_seconds = 0, "slot_seconds is 0"),
            (|parameter| parameter.hold_targets.clear(), "5 spare_targets and 0 hold_targets"),
            (|parameter| parameter.spare_targets[2] = 10_001, "wants 10001 Jibris"),
            (|parameter| parameter.hold_targets[3] = 4_000_000, "wants 4000000 Jibris"),
        ];
        for (change, expected) in broken {
            let (spare, hold, hold_soon, problem) = decide(change);
            assert_eq!((spare, hold, hold_soon), (3, 3, 3), "{expected}");
            assert!(problem.as_ref().is_some_and(|problem| problem.contains(expected)), "{expected}: {problem:?}");
        }
        for text in ["{}", "", "[1]", "{\"spare_target\":5,\"hold_target\":8,\"expires_at\":\"2027-01-15T08:13:00Z\"}"]
        {
            let (target, problem) = decide_target(3, 2, Some(&Ok(text.to_owned())), NOW);
            assert_eq!((target.spare, problem.is_some()), (3, true), "{text}");
        }
    }

    #[test]
    fn no_forecast_yet_is_no_problem_and_a_failed_reading_is_one_and_ends_no_jibri() {
        let error = |kind| Err(CallError { operation: "ssm:GetParameter".into(), kind, message: "no".into() });
        assert_eq!(decide_target(3, 2, None, NOW).1, None);
        assert_eq!(decide_target(3, 2, Some(&error(CallErrorKind::ParameterNotFound)), NOW).1, None);
        let (target, problem) = decide_target(3, 2, Some(&error(CallErrorKind::Other)), NOW);
        assert!(problem.is_some_and(|problem| problem.contains("ssm:GetParameter")));
        assert_eq!((target.spare, target.hold, target.hold_soon), (3, LARGEST_TARGET, LARGEST_TARGET));
    }
}
