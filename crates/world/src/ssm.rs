//! SSM Run Command: delivery, execution, and every way in which a command can fail to come back.
//! <https://docs.aws.amazon.com/systems-manager/latest/userguide/monitor-commands.html>

use std::collections::{BTreeMap, VecDeque};

use super::{
    AwsError, CommandView, Due, Happening, JibriActivity, Milliseconds, ScriptRun, Scripts, World, error,
    machine::Activity,
};

/// How many characters of its output an invocation keeps.
const MOST_OUTPUT: usize = 2_500;
/// How many ids a command takes.
const MOST_INSTANCES: usize = 50;
/// For how long a command can be listed, in milliseconds; more than any function looks back.
const KEPT_MS: Milliseconds = 2 * 3_600_000;
/// How late a new command is listed, in milliseconds.
const LISTED_AFTER_MS: Milliseconds = 500;
/// How long a script takes at most that is late, in seconds.
const LATE_SECONDS: f64 = 600.0;
/// How long a script may run before SSM ends it, in milliseconds.
const EXECUTION_TIMEOUT_MS: Milliseconds = 3_600_000;

#[derive(Clone, Debug, Default)]
pub(super) struct SsmState {
    invocations: BTreeMap<usize, Invocation>,
    next: usize,
    commands: u64,
    script_runs: VecDeque<ScriptRun>,
}

#[derive(Clone, Debug)]
struct Invocation {
    view: CommandView,
    ends_with: Option<Ended>,
}

#[derive(Clone, Debug)]
struct Ended {
    exit_code: i32,
    output: String,
}

impl World {
    /// `SendCommand` to these ids; answers the command's id.
    ///
    /// # Errors
    /// `InvalidInstanceId` when one of them is not managed or has ended, and then none gets it;
    /// `InvalidDocument` for another document; `ValidationException` for none or more than 50 ids.
    pub fn send_command(
        &mut self,
        document: &str,
        instances: &[String],
        delivery_timeout_seconds: u32,
    ) -> Result<String, AwsError> {
        self.throttle("ThrottlingException")?;
        if instances.is_empty() || instances.len() > MOST_INSTANCES {
            let message = format!("{} instance ids; 1 to {MOST_INSTANCES} are allowed", instances.len());
            return Err(error("ValidationException", message));
        }
        if !self.config.documents().iter().any(|known| known == document) {
            return Err(error("InvalidDocument", format!("Document with name {document} does not exist.")));
        }
        let managed =
            |id: &&String| self.machines.get(*id).is_some_and(|machine| machine.exists() && machine.ssm_at <= self.now);
        if let Some(id) = instances.iter().find(|id| !managed(id)) {
            return Err(error("InvalidInstanceId", format!("Instances [{id}] not in a valid state for account")));
        }
        self.ssm.commands += 1;
        let command_id = format!("00000000-0000-4000-b000-{:012x}", self.ssm.commands);
        for instance in instances {
            let index = self.ssm.next;
            self.ssm.next += 1;
            let view = CommandView {
                command_id: command_id.clone(),
                instance: instance.clone(),
                document: document.to_owned(),
                sent_at: self.now,
                status: "Pending",
                status_details: "Pending",
                response_code: -1,
                output: String::new(),
            };
            self.ssm.invocations.insert(index, Invocation { view, ends_with: None });
            let timeout_ms = Milliseconds::from(delivery_timeout_seconds) * 1000;
            let delivery_ms = self.draw_up_to(self.config.ssm.delivery_seconds);
            let lost = self.pending_incidents.take_lost_command()
                || self.befalls(self.config.rates.commands_lost, "lost-commands");
            if lost || self.now < self.pending_incidents.ssm_offline_until {
                self.schedule(self.now + timeout_ms, Due::CommandTimesOut(index));
            } else {
                self.schedule(self.now + delivery_ms, Due::CommandArrives(index));
            }
        }
        self.note(Happening::CommandSent {
            command: command_id.clone(),
            document: document.to_owned(),
            instances: instances.len(),
        });
        let old = self.now - KEPT_MS;
        while self.ssm.invocations.first_key_value().is_some_and(|(_, invocation)| invocation.view.sent_at < old) {
            self.ssm.invocations.pop_first();
        }
        Ok(command_id)
    }

