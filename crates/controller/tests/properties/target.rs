use controller::target::decide_target;
use planner::Timestamp;
use serde_json::Value;

use super::{LARGEST_TARGET, NOW, assert_fit};

const THRESHOLD: u32 = 3;
const FLOOR: u32 = 2;

/// Whatever stands in the parameter, the targets stay within their limits; only one that is to be acted on, and has not
/// expired, rules. What is wrong with another is said, and the threshold rules.
pub fn target(parameter: &str) {
    let (target, problem) = decide_target(THRESHOLD, FLOOR, Some(&Ok(parameter.to_owned())), NOW);
    assert!(target.spare.max(target.hold).max(target.hold_soon) <= LARGEST_TARGET, "{target:?}");
    assert!(target.spare <= target.hold && target.spare >= FLOOR && target.hold_soon >= FLOOR, "{target:?}");
    if target.source == "the forecast" {
        assert_eq!(problem, None);
        let said: Value = serde_json::from_str(parameter).expect("a forecast is JSON");
        assert_eq!(said["acting"], Value::Bool(true));
        let expires_at = said["expires_at"].as_str().and_then(controller::tags::parse_moment);
        assert!(expires_at > Some(Timestamp(NOW.0)), "{expires_at:?}");
        return;
    }
    assert_eq!((target.spare, target.hold, target.hold_soon), (THRESHOLD, THRESHOLD, THRESHOLD));
    assert_eq!(problem.is_none(), target.source.ends_with("in shadow mode"), "{target:?}");
    problem.iter().for_each(|problem| assert_fit(problem, 300));
}
