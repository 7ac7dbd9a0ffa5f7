//! What happened in the world, as the page tells it.

use serde_json::{Map, Value};
use world::{Happening, LogEntry, Milliseconds};

use super::forecast::Reign;
use super::scenario::Scenario;
use crate::page::{DrainBar, Incident, Moment, Run, Sample};

pub(super) fn tell(
    log: &[LogEntry],
    scenario: &Scenario,
    samples: Vec<Sample>,
    reign: Option<Reign>,
    summary: &Map<String, Value>,
) -> Run {
    let refusals = log.iter().filter(|entry| matches!(entry.happening, Happening::Refused { .. }));
    let mut incidents = vec![launch_that_never_registered(log), termination_by_hand(log), failed_upload(log)];
    incidents.push(silence(log, &samples));
    incidents.push(reign.map(|reign| first_forecast(reign, scenario.threshold)));
    let mut incidents: Vec<Incident> = incidents.into_iter().flatten().collect();
    incidents.sort_by_key(|incident| incident.at_ms);
    Run {
        title: "An office morning".into(),
        started_at_ms: scenario.start,
        samples,
        incidents,
        refusals: refusals.map(|entry| Moment { at_ms: entry.at }).collect(),
        drains: drains(log, scenario.end),
        summary: summary.clone().into_iter().collect(),
        settings: scenario.settings.clone(),
    }
}

fn drains(log: &[LogEntry], end: Milliseconds) -> Vec<DrainBar> {
    let begun = log.iter().filter_map(|entry| match &entry.happening {
        Happening::HookWaits { instance } => Some((entry.at, instance)),
        _ => None,
    });
    begun
        .map(|(began_ms, instance)| DrainBar {
            instance: instance.clone(),
            began_ms,
            ended_ms: find(
                log,
                began_ms,
                |happening| matches!(happening, Happening::HookEnded { instance: of, .. } if of == instance),
            ),
            busy_until_ms: busy_until(log, began_ms, instance, end),
        })
        .collect()
}

fn find(log: &[LogEntry], from: Milliseconds, wanted: impl Fn(&Happening) -> bool) -> Option<Milliseconds> {
    log.iter().find(|entry| entry.at >= from && wanted(&entry.happening)).map(|entry| entry.at)
}

/// Until when an instance that drains since `began` still recorded or uploaded; until the end, if it still does.
fn busy_until(log: &[LogEntry], began: Milliseconds, instance: &str, end: Milliseconds) -> Option<Milliseconds> {
    let mut busy = false;
    let mut until = None;
    for entry in log {
        match &entry.happening {
            Happening::Requested { instance: of, .. } if of == instance => busy = true,
            Happening::Uploaded { instance: of, .. }
            | Happening::UploadFailed { instance: of, .. }
            | Happening::UploadedLate { instance: of, .. }
                if of == instance =>
            {
                busy = false;
                until = (entry.at >= began).then_some(entry.at);
            }
            _ => {}
        }
    }
    if busy { Some(end) } else { until }
}

fn first_forecast(reign: Reign, threshold: u32) -> Incident {
    let Reign { began, duration, least, most } = reign;
    let detail = format!(
        "Made from the two weeks before, it ruled for {}: between {least} and {most} Jibris were wanted to wait, instead of \
         {threshold} at any time.",
        minutes(duration)
    );
    Incident { at_ms: began, label: "The forecast takes over".into(), detail }
}

fn launch_that_never_registered(log: &[LogEntry]) -> Option<Incident> {
    let (launched_at, silent) = log.iter().find_map(|entry| match &entry.happening {
        Happening::Launched { instance, .. } => Some((entry.at, instance)),
        _ => None,
    })?;
    let registered =
        |happening: &Happening| matches!(happening, Happening::Registered { instance } if instance == silent);
    if find(log, launched_at, registered).is_some() {
        return None;
    }
    let replaced = find(
        log,
        launched_at,
        |happening| matches!(happening, Happening::Terminating { instance, .. } if instance == silent),
    );
    let detail = match replaced {
        Some(at) => {
            format!("{silent} never registered with Jicofo; it was replaced {} later.", minutes(at - launched_at))
        }
        None => format!("{silent} never registered with Jicofo, and was not replaced before the end."),
    };
    Some(Incident { at_ms: launched_at, label: "A launch never registers".into(), detail })
}

