use controller::tags::{
    DRAINING_SINCE, REGISTERED_AT, STATE, format_moment, format_recorded, parse_moment, parse_recorded, read_tags,
};
use planner::Timestamp;

use super::{NOW, assert_fit};

/// A tag of ours is read or named, and none is believed that lies before 1970 or ahead of the clock. What was read is
/// written so that it reads the same.
pub fn tags(tags: &[(String, String)]) {
    let read = read_tags(tags, NOW);
    read.unreadable.iter().for_each(|tag| assert_fit(tag, 200));
    let moments = [read.registered_at, read.draining_since, read.recorded.map(|recorded| recorded.since)];
    for moment in moments.into_iter().flatten() {
        assert!((Timestamp(0)..=NOW.plus_seconds(300)).contains(&moment), "{moment:?}");
        assert_eq!(parse_moment(&format_moment(moment)), Some(moment));
    }
    if let Some(recorded) = read.recorded {
        assert_eq!(parse_recorded(&format_recorded(recorded)), Some(recorded));
    }
    let ours = |key: &str| [REGISTERED_AT, STATE, DRAINING_SINCE].contains(&key);
    let understood = |(key, value): &&(String, String)| {
        let alone = read_tags(&[(key.clone(), value.clone())], NOW);
        assert!(alone.unreadable.len() <= 1);
        alone.registered_at.is_some() || alone.recorded.is_some() || alone.draining_since.is_some()
    };
    let expected = tags.iter().filter(|(key, _)| ours(key)).filter(|tag| !understood(tag)).count();
    assert_eq!(read.unreadable.len(), expected, "{:?}", read.unreadable);
}
