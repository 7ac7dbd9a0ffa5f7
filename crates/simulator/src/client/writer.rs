//! What the ticks change in AWS.

use controller::{
    ports::{CallError, CloudWriter, Datum, Document},
    words::word_of,
};
use planner::{DrainResult, InstanceId};

use super::Client;
use world::MetricView;

impl CloudWriter for Client {
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError> {
        self.call("autoscaling:SetDesiredCapacity", |world| world.set_desired_capacity(&self.group, desired, false))
            .await
    }

    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
        let mut conduct = self.conduct.get();
        conduct.terminations += 1;
        conduct.heard = self.all_answered.get() || self.listed.borrow().contains(instance.as_str());
        self.conduct.set(conduct);
        self.call("autoscaling:TerminateInstanceInAutoScalingGroup", |world| {
            world.audit_termination(instance.as_str(), decrement, conduct);
            world.terminate_instance_in_auto_scaling_group(instance.as_str(), decrement).map(|_| ())
        })
        .await
    }

    async fn protect_batch(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        let ids = names(instances);
        self.call("autoscaling:SetInstanceProtection", |world| world.set_instance_protection(&self.group, &ids, true))
            .await
    }

    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.call("autoscaling:RecordLifecycleActionHeartbeat", |world| {
            world.record_lifecycle_action_heartbeat(&self.group, &self.hook, instance.as_str())
        })
        .await
    }

    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError> {
        self.call("autoscaling:CompleteLifecycleAction", |world| {
            world.complete_lifecycle_action(&self.group, &self.hook, instance.as_str(), word_of(result))
        })
        .await
    }

    async fn tag_batch(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError> {
        let tags = [(key.to_owned(), value.to_owned())];
        let written = self.call("ec2:CreateTags", |world| world.create_tags(&names(instances), &tags)).await;
        if written.is_err() {
            self.world.borrow_mut().audit_untagged();
        }
        written
    }

    async fn send_command_batch(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        let (name, ids) = (self.document(document), names(instances));
        self.call("ssm:SendCommand", |world| world.send_command(name, &ids, 60).map(|_| ())).await
    }

    async fn put_forecast(&self, value: &str) -> Result<(), CallError> {
        let name = self.forecast_parameter.as_deref().unwrap_or_default();
        self.call("ssm:PutParameter", |world| world.put_parameter(name, value)).await
    }

    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError> {
        let data: Vec<MetricView> = metrics
            .iter()
            .map(|metric| MetricView {
                namespace: world::NAMESPACE.into(),
                name: metric.metric.name().into(),
                value: metric.value,
                at: metric.at.0 * 1000,
            })
            .collect();
        self.call("cloudwatch:PutMetricData", |world| world.put_metric_data(&data)).await
    }
}

fn names(instances: &[InstanceId]) -> Vec<String> {
    instances.iter().map(|id| id.as_str().to_owned()).collect()
}
