//! What the functions are held to where nothing is cut: a Jibri that fails again and again, launches in vain, and files
//! that wait on an instance in service. Each rule is on where `AuditLimits` has a figure for it.

use controller::metrics::Metric;

use super::{
    MetricView, Milliseconds, World,
    audit::invariant,
    machine::{Activity, Lifecycle, Machine},
};

const HOUR_MS: Milliseconds = 3_600_000;
/// After how many failures in a row, without a success, a Jibri is known to be bad.
pub(super) const KNOWN_AFTER: u32 = 2;
/// After how many spells of failures without a success the functions must know it. Of several in one minute they see the last.
/// One that left something to play does not count: it looks like a short recording.
const PROVEN_AFTER: usize = 4;
/// Failures further apart than this are two spells, in milliseconds.
const SPELL_MS: Milliseconds = 10 * 60_000;
/// Within what time the functions know it, in milliseconds.
const PROVEN_WITHIN_MS: Milliseconds = HOUR_MS;
/// For how long they may count it as available all the same, in milliseconds.
const MISCOUNTED_FOR_MS: Milliseconds = 10 * 60_000;
/// For how long a Jibri must have been idle before a file on its instance is forgotten.
const IDLE_FOR_MS: Milliseconds = 30 * 60_000;
/// How long ago that must have been to be counted in the summary.
const KNOWN_FOR_MS: Milliseconds = 15 * 60_000;

/// For how long a drain may go on beyond its limit, in milliseconds: `drain` may not be invoked for half an hour.
const OVERDUE_FOR_MS: Milliseconds = 45 * 60_000;
/// Within what time of idleness each folder is tried.
const RETRIED_WITHIN_MS: Milliseconds = 20 * 60_000;

