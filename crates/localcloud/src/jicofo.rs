//! Jicofo's REST interface: `/stats` and `/debug`, with everything that can go wrong with it.
//!
//! jicofo: `JicofoServices.getStats`, `JibriDetector.debugState`, `BaseDetector`.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use world::{JicofoAnswer, JicofoView, Milliseconds};

use crate::clock::java_instant;
use crate::peer::{Peer, Reply};
use crate::state::State;

/// `Instant.MIN` as Java prints it: never.
const NEVER: &str = "-1000000000-01-01T00:00:00Z";

/// The world's Jicofo.
#[derive(Clone)]
pub(crate) struct Jicofo(pub(crate) Arc<State>);

impl Peer for Jicofo {
    fn reply(&self, method: &str, path: &str) -> Reply {
        let answer = self.0.world(|world| world.jicofo());
        reply_to(&answer, method, path)
    }
}

fn reply_to(answer: &JicofoAnswer, method: &str, path: &str) -> Reply {
    let (view, with_detector) = match answer {
        JicofoAnswer::Answers(view) => (view, true),
        JicofoAnswer::WithoutDetector(view) => (view, false),
        // A closed port cannot be told from one that resets at once, as far as decisions go.
        JicofoAnswer::Refuses => return Reply::Reset,
        JicofoAnswer::Hangs => return Reply::Nothing,
        JicofoAnswer::Fails => return Reply::Answer(500, String::new()),
        JicofoAnswer::Garbage => return Reply::Answer(200, "<html>Bad gateway".to_owned()),
    };
    match (method, path.split('?').next().unwrap_or(path)) {
        ("GET", "/stats") => Reply::Answer(200, stats(view, with_detector).to_string()),
        ("GET", "/debug") => Reply::Answer(200, debug(view, with_detector).to_string()),
        _ => Reply::Answer(404, String::new()),
    }
}

fn stats(view: &JicofoView, with_detector: bool) -> Value {
    let available = view.brewery.iter().filter(|jibri| jibri.healthy && !jibri.busy).count();
    let mut stats = json!({
        "conferences": view.conferences,
        "participants": view.participants,
        "largest_conference": view.participants.min(20),
        "endpoint_pairs": 0,
        "bridge_selector": {"bridge_count": 1, "operational_bridge_count": 1, "lost_bridges": 0},
        "jibri": {
            "recording_active": view.recording_active,
            "recording_pending": 0,
            "live_streaming_active": 0,
            "live_streaming_pending": 0,
            "sip_call_active": 0,
            "sip_call_pending": 0,
            "total_recording_failures": view.total_recording_failures,
            "total_live_streaming_failures": 0,
            "total_sip_call_failures": 0,
        },
        "sip_jibri_detector": {"count": 0, "available": 0},
        "threads": 60,
        "healthy": true,
        "version": "1.0-1124",
    });
    if with_detector {
        stats["jibri_detector"] = json!({"count": view.brewery.len(), "available": available});
    }
    stats
}

/// Nicknames stand beside the detector's own fields.
fn debug(view: &JicofoView, with_detector: bool) -> Value {
    let mut detector = Map::new();
    detector.insert("is_sip".into(), false.into());
    detector.insert("brewery_jid".into(), "jibribrewery@internal-muc.meet.example".into());
    for jibri in &view.brewery {
        let state = json!({
            "health_status": if jibri.healthy { "HEALTHY" } else { "UNHEALTHY" },
            "busy_status": if jibri.busy { "BUSY" } else { "IDLE" },
            "reports_available": jibri.healthy && !jibri.busy,
            "last_failed": instant(jibri.last_failed_at),
            "last_selected": instant(jibri.last_selected_at),
        });
        detector.insert(jibri.nickname.clone(), state);
    }
    let detector = if with_detector { Value::Object(detector) } else { Value::Null };
    json!({
        "focus_manager": {"conferences": {}},
        "jibri_detector": detector,
        "sip_jibri_detector": null,
    })
}

fn instant(moment: Option<Milliseconds>) -> String {
    moment.map_or_else(|| NEVER.to_owned(), java_instant)
}

#[cfg(test)]
mod tests {
    use world::BreweryEntry;

    use super::*;

    fn view() -> JicofoView {
        let idle = BreweryEntry {
            nickname: "i-0a".into(),
            healthy: true,
            busy: false,
            last_failed_at: None,
            last_selected_at: Some(1_795_330_801_120),
        };
        let busy = BreweryEntry { nickname: "i-0b".into(), busy: true, ..idle.clone() };
        JicofoView {
            brewery: vec![idle, busy],
            conferences: 3,
            participants: 11,
            recording_active: 1,
            total_recording_failures: 7,
        }
    }

    fn json(reply: Reply) -> Value {
        match reply {
            Reply::Answer(200, body) => serde_json::from_str(&body).expect("JSON"),
            other => panic!("no answer: {other:?}"),
        }
    }

    #[test]
    fn stats_count_the_available_ones() {
        let stats = json(reply_to(&JicofoAnswer::Answers(view()), "GET", "/stats"));
        assert_eq!(stats["jibri_detector"], json!({"count": 2, "available": 1}));
        assert_eq!(stats["jibri"]["total_recording_failures"], 7);
        let stats = json(reply_to(&JicofoAnswer::WithoutDetector(view()), "GET", "/stats"));
        assert_eq!(stats.get("jibri_detector"), None);
    }

    #[test]
    fn debug_shows_each_jibri_beside_the_detectors_own_fields() {
        let debug = json(reply_to(&JicofoAnswer::Answers(view()), "GET", "/debug"));
        let detector = &debug["jibri_detector"];
        assert_eq!(detector["is_sip"], false);
        assert_eq!(detector["i-0a"]["last_failed"], NEVER);
        assert_eq!(detector["i-0a"]["last_selected"], "2026-11-22T07:00:01.120Z");
        assert_eq!(detector["i-0b"]["busy_status"], "BUSY");
    }

    #[test]
    fn a_broken_jicofo_is_broken_for_every_path() {
        assert_eq!(reply_to(&JicofoAnswer::Refuses, "GET", "/stats"), Reply::Reset);
        assert_eq!(reply_to(&JicofoAnswer::Hangs, "GET", "/debug"), Reply::Nothing);
        assert_eq!(reply_to(&JicofoAnswer::Fails, "GET", "/stats"), Reply::Answer(500, String::new()));
        let Reply::Answer(200, garbage) = reply_to(&JicofoAnswer::Garbage, "GET", "/debug") else {
            panic!("garbage is an answer");
        };
        assert!(serde_json::from_str::<Value>(&garbage).is_err());
    }
}
