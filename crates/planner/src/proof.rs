//! Proof of service: how a Jibri's recordings went lately, as its tag keeps it, and what that says of the pool. A Jibri that
//! says IDLE and HEALTHY may fail every recording: only its recordings prove that it can record.

use std::borrow::Cow;

use crate::{Action, Instance, InstanceId, Observation, Plan, Reading, Timestamp};

/// So many recordings in a row that fail, and a Jibri is not available any more.
pub const FAILURES_IN_A_ROW: u32 = 2;
/// For how long it counts as an open question whether what replaced a failing Jibri fares better, in seconds, where others
/// record well meanwhile.
const DOUBT_SECONDS: u64 = 3600;

/// How the last recordings of a Jibri went, as kept in its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The last one went well.
    Good {
        /// When Jicofo selected the Jibri for it.
        selected_at: Timestamp,
    },
    /// The last one was short, and left something to play: a person has stopped it, or it failed late.
    Short {
        /// When Jicofo selected the Jibri for it.
        selected_at: Timestamp,
        /// When Jicofo selected it last for one that went well; `None` for never.
        good_at: Option<Timestamp>,
    },
    /// The last ones failed.
    Failed {
        /// How many, in a row.
        times: u32,
        /// When Jicofo selected the Jibri for the first of them.
        since: Timestamp,
        /// When Jicofo selected the Jibri for the last of them.
        selected_at: Timestamp,
    },
    /// The last one ended soon, and the instance is asked how it went. Jicofo forgets a selection with the next one, which may
    /// come before the answer.
    Open {
        /// When Jicofo selected the Jibri for it.
        selected_at: Timestamp,
        /// How those before it went.
        before: Before,
    },
}

/// How the recordings went before the one that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// Nothing is known of one, or they were short.
    Unknown,
    /// One went well, and none has failed since.
    Good {
        /// When Jicofo selected the Jibri for it.
        selected_at: Timestamp,
    },
    /// The last ones failed.
    Failed {
        /// How many, in a row.
        times: u32,
        /// When Jicofo selected the Jibri for the first of them.
        since: Timestamp,
    },
}

impl Proof {
    /// The last recording that was judged, by the moment of its selection.
    pub fn selected_at(self) -> Timestamp {
        match self {
            Proof::Good { selected_at }
            | Proof::Short { selected_at, .. }
            | Proof::Failed { selected_at, .. }
            | Proof::Open { selected_at, .. } => selected_at,
        }
    }

    /// What was known before the question that is open, if one is.
    pub(crate) fn answered(self) -> Option<Proof> {
        match self {
            Proof::Open { before: Before::Unknown, .. } => None,
            Proof::Open { before: Before::Good { selected_at }, .. } => Some(Proof::Good { selected_at }),
            Proof::Open { before: Before::Failed { times, since }, .. } => {
                Some(Proof::Failed { times, since, selected_at: since })
            }
            Proof::Good { .. } | Proof::Short { .. } | Proof::Failed { .. } => Some(self),
        }
    }

    /// The failures in a row, and when the first of them began.
    fn failures(self) -> Option<(u32, Timestamp)> {
        match self.answered() {
            Some(Proof::Failed { times, since, .. }) => Some((times, since)),
            _ => None,
        }
    }

    /// What is known while the instance is asked about one.
    pub(crate) fn and_asked(before: Option<Proof>, selected_at: Timestamp) -> Proof {
        let before = match before.and_then(Proof::answered) {
            Some(Proof::Failed { times, since, .. }) => Before::Failed { times, since },
            Some(Proof::Good { selected_at } | Proof::Short { good_at: Some(selected_at), .. }) => {
                Before::Good { selected_at }
            }
            _ => Before::Unknown,
        };
        Proof::Open { selected_at, before }
    }

    /// What is known after a short one that can be played: it redeems no failure.
    pub(crate) fn and_short(before: Option<Proof>, selected_at: Timestamp) -> Proof {
        match before.and_then(Proof::answered) {
            Some(Proof::Failed { times, since, .. }) => Proof::Failed { times, since, selected_at },
            Some(Proof::Good { selected_at: good_at }) => Proof::Short { selected_at, good_at: Some(good_at) },
            Some(Proof::Short { good_at, .. }) => Proof::Short { selected_at, good_at },
            Some(Proof::Open { .. }) | None => Proof::Short { selected_at, good_at: None },
        }
    }