impl World {
    /// A recording has failed on this Jibri: at its START, or soon after.
    pub(super) fn count_failure_on(&mut self, id: &str, request: usize, left_a_file: bool) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.jibri.is_up()) else { return };
        let (count, known_since) = machine.jibri.failures;
        let second = (count + 1 == KNOWN_AFTER).then_some(now);
        machine.jibri.failures = (count + 1, known_since.or(second));
        let spells = &mut machine.jibri.failing_spells;
        if count == 0 {
            spells.clear();
        }
        match spells.last_mut() {
            // It left something to play, as a recording does that a person stops at once.
            _ if left_a_file => {}
            Some(last_at) if now - *last_at <= SPELL_MS => *last_at = now,
            _ => spells.push(now),
        }
        if second.is_some() {
            self.audit_change();
        }
        let Some(machine) = self.machines.get(id) else { return };
        let active = machine.is_active();
        let Some(known_since) = known_since.filter(|_| active) else { return };
        if self.tally.last_success_began_at.is_none_or(|at| at < known_since) {
            return;
        }
        self.tally.failed_on_known_bad += u64::from(now - known_since > KNOWN_FOR_MS);
        // Another must be there to take what it fails: until then it is not replaced.
        let fit = |other: &Machine| other.is_active() && other.is_available() && other.jibri.failing.is_none();
        if !self.machines.values().any(fit) {
            return;
        }
        let could_act_since = known_since.max(self.heard_since()).max(self.scale_in_asked_since());
        let limit_ms = self.config.audit.and_then(|limits| limits.known_bad_ms);
        if self.config.hook.is_some() && limit_ms.is_some_and(|limit_ms| now - could_act_since > limit_ms) {
            let minutes = (now - known_since) / 60_000;
            let detail = format!("request {request} fails on {id}, which has failed for {minutes} minutes");
            self.breach(invariant::SERVICE, detail);
        }
    }

    /// A function publishes how many Jibris are available: one that has failed again and again is not among them.
    pub(super) fn audit_available(&mut self, data: &[MetricView]) {
        let Some(limits) = self.config.audit.filter(|limits| limits.known_bad_ms.is_some()) else { return };
        let available = data.iter().filter(|datum| datum.name == Metric::AvailableJibris.name());
        let Some(counted) = available.map(|datum| datum.value).reduce(f64::max) else { return };
        let now = self.now;
        let blind_until = self.audit.growth.untagged_at.unwrap_or(self.config.start);
        let could_since = self.scale_in_asked_since().max(self.heard_since()).max(blind_until);
        let proven = |machine: &&Machine| {
            let (failures, since) = machine.jibri.failures;
            let long = since.is_some_and(|since| now - since.max(could_since) > PROVEN_WITHIN_MS);
            let spells = machine.jibri.failing_spells.iter().filter(|at| **at > could_since).count();
            machine.is_active() && machine.is_available() && failures >= KNOWN_AFTER && spells >= PROVEN_AFTER && long
        };
        let failing: Vec<&str> = self.machines.values().filter(proven).map(|machine| machine.id.as_str()).collect();
        let bad = u32::try_from(failing.len()).unwrap_or(u32::MAX);
        let (right, changes) = (self.truth(&limits).available - bad, self.recent_changes());
        let misled = self.stale.misleads_about_jibris(now) || self.stale.misleads_about_aws(now);
        if bad == 0 || misled || counted <= f64::from(right) {
            self.audit.miscounted_since = None;
        } else if counted > f64::from(right + changes) {
            // A sample that could not read the tags does not know which Jibris fail.
            let since = *self.audit.miscounted_since.get_or_insert(now);
            if now - since > MISCOUNTED_FOR_MS {
                let detail =
                    format!("{counted} Jibris are counted as available, and {right} are: {} fail", failing.join(", "));
                self.breach(invariant::SERVICE, detail);
            }
        }
    }

    /// A launch begins whose Jibri will never register.
    pub(super) fn count_launch_in_vain(&mut self) {
        let now = self.now;
        self.audit.launches_in_vain.push_back(now);
        while self.audit.launches_in_vain.front().is_some_and(|at| now - at > HOUR_MS) {
            self.audit.launches_in_vain.pop_front();
        }
        let count = self.audit.launches_in_vain.len();
        let most = self.config.audit.and_then(|limits| limits.launches_in_vain_per_hour);
        if most.is_some_and(|most| count > most) {
            self.breach(invariant::LAUNCHES, format!("{count} launches within an hour never register"));
        }
    }

    /// Looks at all that is to be looked at every minute.
    pub fn audit_minute(&mut self) {
        self.audit_files();
        self.audit_launches();
        self.audit_plenty();
        self.audit_drains();
    }

    /// Looks whether a drain goes on beyond its limit, though the functions get through.
    fn audit_drains(&mut self) {
        let Some(limits) = self.config.audit.filter(|_| self.config.retain_abandoned) else { return };
        let (now, asked_since) = (self.now, self.asked_since());
        let overdue = self.drains().into_iter().find(|(_, age_ms)| {
            let over_since = now - age_ms + limits.drain_limit_ms;
            now - over_since.max(asked_since) > OVERDUE_FOR_MS
        });
        if let Some((id, age_ms)) = overdue {
            let minutes = age_ms / 60_000;
            self.breach(invariant::ENDS, format!("the drain of {id} has lasted for {minutes} minutes"));
        }
    }

    /// Looks whether a file has waited for too long on an instance in service whose Jibri is idle, although its
    /// upload would succeed.
    pub fn audit_files(&mut self) {
        let Some(limit_ms) = self.config.audit.and_then(|limits| limits.file_age_ms) else { return };
        if self.config.rates.uploads_fail > 0.0 {
            return;
        }
        let now = self.now;
        // What a crash left is not touched while a Jibri records; then the timer has its patience.
        let free = |machine: &Machine| machine.jibri.busy_until.is_none_or(|until| now - until > RETRIED_WITHIN_MS);
        let idle = |machine: &&Machine| {
            machine.lifecycle == Lifecycle::InService
                && machine.exists()
                && free(machine)
                && machine.jibri.activity == Activity::Idle
                && !machine.jibri.finalize_missing
                && machine.jibri.failing_uploads == 0
                && machine.jibri.busy_until.is_none_or(|until| now - until > IDLE_FOR_MS)
        };
        let possible_since = self.tally.uploads_possible_since;
        let forgotten = self.machines.values().filter(idle).find_map(|machine| {
            let since = machine.jibri.upload_failed_at.max(possible_since);
            let waits = machine.jibri.leftovers.iter().find(|folder| now - folder.since.max(since) > limit_ms)?;
            Some((machine.id.clone(), waits.session.clone(), (now - waits.since) / 60_000))
        });
        if let Some((id, session, minutes)) = forgotten {
            self.breach(invariant::FILES, format!("{session} has waited on {id} for {minutes} minutes"));
        }
    }

    /// Since when every Jicofo tells what is so.
    pub(super) fn heard_since(&self) -> Milliseconds {
        let jicofo = &self.jicofo;
        let away = [jicofo.away, jicofo.last_away].into_iter().flatten().map(|(until, _)| until);
        let moments = away.chain(jicofo.back_at).chain(self.stale.jicofo_until()).chain([jicofo.last_empty_until]);
        moments.max().unwrap_or(self.config.start)
    }
}
