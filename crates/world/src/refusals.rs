//! What the functions are held to when they count refused requests: Jicofo's counter also rises for requests of other pools,
//! and for Jibris that fail, and no further Jibri would serve these.

use std::collections::VecDeque;

use controller::metrics::Metric;

use super::{MetricView, Milliseconds, World, audit::invariant};

const MINUTE_MS: Milliseconds = 60_000;
/// From so many Jibris on that wait, a request is refused for another reason than want. A minute's average over fewer may mean that
/// none waited for a part of it.
const PLENTY: u32 = 2;
/// How far a function's minutes may lie from true ones, in milliseconds: clocks, and the sample in which a counter is read.
const MARGIN_MS: Milliseconds = 2 * MINUTE_MS;
/// How many times of plenty are remembered: a forecast tells of the last minutes.
const KEPT: usize = 100;

/// When more Jibris waited than any request needs: each time from its beginning to its end, the latest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Plenty {
    times: VecDeque<(Milliseconds, Milliseconds)>,
    lasts: bool,
}

impl World {
    /// Looks how many Jibris wait now.
    pub fn audit_plenty(&mut self) {
        let Some(limits) = self.config.audit else { return };
        let (now, plenty) = (self.now, self.truth(&limits).serving >= PLENTY);
        let known = &mut self.audit.plenty;
        match known.times.back_mut().filter(|_| known.lasts) {
            Some((_, until)) => *until = now,
            None if plenty => known.times.push_back((now, now)),
            None => {}
        }
        known.lasts = plenty;
        if known.times.len() > KEPT {
            known.times.pop_front();
        }
    }

    /// A function publishes how many requests of a minute were refused.
    pub(super) fn audit_refusals(&mut self, data: &[MetricView]) {
        if self.config.audit.is_none() {
            return;
        }
        self.audit_plenty();
        let refusals = Metric::RefusedRequests.name();
        let heard_since = self.heard_since();
        let in_plenty = |datum: &&MetricView| {
            let (from, until) = (datum.at - MARGIN_MS, datum.at + MINUTE_MS + MARGIN_MS);
            let held = |(begin, end): &(Milliseconds, Milliseconds)| *begin <= from && until <= *end;
            heard_since < from && self.audit.plenty.times.iter().any(held)
        };
        let counted = data.iter().filter(|datum| datum.name == refusals && datum.value > 0.0).find(in_plenty);
        let Some(value) = counted.map(|datum| datum.value).filter(|_| !self.stale.misleads_about_aws(self.now)) else {
            return;
        };
        let detail = format!("{value} requests are counted as refused for want, while {PLENTY} Jibris waited and more");
        self.breach(invariant::REFUSALS, detail);
    }
}
