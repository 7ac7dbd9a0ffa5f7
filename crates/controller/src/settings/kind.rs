//! The kind of a setting: what its values are, and what is allowed.

use super::{
    kinds::{Choice, CountLike, Duration, Name, Nicknames, OptionalName, Range, Switch, Text, UTC, Urls, Zone},
    values::Readable,
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
    /// Nicknames of Jibris, or none.
    Nicknames(Nicknames),
    /// Any text, or none.
    Text(Text),
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
            Kind::Nicknames(kind) => kind.allowed(),
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
            Kind::CountLike(_) | Kind::OptionalName(_) | Kind::Urls(_) | Kind::Nicknames(_) | Kind::Text(_) => None,
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
            Kind::Switch(_)
            | Kind::Zone(_)
            | Kind::Name(_)
            | Kind::OptionalName(_)
            | Kind::Urls(_)
            | Kind::Nicknames(_)
            | Kind::Text(_) => None,
        }
    }
}
