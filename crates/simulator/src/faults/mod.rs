//! The real ticks under every fault that we know of, one day a seed: nothing is cut, nothing is lost, and everything
//! comes to its end. What breaks is replayed by its seed.

mod day;
mod kind;
pub mod matrix;
mod plan;
mod strikes;

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

pub use day::Day;
pub use kind::FaultKind;
use serde::Serialize;

/// Many days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// The first seed.
    pub from: u64,
    /// How many.
    pub seeds: u64,
    /// The only kind of fault, or every one.
    pub only: Option<FaultKind>,
    /// After how many failures to give up.
    pub most_failures: usize,
}

/// What many days came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct CampaignTally {
    /// Simulated days, one a seed.
    pub days: u64,
    /// Recordings that were asked for.
    pub requests: u64,
    /// Of these, refused for want of an available Jibri.
    pub refused: u64,
    /// Of these, accepted, and failed without another Jibri that went on.
    pub failed: u64,
    /// How often a recording failed on a Jibri that had failed again and again for more than a quarter of an hour.
    pub failed_on_known_bad: u64,
    /// Instances launched.
    pub launches: u64,
    /// Instances terminated, for any cause.
    pub terminations: u64,
    /// Drains begun.
    pub drains: u64,
    /// Drains that reached their limit: their instances are kept.
    pub drains_retained: u64,
    /// The longest drain, in seconds.
    pub longest_drain_seconds: i64,
    /// Recordings that ended with their machine, where the autoscaler or the group ended it.
    pub recordings_cut: u64,
    /// Recordings that were not uploaded when the autoscaler or the group ended their machine.
    pub files_lost: u64,
    /// Recordings under way on a machine that EC2 or a person took past the group.
    pub cut_when_taken: u64,
    /// Recordings not uploaded on a machine that EC2 or a person took past the group.
    pub lost_when_taken: u64,
    /// Days on which an invariant was broken.
    pub failures: u64,
    /// How often which fault struck.
    pub faults: BTreeMap<&'static str, u64>,
}

impl CampaignTally {
    fn add(&mut self, day: &Day) {
        let summary = &day.summary;
        self.days += 1;
        self.requests += summary.requests;
        self.refused += summary.refused;
        self.failed += summary.failed;
        self.failed_on_known_bad += summary.failed_on_known_bad;
        self.launches += summary.launches;
        self.terminations += summary.terminations;
        self.drains += summary.drains;
        self.drains_retained += summary.drains_retained;
        self.longest_drain_seconds = self.longest_drain_seconds.max(summary.longest_drain_seconds);
        self.recordings_cut += summary.recordings_cut - summary.cut_when_taken;
        self.files_lost += summary.files_lost - summary.lost_when_taken;
        self.cut_when_taken += summary.cut_when_taken;
        self.lost_when_taken += summary.lost_when_taken;
        self.failures += u64::from(day.breach.is_some());
        for (name, count) in &day.faults {
            *self.faults.entry(name).or_default() += count;
        }
    }
}

impl Campaign {
    /// Lives through all days, on all cores; `progress` is told the tally after each. The days that failed come in the
    /// order of their seeds.
    ///
    /// # Errors
    /// Only when a plan is impossible, which no seed's is.
    pub fn run(&self, progress: &(dyn Fn(&CampaignTally) + Sync)) -> Result<(CampaignTally, Vec<Day>), String> {
        let next = AtomicU64::new(self.from);
        let end = self.from.saturating_add(self.seeds);
        let shared = Mutex::new((CampaignTally::default(), Vec::<Day>::new(), None::<String>));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= end {
                            break;
                        }
                        let day = Day::run(seed, self.only, false);
                        let Ok(mut shared) = shared.lock() else { break };
                        let (tally, failed, problem) = &mut *shared;
                        match day {
                            Ok(day) => {
                                tally.add(&day);
                                progress(tally);
                                if day.breach.is_some() {
                                    failed.push(day);
                                }
                            }
                            Err(error) => *problem = Some(error),
                        }
                        if failed.len() >= self.most_failures || problem.is_some() {
                            next.store(end, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let (tally, mut failed, problem) = shared.into_inner().map_err(|_| "a day has panicked".to_owned())?;
        failed.sort_by_key(|day| day.seed);
        problem.map_or(Ok((tally, failed)), Err)
    }
}
