//! What is declared of a setting, and what the template's parameter is made from.

use super::kind::Kind;
use crate::Function;

/// One environment variable of the functions.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable.
    pub variable: &'static str,
    /// Its type, unit, default and limits.
    pub kind: Kind,
    /// The group under which it is documented, and its parameter is shown in the console.
    pub group: Group,
    /// Where its value comes from when the template sets it.
    pub origin: Origin,
    /// What it means, in one line; the description of the parameter too.
    pub meaning: &'static str,
    /// What the page of the settings adds to the meaning; often nothing.
    pub note: &'static str,
    /// The functions that read it, and do not begin with a bad one.
    pub needed_by: &'static [Function],
    /// The functions that read it and do their work in spite of a bad one. Each of their ticks then ends with an error.
    pub tolerated_by: &'static [Function],
}

/// Where a setting's value comes from when the template sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// From the template's parameter of this name.
    Parameter(&'static str),
    /// From the resource or pseudo parameter of this name, by `Ref`.
    Resource(&'static str),
    /// From this text with references in it, by `Fn::Sub`.
    Substitution(&'static str),
    /// The template writes the default, for another resource must have the same name.
    Default,
    /// The template does not set it.
    Unset,
}

/// A group of settings. Its order is that of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Where Jitsi is.
    Jitsi,
    /// How the pool is kept.
    Pool,
    /// How many Jibris wait, and when.
    Forecast,
    /// What the functions work with.
    Functions,
}

impl Group {
    /// Every group, in the page's order.
    pub const ALL: [Group; 4] = [Group::Jitsi, Group::Pool, Group::Forecast, Group::Functions];

    /// Its label on the page and in the console.
    pub fn label(self) -> &'static str {
        match self {
            Group::Jitsi => "Jitsi",
            Group::Pool => "Pool",
            Group::Forecast => "Forecast",
            Group::Functions => "Functions",
        }
    }
}

impl Setting {
    /// Whether a function reads it, and so has it in its environment.
    pub fn is_read_by(&self, function: Function) -> bool {
        self.needed_by.contains(&function) || self.tolerated_by.contains(&function)
    }

    /// The default as text; none when it is required, or when nothing is meant by leaving it out.
    pub fn default(&self) -> Option<String> {
        self.kind.default()
    }
}
