//! Every five minutes: what will be wanted in the coming hour, written where the other functions read it.

use std::collections::{BTreeMap, BTreeSet};

use forecast::{Forecast, Input, Minute, SLOT_SECONDS, SLOTS, State};
use jiff::tz::TimeZone;
use planner::Timestamp;
use tracing::{info, warn};

use crate::{
    Ports, Settings, TickError,
    history::assemble_minutes,
    measure::datum,
    metrics::Metric,
    planned::{Planned, parse_planned},
    ports::{CallError, CallErrorKind, Clock, CloudReader, CloudWriter, Datum, History, JicofoReader},
    publish::publish,
    settings::LEAD,
    tags::format_moment,
    target::Parameter,
};

/// How far back the history goes: CloudWatch keeps minutes for fifteen days.
const HISTORY_SECONDS: u64 = 14 * 86_400;
/// For how long a forecast rules, in seconds: two may fail before the threshold does.
const VALID_SECONDS: u64 = 15 * 60;
/// How long until the next forecast, in seconds.
const ROUND_SECONDS: i64 = 300;
/// What a standard parameter holds, in bytes.
const LONGEST_PARAMETER: usize = 4096;
/// How much of the reasons the parameter keeps, in characters.
const LONGEST_REASON: usize = 600;

/// Makes a forecast, writes it into its parameter, and publishes it beside what then happens.
///
/// # Errors
/// What failed. Without the history, or with a parameter that could not be read, nothing is written: the last forecast
/// rules until it expires, and then the threshold. Too little history is no error, and said; what is planned is written
/// on top of the threshold then, and the threshold alone when it is over.
pub(crate) async fn run<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
) -> Result<(), TickError> {
    let mut errors = TickError::default();
    if settings.forecast_parameter.is_none() {
        errors.add("FORECAST_PARAMETER is not set: a forecast has nowhere to go");
        return errors.into_result();
    }
    let now = ports.clock.now();
    let before = read_before(ports.reader.fetch_forecast().await, now)?;
    let history = ports.reader.fetch_history(now.minus_seconds(HISTORY_SECONDS), now).await?;
    let planned = fetch_planned(settings, &ports.reader, &mut errors).await;
    let recordings_seconds = fetch_recordings(&ports.reader, &ports.jicofo, now, &mut errors).await;

    let lead_seconds = lead_seconds(&history, settings.forecast.lead_seconds);
    let time_zone = &settings.forecast.time_zone;
    let policy = forecast::Policy {
        hit_rate: settings.forecast.hit_rate,
        floor: settings.forecast.floor,
        maximum: settings.forecast.maximum,
    };
    let minutes = assemble_minutes(&history, 60 / settings.sample_interval_seconds, now);
    let input = Input {
        now: now.0,
        minutes: &minutes,
        offset_seconds: &|moment| offset_seconds(time_zone, moment),
        recordings_seconds: &recordings_seconds,
        lead_seconds,
        state: before.state,
    };
    let mut metrics = vec![datum(Metric::LeadSeconds, lead_seconds.unsigned_abs(), now)];
    metrics.extend(describe_refusals(&minutes, now));
    let (mut forecast, is_flat) = match forecast::forecast(&policy, &input) {
        Ok(forecast) => (forecast, false),
        Err(why) => {
            info!(why, "no forecast yet: the threshold rules");
            (flat(settings.jibris_threshold, &why, &input), true)
        }
    };
    let slots_raised = planned.raise(&mut forecast, lead_seconds, policy.maximum, time_zone) as u64;
    if !is_flat {
        metrics.extend(describe(&forecast, now));
    }
    // Without a history there is nothing to write but what is planned; when that is over, the parameter would expire,
    // and an expired one is an error.
    if !is_flat || slots_raised > 0 || before.exists {
        let reason = forecast.reasons.join("; ");
        let (spare, hold) = (forecast.spare[0], forecast.hold[0]);
        info!(spare, hold, before = ?before.spare, slots_raised, acting = !settings.forecast.shadow, reason, "forecast");
        match write(settings, &forecast, &reason, now) {
            Ok(value) => {
                if let Some(writer) = &ports.writer
                    && let Err(error) = writer.put_forecast(&value).await
                {
                    errors.add(error);
                }
            }
            Err(problem) => errors.add(problem),
        }
    }
    publish(settings, ports.writer.as_ref(), &metrics, &mut errors).await;
    errors.into_result()
}

