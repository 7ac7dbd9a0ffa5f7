//! What Jicofo answers, parsed. Everything that is there may be wrong; what is not needed is not looked at.
//!
//! Sources: jicofo's `JicofoServices.getStats` (`/stats`) and `JibriDetector` (`/debug`).

use std::{collections::BTreeMap, fmt};

use planner::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, Visitor},
};

use crate::{
    object::{Member, Object},
    ports::{JicofoJibri, JicofoReading, JicofoStats},
    tags::parse_moment,
    text::{quote, shorten},
};

/// More Jibris than any brewery holds: an answer with more is not believed.
const MOST_JIBRIS: usize = 10_000;
/// What nicknames begin with that are EC2 instance ids, in `JIBRI_INSTANCE_ID`.
const INSTANCE_PREFIX: &str = "i-";

// 32 bits are more than Jicofo can mean, and the sums of several Jicofos cannot overflow.
#[derive(Deserialize)]
struct Stats {
    #[serde(default)]
    conferences: u32,
    #[serde(default)]
    participants: u32,
    jibri: Option<Object<JibriStats>>,
    jibri_detector: Option<Object<Detector>>,
}

#[derive(Deserialize)]
struct Detector {
    count: u32,
    available: u32,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JibriStats {
    recording_active: u32,
    live_streaming_active: u32,
    total_recording_failures: u32,
    total_live_streaming_failures: u32,
}

#[derive(Deserialize)]
struct Debug {
    jibri_detector: Option<Member<Brewery>>,
}

/// Nicknames share the object with the detector's own fields, which are no objects. An instance that is none either is
/// broken, and must not look as if it were missing.
struct Brewery(BTreeMap<String, Entry>);

/// One Jibri, as far as it matters: what else an answer holds is not kept.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    health_status: Word,
    busy_status: Word,
    last_selected: Word,
    last_failed: Word,
}

type Word = Member<IgnoredAny>;

impl<'de> Deserialize<'de> for Brewery {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfBrewery;
        impl<'de> Visitor<'de> for OfBrewery {
            type Value = Brewery;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("the Jibris by their nicknames")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Brewery, A::Error> {
                let mut jibris = BTreeMap::new();
                while let Some(nickname) = members.next_key::<String>()? {
                    let entry = match members.next_value()? {
                        Member::Object(entry) => entry,
                        _ if nickname.starts_with(INSTANCE_PREFIX) => Entry::default(),
                        Member::Text(_) | Member::Other => continue,
                    };
                    if jibris.len() == MOST_JIBRIS {
                        return Err(A::Error::custom(format!("it lists more than {MOST_JIBRIS} Jibris")));
                    }
                    // It would be left to chance which of the two counts.
                    if jibris.contains_key(&nickname) {
                        return Err(A::Error::custom(format!("it lists {} twice", quote(&nickname))));
                    }
                    jibris.insert(nickname, entry);
                }
                Ok(Brewery(jibris))
            }
        }
        deserializer.deserialize_map(OfBrewery)
    }
}

/// Reads the bodies of `/stats` and `/debug`.
///
/// # Errors
/// What keeps the answer from being believed, in words.
pub fn parse_reading(stats: &[u8], debug: &[u8]) -> Result<JicofoReading, String> {
    let Object(stats): Object<Stats> =
        serde_json::from_slice(stats).map_err(|error| format!("/stats cannot be read: {}", shorten(&error)))?;
    let detector = stats.jibri_detector.ok_or("/stats has no jibri_detector: no Jibri brewery is configured")?.0;
    if detector.available > detector.count {
        return Err(format!("/stats has {} available of {} Jibris", detector.available, detector.count));
    }
    let jibri = stats.jibri.map(|Object(jibri)| jibri).unwrap_or_default();
    let stats = JicofoStats {
        conferences: stats.conferences.into(),
        participants: stats.participants.into(),
        jibri_sessions: u64::from(jibri.recording_active) + u64::from(jibri.live_streaming_active),
        jibri_failures_total: u64::from(jibri.total_recording_failures)
            + u64::from(jibri.total_live_streaming_failures),
    };
    Ok(JicofoReading { stats, jibris: parse_debug(debug)? })
}

fn parse_debug(debug: &[u8]) -> Result<Vec<JicofoJibri>, String> {
    let Object(debug): Object<Debug> =
        serde_json::from_slice(debug).map_err(|error| format!("/debug cannot be read: {}", shorten(&error)))?;
    match debug.jibri_detector {
        Some(Member::Object(Brewery(jibris))) => {
            jibris.into_iter().map(|(nickname, entry)| parse_jibri(nickname, &entry)).collect()
        }
        None => Err("/debug has no jibri_detector".into()),
        Some(Member::Text(_) | Member::Other) => Err("/debug has a jibri_detector that is no object".into()),
    }
}

