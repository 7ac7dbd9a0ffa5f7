//! Makes one observation of everything that a tick has read. What could not be read is unknown; what was not asked says so.

use std::collections::BTreeMap;

use planner::{
    Command, CommandOutcome, DrainHook, Ec2Record, Instance, InstanceId, JibriStatus, Jicofos, LifecycleState,
    Observation, Reading, Signal, Timestamp, all_have_exited, has_exited,
};
use tracing::info;

use crate::{
    heard::Heard,
    ports::{CallError, CommandStatus, GroupMember, HookDescription, InstanceDescription, JicofoStats, SentCommand},
    readings::{Answer, Readings},
    report, tags,
};

/// An observation, and what goes with it.
pub(crate) struct Observed {
    /// What the tick plans on.
    pub(crate) observation: Observation,
    /// The counters of all Jicofos that answered, added up.
    pub(crate) stats: JicofoStats,
    /// What an operator should look at.
    pub(crate) oddities: Vec<String>,
    /// The questions that got no answer, Jicofo's apart: these are in the signal.
    pub(crate) failures: Vec<CallError>,
}

/// Makes the observation, once and whole: nothing is put into it afterwards.
pub(crate) fn observe(readings: Readings) -> Observed {
    let Readings { now, group, .. } = readings;
    let mut failures = Vec::new();
    let mut oddities = Vec::new();
    let mut ec2 = BySubject::new(readings.descriptions, &mut failures, |descriptions| {
        descriptions.into_iter().map(|description| (description.id.clone(), description)).collect()
    });
    let mut checks = BySubject::new(readings.checks, &mut failures, newest_commands);
    let mut drains = BySubject::new(readings.drains, &mut failures, newest_commands);
    let mut terminations = BySubject::new(readings.terminations, &mut failures, |found| found);
    let hook = match readings.hook {
        Some(Ok(found)) => read_hook(found),
        Some(Err(error)) => {
            failures.push(error);
            DrainHook::Unknown
        }
        None => DrainHook::NotAsked,
    };
    let heard = readings.jicofos.map(Heard::listen);
    let leaving = readings.leaving_warm_pool.map(|id| GroupMember {
        id,
        zone: String::new(),
        lifecycle: LifecycleState::LeavingWarmPool,
        protected: false,
        outdated: false,
    });
    let mut instances = Vec::with_capacity(group.members.len());
    for member in group.members.into_iter().chain(leaving) {
        let unasked = (JibriStatus::NotAsked, None, None);
        let (jibri, last_selected_at, last_failed_at) =
            heard.as_ref().map_or(unasked, |heard| heard.status_of(&member.id));
        instances.push(Instance {
            zone: member.zone,
            lifecycle: member.lifecycle,
            protected: member.protected,
            outdated: member.outdated,
            ec2: ec2.take(&member.id).map(|description| read_record(&description, now, &mut oddities)),
            jibri,
            listed_by: heard.as_ref().map_or(Jicofos::default(), |heard| heard.listed_by(&member.id)),
            last_selected_at,
            last_failed_at,
            check: checks.take(&member.id),
            drain: drains.take(&member.id),
            terminating_since: terminations.take(&member.id),
            id: member.id,
        });
    }
    if let Some(heard) = &heard {
        doubt_missing(heard, &mut instances, now, readings.check_validity_seconds);
    }
    let signal = match &heard {
        None => Signal::NotAsked,
        Some(heard) => match trouble(heard, &instances, now, readings.check_validity_seconds) {
            None => Signal::Fresh,
            Some(why) if heard.any_has_answered() && instances.iter().any(|one| one.jibri.is_listed()) => {
                Signal::Partial { why, for_seconds: readings.silent_seconds }
            }
            Some(why) => Signal::Lost { why, for_seconds: readings.silent_seconds },
        },
    };
    let heard = heard.unwrap_or_default();
    let named = |place: &usize| readings.jicofo_urls.get(*place).cloned().unwrap_or_else(|| format!("Jicofo {place}"));
    let empty_jicofos = heard.empty_beside(&instances).iter().map(named).collect();
    let observation = Observation {
        now,
        group: group.sizes,
        hook,
        signal,
        unaccounted_busy: heard.unaccounted_busy(),
        after_silence: readings.after_silence,
        untagged: readings.untagged,
        strangers: heard.strangers(&instances, &readings.own_jibris),
        empty_jicofos,
        target: readings.target,
        instances,
    };
    Observed { observation, stats: heard.stats, oddities, failures }
}

