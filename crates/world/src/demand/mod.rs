//! The requests for recordings: from a trace, or made up.

mod export;
mod generator;
mod trace;

pub use export::{Reconstruction, read_export};
pub use generator::{Office, generate};
pub use trace::{TraceError, read_trace, write_trace};

/// A request for a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When, in milliseconds since the Unix epoch.
    pub at: i64,
    /// How long it then lasts, finalize and upload included, in milliseconds.
    pub duration_ms: i64,
}
