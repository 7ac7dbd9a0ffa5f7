//! Makes one observation of everything that was read. What could not be read is unknown.

use std::collections::BTreeMap;

use planner::{
    Command, CommandOutcome, DrainHook, Instance, InstanceId, JibriStatus, Observation, Signal, Target, Timestamp,
};

use crate::{
    ports::{
        CallError, CommandStatus, GroupDescription, HookDescription, InstanceDescription, JicofoJibri, JicofoReading,
        JicofoStats, SentCommand,
    },
    report, tags,
    text::shorten,
};

/// An observation, and what goes with it.
pub(crate) struct Observed {
    pub(crate) observation: Observation,
    /// The counters of all Jicofos that answered, added up.
    pub(crate) stats: JicofoStats,
    /// When Jibris were last selected, group or not.
    pub(crate) selections: Vec<Timestamp>,
    /// What somebody should look at.
    pub(crate) oddities: Vec<String>,
}

/// Puts the readings together; the hook and the commands are read by whoever needs them. `silent_seconds` tells for how
/// long the signal has been lost already.
pub(crate) fn assemble(
    now: Timestamp,
    group: GroupDescription,
    descriptions: Vec<InstanceDescription>,
    jicofos: Vec<Result<JicofoReading, CallError>>,
    target: Target,
    silent_seconds: u64,
) -> Observed {
    let heard = Heard::listen(jicofos);
    let mut oddities = Vec::new();
    let mut ec2: BTreeMap<InstanceId, InstanceDescription> =
        descriptions.into_iter().map(|description| (description.id.clone(), description)).collect();
    let mut instances = Vec::with_capacity(group.members.len());
    for member in group.members {
        let description = ec2.remove(&member.id);
        let tags = description.as_ref().map(|found| tags::read_tags(&found.tags, now)).unwrap_or_default();
        oddities.extend(tags.unreadable.iter().map(|tag| format!("{} has an unreadable tag: {tag}", member.id)));
        let (jibri, last_selected_at) = heard.status_of(&member.id);
        instances.push(Instance {
            zone: member.zone,
            lifecycle: member.lifecycle,
            protected: member.protected,
            outdated: member.outdated,
            ec2: description.as_ref().map(|found| found.state),
            launched_at: description.as_ref().map(|found| found.launched_at),
            registered_at: tags.registered_at,
            recorded: tags.recorded,
            draining_since: tags.draining_since,
            jibri,
            last_selected_at,
            check: None,
            drain: None,
            id: member.id,
        });
    }
    let strangers = heard.strangers(&instances);
    let signal = match heard.trouble(&instances) {
        None => Signal::Fresh,
        Some(why) => Signal::Lost { why, for_seconds: silent_seconds },
    };
    let selections = heard.jibris.values().filter_map(|jibri| jibri.last_selected_at).collect();
    let observation =
        Observation { now, group: group.sizes, hook: DrainHook::Unknown, instances, signal, strangers, target };
    Observed { observation, stats: heard.stats, selections, oddities }
}

/// A hook of this name that holds launches holds no drain.
pub(crate) fn read_hook(found: Option<HookDescription>) -> DrainHook {
    match found {
        Some(HookDescription { terminating: true, default_result, heartbeat_timeout_seconds }) => {
            DrainHook::Present { default_result, heartbeat_timeout_seconds }
        }
        Some(HookDescription { terminating: false, .. }) | None => DrainHook::Missing,
    }
}

/// What the Jicofos say of one Jibri.
struct Told {
    healthy: bool,
    busy: bool,
    last_selected_at: Option<Timestamp>,
}

/// What the Jicofos said together.
struct Heard {
    jibris: BTreeMap<String, Told>,
    stats: JicofoStats,
    failures: Vec<String>,
}

impl Heard {
    fn listen(jicofos: Vec<Result<JicofoReading, CallError>>) -> Heard {
        let mut heard = Heard { jibris: BTreeMap::new(), stats: JicofoStats::default(), failures: Vec::new() };
        for reading in jicofos {
            match reading {
                Ok(reading) => heard.add(reading),
                Err(error) => heard.failures.push(error.to_string()),
            }
        }
        heard
    }