/// The threshold all the time: what plans are laid upon while there is no history.
fn flat(threshold: u32, why: &str, input: &Input) -> Forecast {
    Forecast {
        first_slot_at: input.now.div_euclid(SLOT_SECONDS) * SLOT_SECONDS,
        spare: vec![threshold; SLOTS],
        hold: vec![threshold; SLOTS],
        expected_starts: Vec::new(),
        expected_refusals: Vec::new(),
        state: input.state,
        reasons: vec![format!("JIBRIS_THRESHOLD and what is planned, for {why}")],
    }
}

/// What the last forecast left.
#[derive(Default)]
struct Before {
    exists: bool,
    state: State,
    spare: Option<u32>,
}

/// A parameter that was edited into something else is forgotten, and overwritten; one that could not be read is not.
fn read_before(parameter: Result<String, CallError>, now: Timestamp) -> Result<Before, CallError> {
    let text = match parameter {
        Ok(text) => text,
        Err(error) if error.kind == CallErrorKind::ParameterNotFound => return Ok(Before::default()),
        Err(error) => return Err(error),
    };
    let parameter: Option<Parameter> = serde_json::from_str(&text).ok();
    let state = parameter.as_ref().and_then(|parameter| serde_json::from_value(parameter.state.clone()).ok());
    let state = state.filter(|state: &State| state.is_usable(now.0));
    if state.is_none() {
        warn!("what the last forecast had learnt cannot be read: learning begins anew");
    }
    let spare = parameter.and_then(|parameter| parameter.spare_targets.first().copied());
    Ok(Before { exists: true, state: state.unwrap_or_default(), spare })
}

async fn fetch_planned<R: CloudReader>(settings: &Settings, reader: &R, errors: &mut TickError) -> Planned {
    if settings.forecast.planned_parameter.is_none() {
        return Planned::default();
    }
    let planned = match reader.fetch_planned().await {
        Ok(text) => parse_planned(&text),
        Err(error) => Err(error.to_string()),
    };
    planned.unwrap_or_else(|problem| {
        errors.add(format!("forecast without what is planned: {problem}"));
        Planned::default()
    })
}

/// For how long each recording under way on the group's instances has lasted. Without an answer no recording is expected to end:
/// more Jibris are kept.
async fn fetch_recordings<R: CloudReader, J: JicofoReader>(
    reader: &R,
    jicofo: &J,
    now: Timestamp,
    errors: &mut TickError,
) -> Vec<i64> {
    let group = match reader.describe_group().await {
        Ok(group) => group,
        Err(error) => {
            errors.add(format!("forecast without the recordings under way: {error}"));
            return Vec::new();
        }
    };
    let ours: BTreeSet<&str> = group.members.iter().map(|member| member.id.as_str()).collect();
    let mut began = BTreeMap::new();
    for reading in jicofo.fetch_jicofos().await {
        match reading {
            Ok(reading) => {
                for jibri in reading.jibris.into_iter().filter(|jibri| jibri.busy) {
                    let Some(id) = ours.get(jibri.nickname.as_str()) else { continue };
                    let at = jibri.last_selected_at.unwrap_or(now).min(now);
                    let latest = began.entry(*id).or_insert(at);
                    *latest = at.max(*latest);
                }
            }
            Err(error) => errors.add(format!("forecast without all recordings under way: {error}")),
        }
    }
    began.into_values().map(|at| now.0 - at.0).collect()
}

