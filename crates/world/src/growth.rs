//! What the functions are held to when they launch: Jibris that join again are on their way, and launches that never
//! register hold the place of others only for as long as launches are waited for.

use std::collections::BTreeSet;

use super::{
    Milliseconds, World,
    audit::{AuditLimits, SKEW_MS, invariant},
    machine::{Activity, Lifecycle, Machine},
};

const MINUTE_MS: Milliseconds = 60_000;
/// For how long Jibris that vanished together count as on their way, in milliseconds.
const RETURN_MS: Milliseconds = 60_000;
/// For how long a refused tag keeps the functions from knowing when a Jibri vanished, in milliseconds.
const UNTAGGED_FOR_MS: Milliseconds = 2 * MINUTE_MS;
/// Without a description of the group for so long, the functions do not get through, in milliseconds.
const UNASKED_FOR_MS: Milliseconds = 3 * MINUTE_MS;
/// For how long the pool must have been short before a launch is missed, in milliseconds.
const SHORT_FOR_MS: Milliseconds = 10 * MINUTE_MS;

/// What is kept for these rules.
#[derive(Clone, Debug, Default)]
pub(super) struct Growth {
    /// The Jibris that vanished together and run, and when.
    vanished: Option<(Milliseconds, BTreeSet<String>)>,
    /// How many of them have joined again.
    rejoined: u32,
    /// When a tag could not be written.
    pub(super) untagged_at: Option<Milliseconds>,
    /// When the group was described.
    asked: Asked,
    /// When the hook was, for which scale-in alone asks.
    asked_for_hook: Asked,
    /// Since when the pool has been short, and could grow.
    short_since: Option<Milliseconds>,
}

/// When something was asked for last, and since when it has been without a long gap.
#[derive(Clone, Copy, Debug, Default)]
struct Asked(Option<(Milliseconds, Milliseconds)>);

impl Asked {
    fn again(&mut self, now: Milliseconds) {
        self.0 = Some((now, self.since(now)));
    }

    fn since(self, now: Milliseconds) -> Milliseconds {
        let lately = self.0.filter(|(last, _)| now - last <= UNASKED_FOR_MS);
        lately.map_or(now, |(_, since)| since)
    }
}

impl World {
    /// These Jibris leave Jicofo's list at once, and are about to join again.
    pub(super) fn audit_vanish(&mut self, ids: &[String]) {
        let active = |id: &&String| self.machines.get(*id).is_some_and(Machine::is_active);
        let ids: BTreeSet<String> = ids.iter().filter(active).cloned().collect();
        self.audit.growth.vanished = (ids.len() > 1).then_some((self.now, ids));
        self.audit.growth.rejoined = 0;
    }

    pub(super) fn audit_rejoin(&mut self, id: &str) {
        let growth = &mut self.audit.growth;
        if growth.vanished.as_ref().is_some_and(|(_, ids)| ids.contains(id)) {
            growth.rejoined += 1;
        }
    }

    /// A function could not write a tag: the tags of this moment do not tell which Jibris have vanished.
    pub fn audit_untagged(&mut self) {
        self.audit.growth.untagged_at = Some(self.now);
    }

    /// A function reads the group.
    pub(super) fn audit_asked(&mut self) {
        self.audit.growth.asked.again(self.now);
    }

    /// Scale-in reads the hook.
    pub(super) fn audit_asked_for_hook(&mut self) {
        self.audit.growth.asked_for_hook.again(self.now);
    }

    /// Since when the functions get through without a long gap; now where they do not.
    pub(super) fn asked_since(&self) -> Milliseconds {
        self.audit.growth.asked.since(self.now)
    }

    /// The same of scale-in.
    pub(super) fn scale_in_asked_since(&self) -> Milliseconds {
        self.audit.growth.asked_for_hook.since(self.now).max(self.asked_since())
    }

    /// The desired capacity is raised while Jibris that vanished together are about to join again: these are not missing.
    /// `used` and `changes` are as the audit of the desired capacity counts them.
    pub(super) fn audit_growth_in_rejoin(&mut self, limits: &AuditLimits, to: u32, used: u32, changes: u32) {
        let now = self.now;
        let growth = &self.audit.growth;
        let Some((at, ids)) = growth.vanished.as_ref().filter(|(at, _)| now - at <= RETURN_MS) else { return };
        let away = [self.jicofo.away, self.jicofo.last_away].into_iter().flatten();
        let unheard = away.into_iter().any(|(until, _)| *at - UNTAGGED_FOR_MS < until);
        let untagged = growth.untagged_at.is_some_and(|untagged| now - untagged <= UNTAGGED_FOR_MS);
        if unheard || untagged || self.stale.misleads_about_jibris(now) {
            return;
        }
        let returns = |machine: &&Machine| {
            let jibri = &machine.jibri;
            let fit = machine.exists() && machine.is_active() && jibri.healthy && !jibri.expired && !jibri.leaving;
            fit && jibri.activity == Activity::Idle && !jibri.in_brewery && ids.contains(&machine.id)
        };
        let returning = u32::try_from(self.machines.values().filter(returns).count()).unwrap_or(u32::MAX);
        // Those that join again are no change of the pool.
        let needed = used - returning + limits.most_spare + changes.saturating_sub(growth.rejoined);
        if returning > 0 && to > needed {
            let detail =
                format!("desired capacity is raised to {to}, {needed} do, and {returning} are about to join again");
            self.breach(invariant::RETURNING, detail);
        }
    }

    /// Looks whether launches that never register keep others from being launched.
    pub fn audit_launches(&mut self) {
        let Some((limits, limit_ms)) = self.config.audit.and_then(|limits| Some((limits, limits.replaced_within_ms?)))
        else {
            return;
        };
        let now = self.now;
        let overdue_at = now - limits.boot_grace_ms - SKEW_MS;
        let never = |machine: &&Machine| machine.jibri.activity == Activity::Down;
        let in_vain = |machine: &&Machine| never(machine) && machine.is_active() && machine.launched_at < overdue_at;
        let undrained = |machine: &&Machine| never(machine) && machine.lifecycle == Lifecycle::TerminatingWait;
        let count = |found: usize| u32::try_from(found).unwrap_or(u32::MAX);
        let vain = count(self.machines.values().filter(in_vain).count());
        let stuck = count(self.machines.values().filter(undrained).count());
        let truth = self.truth(&limits);
        let short = truth.available + truth.booting < limits.least_spare;
        let room = self.group.desired <= truth.active && truth.active < self.group.max_size;
        let free = room && stuck < limits.terminations_per_tick;
        if vain == 0 || !short || !free || self.stale.misleads_about_aws(now) {
            self.audit.growth.short_since = None;
            return;
        }
        let short_since = *self.audit.growth.short_since.get_or_insert(now);
        let launched_at = self.machines.values().map(|machine| machine.launched_at).max().unwrap_or(now);
        let could_since = self.asked_since().max(self.heard_since()).max(launched_at);
        if now - short_since > SHORT_FOR_MS && now - could_since > limit_ms {
            let minutes = (now - launched_at) / MINUTE_MS;
            let detail = format!("{vain} launches have not registered, and none has followed for {minutes} minutes");
            self.breach(invariant::REPLACED, detail);
        }
    }
}
