//! What the functions are held to, with all that is true at hand: the invariants of `ARCHITECTURE.md`, looked at in
//! the very moment in which a call takes effect. Written from the invariants, and not from the planner.

use std::collections::VecDeque;

use super::{
    Happening, Milliseconds, World,
    growth::Growth,
    machine::{Activity, Lifecycle, Machine},
    refusals::Plenty,
};

const MINUTE_MS: Milliseconds = 60_000;
/// For how long what has changed may still be unknown to a function that acts, in milliseconds: a tick, a check's
/// validity, and what calls and clocks add to it.
const UNKNOWN_FOR_MS: Milliseconds = 5 * MINUTE_MS;
/// For how long another's change of the desired capacity may be unknown to a function that sets it, in milliseconds.
const OVERLAP_MS: Milliseconds = 90_000;
/// For how long a deleted hook may be unknown to a function that terminates, in milliseconds.
const HOOK_UNKNOWN_FOR_MS: Milliseconds = 15_000;
/// By how much clocks may differ, in milliseconds.
pub(super) const SKEW_MS: Milliseconds = 2 * MINUTE_MS;

/// The invariants' names.
pub(super) mod invariant {
    pub(crate) const CUT: &str = "1 no recording is cut, and no file is lost";
    pub(crate) const EVIDENCE: &str = "1 an instance goes on positive evidence, its own and Jicofo's";
    pub(crate) const SHUTDOWN: &str = "2 between the reading and the end stands the graceful shutdown";
    pub(crate) const SIZES: &str = "3 desired capacity stays in its limits, and one place alone lowers it";
    pub(crate) const UNKNOWN: &str = "4 unknown is never a victim";
    pub(crate) const PENDING: &str = "5 pending capacity counts";
    pub(crate) const CAP: &str = "6 terminations are capped, and leave what is to be held";
    pub(crate) const ENDS: &str = "8 every drain ends, and not before its time";
    pub(crate) const SERVICE: &str = "9 what fails again and again does not count";
    pub(crate) const LAUNCHES: &str = "5 launches in vain are bounded";
    pub(crate) const REPLACED: &str = "5 launches in vain are followed by others";
    pub(crate) const RETURNING: &str = "5 Jibris that join again are on their way";
    pub(crate) const REFUSALS: &str = "10 what no further Jibri would serve is no demand";
    pub(crate) const FILES: &str = "12 a file on an instance is on its way up";
}

/// What the functions were told to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditLimits {
    /// The fewest available Jibris that they may want.
    pub least_spare: u32,
    /// The most that they may want.
    pub most_spare: u32,
    /// How many instances one invocation may end.
    pub terminations_per_tick: u32,
    /// How long a drain may take.
    pub drain_limit_ms: Milliseconds,
    /// How long a launch may take.
    pub boot_grace_ms: Milliseconds,
    /// How long a Jibri must have been idle before it may go.
    pub idle_ms: Milliseconds,
    /// For how long a Jibri may still be given recordings after the second in a row has failed on it, while recordings on
    /// others succeed and every Jicofo answers.
    pub known_bad_ms: Option<Milliseconds>,
    /// The most launches within an hour whose Jibri never registers.
    pub launches_in_vain_per_hour: Option<usize>,
    /// For how long a pool that is short, and holds launches that never register, may launch no other.
    pub replaced_within_ms: Option<Milliseconds>,
    /// How long a file may wait on an instance in service whose Jibri is idle, when its upload would succeed.
    pub file_age_ms: Option<Milliseconds>,
}

/// What one invocation has heard and done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conduct {
    /// Whether every Jicofo has answered it, or one that did lists the instance that it ends now.
    pub heard: bool,
    /// How many instances it has ended.
    pub terminations: u32,
}

/// An invariant that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// When.
    pub at: Milliseconds,
    /// The invariant.
    pub invariant: &'static str,
    /// What broke it.
    pub detail: String,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Audit {
    breaches: Vec<Breach>,
    /// When something changed of what Jicofo and the group tell; of the last minutes.
    changes: VecDeque<Milliseconds>,
    desired_changed_at: Option<Milliseconds>,
    /// While Jicofo is away: since when, and the largest pool that a person or a policy has asked for meanwhile.
    silence: Option<(Milliseconds, u32)>,
    /// Instances that were given up, and could have been drained if they had been told to.
    needlessly_abandoned: Vec<(Milliseconds, String)>,
    pub(super) hook_deleted_at: Option<Milliseconds>,
    /// When launches began whose Jibri never registers; of the last hour.
    pub(super) launches_in_vain: VecDeque<Milliseconds>,
    /// Since when Jibris that fail are counted as available.
    pub(super) miscounted_since: Option<Milliseconds>,
    pub(super) growth: Growth,
    pub(super) plenty: Plenty,
}

