//! What may invoke a function.

use std::collections::BTreeMap;

use controller::{
    Function, Settings,
    events::{Trigger, read_event},
};
use serde_json::Value;

use super::assert_fit;

/// An instance is drained only for the group's own hook, and only under an id that can be one.
pub fn events(event: &Value) {
    let variables = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://10.0.1.5:8888")];
    let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.into(), value.into())).into();
    let settings = Settings::from_variables(&variables).expect("good settings");
    for function in Function::ALL {
        match read_event(function, &settings, event.clone()) {
            Err(problem) => assert_fit(&problem, 350),
            Ok(Trigger::Schedule) => assert_eq!(event["detail-type"], "Scheduled Event"),
            Ok(Trigger::Terminating(id) | Trigger::LeavingWarmPool(id)) => {
                assert_eq!(function, Function::Drain);
                assert_eq!(event["source"], "aws.autoscaling");
                let detail = &event["detail"];
                assert_eq!(
                    (&detail["AutoScalingGroupName"], &detail["LifecycleHookName"]),
                    (&"jibri".into(), &"jibri-drain".into())
                );
                assert_eq!(detail["EC2InstanceId"], id.as_str());
                let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
                assert!(id.as_str().len() <= 19 && id.as_str().bytes().skip(2).all(is_digit), "{id}");
            }
        }
    }
}
