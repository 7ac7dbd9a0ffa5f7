//! Amazon EC2 Auto Scaling: awsQuery, version 2011-01-01.
//!
//! <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Operations.html>

use world::{ActivityView, AwsError, GroupInstanceView, GroupView, HookView, Milliseconds};

use super::page::{Page, page_size};
use super::{Operation, Parameters, Xml, refused};
use crate::call_log::Resource;
use crate::clock::iso_8601;
use world::arn;

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "http://autoscaling.amazonaws.com/doc/2011-01-01/";

const VALIDATION_ERROR: &str = "ValidationError";

/// Performs an action; answers what stands inside `<…Result>`, which is missing where an action has no output.
pub(crate) fn perform(
    operation: &mut Operation,
    action: &str,
    parameters: &Parameters,
) -> Result<Option<String>, AwsError> {
    let result = match action {
        "DescribeAutoScalingGroups" => describe_auto_scaling_groups(operation, parameters),
        "DescribeLifecycleHooks" => describe_lifecycle_hooks(operation, parameters),
        "DescribeScalingActivities" => describe_scaling_activities(operation, parameters),
        "SetDesiredCapacity" => return set_desired_capacity(operation, parameters).map(|()| None),
        "TerminateInstanceInAutoScalingGroup" => terminate_instance(operation, parameters),
        "SetInstanceProtection" => set_instance_protection(operation, parameters),
        "RecordLifecycleActionHeartbeat" => record_lifecycle_action_heartbeat(operation, parameters),
        "CompleteLifecycleAction" => complete_lifecycle_action(operation, parameters),
        _ => Err(refused("InvalidAction", format!("Could not find operation {action} for version 2011-01-01"))),
    };
    result.map(Some)
}

fn describe_auto_scaling_groups(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    operation.on(Resource::any());
    let size = page_size(integer(parameters, "MaxRecords")?, 50, 100, VALIDATION_ERROR)?;
    let mut names = parameters.list("AutoScalingGroupNames.member.");
    if names.is_empty() {
        names.push(operation.world.config().group_name.clone());
    }
    let mut groups = Vec::new();
    for name in names {
        groups.extend(operation.world.describe_auto_scaling_groups(&name)?);
    }
    let page = Page::of(groups, parameters.get("NextToken"), size, "InvalidNextToken")?;
    Ok(Xml::build(|xml| {
        xml.list("AutoScalingGroups", "member", &page.items, write_group);
        write_next_token(xml, page.next_token.as_deref());
    }))
}

fn describe_lifecycle_hooks(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = required(parameters, "AutoScalingGroupName")?;
    operation.on(Resource::any());
    let names = parameters.list("LifecycleHookNames.member.");
    let hooks = operation.world.describe_lifecycle_hooks(group, &names)?;
    Ok(Xml::build(|xml| {
        xml.list("LifecycleHooks", "member", &hooks, |xml, hook| write_hook(xml, group, hook));
    }))
}

fn describe_scaling_activities(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    operation.on(Resource::any());
    let size = page_size(integer(parameters, "MaxRecords")?, 100, 100, VALIDATION_ERROR)?;
    let group = match parameters.get("AutoScalingGroupName") {
        Some(group) => group.to_owned(),
        None => operation.world.config().group_name.clone(),
    };
    let (statuses, since) = read_filters(parameters)?;
    let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
    let activities = operation.world.describe_scaling_activities(&group, &statuses, since)?;
    let page = Page::of(activities, parameters.get("NextToken"), size, "InvalidNextToken")?;
    Ok(Xml::build(|xml| {
        xml.list("Activities", "member", &page.items, |xml, activity| {
            write_activity(xml, &group, activity);
        });
        write_next_token(xml, page.next_token.as_deref());
    }))
}

fn set_desired_capacity(operation: &mut Operation, parameters: &Parameters) -> Result<(), AwsError> {
    let group = group_of(operation, parameters)?;
    let desired = required(parameters, "DesiredCapacity")?;
    let desired = desired.parse().map_err(|_| malformed("DesiredCapacity", desired))?;
    let honor_cooldown = boolean(parameters, "HonorCooldown")?.unwrap_or(false);
    operation.world.set_desired_capacity(&group, desired, honor_cooldown)
}

fn terminate_instance(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = operation.world.config().group_name.clone();
    operation.on(Resource::named(arn::group(&group)));
    let instance = required(parameters, "InstanceId")?;
    let decrement = boolean(parameters, "ShouldDecrementDesiredCapacity")?
        .ok_or_else(|| missing("ShouldDecrementDesiredCapacity"))?;
    let activity = operation.world.terminate_instance_in_auto_scaling_group(instance, decrement)?;
    Ok(Xml::build(|xml| {
        xml.element("Activity", |xml| write_activity(xml, &group, &activity));
    }))
}

fn set_instance_protection(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = group_of(operation, parameters)?;
    let protected = boolean(parameters, "ProtectedFromScaleIn")?.ok_or_else(|| missing("ProtectedFromScaleIn"))?;
    let instances = parameters.list("InstanceIds.member.");
    operation.world.set_instance_protection(&group, &instances, protected)?;
    Ok(String::new())
}

fn record_lifecycle_action_heartbeat(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = group_of(operation, parameters)?;
    let hook = required(parameters, "LifecycleHookName")?;
    let instance = required(parameters, "InstanceId")?;
    operation.world.record_lifecycle_action_heartbeat(&group, hook, instance)?;
    Ok(String::new())
}