    /// A Jibri may serve several Jicofos: it is busy if any of them keeps it busy, and selected when the last did.
    fn add(&mut self, reading: JicofoReading) {
        self.stats.conferences += reading.stats.conferences;
        self.stats.participants += reading.stats.participants;
        self.stats.jibri_sessions += reading.stats.jibri_sessions;
        self.stats.jibri_failures_total += reading.stats.jibri_failures_total;
        for JicofoJibri { nickname, healthy, busy, last_selected_at } in reading.jibris {
            let unheard = Told { healthy: true, busy: false, last_selected_at: None };
            let told = self.jibris.entry(nickname).or_insert(unheard);
            told.busy |= busy;
            told.healthy &= healthy;
            told.last_selected_at = told.last_selected_at.max(last_selected_at);
        }
    }

    fn status_of(&self, id: &InstanceId) -> (JibriStatus, Option<Timestamp>) {
        match self.jibris.get(id.as_str()) {
            None if self.failures.is_empty() => (JibriStatus::Missing, None),
            None => (JibriStatus::Unknown, None),
            Some(jibri) => {
                let status = match (jibri.busy, jibri.healthy) {
                    (true, _) => JibriStatus::Busy,
                    (false, false) => JibriStatus::Unhealthy,
                    (false, true) => JibriStatus::Idle,
                };
                (status, jibri.last_selected_at)
            }
        }
    }

    /// Names that anybody in the brewery may have chosen, fit for a log line.
    fn strangers(&self, instances: &[Instance]) -> Vec<String> {
        let ours: std::collections::BTreeSet<&str> = instances.iter().map(|instance| instance.id.as_str()).collect();
        self.jibris.keys().filter(|nickname| !ours.contains(nickname.as_str())).map(shorten).collect()
    }

    /// Why the answers cannot be acted on. A Jicofo that has lost XMPP forgets all its Jibris at once, though
    /// they run: none at all, where some have registered, is no answer.
    fn trouble(&self, instances: &[Instance]) -> Option<String> {
        if !self.failures.is_empty() {
            return Some(self.failures.join("; "));
        }
        let registered = instances.iter().filter(|instance| instance.is_active() && instance.has_registered()).count();
        let listed = instances.iter().any(|instance| instance.jibri != JibriStatus::Missing);
        (registered > 0 && !listed)
            .then(|| format!("Jicofo lists none of the {registered} Jibris that have registered"))
    }
}

/// The newest command of each instance, with its outcome read.
pub(crate) fn newest_commands(sent: Vec<SentCommand>) -> BTreeMap<InstanceId, Command> {
    let mut newest: BTreeMap<InstanceId, Command> = BTreeMap::new();
    for SentCommand { instance, sent_at, status } in sent {
        let outcome = match status {
            CommandStatus::InFlight => CommandOutcome::InFlight,
            CommandStatus::Failed(why) => CommandOutcome::Failed(why),
            CommandStatus::Success(output) => match report::parse_report(&output) {
                Ok(report) => CommandOutcome::Reported(report),
                Err(why) => CommandOutcome::Failed(why),
            },
        };
        match newest.get(&instance) {
            Some(known) if known.sent_at >= sent_at => {}
            _ => {
                newest.insert(instance, Command { sent_at, outcome });
            }
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_stranger_is_short_and_keeps_to_its_line() {
        let nickname = format!("jibri\n\u{202e}{}", "x".repeat(100_000));
        let jibri = JicofoJibri { nickname, healthy: true, busy: false, last_selected_at: None };
        let heard = Heard::listen(vec![Ok(JicofoReading { jibris: vec![jibri], ..JicofoReading::default() })]);
        let strangers = heard.strangers(&[]);
        assert!(
            strangers[0].starts_with("jibri\u{fffd}\u{fffd}x") && strangers[0].chars().count() < 300,
            "{strangers:.300?}"
        );
    }
}
