use std::collections::VecDeque;

use super::{Policy, Pool, is_minute};

/// The utilization to keep, in percent.
const TARGET_PERCENT: usize = 50;
/// The utilization under which scale-in begins, in percent: a tenth less.
const LOW_PERCENT: usize = 45;
/// Datapoints, a minute each, that must be high in a row before scale-out.
const HIGH_MINUTES: usize = 3;
/// Datapoints, a minute each, that must be low in a row before scale-in.
const LOW_MINUTES: usize = 15;

/// AWS's target tracking on the utilization of the pool, busy / (busy + available).
///
/// The rule ("Target tracking scaling policies for Amazon EC2 Auto Scaling" and "… for Application Auto Scaling" in
/// AWS's user guides; the alarms are those that it creates, AlarmHigh and AlarmLow): three minutes above the target
/// scale out in proportion, to size × utilization / target, where instances that still warm up count as capacity
/// already asked for; fifteen minutes under nine tenths of the target scale in, gradually.
///
/// The target is the 50 % of AWS's examples, and the minimum size is what is tuned: a pool that stands empty at night
/// has no utilization to track, and no target alone would keep a Jibri for the morning. A higher target costs less where
/// demand is smooth, and more where it bursts.
/// Scale-in goes all the way to the target at once, among idle instances only (scale-in protection), which costs less
/// than what AWS does.
#[derive(Debug)]
pub struct TargetTracking {
    minimum: usize,
    /// Busy and in service, each minute, newest first.
    minutes: VecDeque<(usize, usize)>,
}

impl TargetTracking {
    /// With a minimum size.
    pub fn new(minimum: usize) -> TargetTracking {
        TargetTracking { minimum, minutes: VecDeque::new() }
    }

    fn all(&self, minutes: usize, is_met: impl Fn(usize, usize) -> bool) -> bool {
        self.minutes.len() >= minutes
            && self.minutes.iter().take(minutes).all(|(busy, service)| is_met(*busy, *service))
    }
}

impl Policy for TargetTracking {
    fn tick(&mut self, pool: &mut Pool) {
        if !is_minute(pool) {
            return;
        }
        let (busy, service) = (pool.busy(), pool.busy() + pool.available());
        self.minutes.push_front((busy, service));
        self.minutes.truncate(LOW_MINUTES);
        // size × utilization / target, of the instances in service: those that warm up have nothing to say yet.
        let proportional = (busy * 100).div_ceil(TARGET_PERCENT);
        let desired = proportional.max(self.minimum);
        if self.all(HIGH_MINUTES, |busy, service| busy * 100 > service * TARGET_PERCENT) || pool.size() < self.minimum {
            pool.launch(desired.saturating_sub(pool.size()));
        } else if self.all(LOW_MINUTES, |busy, service| busy * 100 < service * LOW_PERCENT) {
            pool.terminate_idle(pool.size().saturating_sub(desired), 0);
        }
    }
}