    /// `ListCommandInvocations` of a document, newest first.
    ///
    /// # Errors
    /// Throttling alone.
    pub fn list_command_invocations(
        &mut self,
        document: &str,
        invoked_after: Milliseconds,
    ) -> Result<Vec<CommandView>, AwsError> {
        self.throttle("ThrottlingException")?;
        let recent = self.ssm.invocations.values().rev().map(|invocation| &invocation.view);
        let recent = recent.take_while(|view| view.sent_at >= invoked_after);
        let listed = recent.filter(|view| view.document == document && view.sent_at + LISTED_AFTER_MS <= self.now);
        Ok(listed.cloned().collect())
    }

    /// Whether a check of this instance that was sent since then says that its Jibri is idle.
    pub(super) fn has_said_idle(&self, instance: &str, since: Milliseconds) -> bool {
        let recent = self.ssm.invocations.values().rev().map(|invocation| &invocation.view);
        recent.take_while(|view| view.sent_at >= since).any(|view| {
            view.instance == instance
                && view.document == self.config.check_document
                && view.status == "Success"
                && view.output.contains("\"IDLE\"")
        })
    }

    /// The scripts that a host shall run now.
    pub fn take_script_runs(&mut self) -> Vec<ScriptRun> {
        self.ssm.script_runs.drain(..).collect()
    }

    /// What a script that a host has run came to.
    pub fn finish_script(&mut self, command_id: &str, instance: &str, exit_code: i32, stdout: &str, stderr: &str) {
        let found =
            self.ssm.invocations.iter().rev().find(|(_, invocation)| {
                invocation.view.command_id == command_id && invocation.view.instance == instance
            });
        let Some(index) = found.map(|(index, _)| *index) else {
            return;
        };
        let mut output = stdout.to_owned();
        if !stderr.is_empty() {
            output.push_str("\n----------ERROR-------\n");
            output.push_str(stderr);
        }
        self.finish(index, Ended { exit_code, output });
    }

    pub(super) fn run_command(&mut self, index: usize) {
        let Some(invocation) = self.ssm.invocations.get_mut(&index) else {
            return;
        };
        let (instance, document) = (invocation.view.instance.clone(), invocation.view.document.clone());
        if !self.machines.get(&instance).is_some_and(super::machine::Machine::exists) {
            return self.end_with(index, "Failed", "Undeliverable");
        }
        invocation.view.status = "InProgress";
        invocation.view.status_details = "InProgress";
        match self.config.scripts {
            Scripts::Host => {
                let command_id = invocation.view.command_id.clone();
                self.ssm.script_runs.push_back(ScriptRun { command_id, instance, document });
                self.schedule(self.now + EXECUTION_TIMEOUT_MS, Due::CommandTimesOut(index));
            }
            Scripts::World => {
                let output = self.run_script_model(&instance, document == self.config.drain_document);
                let late = self.befalls(self.config.rates.answers_late, "late-answers");
                let took_ms = self.draw_up_to(if late { LATE_SECONDS } else { self.config.ssm.execution_seconds });
                if let Some(invocation) = self.ssm.invocations.get_mut(&index) {
                    invocation.ends_with = Some(Ended { exit_code: 0, output });
                }
                self.schedule(self.now + took_ms, Due::CommandEnds(index));
            }
        }
    }

    pub(super) fn end_command(&mut self, index: usize) {
        let ended = self.ssm.invocations.get_mut(&index).and_then(|invocation| invocation.ends_with.take());
        if let Some(ended) = ended {
            self.finish(index, ended);
        }
    }

    pub(super) fn time_out_command(&mut self, index: usize) {
        let status = self.ssm.invocations.get(&index).map(|invocation| invocation.view.status);
        match status {
            Some("Pending") => self.end_with(index, "TimedOut", "Delivery Timed Out"),
            Some("InProgress") => self.end_with(index, "TimedOut", "Execution Timed Out"),
            _ => {}
        }
    }