/// One answer about many instances, by instance.
enum BySubject<T> {
    Answered(BTreeMap<InstanceId, T>),
    Unread,
    NotAsked,
}

impl<T> BySubject<T> {
    fn new<A>(
        answer: Answer<A>,
        failures: &mut Vec<CallError>,
        sort: impl FnOnce(A) -> BTreeMap<InstanceId, T>,
    ) -> BySubject<T> {
        match answer {
            Some(Ok(answer)) => BySubject::Answered(sort(answer)),
            Some(Err(error)) => {
                failures.push(error);
                BySubject::Unread
            }
            None => BySubject::NotAsked,
        }
    }

    fn take(&mut self, id: &InstanceId) -> Reading<T> {
        match self {
            BySubject::Answered(found) => found.remove(id).map_or(Reading::Unlisted, Reading::Read),
            BySubject::Unread => Reading::Unread,
            BySubject::NotAsked => Reading::NotAsked,
        }
    }
}

fn read_record(description: &InstanceDescription, now: Timestamp, oddities: &mut Vec<String>) -> Ec2Record {
    let tags = tags::read_tags(&description.tags, now);
    oddities.extend(tags.unreadable.iter().map(|tag| format!("{} has an unreadable tag: {tag}", description.id)));
    Ec2Record {
        state: description.state,
        launched_at: description.launched_at,
        registered_at: tags.registered_at,
        recorded: tags.recorded,
        draining_since: tags.draining_since,
        proof: tags.proof,
        doubted_at: tags.doubted_at,
    }
}

/// Why what the Jicofos say cannot be acted on. One that has lost XMPP forgets all its Jibris at once, though they run:
/// a list without any, where some have registered, is believed only where each of these says itself that it has exited.
fn trouble(heard: &Heard, instances: &[Instance], now: Timestamp, check_validity_seconds: u64) -> Option<String> {
    if let Some(failures) = heard.failures() {
        return Some(failures);
    }
    let registered = instances.iter().filter(|instance| instance.is_active() && instance.has_registered()).count();
    let listed = instances.iter().any(|instance| instance.jibri != JibriStatus::Missing);
    if registered == 0 || listed {
        return None;
    }
    if all_have_exited(instances, now, check_validity_seconds) {
        info!("Jicofo lists no Jibri, and rightly so: every Jibri that had registered has exited");
        return None;
    }
    Some(format!("Jicofo lists none of the {registered} Jibris that have registered"))
}

