//! A pool of Jibris as a policy sees it: launches take the lead time, recordings their duration, nothing fails.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

use world::demand::Request;

/// How often a policy looks at the pool, in seconds.
pub const TICK_SECONDS: i64 = 10;

/// How long before the first request a run begins, in seconds.
const LEAD_IN_SECONDS: i64 = 3600;

/// Something that happened to an instance or a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in seconds since the Unix epoch.
    pub at: i64,
    /// What.
    pub kind: EventKind,
    /// The instance, numbered from 0; none for a refusal.
    pub instance: Option<usize>,
    /// The request's row in the trace, counted from 0; none for what concerns the instance alone.
    pub request: Option<usize>,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// An instance is launched, and costs from now on.
    Launch,
    /// Its Jibri can take a recording.
    Available,
    /// A recording begins.
    Start,
    /// It has ended, upload included.
    Finish,
    /// The instance stops costing.
    Terminate,
    /// A request finds no Jibri.
    Refuse,
}

/// What a run came to, from the end of the warm-up on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolTally {
    /// Requests.
    pub requests: u64,
    /// Requests that found no Jibri.
    pub refused: u64,
    /// Instances launched.
    pub launches: u64,
    /// From launch to termination, over all instances.
    pub instance_seconds: i64,
    /// From start to finish, over all recordings.
    pub busy_seconds: i64,
}

/// Decides what to launch and what to end.
pub trait PoolPolicy {
    /// Looks at the pool, every [`TICK_SECONDS`] on the clock, and changes it.
    fn tick(&mut self, pool: &mut Pool);
}

/// One recording under way; the order is that of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Recording {
    ends_at: i64,
    instance: usize,
    request: usize,
    began_at: i64,
}

/// The pool, at one moment.
#[derive(Debug)]
pub struct Pool {
    now: i64,
    lead_seconds: i64,
    counted_from: i64,
    launched_at: Vec<i64>,
    launching: VecDeque<(i64, usize)>,
    /// Since when each available instance is idle, by instance: Jicofo's choice is arbitrary, but stable.
    idle_since: BTreeMap<usize, i64>,
    recordings: BinaryHeap<Reverse<Recording>>,
    starts: u64,
    refusals: u64,
    tally: PoolTally,
    log: Option<Vec<Event>>,
}

impl Pool {
    /// Now, in seconds since the Unix epoch.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// How long a launch takes, in seconds.
    pub fn lead_seconds(&self) -> i64 {
        self.lead_seconds
    }

    /// Jibris that could take a recording now.
    pub fn available(&self) -> usize {
        self.idle_since.len()
    }

    /// Jibris that record.
    pub fn busy(&self) -> usize {
        self.recordings.len()
    }

    /// Instances launched and not available yet.
    pub fn launching(&self) -> usize {
        self.launching.len()
    }

    /// Instances in all.
    pub fn size(&self) -> usize {
        self.available() + self.busy() + self.launching()
    }

    /// Recordings begun since the run began.
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// Requests refused since the run began.
    pub fn refusals(&self) -> u64 {
        self.refusals
    }

    /// The available instances, and since when each is idle, in seconds since the Unix epoch.
    pub fn idle(&self) -> impl Iterator<Item = (usize, i64)> {
        self.idle_since.iter().map(|(instance, since)| (*instance, *since))
    }

    /// The instances that record, and since when, in seconds since the Unix epoch; in no order.
    pub fn recordings(&self) -> impl Iterator<Item = (usize, i64)> {
        self.recordings.iter().map(|Reverse(recording)| (recording.instance, recording.began_at))
    }

    /// The instances that are launched and not available yet, first launched first.
    pub fn launches_under_way(&self) -> impl Iterator<Item = usize> {
        self.launching.iter().map(|(_, instance)| *instance)
    }

    /// When an instance was launched, in seconds since the Unix epoch.
    pub fn launched_at(&self, instance: usize) -> i64 {
        self.launched_at[instance]
    }

    /// Launches instances.
    pub fn launch(&mut self, count: usize) {
        for _ in 0..count {
            let instance = self.launched_at.len();
            self.launched_at.push(self.now);
            self.launching.push_back((self.now + self.lead_seconds, instance));
            self.tally.launches += u64::from(self.now >= self.counted_from);
            self.note(EventKind::Launch, Some(instance), None);
        }
    }

    /// Ends an instance if it is available: a recording is never cut, a launch not called back. Tells whether it did.
    pub fn terminate(&mut self, instance: usize) -> bool {
        if self.idle_since.remove(&instance).is_none() {
            return false;
        }
        self.tally.instance_seconds += self.counted_seconds(self.launched_at[instance], self.now);
        self.note(EventKind::Terminate, Some(instance), None);
        true
    }

    /// Ends up to `count` of the instances that have been idle for at least so long, longest idle first; tells how many.
    pub fn terminate_idle(&mut self, count: usize, idle_seconds: i64) -> usize {
        let mut idle: Vec<(i64, usize)> = self
            .idle_since
            .iter()
            .filter(|(_, since)| self.now - **since >= idle_seconds)
            .map(|(instance, since)| (*since, *instance))
            .collect();
        idle.sort_unstable();
        idle.into_iter().take(count).filter(|(_, instance)| self.terminate(*instance)).count()
    }

