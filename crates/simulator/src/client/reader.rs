//! What the ticks read of AWS.

use controller::ports::{
    CallError, CallErrorKind, CloudReader, CommandStatus, Document, GroupDescription, GroupMember, HISTORY_METRICS,
    History, HookDescription, InstanceDescription, SentCommand,
};
use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};

use super::{Client, seconds};
use world::{Milliseconds, Statistic, TERMINATING, World};

impl CloudReader for Client {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
        let found = self.call(OPERATION, |world| world.describe_auto_scaling_groups(&self.group)).await?;
        let Some(group) = found else {
            let message = format!("there is no group {:?}", self.group);
            return Err(CallError { operation: OPERATION.into(), kind: CallErrorKind::Other, message });
        };
        let members = group.instances.iter().map(|instance| GroupMember {
            id: InstanceId::new(&*instance.id),
            zone: instance.zone.clone(),
            lifecycle: lifecycle(instance.lifecycle_state),
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
        let names = std::slice::from_ref(&self.hook);
        let hooks = self
            .call("autoscaling:DescribeLifecycleHooks", |world| world.describe_lifecycle_hooks(&self.group, names))
            .await?;
        Ok(hooks.first().map(|hook| HookDescription {
            terminating: hook.transition == TERMINATING,
            default_result: match hook.default_result {
                "ABANDON" => DrainResult::Abandon,
                _ => DrainResult::Continue,
            },
            heartbeat_timeout_seconds: u64::from(hook.heartbeat_timeout_seconds),
        }))
    }

    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError> {
        let found = self.call("ec2:DescribeInstances", |world| world.describe_instances_of_group(&self.group)).await?;
        let described = found.into_iter().map(|instance| InstanceDescription {
            id: InstanceId::new(instance.id),
            state: match instance.state {
                "terminated" => Ec2State::Terminated,
                "shutting-down" => Ec2State::ShuttingDown,
                _ => Ec2State::Exists,
            },
            launched_at: seconds(instance.launched_at),
            tags: instance.tags.into_iter().filter(|(key, _)| key.starts_with(controller::tags::PREFIX)).collect(),
        });
        Ok(described.collect())
    }

    async fn describe_failed_launches(&self, since: Timestamp) -> Result<Vec<String>, CallError> {
        let activities = self
            .call("autoscaling:DescribeScalingActivities", |world| world.describe_scaling_activities(&self.group))
            .await?;
        Ok(activities
            .into_iter()
            .filter(|activity| activity.status_code == "Failed" && seconds(activity.started_at) >= since)
            .map(|activity| activity.status_message)
            .collect())
    }

    async fn list_commands(&self, document: Document, since: Timestamp) -> Result<Vec<SentCommand>, CallError> {
        let name = self.document(document);
        let commands = self
            .call("ssm:ListCommandInvocations", |world| world.list_command_invocations(name, since.0 * 1000))
            .await?;
        let sent = commands.into_iter().map(|command| SentCommand {
            instance: InstanceId::new(command.instance),
            sent_at: seconds(command.sent_at),
            status: match command.status {
                "Pending" | "InProgress" | "Delayed" | "Cancelling" => CommandStatus::InFlight,
                "Success" => CommandStatus::Success(command.output),
                _ => CommandStatus::Failed(command.status_details.to_owned()),
            },
        });
        Ok(sent.collect())
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        let name = self.forecast_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        let name = self.planned_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_history(&self, since: Timestamp, _: Timestamp) -> Result<History, CallError> {
        let mut all: [_; HISTORY_METRICS.len()] = Default::default();
        let metrics = |world: &mut World| {
            for (series, (name, statistic, period_seconds)) in all.iter_mut().zip(HISTORY_METRICS) {
                let statistic = match statistic {
                    "Average" => Statistic::Average,
                    "Minimum" => Statistic::Minimum,
                    // Of launches that all take about as long the highest is the 95th percentile.
                    _ => Statistic::Maximum,
                };
                let period_ms = Milliseconds::from(period_seconds) * 1000;
                let values = world.get_metric_data(name, statistic, period_ms, since.0 * 1000)?;
                *series = values.into_iter().map(|(at, value)| (seconds(at), value)).collect();
            }
            Ok(())
        };
        self.call("cloudwatch:GetMetricData", metrics).await?;
        Ok(History::from_series(all))
    }
}

fn lifecycle(state: &str) -> LifecycleState {
    match state {
        "Pending" | "Pending:Wait" | "Pending:Proceed" => LifecycleState::Pending,
        "InService" => LifecycleState::InService,
        "Terminating" => LifecycleState::Terminating,
        "Terminating:Wait" => LifecycleState::TerminatingWait,
        "Terminating:Proceed" => LifecycleState::TerminatingProceed,
        "Terminating:Retained" => LifecycleState::TerminatingRetained,
        _ => LifecycleState::Other,
    }
}
