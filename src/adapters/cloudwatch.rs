//! CloudWatch: the pool's metrics.

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{
        Dimension, Metric as MetricName, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, StatusCode,
    },
};
use controller::{
    ports::{CallError, HISTORY_METRICS, Metric, Page, Series, Unit},
    text::shorten,
};
use planner::Timestamp;

use super::call::{call_error, next_page};

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

/// Reads a page of the metrics of a history, all of them in one call.
pub(super) async fn fetch_history(
    client: &Client,
    namespace: &str,
    group: &str,
    since: Timestamp,
    now: Timestamp,
    token: Option<String>,
) -> Result<Page<(usize, Series)>, CallError> {
    const OPERATION: &str = "cloudwatch:GetMetricData";
    let dimension = Dimension::builder().name("AutoScalingGroupName").value(group).build();
    let queries = HISTORY_METRICS.iter().enumerate().map(|(index, (name, statistic, period_seconds))| {
        let metric = MetricName::builder().namespace(namespace).metric_name(*name).dimensions(dimension.clone());
        let statistic = MetricStat::builder().metric(metric.build()).stat(*statistic).period(*period_seconds).build();
        MetricDataQuery::builder().id(query_id(index)).metric_stat(statistic).return_data(true).build()
    });
    let answer = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from_secs(since.0))
        .end_time(DateTime::from_secs(now.0))
        .scan_by(ScanBy::TimestampAscending)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| call_error(OPERATION, &error))?;
    let mut items = Vec::new();
    for result in answer.metric_data_results() {
        let index = (0..HISTORY_METRICS.len()).find(|index| result.id() == Some(query_id(*index).as_str()));
        let index = index.ok_or_else(|| CallError::incomplete(OPERATION, "known Id"))?;
        if let Some(StatusCode::InternalError | StatusCode::Forbidden) = result.status_code() {
            let said = result.messages().first().and_then(|message| message.value()).unwrap_or("no message");
            let what = format!("values of {:?} ({})", result.id(), shorten(said));
            return Err(CallError::incomplete(OPERATION, &what));
        }
        let moments = result.timestamps().iter().map(|moment| Timestamp(moment.secs()));
        items.push((index, moments.zip(result.values().iter().copied()).collect()));
    }
    Ok(Page { items, next: next_page(answer.next_token()) })
}

/// An id begins with a small letter.
fn query_id(index: usize) -> String {
    format!("m{index}")
}
