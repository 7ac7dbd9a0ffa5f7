//! The kinds of settings: type, unit, default and limits.

use super::{
    names::NameRule,
    values::{Readable, UTC},
};

/// A setting's type, unit, default and limits.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number of things.
    Count(Range<u32>),
    /// A number of things, by default what another setting says.
    CountLike(CountLike),
    /// A length of time in its unit; the functions have it in seconds.
    Duration(Duration),
    /// A length of time out of a list.
    Choice(Choice),
    /// A number between 0 and 1.
    Share(Range<f64>),
    /// `true` or `false`, by default `false`.
    Switch(Switch),
    /// The name of a time zone, by default `UTC`.
    Zone(Zone),
    /// A name with a default, or a required one.
    Name(Name),
    /// A name that may be left out.
    OptionalName(OptionalName),
    /// One or more URLs, required.
    Urls(Urls),
    /// Any text, or none.
    Text(Text),
}

/// A number with its default and its limits.
#[derive(Clone, Copy, Debug)]
pub struct Range<T> {
    /// The default.
    pub default: T,
    /// The least that is allowed.
    pub least: T,
    /// The most that is allowed.
    pub most: T,
    /// What it counts.
    pub unit: &'static str,
}

/// A number whose default another setting gives.
#[derive(Clone, Copy, Debug)]
pub struct CountLike {
    /// The variable of the other setting.
    pub like: &'static str,
    /// What the other setting allows; its default is the default of both.
    pub like_range: Range<u32>,
    /// The most that is allowed; the least is 0.
    pub most: u32,
}

/// A length of time with its default and its limits, all in its unit.
#[derive(Clone, Copy, Debug)]
pub struct Duration {
    /// The numbers.
    pub range: Range<u64>,
    /// How many seconds the unit has.
    pub unit_seconds: u64,
}

/// A number of seconds out of a list.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// The default.
    pub default: u64,
    /// All that are allowed, ascending.
    pub allowed: &'static [u64],
    /// What they have in common.
    pub what: &'static str,
}

/// `true` or `false`.
#[derive(Clone, Copy, Debug)]
pub struct Switch;

/// A time zone by its name in the IANA database.
#[derive(Clone, Copy, Debug)]
pub struct Zone;

/// A name.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    /// What is allowed.
    pub rule: &'static NameRule,
    /// The default; without one it is required.
    pub default: Option<&'static str>,
}

/// A name that may be left out.
#[derive(Clone, Copy, Debug)]
pub struct OptionalName(pub &'static NameRule);

/// Base URLs, separated by commas.
#[derive(Clone, Copy, Debug)]
pub struct Urls;

/// Any text.
#[derive(Clone, Copy, Debug)]
pub struct Text;

pub(super) const fn minutes(default: u64, least: u64, most: u64) -> Duration {
    Duration { range: Range { default, least, most, unit: "minutes" }, unit_seconds: 60 }
}

pub(super) const fn hours(default: u64, least: u64, most: u64) -> Duration {
    Duration { range: Range { default, least, most, unit: "hours" }, unit_seconds: 3600 }
}

pub(super) const fn seconds(default: u64, least: u64, most: u64) -> Duration {
    Duration { range: Range { default, least, most, unit: "seconds" }, unit_seconds: 1 }
}

impl Kind {
    /// What is allowed, in words.
    pub fn allowed(&self) -> String {
        match self {
            Kind::Count(kind) => kind.allowed(),
            Kind::CountLike(kind) => kind.allowed(),
            Kind::Duration(kind) => kind.allowed(),
            Kind::Choice(kind) => kind.allowed(),
            Kind::Share(kind) => kind.allowed(),
            Kind::Switch(kind) => kind.allowed(),
            Kind::Zone(kind) => kind.allowed(),
            Kind::Name(kind) => kind.allowed(),
            Kind::OptionalName(kind) => kind.allowed(),
            Kind::Urls(kind) => kind.allowed(),
            Kind::Text(kind) => kind.allowed(),
        }
    }

    /// The default as text.
    pub(super) fn default(&self) -> Option<String> {
        match self {
            Kind::Count(range) => Some(range.default.to_string()),
            Kind::Duration(duration) => Some(duration.range.default.to_string()),
            Kind::Choice(choice) => Some(choice.default.to_string()),
            Kind::Share(range) => Some(range.default.to_string()),
            Kind::Switch(_) => Some(false.to_string()),
            Kind::Zone(_) => Some(UTC.to_owned()),
            Kind::Name(name) => name.default.map(str::to_owned),
            Kind::CountLike(_) | Kind::OptionalName(_) | Kind::Urls(_) | Kind::Text(_) => None,
        }
    }

    /// The least and the most of a number, in its unit, as text.
    pub fn limits(&self) -> Option<(String, String)> {
        match self {
            Kind::Count(range) => Some((range.least.to_string(), range.most.to_string())),
            Kind::CountLike(like) => Some((0.to_string(), like.most.to_string())),
            Kind::Duration(Duration { range, .. }) => Some((range.least.to_string(), range.most.to_string())),
            Kind::Choice(choice) => {
                choice.allowed.first().map(u64::to_string).zip(choice.allowed.last().map(u64::to_string))
            }
            Kind::Share(range) => Some((range.least.to_string(), range.most.to_string())),
            Kind::Switch(_) | Kind::Zone(_) | Kind::Name(_) | Kind::OptionalName(_) | Kind::Urls(_) | Kind::Text(_) => {
                None
            }
        }
    }
}