/// The lead time: the median of the days' 95th percentiles; the setting until there is one.
fn lead_seconds(history: &History, setting: u64) -> i64 {
    let mut days: Vec<f64> =
        history.launch_seconds.iter().map(|(_, value)| *value).filter(|value| *value > 0.0).collect();
    days.sort_by(f64::total_cmp);
    let measured = days.get(days.len() / 2).map(|seconds| seconds.ceil() as i64);
    let limit = |seconds: u64| i64::try_from(seconds).unwrap_or(i64::MAX);
    measured.unwrap_or(limit(setting)).clamp(limit(LEAD.range.least), limit(LEAD.range.most))
}

/// Local time less UTC, in seconds.
fn offset_seconds(time_zone: &TimeZone, moment: i64) -> i64 {
    jiff::Timestamp::from_second(moment).map_or(0, |moment| i64::from(time_zone.to_offset(moment).seconds()))
}

/// The prediction, to be laid beside the outcome: of the slot of now, and of the five minutes that begin now.
fn describe(forecast: &Forecast, now: Timestamp) -> Vec<Datum> {
    let slots = usize::try_from(ROUND_SECONDS / SLOT_SECONDS).unwrap_or(1);
    let soon = |expected: &[f64]| expected.iter().take(slots).sum::<f64>();
    let expected = |metric, value| Datum { metric, value, at: now };
    vec![
        datum(Metric::ForecastSpareTarget, forecast.spare[0], now),
        datum(Metric::ForecastHoldTarget, forecast.hold[0], now),
        expected(Metric::ForecastStarts, soon(&forecast.expected_starts)),
        expected(Metric::ForecastRefusals, soon(&forecast.expected_refusals)),
    ]
}

/// The requests that were refused in each minute since the last forecast, and in one more: its last minute may not have been
/// whole.
fn describe_refusals(minutes: &[Minute], now: Timestamp) -> Vec<Datum> {
    let this_minute = now.0.div_euclid(60) * 60;
    let latest = minutes.iter().rev().take(usize::try_from(ROUND_SECONDS / 60 + 1).unwrap_or(1));
    let known = latest.zip(1..).filter(|(minute, _)| minute.refused.is_some());
    known
        .map(|(minute, ago)| Datum {
            metric: Metric::RefusedRequests,
            value: minute.refused_for_want(),
            at: Timestamp(this_minute - 60 * ago),
        })
        .collect()
}

/// The parameter's value.
fn write(settings: &Settings, forecast: &Forecast, reason: &str, now: Timestamp) -> Result<String, String> {
    let mut parameter = Parameter {
        written_at: format_moment(now),
        expires_at: format_moment(now.plus_seconds(VALID_SECONDS)),
        first_slot_at: format_moment(Timestamp(forecast.first_slot_at)),
        slot_seconds: SLOT_SECONDS,
        spare_targets: forecast.spare.clone(),
        hold_targets: forecast.hold.clone(),
        expected_starts: forecast.expected_starts.iter().map(|starts| (starts * 100.0).round() / 100.0).collect(),
        reason: reason.chars().take(LONGEST_REASON).collect(),
        acting: !settings.forecast.shadow,
        state: serde_json::to_value(forecast.state).map_err(|error| error.to_string())?,
    };
    let mut value = serde_json::to_string(&parameter).map_err(|error| error.to_string())?;
    if value.len() > LONGEST_PARAMETER {
        // The log has them; the targets matter more.
        parameter.reason.clear();
        parameter.expected_starts.clear();
        value = serde_json::to_string(&parameter).map_err(|error| error.to_string())?;
    }
    match value.len() {
        0..=LONGEST_PARAMETER => Ok(value),
        length => Err(format!("the forecast has {length} bytes, more than the {LONGEST_PARAMETER} of a parameter")),
    }
}
