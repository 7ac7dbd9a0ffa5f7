//! Auto Scaling: the group, its desired capacity, and its hook.

use aws_sdk_autoscaling::{
    Client, Config,
    config::retry::RetryConfig,
    types::{
        Activity, AutoScalingGroup, Filter, Instance, LaunchTemplateSpecification, LifecycleHook, RetentionAction,
    },
};
use controller::{
    ports::{CallError, GroupDescription, GroupMember, HookDescription, Page, ScalingActivity},
    tags::format_moment,
    text::shorten_reason,
    words::{TERMINATING, activity_subject, drain_result, lifecycle_state, word_of},
};
use planner::{DrainResult, Group, InstanceId, Timestamp};

use super::call::{call_error, next_page};

const DESCRIBE_HOOKS: &str = "autoscaling:DescribeLifecycleHooks";
/// How many activities a page of `DescribeScalingActivities` holds at most.
const ACTIVITIES: i32 = 100;

pub(super) async fn describe_group(client: &Client, name: &str) -> Result<GroupDescription, CallError> {
    const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
    let answer = client
        .describe_auto_scaling_groups()
        .auto_scaling_group_names(name)
        .send()
        .await
        .map_err(|error| call_error(OPERATION, &error))?;
    let group = answer.auto_scaling_groups().iter().find(|group| group.auto_scaling_group_name() == Some(name));
    let group = group.ok_or_else(|| {
        let message = format!("there is no Auto Scaling group {name:?}: look at AUTO_SCALING_GROUP and the region");
        CallError::unanswered(OPERATION, &message)
    })?;
    let size = |value: Option<i32>, what| {
        value.and_then(|value| u32::try_from(value).ok()).ok_or_else(|| CallError::incomplete(OPERATION, what))
    };
    let sizes = Group {
        min_size: size(group.min_size(), "MinSize")?,
        max_size: size(group.max_size(), "MaxSize")?,
        desired_capacity: size(group.desired_capacity(), "DesiredCapacity")?,
        retains_abandoned: retains_abandoned(group),
    };
    let templates = templates_of(group);
    let members = group.instances().iter().map(|instance| read_member(instance, &templates));
    let members = members.collect::<Option<Vec<_>>>().ok_or_else(|| CallError::incomplete(OPERATION, "InstanceId"))?;
    Ok(GroupDescription { sizes, members })
}

fn retains_abandoned(group: &AutoScalingGroup) -> bool {
    let triggers = group.instance_lifecycle_policy().and_then(|policy| policy.retention_triggers());
    triggers.and_then(|triggers| triggers.terminate_hook_abandon()) == Some(&RetentionAction::Retain)
}

/// The group's hook of this name. All are asked for, since AWS does not say what it answers to a name that it does not know.
pub(super) async fn describe_hook(
    client: &Client,
    group: &str,
    hook: &str,
) -> Result<Option<HookDescription>, CallError> {
    let answer = client
        .describe_lifecycle_hooks()
        .auto_scaling_group_name(group)
        .send()
        .await
        .map_err(|error| call_error(DESCRIBE_HOOKS, &error))?;
    let found = answer.lifecycle_hooks().iter().find(|found| found.lifecycle_hook_name() == Some(hook));
    found.map(read_hook).transpose()
}

fn read_hook(hook: &LifecycleHook) -> Result<HookDescription, CallError> {
    let default_result = hook.default_result().and_then(drain_result);
    let timeout = hook.heartbeat_timeout().and_then(|seconds| u64::try_from(seconds).ok());
    Ok(HookDescription {
        terminating: hook.lifecycle_transition() == Some(TERMINATING),
        default_result: default_result.ok_or_else(|| CallError::incomplete(DESCRIBE_HOOKS, "DefaultResult"))?,
        heartbeat_timeout_seconds: timeout.ok_or_else(|| CallError::incomplete(DESCRIBE_HOOKS, "HeartbeatTimeout"))?,
    })
}

/// The group's launch template; with a mixed instances policy an instance type may have one of its own.
fn templates_of(group: &AutoScalingGroup) -> Vec<&LaunchTemplateSpecification> {
    let mixed = group.mixed_instances_policy().and_then(|policy| policy.launch_template());
    let overrides = mixed.map(|mixed| mixed.overrides()).unwrap_or_default();
    let common = group.launch_template().or_else(|| mixed?.launch_template_specification());
    common.into_iter().chain(overrides.iter().filter_map(|one| one.launch_template_specification())).collect()
}

fn read_member(instance: &Instance, templates: &[&LaunchTemplateSpecification]) -> Option<GroupMember> {
    Some(GroupMember {
        id: InstanceId::new(instance.instance_id()?),
        zone: instance.availability_zone().unwrap_or_default().to_owned(),
        lifecycle: lifecycle_state(instance.lifecycle_state().map_or("", |state| state.as_str())),
        protected: instance.protected_from_scale_in().unwrap_or(false),
        outdated: instance.launch_template().is_some_and(|own| is_outdated(own, templates)),
    })
}

