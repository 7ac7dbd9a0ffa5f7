//! What the ticks read of AWS.

use controller::{
    ports::{
        CallError, CloudReader, Document, GroupDescription, GroupMember, HISTORY_METRICS, HookDescription,
        InstanceDescription, Page, ScalingActivity, SentCommand, Series,
    },
    words::{TERMINATING, activity_subject, command_status, drain_result, ec2_state, lifecycle_state},
};
use planner::{Group, InstanceId, Timestamp};

use super::{Client, seconds};
use world::{Milliseconds, World};

impl CloudReader for Client {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
        let found = self.call(OPERATION, |world| world.describe_auto_scaling_groups(&self.group)).await?;
        let Some(group) = found else {
            return Err(CallError::unanswered(OPERATION, &format!("there is no group {:?}", self.group)));
        };
        let members = group.instances.iter().map(|instance| GroupMember {
            id: InstanceId::new(&*instance.id),
            zone: instance.zone.clone(),
            lifecycle: lifecycle_state(instance.lifecycle_state),
            protected: instance.protected,
            outdated: instance.launch_template_version != group.launch_template_version,
        });
        let sizes = Group {
            min_size: group.min_size,
            max_size: group.max_size,
            desired_capacity: group.desired_capacity,
            retains_abandoned: group.retains_abandoned,
        };
        Ok(GroupDescription { sizes, members: members.collect() })
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        const OPERATION: &str = "autoscaling:DescribeLifecycleHooks";
        let names = std::slice::from_ref(&self.hook);
        let hooks = self.call(OPERATION, |world| world.describe_lifecycle_hooks(&self.group, names)).await?;
        let Some(hook) = hooks.first() else { return Ok(None) };
        let default_result =
            drain_result(hook.default_result).ok_or_else(|| CallError::incomplete(OPERATION, "DefaultResult"))?;
        Ok(Some(HookDescription {
            terminating: hook.transition == TERMINATING,
            default_result,
            heartbeat_timeout_seconds: u64::from(hook.heartbeat_timeout_seconds),
        }))
    }

    async fn describe_instances_page(&self, _: Option<String>) -> Result<Page<InstanceDescription>, CallError> {
        let found = self.call("ec2:DescribeInstances", |world| world.describe_instances_of_group(&self.group)).await?;
        let described = found.into_iter().map(|instance| InstanceDescription {
            id: InstanceId::new(instance.id),
            state: ec2_state(instance.state),
            launched_at: seconds(instance.launched_at),
            tags: instance.tags.into_iter().collect(),
        });
        Ok(Page::only(described.collect()))
    }

    async fn describe_activities_page(
        &self,
        statuses: &[&str],
        since: Timestamp,
        _: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        let activities = self
            .call("autoscaling:DescribeScalingActivities", |world| {
                world.describe_scaling_activities(&self.group, statuses, since.0 * 1000)
            })
            .await?;
        let read = activities.into_iter().map(|activity| ScalingActivity {
            subject: activity_subject(&activity.description),
            started_at: seconds(activity.started_at),
            reason: activity.status_message,
        });
        Ok(Page::only(read.collect()))
    }

    async fn list_commands_page(
        &self,
        document: Document,
        since: Timestamp,
        _: Option<String>,
    ) -> Result<Page<SentCommand>, CallError> {
        let name = self.document(document);
        let commands = self
            .call("ssm:ListCommandInvocations", |world| world.list_command_invocations(name, since.0 * 1000))
            .await?;
        let sent = commands.into_iter().map(|command| SentCommand {
            instance: InstanceId::new(command.instance),
            sent_at: seconds(command.sent_at),
            status: command_status(command.status, &command.output, command.status_details),
        });
        Ok(Page::only(sent.collect()))
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        let name = self.forecast_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        let name = self.planned_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_history_page(
        &self,
        since: Timestamp,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError> {
        let mut all: [Series; HISTORY_METRICS.len()] = Default::default();
        let metrics = |world: &mut World| {
            for (series, (metric, statistic, period_seconds)) in all.iter_mut().zip(HISTORY_METRICS) {
                let period_ms = Milliseconds::from(period_seconds) * 1000;
                let values = world.get_metric_data(metric.name(), statistic, period_ms, since.0 * 1000)?;
                *series = values.into_iter().map(|(at, value)| (seconds(at), value)).collect();
            }
            Ok(())
        };
        self.call("cloudwatch:GetMetricData", metrics).await?;
        Ok(Page::only(all.into_iter().enumerate().collect()))
    }
}