    fn counted_seconds(&self, from: i64, until: i64) -> i64 {
        (until - from.max(self.counted_from)).max(0)
    }

    fn note(&mut self, kind: EventKind, instance: Option<usize>, request: Option<usize>) {
        let at = self.now;
        if let Some(log) = &mut self.log {
            log.push(Event { at, kind, instance, request });
        }
    }

    /// Lets launches and recordings end up to and at `until`, in order of time.
    fn advance(&mut self, until: i64) {
        loop {
            let launch = self.launching.front().map(|(at, _)| *at);
            let finish = self.recordings.peek().map(|Reverse(recording)| recording.ends_at);
            match (launch, finish) {
                (Some(launch), finish) if launch <= until && finish.is_none_or(|finish| launch <= finish) => {
                    self.now = launch;
                    if let Some((_, instance)) = self.launching.pop_front() {
                        self.idle_since.insert(instance, self.now);
                        self.note(EventKind::Available, Some(instance), None);
                    }
                }
                (_, Some(finish)) if finish <= until => {
                    self.now = finish;
                    if let Some(Reverse(recording)) = self.recordings.pop() {
                        self.tally.busy_seconds += self.counted_seconds(recording.began_at, self.now);
                        self.idle_since.insert(recording.instance, self.now);
                        self.note(EventKind::Finish, Some(recording.instance), Some(recording.request));
                    }
                }
                _ => break,
            }
        }
        self.now = until;
    }

    fn ask(&mut self, request: usize, duration_seconds: i64) {
        let counted = u64::from(self.now >= self.counted_from);
        self.tally.requests += counted;
        let Some((instance, _)) = self.idle_since.pop_first() else {
            self.tally.refused += counted;
            self.refusals += 1;
            return self.note(EventKind::Refuse, None, Some(request));
        };
        self.starts += 1;
        let recording = Recording { ends_at: self.now + duration_seconds, instance, request, began_at: self.now };
        self.recordings.push(Reverse(recording));
        self.note(EventKind::Start, Some(instance), Some(request));
    }
}

/// What a run is about.
#[derive(Clone, Copy, Debug)]
pub struct Scenario<'a> {
    /// The requests, in order of time.
    pub demand: &'a [Request],
    /// How long a launch takes, in seconds.
    pub lead_seconds: i64,
    /// How much of the beginning is not counted, in seconds.
    pub warm_up_seconds: i64,
}

impl Scenario<'_> {
    /// When the first request comes, in seconds since the Unix epoch.
    pub fn first_at(&self) -> i64 {
        self.demand.first().map_or(0, |request| request.at.div_euclid(1000))
    }

    /// From when on is counted, in seconds since the Unix epoch.
    pub fn counted_from(&self) -> i64 {
        self.first_at() + self.warm_up_seconds
    }

    /// When the last recording would end, in seconds since the Unix epoch: the end of every run.
    pub fn ends_at(&self) -> i64 {
        self.demand.iter().map(|request| (request.at + request.duration_ms).div_euclid(1000)).max().unwrap_or(0)
    }

    /// Runs a policy through the demand; with the log of everything that happened, if wanted.
    pub fn run(&self, policy: &mut dyn PoolPolicy, logged: bool) -> (PoolTally, Vec<Event>) {
        let begins_at = (self.first_at() - LEAD_IN_SECONDS).div_euclid(TICK_SECONDS) * TICK_SECONDS;
        let mut pool = Pool {
            now: begins_at,
            lead_seconds: self.lead_seconds,
            counted_from: self.counted_from(),
            launched_at: Vec::new(),
            launching: VecDeque::new(),
            idle_since: BTreeMap::new(),
            recordings: BinaryHeap::new(),
            starts: 0,
            refusals: 0,
            tally: PoolTally::default(),
            log: logged.then(Vec::new),
        };
        let ends_at = self.ends_at();
        let mut tick_at = begins_at;
        for (row, request) in self.demand.iter().enumerate() {
            let at = request.at.div_euclid(1000);
            while tick_at < at {
                pool.advance(tick_at);
                policy.tick(&mut pool);
                tick_at += TICK_SECONDS;
            }
            pool.advance(at);
            pool.ask(row, request.duration_ms / 1000);
        }
        while tick_at < ends_at {
            pool.advance(tick_at);
            policy.tick(&mut pool);
            tick_at += TICK_SECONDS;
        }
        pool.end(ends_at);
        (pool.tally, pool.log.unwrap_or_default())
    }
}

impl Pool {
    /// Ends the run: what still runs stops costing.
    fn end(&mut self, at: i64) {
        self.advance(at);
        let idle: Vec<usize> = self.idle_since.keys().copied().collect();
        for instance in idle {
            self.terminate(instance);
        }
        while let Some((_, instance)) = self.launching.pop_front() {
            self.tally.instance_seconds += self.counted_seconds(self.launched_at[instance], at);
            self.note(EventKind::Terminate, Some(instance), None);
        }
    }
}
