//! Planned events and weekly floors: what an operator knows, and no history tells.
//!
//! ```json
//! {"events": [{"name": "town hall", "from": "2026-12-01T09:55:00+01:00", "until": "2026-12-01T10:20:00+01:00", "spare": 30}],
//!  "weekly": [{"name": "stand-ups", "days": ["monday"], "from": "08:55", "until": "09:15", "spare": 12}]}
//! ```
//!
//! Each raises the spare target to `spare`, so that as many are available from `from` until `until`: their launches
//! begin a lead time before. Weekly times are local.

use std::fmt::Display;

use jiff::{civil::Weekday, tz::TimeZone};
use serde::Deserialize;

use crate::{
    object::Object,
    tags::parse_moment,
    target::LARGEST_TARGET,
    text::{quote, shorten},
};

/// The most entries of either kind.
const MOST_ENTRIES: usize = 100;
const DAY_MINUTES: i64 = 24 * 60;

/// What is planned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planned {
    events: Vec<Event>,
    weekly: Vec<Weekly>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    from: i64,
    until: i64,
    spare: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Weekly {
    days: Vec<Weekday>,
    /// Minutes of the local day.
    from: i64,
    until: i64,
    spare: u32,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawPlanned {
    events: Vec<RawEvent>,
    weekly: Vec<RawWeekly>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    #[serde(default)]
    name: String,
    from: String,
    until: String,
    spare: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWeekly {
    #[serde(default)]
    name: String,
    days: Vec<String>,
    from: String,
    until: String,
    spare: i64,
}

/// Reads the parameter's value.
///
/// # Errors
/// The first field that cannot be used, with its value and what is allowed.
pub(crate) fn parse_planned(text: &str) -> Result<Planned, String> {
    let Object(raw): Object<RawPlanned> = serde_json::from_str(text)
        .map_err(|error| format!("the planned events cannot be read: {}", shorten(&error)))?;
    if raw.events.len().max(raw.weekly.len()) > MOST_ENTRIES {
        return Err(format!(
            "there are {} events and {} weekly, and there may be {MOST_ENTRIES} of each",
            raw.events.len(),
            raw.weekly.len()
        ));
    }
    let events = raw.events.iter().enumerate().map(|(index, event)| {
        let field = |name: &str| format!("events[{index}].{name}{}", quoted(&event.name));
        let moment = |name: &str, text: &str| {
            let moment = parse_moment(text).map(|moment| moment.0);
            moment.ok_or_else(|| bad(&field(name), text, "a moment in RFC 3339, such as 2026-12-01T09:55:00+01:00"))
        };
        let (from, until) = (moment("from", &event.from)?, moment("until", &event.until)?);
        if until <= from {
            return Err(bad(&field("until"), &event.until, "after from"));
        }
        Ok(Event { from, until, spare: spare(&field("spare"), event.spare)? })
    });
    let weekly = raw.weekly.iter().enumerate().map(|(index, weekly)| {
        let field = |name: &str| format!("weekly[{index}].{name}{}", quoted(&weekly.name));
        let time = |name: &str, text: &str| {
            minute_of_day(text).ok_or_else(|| bad(&field(name), text, "a time of the day from 00:00 to 24:00"))
        };
        let days = weekly
            .days
            .iter()
            .map(|text| weekday(text).ok_or_else(|| bad(&field("days"), text, "monday, tuesday, … or sunday")));
        let days = days.collect::<Result<Vec<Weekday>, String>>()?;
        if days.is_empty() {
            return Err(bad(&field("days"), "[]", "at least one day"));
        }
        let (from, until) = (time("from", &weekly.from)?, time("until", &weekly.until)?);
        if until <= from {
            return Err(bad(&field("until"), &weekly.until, "after from: make two of what passes midnight"));
        }
        Ok(Weekly { days, from, until, spare: spare(&field("spare"), weekly.spare)? })
    });
    Ok(Planned { events: events.collect::<Result<_, String>>()?, weekly: weekly.collect::<Result<_, String>>()? })
}

fn quoted(name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!(" ({})", quote(name)),
    }
}

fn bad(field: &str, value: impl Display, allowed: &str) -> String {
    format!("{field} is {}, and must be {allowed}", shorten(&value))
}

fn spare(field: &str, spare: i64) -> Result<u32, String> {
    let allowed = || bad(field, spare, &format!("a whole number of Jibris from 0 to {LARGEST_TARGET}"));
    u32::try_from(spare).ok().filter(|spare| *spare <= LARGEST_TARGET).ok_or_else(allowed)
}

fn minute_of_day(text: &str) -> Option<i64> {
    let digits = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|letter| letter.is_ascii_digit());
        is_number.then(|| text.parse().ok()).flatten()
    };
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes): (i64, i64) = (digits(hours)?, digits(minutes)?);
    let minute = hours * 60 + minutes;
    (minutes < 60 && minute <= DAY_MINUTES).then_some(minute)
}

