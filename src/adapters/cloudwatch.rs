//! CloudWatch: the pool's metrics.

use aws_sdk_cloudwatch::{
    Client,
    primitives::DateTime,
    types::{
        Dimension, Metric as MetricName, MetricDataQuery, MetricDatum, MetricStat, ScanBy, StandardUnit, StatusCode,
    },
};
use controller::{
    metrics::Unit,
    ports::{CallError, Datum, HISTORY_METRICS, History, Series},
    text::shorten,
};
use planner::Timestamp;

use super::call::{Pages, call_error, incomplete};

/// `StorageResolution` in seconds: of high resolution, for the samples are ten seconds apart.
const RESOLUTION_SECONDS: i32 = 1;

pub(super) async fn put_metrics(
    client: &Client,
    namespace: &str,
    group: &str,
    metrics: &[Datum],
) -> Result<(), CallError> {
    let dimension = Dimension::builder().name("AutoScalingGroupName").value(group).build();
    let data = metrics.iter().map(|metric| {
        MetricDatum::builder()
            .metric_name(metric.metric.name())
            .dimensions(dimension.clone())
            .timestamp(DateTime::from_secs(metric.at.0))
            .value(metric.value)
            .unit(match metric.metric.unit() {
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

/// Reads the metrics of a history, all of them in one call for each page.
pub(super) async fn fetch_history(
    client: &Client,
    namespace: &str,
    group: &str,
    since: Timestamp,
    now: Timestamp,
) -> Result<History, CallError> {
    const OPERATION: &str = "cloudwatch:GetMetricData";
    let dimension = Dimension::builder().name("AutoScalingGroupName").value(group).build();
    let queries = HISTORY_METRICS.iter().enumerate().map(|(index, (metric, statistic, period_seconds))| {
        let named = MetricName::builder().namespace(namespace).metric_name(metric.name()).dimensions(dimension.clone());
        let statistic =
            MetricStat::builder().metric(named.build()).stat(statistic.name()).period(*period_seconds).build();
        MetricDataQuery::builder().id(query_id(index)).metric_stat(statistic).return_data(true).build()
    });
    let mut pages = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries.collect()))
        .start_time(DateTime::from_secs(since.0))
        .end_time(DateTime::from_secs(now.0))
        .scan_by(ScanBy::TimestampAscending)
        .into_paginator()
        .send();
    let mut all: [Series; HISTORY_METRICS.len()] = Default::default();
    let mut count = Pages::default();
    while let Some(page) = pages.next().await {
        count.count(OPERATION)?;
        let page = page.map_err(|error| call_error(OPERATION, &error))?;
        for result in page.metric_data_results() {
            let index = (0..all.len()).find(|index| result.id() == Some(query_id(*index).as_str()));
            let series = index.and_then(|index| all.get_mut(index)).ok_or_else(|| incomplete(OPERATION, "known Id"))?;
            if let Some(StatusCode::InternalError | StatusCode::Forbidden) = result.status_code() {
                let said = result.messages().first().and_then(|message| message.value()).unwrap_or("no message");
                return Err(incomplete(OPERATION, &format!("values of {:?} ({})", result.id(), shorten(said))));
            }
            let moments = result.timestamps().iter().map(|moment| Timestamp(moment.secs()));
            series.extend(moments.zip(result.values().iter().copied()));
        }
    }
    Ok(History::from_series(all))
}

/// An id begins with a small letter.
fn query_id(index: usize) -> String {
    format!("m{index}")
}