    fn finish(&mut self, index: usize, mut ended: Ended) {
        let rates = self.config.rates;
        let fails = self.befalls(rates.commands_fail, "failed-commands");
        let empty = self.befalls(rates.answers_empty, "empty-answers");
        let cut = self.befalls(rates.answers_cut, "cut-answers").then(|| self.rng.unit());
        let Some(invocation) = self.ssm.invocations.get_mut(&index) else {
            return;
        };
        if invocation.view.status != "InProgress" {
            return;
        }
        // A script cannot answer from a machine that has ended meanwhile.
        let alive = self.machines.get(&invocation.view.instance).is_some_and(super::machine::Machine::exists);
        if !alive {
            return self.end_with(index, "TimedOut", "Execution Timed Out");
        }
        if fails || self.pending_incidents.take_failed_command() {
            ended = Ended {
                exit_code: 1,
                output: "\n----------ERROR-------\nfailed to run commands: exit status 1".into(),
            };
        } else if empty || self.pending_incidents.take_empty_answer() {
            ended.output.clear();
        } else if let Some(part) = cut {
            ended.output.truncate(part_of(ended.output.len(), part));
        }
        invocation.view.response_code = ended.exit_code;
        invocation.view.output = ended.output.chars().take(MOST_OUTPUT).collect();
        let status = if ended.exit_code == 0 { "Success" } else { "Failed" };
        self.end_with(index, status, status);
    }

    fn end_with(&mut self, index: usize, status: &'static str, details: &'static str) {
        let Some(invocation) = self.ssm.invocations.get_mut(&index) else {
            return;
        };
        invocation.view.status = status;
        invocation.view.status_details = details;
        let (command, instance) = (invocation.view.command_id.clone(), invocation.view.instance.clone());
        self.note(Happening::CommandEnded { command, instance, status });
    }

    /// What `instance/jibri_drain.py` does and prints on this instance. A test holds the two against each other.
    fn run_script_model(&mut self, instance: &str, drains: bool) -> String {
        let mut failed = 0;
        if drains {
            self.forbid_start(instance);
            self.jibri_graceful_shutdown(instance);
            if self.jibri_health(instance).is_none() {
                for session in self.recordings_on_disk(instance) {
                    failed += usize::from(self.upload(instance, &session).is_err());
                }
            }
        }
        let (process, busy_status, health_status) = match self.jibri_health(instance) {
            None => ("gone", None, None),
            Some(health) => ("running", Some(health.busy_status), Some(health.health_status)),
        };
        let pending = self.recordings_on_disk(instance).len();
        let JibriActivity { recording, finalizing, good_recording_at, .. } = self.jibri_activity(instance);
        let age =
            |since: Option<Milliseconds>| since.map_or("null".to_owned(), |at| ((self.now - at) / 1000).to_string());
        let oldest = age(self.waits_since(instance));
        let good = age(good_recording_at);
        let quote = |word: Option<&str>| word.map_or("null".to_owned(), |word| format!("\"{word}\""));
        format!(
            "{{\"process\": \"{process}\", \"busy_status\": {}, \"health_status\": {}, \"recordings_pending\": {pending}, \"recordings_failed\": {failed}, \"recording\": {recording}, \"finalizing\": {finalizing}, \"oldest_recording_seconds\": {oldest}, \"good_recording_seconds\": {good}}}\n",
            quote(busy_status),
            quote(health_status)
        )
    }

    /// Since when the oldest folder waits. The newest of those that finalize has not moved aside may be the one that a busy
    /// Jibri records to: of a stuck Jibri it is.
    fn waits_since(&self, instance: &str) -> Option<Milliseconds> {
        let jibri = &self.machines.get(instance)?.jibri;
        let in_place = self.folders_on_disk(instance).iter().filter(|folder| !folder.aside);
        let in_use =
            in_place.max_by_key(|folder| folder.since).filter(|_| matches!(jibri.activity, Activity::Stuck { .. }));
        let waits = self.folders_on_disk(instance).iter().filter(|folder| Some(*folder) != in_use);
        waits.map(|folder| folder.since).min()
    }
}

/// So much of a length, rounded down: a report is ASCII, so any of its bytes may be the last.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "some hundred bytes"
)]
fn part_of(length: usize, part: f64) -> usize {
    (length as f64 * part) as usize
}