/// The pool as it really is.
pub(super) struct Truth {
    pub(super) active: u32,
    pub(super) available: u32,
    /// Available, and not known to fail recordings. A function may not know it yet.
    pub(super) serving: u32,
    pub(super) booting: u32,
}

impl World {
    /// Every invariant that was broken so far.
    pub fn breaches(&self) -> &[Breach] {
        &self.audit.breaches
    }

    /// Notes that an invariant is broken.
    pub fn breach(&mut self, invariant: &'static str, detail: String) {
        self.note(Happening::Breach { invariant, detail: detail.clone() });
        self.audit.breaches.push(Breach { at: self.now, invariant, detail });
    }

    /// Something has changed that a function learns of only at its next reading.
    pub(super) fn audit_change(&mut self) {
        self.audit.changes.push_back(self.now);
        while self.audit.changes.front().is_some_and(|at| self.now - at > UNKNOWN_FOR_MS) {
            self.audit.changes.pop_front();
        }
        self.audit_plenty();
    }

    pub(super) fn recent_changes(&self) -> u32 {
        let recent = self.audit.changes.iter().filter(|at| self.now - **at <= UNKNOWN_FOR_MS);
        u32::try_from(recent.count()).unwrap_or(u32::MAX)
    }

    pub(super) fn truth(&self, limits: &AuditLimits) -> Truth {
        let mut truth = Truth { active: 0, available: 0, serving: 0, booting: 0 };
        for machine in self.machines.values().filter(|machine| machine.is_active()) {
            let young = self.now - machine.launched_at <= limits.boot_grace_ms - SKEW_MS;
            truth.active += 1;
            truth.available += u32::from(machine.is_available());
            truth.serving += u32::from(machine.can_serve());
            truth.booting += u32::from(machine.exists() && machine.jibri.activity == Activity::Down && young);
        }
        truth
    }

    pub(super) fn audit_desired(&mut self, from: u32, to: u32, by: &'static str) {
        let now = self.now;
        let overlaps = self.audit.desired_changed_at.replace(now).is_some_and(|at| now - at < OVERLAP_MS);
        let Some(limits) = self.config.audit else { return };
        if to < self.group.min_size || to > self.group.max_size {
            let sizes = (self.group.min_size, self.group.max_size);
            self.breach(invariant::SIZES, format!("{by} sets desired capacity to {to}, outside of {sizes:?}"));
        }
        let misled = self.stale.misleads_about_aws(now);
        if by != "SetDesiredCapacity" {
            if let Some((_, largest)) = &mut self.audit.silence {
                *largest = to.max(*largest);
            }
            return;
        }
        if misled {
            return;
        }
        self.audit_growth_in_silence(&limits, to);
        if to < from && !overlaps {
            self.breach(invariant::SIZES, format!("SetDesiredCapacity lowers desired capacity from {from} to {to}"));
        }
        // An instance that is neither available nor on the way is used or of no use; beyond those, the target may be wanted, and
        // once more without a signal.
        let truth = self.truth(&limits);
        let used = truth.active - truth.serving - truth.booting;
        if to > from.max(truth.active) {
            self.audit_growth_in_rejoin(&limits, to, used, self.recent_changes());
        }
        let unheard = if self.jicofo_lately_away() { truth.available } else { 0 };
        let needed = truth.active.max(used + unheard + 2 * limits.most_spare + self.recent_changes());
        if to > from && to > needed && !self.stale.misleads_about_jibris(now) {
            let Truth { active, available, booting, .. } = truth;
            let pool = format!("{active} active, {available} available, {booting} booting");
            self.breach(invariant::PENDING, format!("desired capacity is raised to {to}, and {needed} do: {pool}"));
        }
    }

    /// Jicofo does not answer from now on.
    pub(super) fn audit_silence(&mut self) {
        let active = self.machines.values().filter(|machine| machine.is_active()).count();
        let largest = self.group.desired.max(u32::try_from(active).unwrap_or(u32::MAX));
        let silence = self.audit.silence.filter(|_| self.jicofo.away.is_some_and(|(until, _)| self.now < until));
        self.audit.silence = Some(silence.unwrap_or((self.now, largest)));
    }

