//! Several Jicofos with Jibris of their own. Each chooses among the Jibris that it lists alone, so that each needs spares.

use crate::{Instance, JibriStatus, Observation, Target, judge_service, vanished};

/// The Jicofos that list a Jibri, by their places in `JICOFO_URLS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Jicofos(u32);

impl Jicofos {
    /// The most that there can be.
    pub const MOST: usize = 32;

    /// The Jicofo at this place, alone; a place beyond [`Jicofos::MOST`] is none.
    pub fn only(place: usize) -> Jicofos {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        Jicofos(1u32.checked_shl(place).unwrap_or(0))
    }

    /// These and the others.
    #[must_use]
    pub fn union(self, others: Jicofos) -> Jicofos {
        Jicofos(self.0 | others.0)
    }

    /// How many they are.
    pub fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// Each of them alone.
    pub fn each(self) -> impl Iterator<Item = Jicofos> {
        (0..Jicofos::MOST).map(Jicofos::only).filter(move |one| self.0 & one.0 != 0)
    }
}

/// For how long after its registration a Jibri may have joined one of its Jicofos and not yet the others, in seconds.
const JOINING_SECONDS: u64 = 120;

/// Jicofos that have Jibris of their own: each Jibri of this group is listed by one of them, and none by two.
#[derive(Clone, Debug, Default)]
struct Shards {
    /// Those that list some; empty where Jicofos share their Jibris, or one alone lists any.
    listed: Jicofos,
    /// How many list none, though a Jibri that had registered has exited: it may have been theirs.
    empty: u32,
}

impl Shards {
    fn count(&self) -> u32 {
        self.listed.count() + self.empty
    }

    /// How many Jibris each of them lists that are to be had; a Jibri that fails is one where no other would do better.
    fn available(&self, observation: &Observation) -> impl Iterator<Item = (Jicofos, u32)> {
        let service = judge_service(observation);
        let idle = move |instance: &&Instance| {
            let kept = instance.jibri == JibriStatus::Idle && !service.replacement_helps;
            instance.is_active() && (instance.is_available() || kept)
        };
        self.listed.each().map(move |jicofo| {
            let listed = observation.instances.iter().filter(idle).filter(|one| one.listed_by == jicofo);
            (jicofo, u32::try_from(listed.count()).unwrap_or(u32::MAX))
        })
    }
}

/// Which Jicofos seem to have Jibris of their own now. Jibris that join one Jicofo after the other look so for a moment: that is
/// enough to end none of them, and launches wait until it has settled.
fn seeming(observation: &Observation) -> Shards {
    shards_of(observation, |_| true)
}

/// Which Jicofos have Jibris of their own; none for as long as Jibris may be joining one Jicofo after the other.
fn settled(observation: &Observation) -> Shards {
    let returns = |instance: &Instance| vanished::is_returning(observation, instance);
    if observation.after_silence || observation.instances.iter().any(returns) {
        return Shards::default();
    }
    shards_of(observation, |instance| {
        let registered_at = instance.ec2.read().and_then(|record| record.registered_at);
        registered_at.is_some_and(|at| observation.now.seconds_since(at) > JOINING_SECONDS)
    })
}

/// The Jicofos that list the instances of which something holds.
fn shards_of(observation: &Observation, holds: impl Fn(&Instance) -> bool) -> Shards {
    let active = || observation.instances.iter().filter(|instance| instance.is_active());
    if active().any(|instance| instance.listed_by.count() > 1) {
        return Shards::default();
    }
    let listed = active().filter(|instance| holds(instance)).map(|instance| instance.listed_by);
    let listed = listed.fold(Jicofos::default(), Jicofos::union);
    let lost = active().any(|instance| instance.has_registered() && instance.jibri == JibriStatus::Missing);
    let empty = if lost { u32::try_from(observation.empty_jicofos.len()).unwrap_or(u32::MAX) } else { 0 };
    let found = Shards { listed, empty };
    if found.count() > 1 { found } else { Shards::default() }
}

/// How many available Jibris are wanted in the whole pool: as many for each Jicofo that has Jibris of its own.
pub fn wanted_target(observation: &Observation) -> Option<Target> {
    let target = observation.target.clone()?;
    let jicofos = settled(observation).count();
    if jicofos == 0 {
        return Some(target);
    }
    Some(Target {
        spare: target.spare.saturating_mul(jicofos),
        hold: target.hold.saturating_mul(jicofos),
        hold_soon: target.hold_soon.saturating_mul(jicofos),
        source: format!("{}, for each of {jicofos} Jicofos", target.source),
    })
}

/// How many more are wanted than are available, where one Jicofo wants so many spare. A launch joins one Jicofo or the other:
/// where one lacks spares and the others have too many, the pool may have as many again, and then stops.
pub(crate) fn lacking(observation: &Observation, target: &Target, available: u32) -> u32 {
    let shards = settled(observation);
    if shards.count() == 0 {
        return target.spare.saturating_sub(available);
    }
    let lack = |available: u32| target.spare.saturating_sub(available);
    let listed = shards.available(observation).map(|(_, available)| lack(available)).fold(0, u32::saturating_add);
    let most = target.spare.saturating_mul(shards.count()).saturating_mul(2);
    listed.saturating_add(lack(0).saturating_mul(shards.empty)).min(most.saturating_sub(available))
}

/// How many more are available than are to be held, where that many are for one Jicofo. What a Jicofo has too much stays for as
/// long as another lacks some, up to as many again.
pub(crate) fn surplus(observation: &Observation, target: &Target, available: u32) -> u32 {
    let shards = seeming(observation);
    let hold = target.hold.max(target.spare);
    let lacks = shards.empty > 0 || shards.available(observation).any(|(_, available)| available < target.spare);
    let times = shards.count().max(1).saturating_mul(if lacks { 2 } else { 1 });
    available.saturating_sub(hold.saturating_mul(times))
}

/// How many Jibris may go that each Jicofo lists which has Jibris of its own; others' may go as the whole pool allows.
pub(crate) struct OwnSurplus(Vec<(Jicofos, u32)>);

impl OwnSurplus {
    /// What each has beyond what is to be held, as observed.
    pub(crate) fn count(observation: &Observation) -> OwnSurplus {
        let held = observation.target.as_ref().map_or(u32::MAX, |target| target.hold.max(target.spare));
        let shards = seeming(observation);
        let surplus = |(jicofo, available): (Jicofos, u32)| (jicofo, available.saturating_sub(held));
        OwnSurplus(shards.available(observation).map(surplus).collect())
    }

    /// Takes an instance from what its Jicofo has too much; false where it has none too much.
    pub(crate) fn take(&mut self, instance: &Instance) -> bool {
        match self.0.iter_mut().find(|(jicofo, _)| *jicofo == instance.listed_by) {
            Some((_, 0)) => false,
            Some((_, left)) => {
                *left -= 1;
                true
            }
            None => true,
        }
    }
}
