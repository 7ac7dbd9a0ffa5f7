use std::collections::VecDeque;

use super::{Policy, Pool, is_minute};

/// `scaleUpPeriodsCount` of the published example groups.
const UP_PERIODS: usize = 2;
/// `scaleDownPeriodsCount` of the published example groups.
const DOWN_PERIODS: usize = 4;
/// Samples in a `scalePeriod` of 60 s, which is that of the published example groups.
const PERIOD_SAMPLES: usize = 6;
/// `scalePeriod`.
const PERIOD_SECONDS: i64 = 60;

/// Jitsi's own autoscaler, for a group of type `jibri`.
///
/// The rule (github.com/jitsi/jitsi-autoscaler at c302ef1, `src/autoscaler.ts`, `updateDesiredCountIfNeeded`,
/// `scaleUpChoice` and `scaleDownChoice`; `src/instance_tracker.ts`, `computeSummaryMetric`): when the count is the
/// desired one, the available Jibris of each of the last periods are compared; fewer than `scaleUpThreshold` in all of
/// `scaleUpPeriodsCount` periods adds `scaleUpQuantity`, more than `scaleDownThreshold` in all of
/// `scaleDownPeriodsCount` removes `scaleDownQuantity`. Then nothing is adjusted for `gracePeriodTTLSec`.
///
/// Period and counts are those of the example `groups.json`. Its quantity of 1 and its grace of 480 s are made for
/// pools of two; here, to be fair, the quantity is half of the threshold both ways, and the grace is a launch and one
/// period, the shortest after which a low period before the launch does not count again: of the quantities and graces
/// tried, these cost about the least. `scaleDownThreshold` is `scaleUpThreshold` and the quantity, so that one does not
/// undo the other; `minDesired` is the quantity. The group is looked at once a period.
#[derive(Debug)]
pub struct JitsiAutoscaler {
    up_threshold: usize,
    quantity: usize,
    waits_until: i64,
    samples: VecDeque<usize>,
    /// The sum of the samples of each period, newest first.
    periods: VecDeque<usize>,
}

impl JitsiAutoscaler {
    /// With a `scaleUpThreshold`.
    pub fn new(up_threshold: usize) -> JitsiAutoscaler {
        let quantity = up_threshold.div_ceil(2).max(1);
        JitsiAutoscaler {
            up_threshold,
            quantity,
            waits_until: i64::MIN,
            samples: VecDeque::new(),
            periods: VecDeque::new(),
        }
    }

    fn note(&mut self, pool: &Pool) {
        self.samples.push_back(pool.available());
        if is_minute(pool) {
            let samples = self.samples.len().min(PERIOD_SAMPLES);
            let sum: usize = self.samples.iter().rev().take(samples).sum();
            self.samples.clear();
            self.periods.push_front(sum * PERIOD_SAMPLES / samples.max(1));
            self.periods.truncate(DOWN_PERIODS);
        }
    }

    fn all(&self, count: usize, is_met: impl Fn(usize) -> bool) -> bool {
        self.periods.len() >= count && self.periods.iter().take(count).all(|sum| is_met(*sum))
    }
}

impl Policy for JitsiAutoscaler {
    fn tick(&mut self, pool: &mut Pool) {
        self.note(pool);
        if !is_minute(pool) || pool.launching() > 0 || pool.now() < self.waits_until {
            return;
        }
        if pool.size() < self.quantity {
            return pool.launch(self.quantity - pool.size());
        }
        let up = self.up_threshold * PERIOD_SAMPLES;
        let down = (self.up_threshold + self.quantity) * PERIOD_SAMPLES;
        if self.all(UP_PERIODS, |sum| sum < up) {
            pool.launch(self.quantity);
            self.waits_until = pool.now() + pool.lead_seconds() + PERIOD_SECONDS;
        } else if self.all(DOWN_PERIODS, |sum| sum > down) {
            let room = pool.size() - self.quantity;
            pool.terminate_idle(self.quantity.min(room), 0);
            self.waits_until = pool.now() + pool.lead_seconds() + PERIOD_SECONDS;
        }
    }
}
