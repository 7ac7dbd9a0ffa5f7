//! The outside world, as the ticks see it. AWS and Jicofo implement these in the root package's
//! adapters; the simulator implements them over its world, so that the very same ticks run in both.
//!
//! Reading and writing are separate: a dry run never has a writer.

#![allow(async_fn_in_trait, reason = "every tick runs on one task; no caller needs Send bounds")]

use std::collections::BTreeMap;

use planner::{DrainResult, InstanceId, Timestamp};

use crate::batch::{MOST_IN_A_CALL, MOST_PAGES_OF_ACTIVITIES, MOST_TAGGED, call_for_each, follow_pages};

pub use crate::answers::*;
pub use crate::call::{CallError, CallErrorKind, Page};

/// What can be read of AWS. A method is one call; those that follow pages are made of it here, for AWS and the simulation
/// alike.
pub trait CloudReader {
    /// The group and its instances (`autoscaling:DescribeAutoScalingGroups`).
    async fn describe_group(&self) -> Result<GroupDescription, CallError>;
    /// The group's lifecycle hook of the name in `LIFECYCLE_HOOK`, if there is one (`autoscaling:DescribeLifecycleHooks`).
    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError>;
    /// A page of the group's instances as EC2 knows them (`ec2:DescribeInstances`), tags included. EC2 lags behind the group.
    async fn describe_instances_page(&self, token: Option<String>) -> Result<Page<InstanceDescription>, CallError>;
    /// A page of the group's activities that began since then and are of one of these statuses, or of any where none is
    /// named: newest first, those in progress before them (`autoscaling:DescribeScalingActivities`). A page may be short, or
    /// empty, with more to come.
    async fn describe_activities_page(
        &self,
        statuses: &[&str],
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError>;
    /// A page of the commands sent by this document since then, for every instance (`ssm:ListCommandInvocations`).
    async fn list_commands_page(
        &self,
        document: Document,
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<SentCommand>, CallError>;
    /// The forecast's parameter as it stands (`ssm:GetParameter`).
    async fn fetch_forecast(&self) -> Result<String, CallError>;
    /// The parameter with planned events as it stands (`ssm:GetParameter`).
    async fn fetch_planned(&self) -> Result<String, CallError>;
    /// A page of the pool's metrics since then, up to now (`cloudwatch:GetMetricData`): parts of the series of
    /// [`HISTORY_METRICS`], each by its place there.
    async fn fetch_history_page(
        &self,
        since: Timestamp,
        now: Timestamp,
        token: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError>;

    /// Every instance of the group as EC2 knows it.
    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError> {
        follow_pages("ec2:DescribeInstances", async |token| self.describe_instances_page(token).await).await
    }

    /// The launches since then that ended with one of these statuses, newest first.
    async fn describe_launches(&self, statuses: &[&str], since: Timestamp) -> Result<Vec<ScalingActivity>, CallError> {
        let fetch = async |token| self.describe_activities_page(statuses, since, token).await;
        let mut activities = follow_pages("autoscaling:DescribeScalingActivities", fetch).await?;
        activities.retain(|activity| activity.subject == ActivitySubject::Launch);
        Ok(activities)
    }

    /// Since when the group takes each of these instances out, as far as its activities since then tell.
    async fn describe_terminations(
        &self,
        instances: &[InstanceId],
        since: Timestamp,
    ) -> Result<BTreeMap<InstanceId, Timestamp>, CallError> {
        let (mut found, mut token) = (BTreeMap::new(), None);
        // What is in progress comes first: of the rest, no more is read than may be.
        for _ in 0..MOST_PAGES_OF_ACTIVITIES {
            let page = self.describe_activities_page(&[], since, token).await?;
            for activity in page.items {
                let ActivitySubject::Termination(instance) = activity.subject else { continue };
                if instances.contains(&instance) {
                    let earliest: &mut Timestamp = found.entry(instance).or_insert(activity.started_at);
                    *earliest = activity.started_at.min(*earliest);
                }
            }
            token = page.next;
            if token.is_none() || found.len() == instances.len() {
                break;
            }
        }
        Ok(found)
    }

    /// Every command sent by this document since then.
    async fn list_commands(&self, document: Document, since: Timestamp) -> Result<Vec<SentCommand>, CallError> {
        follow_pages("ssm:ListCommandInvocations", async |token| self.list_commands_page(document, since, token).await)
            .await
    }

    /// The pool's metrics since then, up to now.
    async fn fetch_history(&self, since: Timestamp, now: Timestamp) -> Result<History, CallError> {
        const OPERATION: &str = "cloudwatch:GetMetricData";
        let mut all: [Series; HISTORY_METRICS.len()] = Default::default();
        let parts = follow_pages(OPERATION, async |token| self.fetch_history_page(since, now, token).await).await?;
        for (index, part) in parts {
            all.get_mut(index).ok_or_else(|| CallError::incomplete(OPERATION, "known Id"))?.extend(part);
        }
        Ok(History::from_series(all))
    }
}

/// What can be changed in AWS. A method is one call; those about any number of instances are made of it here, for AWS and
/// the simulation alike.
pub trait CloudWriter {
    /// `autoscaling:SetDesiredCapacity`, cooldowns not honoured.
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError>;
    /// `autoscaling:TerminateInstanceInAutoScalingGroup`.
    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError>;
    /// `autoscaling:SetInstanceProtection`, on; [`MOST_IN_A_CALL`] instances at most.
    async fn protect_batch(&self, instances: &[InstanceId]) -> Result<(), CallError>;
    /// `autoscaling:RecordLifecycleActionHeartbeat`.
    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError>;
    /// `autoscaling:CompleteLifecycleAction`.
    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError>;
    /// `ec2:CreateTags`: one tag, the same value on each of the instances, [`MOST_TAGGED`] at most.
    async fn tag_batch(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError>;
    /// `ssm:SendCommand`; [`MOST_IN_A_CALL`] instances at most.
    async fn send_command_batch(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError>;
    /// The forecast's parameter, overwritten (`ssm:PutParameter`).
    async fn put_forecast(&self, value: &str) -> Result<(), CallError>;
    /// `cloudwatch:PutMetricData`, in one call.
    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError>;

    /// Protects each. One that has just left service keeps no other from its protection.
    async fn protect(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        call_for_each(instances, MOST_IN_A_CALL, async |some| self.protect_batch(some).await).await
    }

    /// Sets one tag on each. One that EC2 does not know keeps no other from its tag.
    async fn tag(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError> {
        call_for_each(instances, MOST_TAGGED, async |some| self.tag_batch(some, key, value).await).await
    }

    /// Sends the document to each. One that SSM does not manage (yet, or any more) keeps no other from its command.
    async fn send_command(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        call_for_each(instances, MOST_IN_A_CALL, async |some| self.send_command_batch(document, some).await).await
    }
}

/// What can be read of the Jicofos.
pub trait JicofoReader {
    /// Asks every configured Jicofo once: one answer or error each.
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>>;
}

/// The time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns at that moment, or at once if it has passed.
    async fn sleep_until(&self, moment: Timestamp);
}

/// The outside world of one function. Without a writer (dry run) plans are logged, and nothing is changed.
#[derive(Clone, Debug)]
pub struct Ports<R, W, J, C> {
    /// Reads AWS.
    pub reader: R,
    /// Changes AWS; `None` in a dry run.
    pub writer: Option<W>,
    /// Reads the Jicofos.
    pub jicofo: J,
    /// Tells the time.
    pub clock: C,
}