/// A word that is not known is the cautious one: not healthy, busy.
fn parse_jibri(nickname: String, entry: &Entry) -> Result<JicofoJibri, String> {
    let known = |field: &str, word: &Word, expected: &str| {
        let word = word.as_text().ok_or_else(|| format!("/debug has no {field} for {}", quote(&nickname)))?;
        Ok::<bool, String>(word.eq_ignore_ascii_case(expected))
    };
    let healthy = known("health_status", &entry.health_status, "HEALTHY")?;
    let busy = !known("busy_status", &entry.busy_status, "IDLE")?;
    // "Never" is Java's Instant.MIN, which no calendar here reaches; so is a moment that cannot be read.
    let moment = |word: &Word| word.as_text().and_then(parse_moment).filter(|moment| *moment > Timestamp(0));
    let (last_selected_at, last_failed_at) = (moment(&entry.last_selected), moment(&entry.last_failed));
    Ok(JicofoJibri { healthy, busy, last_selected_at, last_failed_at, nickname })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATS: &str = r#"{"conferences":3,"participants":11,"largest_conference":5,
        "jibri":{"recording_active":2,"live_streaming_active":1,"sip_call_active":0,
        "total_recording_failures":7,"total_live_streaming_failures":1,"total_sip_call_failures":0},
        "jibri_detector":{"count":4,"available":2},"sip_jibri_detector":{"count":9,"available":9},
        "healthy":true,"version":"1.0-1"}"#;
    const DEBUG: &str = r#"{"jibri_detector":{"is_sip":false,"brewery_jid":"jibribrewery@internal-muc.meet.example",
        "i-1":{"health_status":"HEALTHY","busy_status":"IDLE","reports_available":true,
            "last_failed":"-1000000000-01-01T00:00:00Z","last_selected":"-1000000000-01-01T00:00:00Z"},
        "i-2":{"health_status":"healthy","busy_status":"Busy","reports_available":false,
            "last_failed":"-1000000000-01-01T00:00:00Z","last_selected":"2026-11-22T07:00:01.123Z"},
        "i-3":{"health_status":"UNHEALTHY","busy_status":"IDLE"},
        "i-4":{"health_status":"SOMETHING","busy_status":"NEW"}},
        "sip_jibri_detector":{"i-9":{"health_status":"HEALTHY","busy_status":"IDLE"}}}"#;

    fn read(stats: &str, debug: &str) -> Result<JicofoReading, String> {
        parse_reading(stats.as_bytes(), debug.as_bytes())
    }

    #[test]
    fn a_real_answer_is_read() {
        let reading = read(STATS, DEBUG).unwrap();
        let stats = JicofoStats { conferences: 3, participants: 11, jibri_sessions: 3, jibri_failures_total: 8 };
        assert_eq!(reading.stats, stats);
        let told: Vec<_> = reading.jibris.iter().map(|jibri| (&*jibri.nickname, jibri.healthy, jibri.busy)).collect();
        assert_eq!(told, [("i-1", true, false), ("i-2", true, true), ("i-3", false, false), ("i-4", false, true)]);
        let selected: Vec<_> = reading.jibris.iter().map(|jibri| jibri.last_selected_at).collect();
        assert_eq!(selected, [None, Some(Timestamp(1_795_330_801)), None, None]);
    }

    #[test]
    fn a_brewery_without_jibris_is_an_answer() {
        let reading = read(r#"{"jibri_detector":{"count":0,"available":0}}"#, r#"{"jibri_detector":{"is_sip":false}}"#);
        assert_eq!(reading, Ok(JicofoReading::default()));
    }

    #[test]
    fn what_cannot_be_believed_is_an_error_that_says_what() {
        for (stats, expected) in [
            ("", "/stats cannot be read"),
            ("<html>502</html>", "/stats cannot be read"),
            ("[]", "/stats cannot be read"),
            (r#"{"conferences":1}"#, "no jibri_detector"),
            (r#"{"jibri_detector":null}"#, "no jibri_detector"),
            (r#"{"jibri_detector":{"count":1,"available":-1}}"#, "/stats cannot be read"),
            (r#"{"jibri_detector":{"count":1,"available":NaN}}"#, "/stats cannot be read"),
            (r#"{"jibri_detector":{"count":1,"available":1.5}}"#, "/stats cannot be read"),
            (r#"{"jibri_detector":{"count":1,"available":2}}"#, "2 available of 1"),
            (r#"{"jibri_detector":{"count":1,"available":1},"participants":5000000000}"#, "/stats cannot be read"),
        ] {
            let error = read(stats, DEBUG).unwrap_err();
            assert!(error.contains(expected), "{stats}: {error}");
        }
        for (debug, expected) in [
            ("", "/debug cannot be read"),
            ("{}", "no jibri_detector"),
            (r#"{"jibri_detector":null}"#, "no jibri_detector"),
            (r#"{"jibri_detector":7}"#, "no object"),
            (r#"{"jibri_detector":{"i-1":{}}}"#, "no health_status for \"i-1\""),
            (r#"{"jibri_detector":{"i-1":null}}"#, "no health_status for \"i-1\""),
            (r#"{"jibri_detector":{"i-1":"IDLE"}}"#, "no health_status for \"i-1\""),
            (r#"{"jibri_detector":{"i-1":{"health_status":"HEALTHY","busy_status":7}}}"#, "no busy_status"),
        ] {
            let error = read(STATS, debug).unwrap_err();
            assert!(error.contains(expected), "{debug}: {error}");
        }
        assert!(parse_reading(b"\xff\xfe", DEBUG.as_bytes()).is_err());
    }

    #[test]
    fn what_comes_twice_is_refused_rather_than_left_to_chance() {
        let told = |busy_status| format!(r#"{{"health_status":"HEALTHY","busy_status":{busy_status}}}"#);
        let (busy, idle) = (told(r#""BUSY""#), told(r#""IDLE""#));
        for (debug, expected) in [
            (format!(r#"{{"jibri_detector":{{"i-1":{busy},"i-1":{idle}}}}}"#), "it lists \"i-1\" twice"),
            (
                format!(r#"{{"jibri_detector":{{"i-1":{busy}}},"jibri_detector":{{"i-1":{idle}}}}}"#),
                "duplicate field `jibri_detector`",
            ),
            (
                format!(r#"{{"jibri_detector":{{"i-1":{}}}}}"#, told(r#""BUSY","busy_status":"IDLE""#)),
                "duplicate field `busy_status`",
            ),
        ] {
            let error = read(STATS, &debug).unwrap_err();
            assert!(error.contains(expected), "{debug}: {error}");
        }
    }

    #[test]
    fn an_array_is_no_object() {
        for stats in [
            r#"[3,11,null,{"count":4,"available":2}]"#,
            r#"{"jibri_detector":[4,2]}"#,
            r#"{"jibri":[],"jibri_detector":{"count":4,"available":2}}"#,
        ] {
            assert!(read(stats, DEBUG).is_err(), "{stats}");
        }
        for debug in [
            r#"[{"i-1":{"health_status":"HEALTHY","busy_status":"IDLE"}}]"#,
            r#"{"jibri_detector":[{"i-1":{"health_status":"HEALTHY","busy_status":"IDLE"}}]}"#,
            r#"{"jibri_detector":{"i-1":["HEALTHY","IDLE"]}}"#,
        ] {
            assert!(read(STATS, debug).is_err(), "{debug}");
        }
    }

    #[test]
    fn fields_and_jibris_that_only_later_versions_have_are_taken() {
        let debug = r#"{"jibri_detector":{"is_sip":false,"selection":null,"limit":5,"regions":["eu"],
            "jibri-nick":{"health_status":"HEALTHY","busy_status":"IDLE","load":0.5}}}"#;
        let reading = read(STATS, debug).unwrap();
        assert_eq!(reading.jibris.iter().map(|jibri| &*jibri.nickname).collect::<Vec<_>>(), ["jibri-nick"]);
    }

    #[test]
    fn an_error_quotes_no_more_than_the_beginning() {
        let long = "x".repeat(100_000);
        for error in [
            read(&format!(r#"{{"conferences":"{long}"}}"#), DEBUG).unwrap_err(),
            read(STATS, &format!(r#""{long}""#)).unwrap_err(),
            read(STATS, &format!(r#"{{"jibri_detector":{{"{long}":{{}}}}}}"#)).unwrap_err(),
        ] {
            assert!(error.len() < 300, "{} characters: {error:.80}", error.len());
        }
    }

    #[test]
    fn depth_and_number_are_bounded() {
        let deep = "[".repeat(100_000);
        assert!(read(&deep, DEBUG).is_err() && read(STATS, &deep).is_err());
        let entry = r#"{"health_status":"HEALTHY","busy_status":"IDLE"}"#;
        let many: Vec<String> = (0..=MOST_JIBRIS).map(|number| format!(r#""i-{number}":{entry}"#)).collect();
        let error = read(STATS, &format!(r#"{{"jibri_detector":{{{}}}}}"#, many.join(","))).unwrap_err();
        assert!(error.contains("lists more than 10000 Jibris"), "{error}");
    }
}
