//! Everything that happened, one line each.

use std::fmt;

use super::Milliseconds;

/// What happened. The names of instances, commands and alarms are theirs; a request is its index in the demand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each line says what it is")]
pub enum Happening {
    Launched { instance: String, zone: String },
    LaunchFailed,
    LaunchCancelled { instance: String },
    InService { instance: String },
    Registered { instance: String },
    Requested { request: usize, instance: String },
    Refused { request: usize },
    StartFailed { request: usize, instance: String },
    RecordingFailed { request: usize, instance: String },
    Failed { request: usize },
    Unplayable { request: usize, instance: String },
    FinalizeMissing { request: usize, instance: String },
    RecordingEnded { request: usize, instance: String },
    Uploaded { request: usize, instance: String },
    UploadFailed { request: usize, instance: String },
    UploadedLate { session: String, instance: String },
    JibriExited { instance: String },
    DesiredChanged { from: u32, to: u32, by: &'static str },
    Terminating { instance: String, cause: &'static str },
    HookWaits { instance: String },
    Heartbeat { instance: String },
    HookEnded { instance: String, result: &'static str, by: &'static str },
    Retained { instance: String },
    Ended { instance: String },
    RecordingCut { request: usize, instance: String },
    FilesLost { instance: String, recordings: usize },
    CommandSent { command: String, document: String, instances: usize },
    CommandEnded { command: String, instance: String, status: &'static str },
    AlarmChanged { alarm: String, state: &'static str },
    PolicyIdle { policy: String, why: &'static str },
    Incident { what: String },
    Taken { instance: String, by: &'static str, cut: bool, files: usize },
    Breach { invariant: &'static str, detail: String },
}

/// One happening, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// When.
    pub at: Milliseconds,
    /// What.
    pub happening: Happening,
}

impl fmt::Display for LogEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.at, self.happening)
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Happening::Launched { instance, zone } => write!(formatter, "launched {instance} in {zone}"),
            Happening::LaunchFailed => formatter.write_str("launch-failed for want of capacity"),
            Happening::LaunchCancelled { instance } => write!(formatter, "launch-cancelled {instance}"),
            Happening::InService { instance } => write!(formatter, "in-service {instance}"),
            Happening::Registered { instance } => write!(formatter, "registered {instance}"),
            Happening::Requested { request, instance } => write!(formatter, "requested {request} on {instance}"),
            Happening::Refused { request } => write!(formatter, "refused {request}"),
            Happening::StartFailed { request, instance } => write!(formatter, "start-failed {request} on {instance}"),
            Happening::RecordingFailed { request, instance } => {
                write!(formatter, "recording-failed {request} on {instance}")
            }
            Happening::Failed { request } => write!(formatter, "failed {request}: no Jibri goes on with it"),
            Happening::Unplayable { request, instance } => write!(formatter, "unplayable {request} on {instance}"),
            Happening::FinalizeMissing { request, instance } => {
                write!(formatter, "finalize-missing for {request} on {instance}")
            }
            Happening::RecordingEnded { request, instance } => write!(formatter, "recorded {request} on {instance}"),
            Happening::Uploaded { request, instance } => write!(formatter, "uploaded {request} from {instance}"),
            Happening::UploadFailed { request, instance } => {
                write!(formatter, "upload-failed {request} from {instance}")
            }
            Happening::UploadedLate { session, instance } => {
                write!(formatter, "uploaded-late {session} from {instance}")
            }
            Happening::JibriExited { instance } => write!(formatter, "jibri-exited on {instance}"),
            Happening::DesiredChanged { from, to, by } => write!(formatter, "desired {from} to {to} by {by}"),
            Happening::Terminating { instance, cause } => write!(formatter, "terminating {instance} by {cause}"),
            Happening::HookWaits { instance } => write!(formatter, "hook-waits for {instance}"),
            Happening::Heartbeat { instance } => write!(formatter, "heartbeat for {instance}"),
            Happening::HookEnded { instance, result, by } => {
                write!(formatter, "hook-ended for {instance} with {result} by {by}")
            }
            Happening::Retained { instance } => write!(formatter, "retained {instance}"),
            Happening::Ended { instance } => write!(formatter, "ended {instance}"),
            Happening::RecordingCut { request, instance } => write!(formatter, "RECORDING-CUT {request} on {instance}"),
            Happening::FilesLost { instance, recordings } => {
                write!(formatter, "FILES-LOST {recordings} recordings on {instance}")
            }
            Happening::CommandSent { command, document, instances } => {
                write!(formatter, "command {command} {document} to {instances} instances")
            }
            Happening::CommandEnded { command, instance, status } => {
                write!(formatter, "command {command} on {instance} ended {status}")
            }
            Happening::AlarmChanged { alarm, state } => write!(formatter, "alarm {alarm} {state}"),
            Happening::PolicyIdle { policy, why } => write!(formatter, "policy {policy} does nothing: {why}"),
            Happening::Incident { what } => write!(formatter, "incident {what}"),
            Happening::Taken { instance, by, cut, files } => {
                let recording = if *cut { "with a recording under way" } else { "without a recording under way" };
                write!(formatter, "taken {instance} by {by}, {recording}, {files} recordings not uploaded")
            }
            Happening::Breach { invariant, detail } => write!(formatter, "BREACH {invariant}: {detail}"),
        }
    }
}
