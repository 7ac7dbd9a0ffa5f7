//! Jibris of other owners in the same brewery. What they do is not this pool's demand, and Jicofo's counters count it.

use super::{BreweryEntry, Due, Milliseconds, World};

const MINUTE_MS: Milliseconds = 60_000;

/// A Jibri of another owner.
#[derive(Clone, Debug)]
pub(super) struct Stranger {
    /// Until when it is there.
    until: Milliseconds,
    busy_until: Milliseconds,
    last_selected_at: Option<Milliseconds>,
    /// It is not in the brewery before.
    back_at: Milliseconds,
}

impl Stranger {
    pub(super) fn is_busy(&self, now: Milliseconds) -> bool {
        now < self.busy_until
    }

    pub(super) fn entry(&self, nickname: &str, now: Milliseconds) -> Option<BreweryEntry> {
        (self.back_at <= now).then(|| BreweryEntry {
            nickname: nickname.to_owned(),
            healthy: true,
            busy: self.is_busy(now),
            last_failed_at: None,
            last_selected_at: self.last_selected_at,
        })
    }

    /// Jicofo forgets it until then.
    pub(super) fn rejoin_at(&mut self, back_at: Milliseconds) {
        self.back_at = back_at;
        self.last_selected_at = None;
    }
}

impl World {
    /// So many Jibris of another owner join, under their instance ids or under names, and stay for so long.
    pub(super) fn admit_strangers(&mut self, count: u32, named: bool, for_ms: Milliseconds) {
        let until = self.now + for_ms;
        for number in 1..=count {
            let nickname = match named {
                true => format!("jibri-{number}"),
                false => format!("i-{:017x}", 0xfff_0000_0000_0000_u64 | self.rng.below(1 << 48)),
            };
            let stranger = Stranger { until, busy_until: self.now, last_selected_at: None, back_at: self.now };
            self.jicofo.strangers.insert(nickname.clone(), stranger);
            self.schedule(self.now + i64::from(number) * 1_000, Due::StrangerActs(nickname));
        }
    }

    /// It is selected, goes and comes back, or a request for one of its owner's is refused.
    pub(super) fn let_stranger_act(&mut self, nickname: &str) {
        let now = self.now;
        let next_ms = self.rng.between(MINUTE_MS, 10 * MINUTE_MS);
        let busy_ms = self.rng.between(5 * MINUTE_MS, 60 * MINUTE_MS);
        let drawn = self.rng.below(10);
        let Some(stranger) = self.jicofo.strangers.get_mut(nickname) else { return };
        let until = stranger.until;
        if now >= until {
            self.jicofo.strangers.remove(nickname);
            return;
        }
        match (stranger.is_busy(now), drawn) {
            (false, 0..=4) => {
                stranger.busy_until = now + busy_ms;
                stranger.last_selected_at = Some(now);
            }
            (false, 5 | 6) => stranger.rejoin_at(now + next_ms / 2),
            (true, 0..=2) => self.jicofo.failures_since_restart += 1,
            _ => {}
        }
        self.schedule((now + next_ms).min(until), Due::StrangerActs(nickname.to_owned()));
    }
}