fn complete_lifecycle_action(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = group_of(operation, parameters)?;
    let hook = required(parameters, "LifecycleHookName")?;
    let instance = required(parameters, "InstanceId")?;
    let result = required(parameters, "LifecycleActionResult")?;
    operation.world.complete_lifecycle_action(&group, hook, instance, result)?;
    Ok(String::new())
}

/// The statuses and the start that are asked for:
/// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html>
fn read_filters(parameters: &Parameters) -> Result<(Vec<String>, Milliseconds), AwsError> {
    let (mut statuses, mut since) = (Vec::new(), Milliseconds::MIN);
    for filter in parameters.structures("Filters.member.") {
        let (name, value) = (required(&filter, "Name")?, required(&filter, "Values.member.1")?);
        match name {
            "Status" => statuses = filter.list("Values.member."),
            "StartTimeLowerBound" => {
                let bound: jiff::Timestamp = value.parse().map_err(|_| invalid(format!("{value} is no time")))?;
                since = bound.as_millisecond();
            }
            other => return Err(invalid(format!("{other} is not a filter"))),
        }
    }
    Ok((statuses, since))
}

fn invalid(message: String) -> AwsError {
    AwsError { code: VALIDATION_ERROR, message, http_status: 400 }
}

fn write_group(xml: &mut Xml, group: &GroupView) {
    xml.text("AutoScalingGroupName", &group.name);
    xml.text("AutoScalingGroupARN", arn::group(&group.name));
    xml.element("LaunchTemplate", |xml| {
        write_launch_template(xml, group.launch_template_version);
    });
    xml.text("MinSize", group.min_size);
    xml.text("MaxSize", group.max_size);
    xml.text("DesiredCapacity", group.desired_capacity);
    xml.text("DefaultCooldown", 300);
    xml.list("AvailabilityZones", "member", &group.zones, |xml, zone| xml.raw(zone));
    xml.text("HealthCheckType", "EC2");
    xml.text("CreatedTime", iso_8601(0));
    xml.text("NewInstancesProtectedFromScaleIn", group.new_instances_protected);
    xml.element("InstanceLifecyclePolicy", |xml| {
        xml.element("RetentionTriggers", |xml| {
            xml.text("TerminateHookAbandon", if group.retains_abandoned { "retain" } else { "terminate" });
        });
    });
    xml.list("Instances", "member", &group.instances, write_instance);
}

fn write_instance(xml: &mut Xml, instance: &GroupInstanceView) {
    xml.text("InstanceId", &instance.id);
    xml.text("AvailabilityZone", &instance.zone);
    xml.text("LifecycleState", instance.lifecycle_state);
    xml.text("HealthStatus", instance.health_status);
    xml.text("ProtectedFromScaleIn", instance.protected);
    xml.element("LaunchTemplate", |xml| {
        write_launch_template(xml, instance.launch_template_version);
    });
}

fn write_hook(xml: &mut Xml, group: &str, hook: &HookView) {
    xml.text("LifecycleHookName", &hook.name);
    xml.text("AutoScalingGroupName", group);
    xml.text("LifecycleTransition", hook.transition);
    xml.text("HeartbeatTimeout", hook.heartbeat_timeout_seconds);
    xml.text("GlobalTimeout", hook.global_timeout_seconds);
    xml.text("DefaultResult", hook.default_result);
}

fn write_launch_template(xml: &mut Xml, version: u32) {
    xml.text("LaunchTemplateId", "lt-00000000000000001");
    xml.text("LaunchTemplateName", "jibri");
    xml.text("Version", version);
}

fn write_activity(xml: &mut Xml, group: &str, activity: &ActivityView) {
    xml.text("ActivityId", &activity.id);
    xml.text("AutoScalingGroupName", group);
    xml.text("Description", &activity.description);
    xml.text("Cause", &activity.cause);
    xml.text("StartTime", iso_8601(activity.started_at));
    if let Some(ended_at) = activity.ended_at {
        xml.text("EndTime", iso_8601(ended_at));
    }
    xml.text("StatusCode", activity.status_code);
    if !activity.status_message.is_empty() {
        xml.text("StatusMessage", &activity.status_message);
    }
    xml.text("Progress", if activity.ended_at.is_some() { 100 } else { 50 });
}

fn write_next_token(xml: &mut Xml, token: Option<&str>) {
    if let Some(token) = token {
        xml.text("NextToken", token);
    }
}

fn group_of(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let group = required(parameters, "AutoScalingGroupName")?;
    operation.on(Resource::named(arn::group(group)));
    Ok(group.to_owned())
}

fn required<'a>(parameters: &'a Parameters, name: &str) -> Result<&'a str, AwsError> {
    parameters.get(name).ok_or_else(|| missing(name))
}

fn missing(name: &str) -> AwsError {
    refused(
        VALIDATION_ERROR,
        format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        ),
    )
}

fn malformed(name: &str, value: &str) -> AwsError {
    refused("MalformedInput", format!("{value} is no value for {name}"))
}

fn boolean(parameters: &Parameters, name: &str) -> Result<Option<bool>, AwsError> {
    let value = parameters.get(name);
    value.map(|value| value.parse().map_err(|_| malformed(name, value))).transpose()
}

fn integer(parameters: &Parameters, name: &str) -> Result<Option<i64>, AwsError> {
    let value = parameters.get(name);
    value.map(|value| value.parse().map_err(|_| malformed(name, value))).transpose()
}
