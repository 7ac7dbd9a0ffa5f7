//! AWS as one reader and one writer. A dry run never builds the writer.

use std::time::Duration;

use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use controller::{
    Settings,
    ports::{
        CallError, CloudReader, CloudWriter, Datum, Document, GroupDescription, HookDescription, InstanceDescription,
        Page, ScalingActivity, SentCommand, Series,
    },
};
use planner::{DrainResult, InstanceId, Timestamp};

use super::{autoscaling, cloudwatch, ec2, ssm};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(4);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);
const MOST_ATTEMPTS: u32 = 3;
/// Two weeks of metrics are a lot to put together, for CloudWatch and on the way.
const HISTORY_ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
const HISTORY_OPERATION_TIMEOUT: Duration = Duration::from_secs(40);

/// Reads AWS.
#[derive(Clone, Debug)]
pub struct AwsReader {
    autoscaling: aws_sdk_autoscaling::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    ec2: aws_sdk_ec2::Client,
    ssm: aws_sdk_ssm::Client,
    names: Names,
}

/// Changes AWS.
#[derive(Clone, Debug)]
pub struct AwsWriter {
    autoscaling: aws_sdk_autoscaling::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    ec2: aws_sdk_ec2::Client,
    ssm: aws_sdk_ssm::Client,
    names: Names,
}

#[derive(Clone, Debug)]
struct Names {
    group: String,
    hook: String,
    check_document: String,
    drain_document: String,
    forecast_parameter: Option<String>,
    planned_parameter: Option<String>,
    namespace: String,
}

impl Names {
    fn document(&self, document: Document) -> &str {
        match document {
            Document::Check => &self.check_document,
            Document::Drain => &self.drain_document,
        }
    }
}

/// What every call has in common: time-outs and a bounded number of attempts. Its endpoint and credentials come from
/// the environment, as Lambda sets it.
pub fn configure() -> ConfigLoader {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .operation_timeout(OPERATION_TIMEOUT)
        .build();
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(MOST_ATTEMPTS))
}

/// Makes the clients, once for the life of the function.
pub fn connect(settings: &Settings, config: &SdkConfig) -> (AwsReader, Option<AwsWriter>) {
    let names = Names {
        group: settings.auto_scaling_group.clone(),
        hook: settings.lifecycle_hook.clone(),
        check_document: settings.check_document.clone(),
        drain_document: settings.drain_document.clone(),
        forecast_parameter: settings.forecast_parameter.clone(),
        planned_parameter: settings.forecast.planned_parameter.clone(),
        // With a bad one the tick publishes nothing, and says so.
        namespace: settings.metric_namespace.clone().unwrap_or_default(),
    };
    let patience = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(HISTORY_ATTEMPT_TIMEOUT)
        .operation_timeout(HISTORY_OPERATION_TIMEOUT)
        .build();
    let history = aws_sdk_cloudwatch::config::Builder::from(config).timeout_config(patience).build();
    let reader = AwsReader {
        autoscaling: aws_sdk_autoscaling::Client::new(config),
        cloudwatch: aws_sdk_cloudwatch::Client::from_conf(history),
        ec2: aws_sdk_ec2::Client::new(config),
        ssm: aws_sdk_ssm::Client::new(config),
        names,
    };
    let writer = (!settings.dry_run).then(|| AwsWriter {
        autoscaling: reader.autoscaling.clone(),
        cloudwatch: aws_sdk_cloudwatch::Client::new(config),
        ec2: reader.ec2.clone(),
        ssm: reader.ssm.clone(),
        names: reader.names.clone(),
    });
    (reader, writer)
}

impl CloudReader for AwsReader {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        autoscaling::describe_group(&self.autoscaling, &self.names.group).await
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        autoscaling::describe_hook(&self.autoscaling, &self.names.group, &self.names.hook).await
    }

    async fn describe_instances_page(&self, token: Option<String>) -> Result<Page<InstanceDescription>, CallError> {
        ec2::describe_instances(&self.ec2, &self.names.group, token).await
    }

    async fn describe_activities_page(
        &self,
        statuses: &[&str],
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        autoscaling::describe_activities(&self.autoscaling, &self.names.group, statuses, since, token).await
    }

    async fn list_commands_page(
        &self,
        document: Document,
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<SentCommand>, CallError> {
        ssm::list_commands(&self.ssm, self.names.document(document), since, token).await
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        ssm::get_parameter(&self.ssm, self.names.forecast_parameter.as_deref().unwrap_or_default()).await
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        ssm::get_parameter(&self.ssm, self.names.planned_parameter.as_deref().unwrap_or_default()).await
    }

    async fn fetch_history_page(
        &self,
        since: Timestamp,
        now: Timestamp,
        token: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError> {
        let (namespace, group) = (&self.names.namespace, &self.names.group);
        cloudwatch::fetch_history(&self.cloudwatch, namespace, group, since, now, token).await
    }
}

impl CloudWriter for AwsWriter {
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError> {
        autoscaling::set_desired_capacity(&self.autoscaling, &self.names.group, desired).await
    }

    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
        autoscaling::terminate(&self.autoscaling, instance, decrement).await
    }

    async fn protect_batch(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        autoscaling::protect(&self.autoscaling, &self.names.group, instances).await
    }

    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError> {
        autoscaling::record_heartbeat(&self.autoscaling, &self.names.group, &self.names.hook, instance).await
    }

    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError> {
        autoscaling::complete(&self.autoscaling, &self.names.group, &self.names.hook, instance, result).await
    }

    async fn tag_batch(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError> {
        ec2::create_tag(&self.ec2, instances, key, value).await
    }

    async fn send_command_batch(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        ssm::send_command(&self.ssm, self.names.document(document), document, instances).await
    }

    async fn put_forecast(&self, value: &str) -> Result<(), CallError> {
        ssm::put_parameter(&self.ssm, self.names.forecast_parameter.as_deref().unwrap_or_default(), value).await
    }

    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError> {
        cloudwatch::put_metrics(&self.cloudwatch, &self.names.namespace, &self.names.group, metrics).await
    }
}
