//! The tags that the autoscaler keeps on an instance: all of its memory of it.
//!
//! | key | value | written |
//! | --- | --- | --- |
//! | `jibri-autoscaler:registered-at` | moment | once, when Jicofo first lists the Jibri |
//! | `jibri-autoscaler:state` | `idle`, `busy`, `unhealthy`, `missing` or `overdue`, a space, moment | when the state changes |
//! | `jibri-autoscaler:draining-since` | moment | once, when its drain begins |
//!
//! A moment is RFC 3339, UTC, whole seconds. A tag that was edited into something else does not count.

use planner::{Recorded, RecordedState, Timestamp};

use crate::text::shorten;

/// When Jicofo first listed the Jibri.
pub const REGISTERED_AT: &str = "jibri-autoscaler:registered-at";
/// What the Jibri does, and since when.
pub const STATE: &str = "jibri-autoscaler:state";
/// When the drain began.
pub const DRAINING_SINCE: &str = "jibri-autoscaler:draining-since";

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
        RecordedState::Overdue,
    ];
    let state = states.into_iter().find(|known| known.to_string() == state)?;
    Some(Recorded { state, since: parse_moment(since)? })
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
