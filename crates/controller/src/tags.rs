//! The tags that the autoscaler keeps on an instance: all of its memory of it.
//!
//! | key | value | written |
//! | --- | --- | --- |
//! | `jibri-autoscaler:registered-at` | moment | once, when Jicofo first lists the Jibri |
//! | `jibri-autoscaler:state` | `idle`, `busy`, `unhealthy`, `missing`, `vanished` or `overdue`, a space, moment | when the state changes |
//! | `jibri-autoscaler:draining-since` | moment | once, when its drain begins |
//! | `jibri-autoscaler:proof` | `good`, moment; `short`, moment, moment of the last good one if any; or `failed`, how often in a row, the first moment, the last; or `open`, moment, and how those before it went (`good`, moment; `failed`, how often, the first moment), with spaces | after each recording; a moment is that of its selection |
//! | `jibri-autoscaler:doubted-at` | moment | when another instance is replaced for failing its recordings |
//!
//! A moment is RFC 3339, UTC, whole seconds. A tag that was edited into something else does not count.

use planner::{Before, Proof, Recorded, RecordedState, Timestamp};

use crate::text::shorten;

/// When Jicofo first listed the Jibri.
pub const REGISTERED_AT: &str = "jibri-autoscaler:registered-at";
/// What the Jibri does, and since when.
pub const STATE: &str = "jibri-autoscaler:state";
/// When the drain began.
pub const DRAINING_SINCE: &str = "jibri-autoscaler:draining-since";
/// How the last recordings of the Jibri went.
pub const PROOF: &str = "jibri-autoscaler:proof";
/// When another instance was replaced for failing its recordings.
pub const DOUBTED_AT: &str = "jibri-autoscaler:doubted-at";

/// How far a moment may lie ahead of our clock and still be believed, in seconds.
const CLOCK_SKEW_SECONDS: u64 = 300;

/// What the tags of one instance say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// From [`REGISTERED_AT`].
    pub registered_at: Option<Timestamp>,
    /// From [`STATE`].
    pub recorded: Option<Recorded>,
    /// From [`DRAINING_SINCE`].
    pub draining_since: Option<Timestamp>,
    /// From [`PROOF`].
    pub proof: Option<Proof>,
    /// From [`DOUBTED_AT`].
    pub doubted_at: Option<Timestamp>,
    /// The tags that cannot be read, each as `key=value`, fit for a log line.
    pub unreadable: Vec<String>,
}

/// Reads the tags of one instance.
pub fn read_tags(tags: &[(String, String)], now: Timestamp) -> Tags {
    let mut read = Tags::default();
    // The functions write no moment before 1970: one would make a drain look as if it had lasted for ever.
    let believable = |moment: &Timestamp| (Timestamp(0)..=now.plus_seconds(CLOCK_SKEW_SECONDS)).contains(moment);
    for (key, value) in tags {
        let understood = match key.as_str() {
            REGISTERED_AT => {
                read.registered_at = parse_moment(value).filter(believable);
                read.registered_at.is_some()
            }
            DRAINING_SINCE => {
                read.draining_since = parse_moment(value).filter(believable);
                read.draining_since.is_some()
            }
            DOUBTED_AT => {
                read.doubted_at = parse_moment(value).filter(believable);
                read.doubted_at.is_some()
            }
            PROOF => {
                read.proof = parse_proof(value).filter(|proof| believable(&proof.selected_at()));
                read.proof.is_some()
            }
            STATE => {
                read.recorded = parse_recorded(value).filter(|recorded| believable(&recorded.since));
                read.recorded.is_some()
            }
            _ => true,
        };
        if !understood {
            read.unreadable.push(shorten(&format_args!("{key}={value}")));
        }
    }
    read
}

/// A moment as it stands in a tag.
pub fn format_moment(moment: Timestamp) -> String {
    match jiff::Timestamp::from_second(moment.0) {
        Ok(timestamp) => timestamp.to_string(),
        // Beyond the year 9999; it reads back as unreadable, which is what it is.
        Err(_) => moment.0.to_string(),
    }
}

/// Reads a moment in RFC 3339.
pub fn parse_moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::Timestamp>().ok().map(|timestamp| Timestamp(timestamp.as_second()))
}

/// A state as it stands in its tag.
pub fn format_recorded(recorded: Recorded) -> String {
    format!("{} {}", recorded.state, format_moment(recorded.since))
}

/// Reads a state from its tag.
pub fn parse_recorded(text: &str) -> Option<Recorded> {
    let (state, since) = text.split_once(' ')?;
    let states = [
        RecordedState::Idle,
        RecordedState::Busy,
        RecordedState::Unhealthy,
        RecordedState::Missing,
        RecordedState::Vanished,
        RecordedState::Overdue,
    ];
    let state = states.into_iter().find(|known| known.to_string() == state)?;
    Some(Recorded { state, since: parse_moment(since)? })
}

/// How recordings went, as it stands in its tag.
pub fn format_proof(proof: Proof) -> String {
    match proof {
        Proof::Good { selected_at } => format!("good {}", format_moment(selected_at)),
        Proof::Short { selected_at, good_at: None } => format!("short {}", format_moment(selected_at)),
        Proof::Short { selected_at, good_at: Some(good_at) } => {
            format!("short {} {}", format_moment(selected_at), format_moment(good_at))
        }
        Proof::Failed { times, since, selected_at } => {
            format!("failed {times} {} {}", format_moment(since), format_moment(selected_at))
        }
        Proof::Open { selected_at, before } => {
            let open = format!("open {}", format_moment(selected_at));
            match before {
                Before::Unknown => open,
                Before::Good { selected_at } => format!("{open} good {}", format_moment(selected_at)),
                Before::Failed { times, since } => format!("{open} failed {times} {}", format_moment(since)),
            }
        }
    }
}

