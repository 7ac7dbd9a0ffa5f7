//! Commands that are sent to instances, and what the instances answer.

use crate::Timestamp;

/// A command sent to an instance by SSM Run Command, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What has become of it.
    pub outcome: CommandOutcome,
}

/// What has become of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Not delivered yet, or running.
    InFlight,
    /// It ran, and its output was understood.
    Reported(InstanceReport),
    /// It failed, timed out, or said something that cannot be understood: nothing is known.
    Failed(String),
}

/// What the script of a command reports of its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceReport {
    /// The Jibri process.
    pub process: JibriProcess,
    /// Folders of recordings on the disk that are neither being recorded nor uploaded yet.
    pub recordings_pending: u32,
    /// Of these, folders whose upload was tried and failed.
    pub recordings_failed: u32,
    /// An ffmpeg of this Jibri runs.
    pub recording: bool,
    /// A finalize script runs.
    pub finalizing: bool,
    /// For how long the oldest of the pending folders has waited, in seconds; `None` where none waits.
    pub oldest_recording_seconds: Option<u64>,
    /// How long ago a recording of this instance was last found fit to be played, in seconds; `None` where none was.
    pub good_recording_seconds: Option<u64>,
}

/// The Jibri process, as its own health endpoint shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JibriProcess {
    /// The health port refuses connections: there is no process.
    Gone,
    /// `IDLE`.
    Idle(HealthStatus),
    /// `BUSY`: records, streams or finalizes.
    Busy(HealthStatus),
    /// `EXPIRED`: takes no more recordings.
    Expired(HealthStatus),
    /// The port is open, and says nothing that can be understood.
    Unresponsive,
}

/// `healthStatus` of a Jibri.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthStatus {
    /// `HEALTHY`.
    Healthy,
    /// `UNHEALTHY`.
    Unhealthy,
}
