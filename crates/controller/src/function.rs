//! The functions: their names, their schedules, and how long an invocation may take. Each stands here once.

use std::{fmt, str::FromStr};

/// One of the Lambda functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// Samples the pool and scales out.
    Availability,
    /// Scales in and repairs.
    ScaleIn,
    /// Drains what the hook holds.
    Drain,
    /// Predicts the demand of the coming hour.
    Forecast,
}

impl Function {
    /// All of them, in the order in which their schedules invoke those that are due in the same minute.
    pub const ALL: [Function; 4] = [Function::Availability, Function::ScaleIn, Function::Drain, Function::Forecast];

    /// Its name, which is its binary's too.
    pub const fn name(self) -> &'static str {
        match self {
            Function::Availability => "availability",
            Function::ScaleIn => "scale_in",
            Function::Drain => "drain",
            Function::Forecast => "forecast",
        }
    }

    /// A schedule invokes it whenever so many minutes have passed.
    pub const fn every_minutes(self) -> u32 {
        match self {
            Function::Availability | Function::ScaleIn | Function::Drain => 1,
            Function::Forecast => 5,
        }
    }

    /// After so many seconds Lambda ends an invocation.
    pub const fn timeout_seconds(self) -> u32 {
        60
    }

    /// Whether the group's lifecycle events invoke it too.
    pub const fn takes_lifecycle_events(self) -> bool {
        matches!(self, Function::Drain)
    }
}

impl fmt::Display for Function {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Function {
    type Err = String;

    fn from_str(name: &str) -> Result<Function, String> {
        Function::ALL.into_iter().find(|function| function.name() == name).ok_or_else(|| {
            let names: Vec<&str> = Function::ALL.iter().map(|function| function.name()).collect();
            format!("the function is {name:?}, and must be one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_back_and_another_is_refused() {
        for function in Function::ALL {
            assert_eq!(function.to_string().parse(), Ok(function));
        }
        assert!("drains".parse::<Function>().unwrap_err().contains("availability, scale_in, drain, forecast"));
    }
}
