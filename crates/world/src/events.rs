//! What EventBridge sends to the functions.

use serde_json::{Value, json};

use crate::{LifecycleEvent, Milliseconds, arn};

/// What EventBridge Scheduler sends, asynchronously, when the target has no input of its own.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html>
pub fn scheduled_event(id: &str, schedule: &str, at: Milliseconds) -> Value {
    json!({
        "version": "0",
        "id": id,
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": arn::ACCOUNT,
        "time": whole_seconds(at),
        "region": arn::REGION,
        "resources": [arn::schedule(schedule)],
        "detail": "{}",
    })
}

/// What a group emits when a hook begins to hold an instance.
///
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html>
pub fn lifecycle_event(id: &str, event: &LifecycleEvent) -> Value {
    let (detail_type, destination) = match event.transition {
        "autoscaling:EC2_INSTANCE_LAUNCHING" => ("EC2 Instance-launch Lifecycle Action", "AutoScalingGroup"),
        _ => ("EC2 Instance-terminate Lifecycle Action", "EC2"),
    };
    json!({
        "version": "0",
        "id": id,
        "detail-type": detail_type,
        "source": "aws.autoscaling",
        "account": arn::ACCOUNT,
        "time": whole_seconds(event.at),
        "region": arn::REGION,
        "resources": [arn::group(&event.group)],
        "detail": {
            "LifecycleActionToken": event.token,
            "AutoScalingGroupName": event.group,
            "LifecycleHookName": event.hook,
            "EC2InstanceId": event.instance,
            "LifecycleTransition": event.transition,
            "Origin": event.origin,
            "Destination": destination,
        },
    })
}

fn whole_seconds(moment: Milliseconds) -> String {
    jiff::Timestamp::from_second(moment.div_euclid(1_000)).map(|moment| moment.to_string()).unwrap_or_default()
}