    /// What is known after one more that failed.
    pub(crate) fn and_failed(before: Option<Proof>, selected_at: Timestamp) -> Proof {
        match before.and_then(Proof::failures) {
            Some((times, since)) => Proof::Failed { times: times.saturating_add(1), since, selected_at },
            None => Proof::Failed { times: 1, since: selected_at, selected_at },
        }
    }
}

/// What the proofs of a pool come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// The active instances whose Jibri fails its recordings.
    pub failing: Vec<InstanceId>,
    /// The failures in a row of all active instances.
    pub failures: u32,
    /// Recordings fail, and none has gone well since: most likely for a setting that all Jibris share.
    pub in_doubt: bool,
    /// Another instance in the place of a failing one may fare better.
    pub replacement_helps: bool,
    /// When the last recording that went well was begun.
    pub(crate) last_good: Option<Timestamp>,
}

/// What the proofs of the pool come to.
///
/// The first Jibri that fails is replaced as a trial, and the others are marked as doubted. Where another fails before
/// anything has gone well, or where what replaced it has not shown that it fares better, no more are replaced: a wrong
/// password would replace them in circles.
pub fn judge_service(observation: &Observation) -> Service {
    let records = || observation.instances.iter().filter_map(|instance| Some((instance, instance.ec2.read()?)));
    let good = || {
        records().filter_map(|(_, record)| match record.proof.and_then(Proof::answered) {
            Some(Proof::Good { selected_at } | Proof::Short { good_at: Some(selected_at), .. }) => {
                Some((selected_at, record.launched_at))
            }
            _ => None,
        })
    };
    let last_good = good().map(|(at, _)| at).max();
    let active = || records().filter(|(instance, _)| instance.is_active());
    let failed: Vec<(&Instance, u32, Timestamp)> = active()
        .filter_map(|(instance, record)| {
            let (times, since) = record.proof?.failures()?;
            Some((instance, times, since))
        })
        .collect();
    let unredeemed = failed.iter().filter(|(_, _, since)| last_good.is_none_or(|good| *since > good)).count();
    let doubted_at = active().filter_map(|(_, record)| record.doubted_at).max();
    let doubt_stands = doubted_at.is_some_and(|doubted| last_good.is_none_or(|good| good <= doubted));
    let trial_went_well = doubted_at.is_none_or(|doubted| {
        let later = good().filter(|(at, _)| *at > doubted);
        later.clone().any(|(_, launched_at)| launched_at > doubted)
            || (later.count() > 0 && observation.now.seconds_since(doubted) > DOUBT_SECONDS)
    });
    Service {
        failing: failed
            .iter()
            .filter(|(_, times, _)| *times >= FAILURES_IN_A_ROW)
            .map(|(instance, ..)| instance.id.clone())
            .collect(),
        failures: failed.iter().map(|(_, times, _)| *times).fold(0, u32::saturating_add),
        in_doubt: unredeemed > 1 || (unredeemed == 1 && (last_good.is_none() || doubt_stands)),
        replacement_helps: unredeemed <= 1 && trial_went_well,
        last_good,
    }
}

impl Service {
    /// Whether an instance remembers failures that no recording has redeemed since: with it the pool would forget them, and
    /// replace the next one that fails as if it were the first.
    pub(crate) fn is_remembered_by(&self, instance: &Instance) -> bool {
        let Some(record) = instance.ec2.read() else { return false };
        let since = record.proof.and_then(Proof::failures).map(|(_, since)| since);
        let moments = [since, record.doubted_at];
        moments.into_iter().flatten().any(|at| self.last_good.is_none_or(|good| at > good))
    }
}

/// The observation with the proofs that a plan notes: they count in the same plan.
pub(crate) fn with_proofs<'a>(observation: &'a Observation, plan: &Plan) -> Cow<'a, Observation> {
    let mut noted = Cow::Borrowed(observation);
    for step in &plan.steps {
        let Action::TagProof { instance: id, proof } = &step.action else { continue };
        let found = noted.to_mut().instances.iter_mut().find(|instance| instance.id == *id);
        if let Some(Reading::Read(record)) = found.map(|instance| &mut instance.ec2) {
            record.proof = Some(*proof);
        }
    }
    noted
}

impl Instance {
    /// Whether its Jibri has failed so often in a row that it counts as one that cannot record.
    pub fn is_failing(&self) -> bool {
        let proof = self.ec2.read().and_then(|record| record.proof);
        proof.and_then(Proof::failures).is_some_and(|(times, _)| times >= FAILURES_IN_A_ROW)
    }
}
