//! The world in figures: now, and since its start.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Milliseconds, World,
    machine::{Activity, Lifecycle, Machine},
};

#[derive(Clone, Debug, Default)]
pub(super) struct WorldTally {
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    pub(super) failed_on_known_bad: u64,
    /// When the last recording began that ended as it should.
    pub(super) last_success_began_at: Option<Milliseconds>,
    pub(super) cut: u64,
    pub(super) lost: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) cut_when_taken: u64,
    pub(super) lost_when_taken: u64,
    pub(super) failed_uploads: u64,
    /// When a setting or a rate that made uploads fail was mended.
    pub(super) uploads_possible_since: Milliseconds,
    /// What is in the bucket, by key, and from which instance; kept where the audit looks.
    pub(super) objects: BTreeMap<String, String>,
    pub(super) launches: u64,
    pub(super) terminations: u64,
    pub(super) drains: u64,
    pub(super) retained: u64,
    pub(super) longest_drain_ms: Milliseconds,
    pub(super) busy_ms: Milliseconds,
    pub(super) idle_ms: Milliseconds,
}

/// The truth about the pool at one moment, in instances unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// The moment.
    pub at_ms: Milliseconds,
    /// Requests so far.
    pub requests: u64,
    /// Requests refused so far.
    pub refused: u64,
    /// Requests that a Jibri accepted, and whose recording failed, so far.
    pub failed: u64,
    /// Recording or finalizing, on the way out not included.
    pub busy: u32,
    /// Recording or finalizing on the way out.
    pub draining_busy: u32,
    /// Jicofo would select these.
    pub available: u32,
    /// Of these, those that fail each recording.
    pub failing: u32,
    /// Launched, staying, and not registered yet.
    pub pending: u32,
    /// On their way out.
    pub draining: u32,
    /// Kept after an abandoned drain.
    pub retained: u32,
    /// Desired capacity.
    pub desired: u32,
    /// Machines that EC2 bills.
    pub machines: u32,
    /// Recordings cut so far.
    pub recordings_cut: u64,
    /// Recordings whose files are lost so far.
    pub files_lost: u64,
}

/// What a run has come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Recordings that were asked for.
    pub requests: u64,
    /// Of these, those that no Jibri accepted, since all were busy or refused; each once, whatever Jicofo counts.
    pub refused: u64,
    /// Of these, those that a Jibri accepted and whose recording failed, within seconds or later, without another
    /// Jibri that went on with it.
    pub failed: u64,
    /// How often a recording failed on a Jibri on which the last two had failed more than 15 minutes before, while
    /// recordings on others succeeded.
    pub failed_on_known_bad: u64,
    /// Recordings that ended with their machine.
    pub recordings_cut: u64,
    /// Finished recordings that were not uploaded when their machine ended.
    pub files_lost: u64,
    /// Of the recordings cut, those whose machine was taken past the group: by EC2, or by a person.
    pub cut_when_taken: u64,
    /// Of the files lost, those on a machine that was taken past the group.
    pub lost_when_taken: u64,
    /// Finalize scripts whose upload failed.
    pub uploads_failed: u64,
    /// Instances launched.
    pub launches: u64,
    /// Instances terminated, for any cause.
    pub terminations: u64,
    /// Time that machines were billed for and did not record or finalize.
    pub idle_instance_seconds: i64,
    /// Time that they recorded or finalized.
    pub busy_instance_seconds: i64,
    /// Drains begun.
    pub drains: u64,
    /// Drains that have not ended.
    pub drains_unfinished: u64,
    /// Drains abandoned: their instances are kept.
    pub drains_retained: u64,
    /// The longest drain, in seconds.
    pub longest_drain_seconds: i64,
}

impl World {
    /// The pool as it is now.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot {
            at_ms: self.now,
            requests: self.tally.requests,
            refused: self.tally.refused,
            failed: self.tally.failed,
            desired: self.group.desired,
            recordings_cut: self.tally.cut,
            files_lost: self.tally.lost,
            ..Snapshot::default()
        };
        for machine in self.machines.values() {
            count(machine, &mut snapshot);
        }
        snapshot
    }

    /// What the run has come to until now.
    pub fn summary(&self) -> Summary {
        let (mut busy_ms, mut idle_ms) = (self.tally.busy_ms, self.tally.idle_ms);
        for machine in self.machines.values().filter(|machine| machine.exists()) {
            let busy = machine.busy_ms + machine.jibri.busy_since.map_or(0, |since| self.now - since);
            busy_ms += busy;
            idle_ms += self.now - machine.launched_at - busy;
        }
        let waits = self.machines.values().filter_map(|machine| machine.wait.as_ref());
        let (mut unfinished, mut longest_ms) = (0, self.tally.longest_drain_ms);
        for wait in waits {
            unfinished += 1;
            longest_ms = longest_ms.max(self.now - wait.began_at);
        }
        Summary {
            requests: self.tally.requests,
            refused: self.tally.refused,
            failed: self.tally.failed,
            failed_on_known_bad: self.tally.failed_on_known_bad,
            recordings_cut: self.tally.cut,
            files_lost: self.tally.lost,
            cut_when_taken: self.tally.cut_when_taken,
            lost_when_taken: self.tally.lost_when_taken,
            uploads_failed: self.tally.failed_uploads,
            launches: self.tally.launches,
            terminations: self.tally.terminations,
            idle_instance_seconds: idle_ms / 1000,
            busy_instance_seconds: busy_ms / 1000,
            drains: self.tally.drains,
            drains_unfinished: unfinished,
            drains_retained: self.tally.retained,
            longest_drain_seconds: longest_ms / 1000,
        }
    }
}

fn count(machine: &Machine, snapshot: &mut Snapshot) {
    let leaves = matches!(
        machine.lifecycle,
        Lifecycle::Terminating | Lifecycle::TerminatingWait | Lifecycle::TerminatingProceed
    );
    snapshot.machines += u32::from(machine.exists());
    snapshot.draining += u32::from(leaves);
    snapshot.retained += u32::from(machine.lifecycle == Lifecycle::TerminatingRetained);
    match (leaves, machine.jibri.is_busy()) {
        (true, true) => snapshot.draining_busy += 1,
        (false, true) => snapshot.busy += 1,
        (false, false) if machine.is_active() => {
            snapshot.available += u32::from(machine.is_available());
            snapshot.failing += u32::from(machine.is_available() && machine.jibri.failing.is_some());
            snapshot.pending += u32::from(machine.jibri.activity == Activity::Down);
        }
        _ => {}
    }
}
