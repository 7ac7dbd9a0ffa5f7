//! What may invoke a function. Anything else is an error that says what was expected.

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use planner::InstanceId;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    Function, Settings,
    object::Object,
    text::{quote, shorten},
};

const SCHEDULED: &str = "Scheduled Event";
/// Where the instance was, of all that the event may name.
const WARM_POOL: &str = "WarmPool";
const TERMINATING: &str = "EC2 Instance-terminate Lifecycle Action";

/// Why a function is invoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Its schedule: EventBridge Scheduler's default payload, or a scheduled rule's.
    Schedule,
    /// The group's hook holds this instance.
    Terminating(InstanceId),
    /// The group's hook holds this instance, which leaves the warm pool.
    LeavingWarmPool(InstanceId),
}

/// The detail of the lifecycle event:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html>.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct LifecycleAction {
    auto_scaling_group_name: String,
    lifecycle_hook_name: String,
    #[serde(rename = "EC2InstanceId")]
    ec2_instance_id: String,
    origin: Option<String>,
}

/// Reads the event that has invoked a function.
///
/// # Errors
/// What the event is, and what was expected.
pub fn read_event(function: Function, settings: &Settings, event: Value) -> Result<Trigger, String> {
    let expected = match function {
        Function::Drain => format!("a {SCHEDULED:?} or an {TERMINATING:?}"),
        Function::Availability | Function::ScaleIn | Function::Forecast => format!("a {SCHEDULED:?}"),
    };
    let Object(event): Object<EventBridgeEvent> = serde_json::from_value(event)
        .map_err(|error| format!("the event is not from EventBridge ({}); expected {expected}", shorten(&error)))?;
    match (event.source.as_str(), event.detail_type.as_str()) {
        ("aws.scheduler" | "aws.events", SCHEDULED) => Ok(Trigger::Schedule),
        ("aws.autoscaling", TERMINATING) if function == Function::Drain => read_action(settings, event.detail),
        (source, detail_type) => {
            Err(format!("the event is a {} from {}; expected {expected}", quote(detail_type), quote(source)))
        }
    }
}

fn read_action(settings: &Settings, detail: Value) -> Result<Trigger, String> {
    let Object(action): Object<LifecycleAction> = serde_json::from_value(detail)
        .map_err(|error| format!("the detail of the {TERMINATING:?} cannot be read: {}", shorten(&error)))?;
    let (group, hook) = (&settings.auto_scaling_group, &settings.lifecycle_hook);
    if action.auto_scaling_group_name != *group || action.lifecycle_hook_name != *hook {
        return Err(format!(
            "the event is of group {} and hook {}; expected group {group:?} and hook {hook:?}",
            quote(&action.auto_scaling_group_name),
            quote(&action.lifecycle_hook_name)
        ));
    }
    if !is_instance_id(&action.ec2_instance_id) {
        return Err(format!("the event is of {}; expected the id of an EC2 instance", quote(&action.ec2_instance_id)));
    }
    let instance = InstanceId::new(action.ec2_instance_id);
    Ok(match action.origin.as_deref() {
        Some(WARM_POOL) => Trigger::LeavingWarmPool(instance),
        _ => Trigger::Terminating(instance),
    })
}

/// `i-` and hexadecimal digits, 17 at most: the actions on instances take no more than 19 characters.
fn is_instance_id(text: &str) -> bool {
    let is_digits = |digits: &str| {
        (1..=17).contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    text.strip_prefix("i-").is_some_and(is_digits)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    fn read(function: Function, event: Value) -> Result<Trigger, String> {
        let variables = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://10.0.1.5:8888")];
        let variables: BTreeMap<_, _> =
            variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        read_event(function, &Settings::from_variables(&variables).unwrap(), event)
    }

    fn sample(name: &str) -> Value {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn every_sample_is_taken_by_its_function() {
        for (function, name) in [
            (Function::Availability, "availability"),
            (Function::ScaleIn, "scale_in"),
            (Function::Drain, "drain"),
            (Function::Forecast, "forecast"),
        ] {
            assert_eq!(read(function, sample(name)), Ok(Trigger::Schedule));
        }
        let instance = InstanceId::new("i-0123456789abcdef0");
        assert_eq!(read(Function::Drain, sample("drain-lifecycle")), Ok(Trigger::Terminating(instance)));
    }

    #[test]
    fn an_instance_of_the_warm_pool_is_told_from_one_that_was_in_service() {
        let instance = InstanceId::new("i-0123456789abcdef0");
        let mut event = sample("drain-lifecycle");
        event["detail"]["Origin"] = json!("WarmPool");
        assert_eq!(read(Function::Drain, event.clone()), Ok(Trigger::LeavingWarmPool(instance.clone())));
        // What is not said is not that it may be let go.
        event["detail"]["Origin"] = json!(null);
        assert_eq!(read(Function::Drain, event), Ok(Trigger::Terminating(instance)));
    }

    #[test]
    fn a_scheduled_rule_will_do_as_well() {
        let rule = json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.events",
            "account": "123456789012", "time": "2026-11-23T09:00:00Z", "region": "eu-central-1", "resources": [],
            "detail": {}});
        assert_eq!(read(Function::ScaleIn, rule), Ok(Trigger::Schedule));
    }

    #[test]
    fn anything_else_is_refused_and_what_was_expected_is_said() {
        let error = read(Function::Availability, sample("drain-lifecycle")).unwrap_err();
        assert!(
            error.contains("EC2 Instance-terminate") && error.ends_with("expected a \"Scheduled Event\""),
            "{error}"
        );
        for event in [json!(null), json!({}), json!([]), json!("Scheduled Event"), json!({"source": "aws.scheduler"})] {
            let error = read(Function::Drain, event.clone()).unwrap_err();
            assert!(error.contains("not from EventBridge") && error.contains("expected"), "{event}: {error}");
        }
    }

    #[test]
    fn another_group_or_hook_or_a_detail_without_instance_is_refused() {
        for (field, value, expected) in [
            ("AutoScalingGroupName", json!("jvb"), "expected group \"jibri\""),
            ("LifecycleHookName", json!("other"), "hook \"jibri-drain\""),
            ("EC2InstanceId", json!(null), "cannot be read"),
            ("EC2InstanceId", json!(""), "expected the id of an EC2 instance"),
            ("EC2InstanceId", json!("i-"), "expected the id of an EC2 instance"),
            ("EC2InstanceId", json!("i-1 --all"), "expected the id of an EC2 instance"),
            ("EC2InstanceId", json!("i-0123456789abcdef01"), "expected the id of an EC2 instance"),
        ] {
            let mut event = sample("drain-lifecycle");
            event["detail"][field] = value;
            let error = read(Function::Drain, event).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
