//! How a value of each kind is read, and what is said of a bad one.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use jiff::tz::TimeZone;
use planner::Jicofos;

use super::{
    kinds::{Choice, CountLike, Duration, Name, Nicknames, OptionalName, Range, Switch, Text, UTC, Urls, Zone},
    variables::Variables,
};

/// What can be read from a variable.
pub(super) trait Readable {
    type Value;

    /// The value; none when it cannot be used, or is required and not there.
    fn parse(&self, text: Option<&str>, variables: &Variables) -> Option<Self::Value>;

    /// What stands for a value that is not read, or cannot be used.
    fn placeholder(&self) -> Self::Value;

    /// What is allowed, in words.
    fn allowed(&self) -> String;
}

impl<T: FromStr + PartialOrd + Copy> Range<T> {
    fn find(&self, text: Option<&str>) -> Option<T> {
        match text {
            None => Some(self.default),
            Some(text) => text.parse().ok().filter(|number| *number >= self.least && *number <= self.most),
        }
    }
}

impl<T: Display> Range<T> {
    fn words(&self) -> String {
        format!("a whole number of {} from {} to {}", self.unit, self.least, self.most)
    }
}

impl Readable for Range<u32> {
    type Value = u32;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<u32> {
        self.find(text)
    }

    fn placeholder(&self) -> u32 {
        self.default
    }

    fn allowed(&self) -> String {
        self.words()
    }
}

impl Readable for Range<f64> {
    type Value = f64;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<f64> {
        self.find(text)
    }

    fn placeholder(&self) -> f64 {
        self.default
    }

    fn allowed(&self) -> String {
        format!("a {} from {} to {}", self.unit, self.least, self.most)
    }
}

impl CountLike {
    fn range(&self) -> Range<u32> {
        Range { least: 0, most: self.most, ..self.like_range }
    }
}

impl Readable for CountLike {
    type Value = u32;

    fn parse(&self, text: Option<&str>, variables: &Variables) -> Option<u32> {
        match text {
            // Where the other one is bad, that is its own problem.
            None => Some(self.like_range.find(variables.value(self.like)).unwrap_or(self.like_range.default)),
            some => self.range().find(some),
        }
    }

    fn placeholder(&self) -> u32 {
        self.like_range.default
    }

    fn allowed(&self) -> String {
        self.range().words()
    }
}

impl Readable for Duration {
    type Value = u64;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<u64> {
        self.range.find(text).map(|number| number * self.unit_seconds)
    }

    fn placeholder(&self) -> u64 {
        self.range.default * self.unit_seconds
    }

    fn allowed(&self) -> String {
        self.range.words()
    }
}

impl Readable for Choice {
    type Value = u64;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<u64> {
        match text {
            None => Some(self.default),
            Some(text) => text.parse().ok().filter(|number| self.allowed.contains(number)),
        }
    }

    fn placeholder(&self) -> u64 {
        self.default
    }

    fn allowed(&self) -> String {
        let numbers: Vec<String> = self.allowed.iter().map(u64::to_string).collect();
        format!("{}: {}", self.what, numbers.join(", "))
    }
}

impl Readable for Switch {
    type Value = bool;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<bool> {
        match text {
            None => Some(false),
            Some(text) => text.parse().ok(),
        }
    }

    fn placeholder(&self) -> bool {
        false
    }

    fn allowed(&self) -> String {
        "true or false".to_owned()
    }
}

impl Readable for Zone {
    type Value = TimeZone;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<TimeZone> {
        TimeZone::get(text.unwrap_or(UTC)).ok()
    }

    fn placeholder(&self) -> TimeZone {
        TimeZone::UTC
    }

    fn allowed(&self) -> String {
        "the name of a time zone, such as Europe/Berlin".to_owned()
    }
}

impl Readable for Name {
    type Value = String;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<String> {
        text.or(self.default).filter(|text| self.rule.allows(text)).map(str::to_owned)
    }

    fn placeholder(&self) -> String {
        self.default.unwrap_or_default().to_owned()
    }

    fn allowed(&self) -> String {
        self.rule.words()
    }
}

impl Readable for OptionalName {
    type Value = Option<String>;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<Option<String>> {
        match text {
            None => Some(None),
            Some(text) => self.0.allows(text).then(|| Some(text.to_owned())),
        }
    }

    fn placeholder(&self) -> Option<String> {
        None
    }

    fn allowed(&self) -> String {
        self.0.words()
    }
}

/// What no URL may have in it, beside spaces: a query, a fragment, a name with a password, or what no URL has.
pub(super) const STRANGE: &str = "?#@\\\"<>";

impl Readable for Urls {
    type Value = Vec<String>;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<Vec<String>> {
        let urls: Vec<&str> = text?.split(',').map(|url| url.trim().trim_end_matches('/')).collect();
        let different: BTreeSet<&str> = urls.iter().copied().collect();
        // One that stood there twice would count twice.
        let usable = urls.iter().all(|url| is_base_url(url)) && different.len() == urls.len();
        let usable = usable && urls.len() <= Jicofos::MOST;
        usable.then(|| urls.into_iter().map(str::to_owned).collect())
    }

    fn placeholder(&self) -> Vec<String> {
        Vec::new()
    }

    fn allowed(&self) -> String {
        format!("one to {} different URLs such as http://10.0.1.5:8888, separated by commas", Jicofos::MOST)
    }
}

/// `http://host`, with or without a port and a path. A password has no place in it: the URL is logged.
fn is_base_url(url: &str) -> bool {
    let Some(address) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return false;
    };
    let authority = address.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, Some(80)),
    };
    let strange = |letter: char| !letter.is_ascii_graphic() || STRANGE.contains(letter);
    !host.is_empty() && port.is_some_and(|port: u16| port > 0) && !address.contains(strange)
}

impl Readable for Nicknames {
    type Value = Vec<String>;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<Vec<String>> {
        let Some(text) = text else { return Some(Vec::new()) };
        let names: Vec<&str> = text.split(',').map(str::trim).collect();
        // A star alone would make strangers of none, and hide a wrong JIBRI_INSTANCE_ID.
        let usable = |name: &&str| {
            let fixed = name.strip_suffix('*').unwrap_or(name);
            !fixed.is_empty() && fixed.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter))
        };
        names.iter().all(usable).then(|| names.into_iter().map(str::to_owned).collect())
    }

    fn placeholder(&self) -> Vec<String> {
        Vec::new()
    }

    fn allowed(&self) -> String {
        "nicknames of letters, digits, - _ . separated by commas; a * may stand at the end of one, for any more"
            .to_owned()
    }
}

impl Readable for Text {
    type Value = Option<String>;

    fn parse(&self, text: Option<&str>, _: &Variables) -> Option<Option<String>> {
        Some(text.map(str::to_owned))
    }

    fn placeholder(&self) -> Option<String> {
        None
    }

    fn allowed(&self) -> String {
        "any text".to_owned()
    }
}