fn weekday(text: &str) -> Option<Weekday> {
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let index = names.iter().position(|name| *name == text.to_lowercase())?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

impl Planned {
    /// How many are planned to be available at a moment, in seconds since the Unix epoch.
    pub(crate) fn spare_at(&self, moment: i64, time_zone: &TimeZone) -> u32 {
        let events = self.events.iter().filter(|event| (event.from..event.until).contains(&moment));
        let local = jiff::Timestamp::from_second(moment).ok().map(|moment| moment.to_zoned(time_zone.clone()));
        let (day, minute) = match &local {
            Some(local) => (Some(local.weekday()), i64::from(local.hour()) * 60 + i64::from(local.minute())),
            None => (None, 0),
        };
        let weekly = self.weekly.iter().filter(|weekly| {
            (weekly.from..weekly.until).contains(&minute) && day.is_some_and(|day| weekly.days.contains(&day))
        });
        events.map(|event| event.spare).chain(weekly.map(|weekly| weekly.spare)).max().unwrap_or(0)
    }

    /// Raises the targets of slots: what is to be available after a lead time is launched now, and what is to be
    /// available from now until then is held. Tells how many slots were raised.
    pub(crate) fn raise(
        &self,
        forecast: &mut forecast::Forecast,
        lead_seconds: i64,
        maximum: u32,
        time_zone: &TimeZone,
    ) -> usize {
        let mut raised = 0;
        let step = forecast::SLOT_SECONDS;
        for slot in 0..forecast.spare.len() {
            let begin = forecast.first_slot_at + slot as i64 * step;
            let from_now = (0..=lead_seconds + step).step_by(30);
            let held = from_now.map(|after| self.spare_at(begin + after, time_zone)).max().unwrap_or(0).min(maximum);
            let launched = self.spare_at(begin + lead_seconds, time_zone);
            let launched = launched.max(self.spare_at(begin + lead_seconds + step - 1, time_zone)).min(maximum);
            raised += usize::from(launched > forecast.spare[slot]);
            forecast.spare[slot] = forecast.spare[slot].max(launched);
            forecast.hold[slot] = forecast.hold[slot].max(held).max(forecast.spare[slot]);
        }
        raised
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANNED: &str = r#"{
        "events": [{"name": "town hall", "from": "2026-12-01T09:55:00+01:00", "until": "2026-12-01T10:20:00+01:00", "spare": 30}],
        "weekly": [{"days": ["Monday", "friday"], "from": "08:55", "until": "24:00", "spare": 12}]
    }"#;

    fn at(moment: &str) -> i64 {
        parse_moment(moment).unwrap().0
    }

    #[test]
    fn an_event_and_a_weekly_floor_hold_within_their_times() {
        let (planned, berlin) = (parse_planned(PLANNED).unwrap(), TimeZone::get("Europe/Berlin").unwrap());
        let spare = |moment: &str| planned.spare_at(at(moment), &berlin);
        assert_eq!([spare("2026-12-01T08:54:59Z"), spare("2026-12-01T08:55:00Z")], [0, 30]);
        assert_eq!([spare("2026-12-01T09:19:59Z"), spare("2026-12-01T09:20:00Z")], [30, 0]);
        // A Monday in winter and one in summer: the same local time.
        assert_eq!([spare("2026-11-30T07:54:59Z"), spare("2026-11-30T07:55:00Z")], [0, 12]);
        assert_eq!([spare("2026-06-29T06:54:59Z"), spare("2026-06-29T06:55:00Z")], [0, 12]);
        assert_eq!([spare("2026-12-04T22:59:59Z"), spare("2026-12-04T23:00:00Z")], [12, 0]);
    }

    #[test]
    fn what_is_planned_is_launched_a_lead_time_before_and_held_to_the_end() {
        let planned = parse_planned(PLANNED).unwrap();
        let first_slot_at = at("2026-12-01T08:50:00Z");
        let mut forecast = forecast::Forecast {
            first_slot_at,
            spare: vec![1; 80],
            hold: vec![2; 80],
            expected_starts: vec![],
            expected_refusals: vec![],
            state: forecast::State::default(),
            reasons: vec![],
        };
        let raised = planned.raise(&mut forecast, 180, 20, &TimeZone::UTC);
        // From 08:52 on, less one slot in which the launches may still be early, until 09:17; held until 09:20.
        let first = forecast.spare.iter().position(|spare| *spare > 1);
        assert_eq!((first, raised), (Some(4), 50));
        assert_eq!(forecast.spare[4..54], [20; 50]);
        assert_eq!(forecast.spare[54], 1);
        assert_eq!((forecast.hold[59], forecast.hold[60]), (20, 2));
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_value_and_what_is_allowed() {
        let event = |change: (&str, &str)| PLANNED.replacen(change.0, change.1, 1);
        for (text, expected) in [
            ("3".into(), "the planned events cannot be read"),
            (event(("\"spare\": 30", "\"spare\": 30, \"spares\": 3")), "unknown field `spares`"),
            (
                event(("2026-12-01T09:55:00+01:00", "tomorrow")),
                "events[0].from (\"town hall\") is tomorrow, and must be a moment",
            ),
            (
                event(("2026-12-01T10:20:00+01:00", "2026-12-01T09:00:00+01:00")),
                "events[0].until (\"town hall\") is 2026-12-01T09:00:00+01:00, and must be after from",
            ),
            (
                event(("\"spare\": 30", "\"spare\": -1")),
                "events[0].spare (\"town hall\") is -1, and must be a whole number of Jibris from 0 to 10000",
            ),
            (event(("\"Monday\", \"friday\"", "\"mo\"")), "weekly[0].days is mo, and must be monday"),
            (event(("\"Monday\", \"friday\"", "")), "weekly[0].days is [], and must be at least one day"),
            (event(("08:55", "8:55")), "weekly[0].from is 8:55, and must be a time of the day"),
            (event(("08:55", "+8:55")), "weekly[0].from is +8:55, and must be a time of the day"),
            (event(("24:00", "24:01")), "weekly[0].until is 24:01, and must be a time"),
            (event(("24:00", "08:00")), "weekly[0].until is 08:00, and must be after from"),
        ] {
            let error = parse_planned(&text).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert_eq!(parse_planned("{}"), Ok(Planned::default()));
    }
}
