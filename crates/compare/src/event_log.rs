//! A run as a CSV, from which anyone can recompute every figure.

use std::io::{self, Write};

use super::pool::{Event, EventKind};

/// The first line.
pub const HEADER: &str = "time_seconds,event,instance,request";

/// Writes a run's events, in order of time.
///
/// # Errors
/// What could not be written.
pub fn write(events: &[Event], to: &mut impl Write) -> io::Result<()> {
    writeln!(to, "{HEADER}")?;
    for event in events {
        let number = |number: Option<usize>| number.map_or_else(String::new, |number| number.to_string());
        writeln!(to, "{},{},{},{}", event.at, name(event.kind), number(event.instance), number(event.request))?;
    }
    Ok(())
}

fn name(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Launch => "launch",
        EventKind::Available => "available",
        EventKind::Start => "start",
        EventKind::Finish => "finish",
        EventKind::Terminate => "terminate",
        EventKind::Refuse => "refuse",
    }
}
