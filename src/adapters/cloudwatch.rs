//! CloudWatch: the pool's metrics.

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit},
};
use controller::ports::{CallError, Metric, Unit};

use super::call::call_error;

/// `StorageResolution` in seconds: of high resolution, for the samples are ten seconds apart.
const RESOLUTION_SECONDS: i32 = 1;

pub(super) async fn put_metrics(
    client: &Client,
    namespace: &str,
    group: &str,
    metrics: &[Metric],
) -> Result<(), CallError> {
    let dimension = Dimension::builder().name("AutoScalingGroupName").value(group).build();
    let data = metrics.iter().map(|metric| {
        MetricDatum::builder()
            .metric_name(metric.name)
            .dimensions(dimension.clone())
            .timestamp(DateTime::from_secs(metric.at.0))
            .value(metric.value)
            .unit(match metric.unit {
                Unit::Count => StandardUnit::Count,
                Unit::Seconds => StandardUnit::Seconds,
            })
            .storage_resolution(RESOLUTION_SECONDS)
            .build()
    });
    client
        .put_metric_data()
        .namespace(namespace)
        .set_metric_data(Some(data.collect()))
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("cloudwatch:PutMetricData", &error))
}
