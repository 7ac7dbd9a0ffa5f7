//! Numbers as people say them.

use std::fmt;

/// Seconds in a text for the operator: `45 s`, `12 min`, `3 h 05 min`.
pub(crate) struct Spoken(pub(crate) u64);

impl fmt::Display for Spoken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds @ 0..120 => write!(formatter, "{seconds} s"),
            seconds @ 120..7200 => write!(formatter, "{} min", seconds / 60),
            seconds => write!(formatter, "{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
        }
    }
}

/// A number of things, each named by this word: `1 instance`, `3 instances`.
pub(crate) struct Number(pub(crate) u32, pub(crate) &'static str);

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number(number, thing) = self;
        let plural = if *number == 1 { "" } else { "s" };
        write!(formatter, "{number} {thing}{plural}")
    }
}

/// The first few names of a list, and how many more there are.
pub(crate) struct Names<'a>(pub(crate) &'a [String]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        let Names(names) = self;
        formatter.write_str(&names[..names.len().min(SHOWN)].join(", "))?;
        match names.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}