    fn audit_growth_in_silence(&mut self, limits: &AuditLimits, to: u32) {
        let away = self.jicofo.away.is_some_and(|(until, _)| self.now < until);
        let Some((since, largest)) = self.audit.silence.filter(|_| away) else { return };
        if to > largest + 2 * limits.most_spare && self.now - since > UNKNOWN_FOR_MS {
            let minutes = (self.now - since) / MINUTE_MS;
            let detail = format!("desired capacity is raised to {to}, from {largest} {minutes} minutes ago, unheard");
            self.breach(invariant::UNKNOWN, detail);
        }
    }

    /// A function is about to terminate an instance through the group.
    pub fn audit_termination(&mut self, instance: &str, decrement: bool, conduct: Conduct) {
        let Some(limits) = self.config.audit else { return };
        let Some(machine) = self.machines.get(instance).filter(|machine| machine.is_active()).cloned() else { return };
        if !conduct.heard {
            self.breach(invariant::UNKNOWN, format!("{instance} is ended, a Jicofo is silent, and no other lists it"));
        }
        if conduct.terminations > limits.terminations_per_tick {
            let count = conduct.terminations;
            self.breach(invariant::CAP, format!("{instance} is number {count} to be ended by one invocation"));
        }
        let now = self.now;
        if self.config.hook.is_none() && self.audit.hook_deleted_at.is_none_or(|at| now - at > HOOK_UNKNOWN_FOR_MS) {
            self.breach(invariant::SHUTDOWN, format!("{instance} is ended, and no hook will hold it"));
        }
        let misled = self.stale.misleads_about_jibris(now) || self.stale.misleads_about_aws(now);
        let busy_for = machine.jibri.busy_since.map_or(0, |since| now - since);
        let told = machine.jibri.in_brewery && !misled && !machine.jibri.expired;
        if told && machine.jibri.is_busy() && busy_for > UNKNOWN_FOR_MS {
            let minutes = busy_for / MINUTE_MS;
            self.breach(invariant::UNKNOWN, format!("{instance} is ended, and has been busy for {minutes} minutes"));
        }
        if machine.can_serve() && !misled {
            self.audit_evidence(&machine, &limits);
        }
        let truth = self.truth(&limits);
        let left = truth.available.saturating_sub(1) + self.recent_changes();
        // An instance whose Jibri has only just come up is replaced for what was true a moment ago.
        let known = machine.jibri.up_since.is_some_and(|since| now - since > OVERLAP_MS);
        if machine.can_serve() && known && left < limits.least_spare && !misled {
            let least = limits.least_spare;
            self.breach(invariant::CAP, format!("{instance} is ended, and {left} of {least} to be held are left"));
        }
        let overlaps = self.audit.desired_changed_at.is_some_and(|at| now - at < OVERLAP_MS);
        if decrement && self.group.desired < truth.active && !overlaps && !misled {
            let (desired, active) = (self.group.desired, truth.active);
            let detail =
                format!("{instance} takes desired capacity along, which is {desired}, and {active} are active");
            self.breach(invariant::SIZES, detail);
        }
    }

    /// A Jibri that waits for a recording ends only after it has waited for long enough, and has said so itself.
    fn audit_evidence(&mut self, machine: &Machine, limits: &AuditLimits) {
        let (id, now) = (&machine.id, self.now);
        // Where no tick saw its last recording, Jicofo still tells when that began.
        let idle_ms = now - machine.jibri.last_selected_at.max(machine.jibri.up_since).unwrap_or(now);
        // An instance that has just come back is ended for what was true a moment ago.
        if self.recent_changes() > 0 {
            return;
        }
        if idle_ms < limits.idle_ms - MINUTE_MS {
            let seconds = idle_ms / 1000;
            self.breach(invariant::EVIDENCE, format!("{id} is ended after {seconds} idle seconds"));
        }
        if !self.has_said_idle(id, now - UNKNOWN_FOR_MS) {
            self.breach(invariant::EVIDENCE, format!("{id} is ended, and has not been asked"));
        }
    }