fn termination_by_hand(log: &[LogEntry]) -> Option<Incident> {
    let (at, instance) = log.iter().find_map(|entry| match &entry.happening {
        Happening::Terminating { instance, cause: "a person" } => Some((entry.at, instance)),
        _ => None,
    })?;
    let of =
        |happening: &Happening| matches!(happening, Happening::RecordingEnded { instance: of, .. } if of == instance);
    let beats =
        log.iter().filter(|entry| matches!(&entry.happening, Happening::Heartbeat { instance: of } if of == instance));
    let went_on = match find(log, at, of) {
        Some(ended) => format!("its recording went on for {}", minutes(ended - at)),
        None => "its recording still goes on".to_owned(),
    };
    let detail =
        format!("A person terminated {instance} while it recorded; {went_on}, over {} heartbeats.", beats.count());
    Some(Incident { at_ms: at, label: "A busy Jibri is terminated by hand".into(), detail })
}

fn failed_upload(log: &[LogEntry]) -> Option<Incident> {
    let (at, instance) = log.iter().find_map(|entry| match &entry.happening {
        Happening::UploadFailed { instance, .. } => Some((entry.at, instance)),
        _ => None,
    })?;
    let late =
        find(log, at, |happening| matches!(happening, Happening::UploadedLate { instance: of, .. } if of == instance));
    let detail = match late {
        Some(late) => format!(
            "The recording on {instance} could not be uploaded; its drain kept it and succeeded {} later.",
            minutes(late - at)
        ),
        None => format!("The recording on {instance} could not be uploaded; its drain keeps it until it can."),
    };
    Some(Incident { at_ms: at, label: "An upload fails".into(), detail })
}

fn silence(log: &[LogEntry], samples: &[Sample]) -> Option<Incident> {
    let (at, _) = log.iter().find_map(|entry| match &entry.happening {
        Happening::Incident { what } if what.starts_with("JicofoAway") => Some((entry.at, what)),
        _ => None,
    })?;
    let back = find(log, at + 1, |happening| matches!(happening, Happening::Incident { what } if what == "JicofoBack"));
    let until = back.unwrap_or(at);
    let ended = log
        .iter()
        .filter(|entry| (at..until).contains(&entry.at) && matches!(entry.happening, Happening::Terminating { .. }));
    let desired_at =
        |moment| samples.iter().take_while(|sample| sample.at_ms <= moment).last().map_or(0, |sample| sample.desired);
    let detail = format!(
        "For {} nobody could say what the Jibris do: {} were told to leave, desired capacity went from {} to {}.",
        minutes(until - at),
        ended.count(),
        desired_at(at),
        desired_at(until)
    );
    Some(Incident { at_ms: at, label: "Jicofo goes away".into(), detail })
}

fn minutes(span: Milliseconds) -> String {
    match (span + 30_000) / 60_000 {
        1 => "1 minute".to_owned(),
        many => format!("{many} minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(at: Milliseconds, happening: Happening) -> LogEntry {
        LogEntry { at, happening }
    }

    #[test]
    fn a_drain_is_busy_until_its_last_upload_or_still_at_the_end() {
        let instance = || "i-1".to_owned();
        let mut log = vec![
            entry(1, Happening::Requested { request: 0, instance: instance() }),
            entry(2, Happening::Uploaded { request: 0, instance: instance() }),
            entry(5, Happening::HookWaits { instance: instance() }),
        ];
        assert_eq!(drains(&log, 99)[0].busy_until_ms, None, "it was idle");
        log.push(entry(6, Happening::Requested { request: 1, instance: instance() }));
        assert_eq!(drains(&log, 99)[0].busy_until_ms, Some(99));
        log.push(entry(7, Happening::UploadFailed { request: 1, instance: instance() }));
        log.push(entry(8, Happening::UploadedLate { session: "one".into(), instance: instance() }));
        log.push(entry(9, Happening::Uploaded { request: 2, instance: "i-2".into() }));
        assert_eq!(drains(&log, 99)[0].busy_until_ms, Some(8));
    }
}
