//! What each kind of setting consists of: type, unit, default and limits.

use super::names::NameRule;

/// The time zone by default.
pub(super) const UTC: &str = "UTC";

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

/// Nicknames in Jicofo's brewery, separated by commas; a `*` at the end of one stands for any more.
#[derive(Clone, Copy, Debug)]
pub struct Nicknames;

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