    pub(super) fn audit_end_of_hook(&mut self, instance: &str, result: &'static str) {
        let Some(limits) = self.config.audit else { return };
        let Some(machine) = self.machines.get(instance).filter(|machine| machine.exists()).cloned() else { return };
        let jibri = &machine.jibri;
        if result == "CONTINUE" {
            if jibri.is_up() || jibri.may_start() || !jibri.leftovers.is_empty() {
                let (activity, files) = (jibri.activity, jibri.leftovers.len());
                let detail = format!("the drain of {instance} ends; its Jibri: {activity:?}, {files} not uploaded");
                self.breach(invariant::SHUTDOWN, detail);
            }
            return;
        }
        let quiet = jibri.busy_until.is_none_or(|until| self.now - until > UNKNOWN_FOR_MS);
        if quiet && !jibri.is_busy() && jibri.failing_uploads == 0 && !jibri.finalize_missing {
            self.audit.needlessly_abandoned.push((self.now, instance.to_owned()));
        }
        let age_ms = machine.wait.as_ref().map_or(0, |wait| self.now - wait.began_at);
        if !self.config.retain_abandoned {
            self.breach(invariant::CUT, format!("{instance} is abandoned, and the group does not retain it"));
        }
        if age_ms < limits.drain_limit_ms - SKEW_MS {
            let minutes = age_ms / MINUTE_MS;
            self.breach(invariant::ENDS, format!("{instance} is abandoned after {minutes} minutes"));
        }
    }

    pub(super) fn audit_time_out(&mut self, instance: &str) {
        if self.config.audit.is_some() {
            self.breach(invariant::ENDS, format!("AWS gives the drain of {instance} up: it had no heartbeat"));
        }
    }

    /// A person that deletes the hook ends without it what that person, or the group, ends; a function that knows must not.
    pub(super) fn excuse_without_hook(&mut self, id: &str) {
        let now = self.now;
        let just_deleted = self.audit.hook_deleted_at.is_some_and(|at| now - at <= HOOK_UNKNOWN_FOR_MS);
        if let Some(machine) = self.machines.get_mut(id)
            && (just_deleted || machine.ended_for != Some("TerminateInstanceInAutoScalingGroup"))
        {
            machine.taken_by = Some("the group, whose hook a person has deleted");
        }
    }

    pub(super) fn audit_end(&mut self, id: &str, cut: bool, files: usize) {
        self.audit_change();
        if !cut && files == 0 {
            return;
        }
        match self.machines.get(id).and_then(|machine| machine.taken_by) {
            Some(by) => {
                self.tally.cut_when_taken += u64::from(cut);
                self.tally.lost_when_taken += u64::try_from(files).unwrap_or(u64::MAX);
                self.note(Happening::Taken { instance: id.to_owned(), by, cut, files });
            }
            None if self.config.audit.is_none() => {}
            None => {
                let detail = format!("{id} ends; a recording is cut: {cut}; recordings lost: {files}");
                self.breach(invariant::CUT, detail);
            }
        }
    }

    fn jicofo_lately_away(&self) -> bool {
        let lately = |until: Milliseconds| self.now < until + UNKNOWN_FOR_MS;
        self.jicofo.away.is_some_and(|(until, _)| lately(until))
            || self.jicofo.last_away.is_some_and(|(until, _)| lately(until))
            || self.jicofo.back_at.is_some_and(lately)
    }

    /// How long each instance has been held by the hook.
    pub fn drains(&self) -> Vec<(String, Milliseconds)> {
        let waits = self.machines.values().filter_map(|machine| Some((machine, machine.wait.as_ref()?)));
        waits.map(|(machine, wait)| (machine.id.clone(), self.now - wait.began_at)).collect()
    }

    /// Instances that were given up since then, although their Jibri was there to be drained.
    pub fn needlessly_abandoned(&self, since: Milliseconds) -> Vec<String> {
        let recent = self.audit.needlessly_abandoned.iter().filter(|(at, _)| *at >= since);
        recent.map(|(_, instance)| instance.clone()).collect()
    }

    /// How many of the group's machines record for ever, and so are never let go.
    pub fn busy_machines(&self) -> u32 {
        let busy = |machine: &&Machine| machine.exists() && machine.is_active() && machine.jibri.is_busy();
        u32::try_from(self.machines.values().filter(busy).count()).unwrap_or(u32::MAX)
    }

    /// Instances in service that are of no use, or not protected, each with why.
    pub fn flaws(&self) -> Vec<String> {
        let in_service = self.machines.values().filter(|machine| machine.lifecycle == Lifecycle::InService);
        let flaw = |machine: &Machine| {
            let (id, jibri) = (&machine.id, &machine.jibri);
            match jibri.is_busy() || machine.is_available() {
                false => Some(format!("{id} is of no use: its Jibri is {:?}", jibri.activity)),
                true if !machine.protected => Some(format!("{id} is not protected from scale-in")),
                true => None,
            }
        };
        in_service.filter_map(flaw).collect()
    }
}