/// Whether none of the group's templates can be the instance's own. Only numbers of versions can be told apart:
/// `$Latest` and `$Default` name none.
fn is_outdated(own: &LaunchTemplateSpecification, templates: &[&LaunchTemplateSpecification]) -> bool {
    let number = |template: &LaunchTemplateSpecification| template.version()?.parse::<u64>().ok();
    let may_be_own = |template: &&LaunchTemplateSpecification| {
        template.launch_template_id() == own.launch_template_id()
            && number(own).zip(number(template)).is_none_or(|(own, current)| own == current)
    };
    !templates.is_empty() && !templates.iter().any(may_be_own)
}

/// A page of the group's activities since then, of these statuses.
pub(super) async fn describe_activities(
    client: &Client,
    name: &str,
    statuses: &[&str],
    since: Timestamp,
    token: Option<String>,
) -> Result<Page<ScalingActivity>, CallError> {
    let words: Vec<String> = statuses.iter().map(|status| (*status).to_owned()).collect();
    let status = Filter::builder().name("Status").set_values(Some(words)).build();
    let started = Filter::builder().name("StartTimeLowerBound").values(format_moment(since)).build();
    let filters = [Some(status).filter(|_| !statuses.is_empty()), Some(started)];
    let answer = client
        .describe_scaling_activities()
        .auto_scaling_group_name(name)
        .set_filters(Some(filters.into_iter().flatten().collect()))
        .max_records(ACTIVITIES)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| call_error("autoscaling:DescribeScalingActivities", &error))?;
    let is_asked_for = |activity: &&Activity| {
        let status = activity.status_code().map_or("", |code| code.as_str());
        statuses.is_empty() || statuses.contains(&status)
    };
    let read = |activity: &Activity| {
        Some(ScalingActivity {
            subject: activity_subject(activity.description().unwrap_or_default()),
            started_at: Timestamp(activity.start_time()?.secs()),
            reason: shorten_reason(activity.status_message().unwrap_or("no reason given")),
        })
    };
    let items = answer.activities().iter().filter(is_asked_for).filter_map(read);
    let items = items.filter(|activity| activity.started_at >= since).collect();
    Ok(Page { items, next: next_page(answer.next_token()) })
}

pub(super) async fn set_desired_capacity(client: &Client, group: &str, desired: u32) -> Result<(), CallError> {
    const OPERATION: &str = "autoscaling:SetDesiredCapacity";
    let desired = i32::try_from(desired).map_err(|_| CallError::incomplete(OPERATION, "size that AWS can hold"))?;
    let call = client.set_desired_capacity().auto_scaling_group_name(group).desired_capacity(desired);
    call.honor_cooldown(false).send().await.map(drop).map_err(|error| call_error(OPERATION, &error))
}

pub(super) async fn terminate(client: &Client, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
    client
        .terminate_instance_in_auto_scaling_group()
        .instance_id(instance.as_str())
        .should_decrement_desired_capacity(decrement)
        .customize()
        // A second attempt after a lost reply could take desired capacity down twice.
        .config_override(Config::builder().retry_config(RetryConfig::disabled()))
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("autoscaling:TerminateInstanceInAutoScalingGroup", &error))
}

pub(super) async fn protect(client: &Client, group: &str, instances: &[InstanceId]) -> Result<(), CallError> {
    client
        .set_instance_protection()
        .auto_scaling_group_name(group)
        .set_instance_ids(Some(instances.iter().map(|id| id.as_str().to_owned()).collect()))
        .protected_from_scale_in(true)
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("autoscaling:SetInstanceProtection", &error))
}

pub(super) async fn record_heartbeat(
    client: &Client,
    group: &str,
    hook: &str,
    instance: &InstanceId,
) -> Result<(), CallError> {
    client
        .record_lifecycle_action_heartbeat()
        .auto_scaling_group_name(group)
        .lifecycle_hook_name(hook)
        .instance_id(instance.as_str())
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("autoscaling:RecordLifecycleActionHeartbeat", &error))
}

pub(super) async fn complete(
    client: &Client,
    group: &str,
    hook: &str,
    instance: &InstanceId,
    result: DrainResult,
) -> Result<(), CallError> {
    client
        .complete_lifecycle_action()
        .auto_scaling_group_name(group)
        .lifecycle_hook_name(hook)
        .instance_id(instance.as_str())
        .lifecycle_action_result(word_of(result))
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("autoscaling:CompleteLifecycleAction", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(id: &str, version: &str) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder().launch_template_id(id).version(version).build()
    }

    #[test]
    fn an_instance_is_outdated_when_the_group_has_no_template_like_its_own() {
        let own = template("lt-1", "3");
        for (templates, outdated) in [
            (vec![], false),
            (vec![template("lt-1", "3")], false),
            (vec![template("lt-1", "4")], true),
            (vec![template("lt-1", "$Latest")], false),
            (vec![template("lt-1", "$Default")], false),
            (vec![template("lt-2", "3")], true),
            (vec![template("lt-2", "7"), template("lt-1", "3")], false),
            (vec![template("lt-2", "7"), template("lt-1", "4")], true),
        ] {
            assert_eq!(is_outdated(&own, &templates.iter().collect::<Vec<_>>()), outdated, "{templates:?}");
        }
    }
}