/// Reads from its tag how recordings went.
pub fn parse_proof(text: &str) -> Option<Proof> {
    let words: Vec<&str> = text.split(' ').collect();
    match words[..] {
        ["good", at] => Some(Proof::Good { selected_at: parse_moment(at)? }),
        ["short", at] => Some(Proof::Short { selected_at: parse_moment(at)?, good_at: None }),
        ["short", at, good_at] => {
            let (selected_at, good_at) = (parse_moment(at)?, parse_moment(good_at)?);
            (good_at <= selected_at).then_some(Proof::Short { selected_at, good_at: Some(good_at) })
        }
        ["failed", times, since, at] => {
            let (since, selected_at) = (parse_moment(since)?, parse_moment(at)?);
            let times = times.parse().ok().filter(|times| *times > 0)?;
            (since <= selected_at).then_some(Proof::Failed { times, since, selected_at })
        }
        ["open", at, ref before @ ..] => {
            let selected_at = parse_moment(at)?;
            let (before, since) = match *before {
                [] => (Before::Unknown, selected_at),
                ["good", at] => (Before::Good { selected_at: parse_moment(at)? }, parse_moment(at)?),
                ["failed", times, since] => {
                    let since = parse_moment(since)?;
                    let times = times.parse().ok().filter(|times| *times > 0)?;
                    (Before::Failed { times, since }, since)
                }
                _ => return None,
            };
            (since <= selected_at).then_some(Proof::Open { selected_at, before })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn tag(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), value.to_owned())]
    }

    #[test]
    fn what_is_written_reads_back() {
        let recorded = Recorded { state: RecordedState::Idle, since: NOW };
        assert_eq!(format_recorded(recorded), "idle 2027-01-15T08:00:00Z");
        assert_eq!(read_tags(&tag(STATE, &format_recorded(recorded)), NOW).recorded, Some(recorded));
        assert_eq!(read_tags(&tag(REGISTERED_AT, &format_moment(NOW)), NOW).registered_at, Some(NOW));
        assert_eq!(read_tags(&tag(DRAINING_SINCE, &format_moment(NOW)), NOW).draining_since, Some(NOW));
    }

    #[test]
    fn a_proof_that_is_written_reads_back_and_an_edited_one_does_not_count() {
        let failed = Proof::Failed { times: 2, since: NOW.minus_seconds(60), selected_at: NOW };
        assert_eq!(format_proof(failed), "failed 2 2027-01-15T07:59:00Z 2027-01-15T08:00:00Z");
        let short = |good_at| Proof::Short { selected_at: NOW, good_at };
        let open = |before| Proof::Open { selected_at: NOW, before };
        let before = [
            Before::Unknown,
            Before::Good { selected_at: NOW.minus_seconds(9) },
            Before::Failed { times: 3, since: NOW.minus_seconds(9) },
        ];
        let closed = [failed, Proof::Good { selected_at: NOW }, short(None), short(Some(NOW.minus_seconds(9)))];
        for proof in closed.into_iter().chain(before.map(open)) {
            assert_eq!(read_tags(&tag(PROOF, &format_proof(proof)), NOW).proof, Some(proof));
        }
        assert_eq!(read_tags(&tag(DOUBTED_AT, &format_moment(NOW)), NOW).doubted_at, Some(NOW));
        for value in [
            "good",
            "good 2999-01-01T00:00:00Z",
            "failed 0 2027-01-15T07:59:00Z 2027-01-15T08:00:00Z",
            "failed -1 2027-01-15T07:59:00Z 2027-01-15T08:00:00Z",
            "failed 2 2027-01-15T08:00:00Z 2027-01-15T07:59:00Z",
            "failed 2 2027-01-15T08:00:00Z",
            "open",
            "open 2999-01-01T00:00:00Z",
            "open 2027-01-15T08:00:00Z bad",
            "open 2027-01-15T07:59:00Z good 2027-01-15T08:00:00Z",
            "open 2027-01-15T08:00:00Z failed 0 2027-01-15T07:59:00Z",
        ] {
            let read = read_tags(&tag(PROOF, value), NOW);
            assert_eq!((read.proof, read.unreadable.len()), (None, 1), "{value}");
        }
    }

    #[test]
    fn an_edited_tag_does_not_count_and_is_named() {
        for value in ["", "idle", "idle yesterday", "IDLE 2027-01-15T08:00:00Z", "idle 2999-01-01T00:00:00Z", "🦀 🦀"]
        {
            let read = read_tags(&tag(STATE, value), NOW);
            assert_eq!(read.recorded, None, "{value}");
            assert_eq!(read.unreadable, [format!("{STATE}={value}")]);
        }
        for value in ["2999-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59Z"] {
            assert_eq!(read_tags(&tag(DRAINING_SINCE, value), NOW).draining_since, None, "{value}");
        }
        let read = read_tags(&tag(STATE, &"idle\n".repeat(500)), NOW);
        assert!(read.unreadable[0].len() < 300 && !read.unreadable[0].contains('\n'), "{:?}", read.unreadable);
    }

    #[test]
    fn other_tags_are_none_of_our_business() {
        assert_eq!(read_tags(&tag("Name", "jibri"), NOW), Tags::default());
    }
}