/// A Jicofo with an empty list, beside one that lists some, may have lost its XMPP and forgotten Jibris that run. What had
/// registered and is in no list is then unknown, unless it says itself that it has exited.
fn doubt_missing(heard: &Heard, instances: &mut [Instance], now: Timestamp, check_validity_seconds: u64) {
    if heard.empty_beside(instances).is_empty() {
        return;
    }
    for instance in instances.iter_mut().filter(|instance| instance.jibri == JibriStatus::Missing) {
        if instance.is_active() && instance.has_registered() && !has_exited(instance, now, check_validity_seconds) {
            instance.jibri = JibriStatus::Unknown;
        }
    }
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

/// The newest command of each instance, with its outcome read.
fn newest_commands(sent: Vec<SentCommand>) -> BTreeMap<InstanceId, Command> {
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
pub(crate) mod tests {
    use planner::{Ec2State, Group, LifecycleState, Policy};

    use super::*;
    use crate::ports::{CallErrorKind, GroupDescription, GroupMember, JicofoReading};

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn id() -> InstanceId {
        InstanceId::new("i-1")
    }

    /// An instance in service, and nothing else read of it.
    pub(crate) fn instance() -> Instance {
        observe(only_the_group()).observation.instances.remove(0)
    }

    /// A group of one instance, and nothing else read.
    fn only_the_group() -> Readings {
        let member = GroupMember {
            id: id(),
            zone: "a".into(),
            lifecycle: LifecycleState::InService,
            protected: true,
            outdated: false,
        };
        let sizes = Group { min_size: 0, max_size: 9, desired_capacity: 1, retains_abandoned: true };
        Readings::new(NOW, GroupDescription { sizes, members: vec![member] }, &Policy::default())
    }

    fn refused<T>() -> Answer<T> {
        let (kind, message) = (CallErrorKind::Other, "AccessDenied".to_owned());
        Some(Err(CallError { operation: "a call".into(), kind, message }))
    }

    #[test]
    fn what_was_not_asked_is_neither_missing_nor_fresh() {
        let observed = observe(only_the_group());
        let Observation { hook, signal, target, instances, .. } = observed.observation;
        assert_eq!((hook, signal, target), (DrainHook::NotAsked, Signal::NotAsked, None));
        assert_eq!((instances[0].jibri, instances[0].last_selected_at), (JibriStatus::NotAsked, None));
        assert_eq!(instances[0].ec2, Reading::NotAsked);
        assert_eq!((&instances[0].check, &instances[0].drain), (&Reading::NotAsked, &Reading::NotAsked));
        assert!(observed.failures.is_empty());
    }

    #[test]
    fn what_got_no_answer_is_unread_and_each_failure_is_told() {
        let observed = observe(Readings {
            hook: refused(),
            descriptions: refused(),
            checks: refused(),
            drains: refused(),
            ..only_the_group()
        });
        let Observation { hook, instances, .. } = observed.observation;
        assert_eq!((hook, instances[0].ec2), (DrainHook::Unknown, Reading::Unread));
        assert_eq!((&instances[0].check, &instances[0].drain), (&Reading::Unread, &Reading::Unread));
        assert_eq!(observed.failures.len(), 4);
    }

    #[test]
    fn what_an_answer_leaves_out_is_unlisted() {
        let observed = observe(Readings {
            hook: Some(Ok(None)),
            descriptions: Some(Ok(vec![])),
            jicofos: Some(vec![Ok(JicofoReading::default())]),
            checks: Some(Ok(vec![])),
            drains: Some(Ok(vec![])),
            ..only_the_group()
        });
        let Observation { hook, signal, instances, .. } = observed.observation;
        assert_eq!((hook, signal), (DrainHook::Missing, Signal::Fresh));
        assert_eq!((instances[0].jibri, instances[0].ec2), (JibriStatus::Missing, Reading::Unlisted));
        assert_eq!((&instances[0].check, &instances[0].drain), (&Reading::Unlisted, &Reading::Unlisted));
    }

    #[test]
    fn a_list_without_any_jibri_is_believed_only_where_all_say_that_they_have_exited() {
        let registered = InstanceDescription {
            id: id(),
            state: Ec2State::Exists,
            launched_at: NOW.minus_seconds(7200),
            tags: vec![(tags::REGISTERED_AT.into(), tags::format_moment(NOW.minus_seconds(7000)))],
        };
        let said = |report: &str| SentCommand {
            instance: id(),
            sent_at: NOW.minus_seconds(60),
            status: CommandStatus::Success(report.into()),
        };
        let signal = |checks| {
            let readings = Readings {
                descriptions: Some(Ok(vec![registered.clone()])),
                jicofos: Some(vec![Ok(JicofoReading::default())]),
                checks,
                ..only_the_group()
            };
            observe(readings).observation.signal
        };
        let gone = r#"{"process":"gone","busy_status":null,"health_status":null,"recordings_pending":0,"recordings_failed":0,"recording":false,"finalizing":false,"oldest_recording_seconds":null,"good_recording_seconds":null}"#;
        assert_eq!(signal(Some(Ok(vec![said(gone)]))), Signal::Fresh);
        for checks in [None, refused(), Some(Ok(vec![])), Some(Ok(vec![said("")]))] {
            assert!(matches!(signal(checks), Signal::Lost { for_seconds: 0, .. }));
        }
    }
}
