//! EventBridge: schedules and lifecycle events, on their way to the functions.

use std::sync::Arc;

use axum::body::Bytes;
use world::events::{lifecycle_event, scheduled_event};
use world::{LifecycleEvent, Milliseconds};

use crate::config::EventFaults;
use crate::lambda::{Lambda, Outcome, Request};
use crate::state::State;

/// How often Lambda tries again after an error of an asynchronous invocation, when nothing else is configured.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html>
pub(crate) const ASYNCHRONOUS_RETRIES: u32 = 2;

/// It waits one minute before the first retry, and two before the second.
const RETRY_WAIT: Milliseconds = 60_000;

const MINUTE: Milliseconds = 60_000;

/// Sends events to the functions that wait for them.
pub(crate) struct EventBridge {
    state: Arc<State>,
    lambda: Arc<Lambda>,
    faults: Faults,
    /// Everything that was due until then has been sent.
    sent_until: Milliseconds,
}

impl EventBridge {
    pub(crate) fn new(state: Arc<State>, lambda: Arc<Lambda>, faults: EventFaults) -> EventBridge {
        let sent_until = state.clock.now();
        EventBridge { state, lambda, faults: Faults::new(faults), sent_until }
    }

    /// Sends what has come due: schedules first, then what the group has emitted.
    pub(crate) fn send_due(&mut self, events: &[LifecycleEvent]) {
        let now = self.state.clock.now();
        for (minute, function) in self.due_schedules(now) {
            let payload = scheduled_event(&self.state.next_id(), &function, minute).to_string();
            self.send(&function, "schedule", &payload, 0);
        }
        self.sent_until = now;
        let listeners: Vec<String> = self
            .lambda
            .functions()
            .filter(|function| function.on_lifecycle_events)
            .map(|function| function.name.clone())
            .collect();
        for event in events {
            let payload = lifecycle_event(&self.state.next_id(), event).to_string();
            for function in &listeners {
                self.send(function, "lifecycle event", &payload, ASYNCHRONOUS_RETRIES);
            }
        }
    }

    fn due_schedules(&self, now: Milliseconds) -> Vec<(Milliseconds, String)> {
        let mut due = Vec::new();
        for function in self.lambda.functions() {
            if let Some(minutes) = function.every_minutes {
                let due_minutes = minutes_between(self.sent_until, now, minutes);
                due.extend(due_minutes.map(|minute| (minute, function.name.clone())));
            }
        }
        due.sort();
        due
    }

    fn send(&mut self, function: &str, cause: &'static str, payload: &str, retries: u32) {
        let times = self.faults.arrivals();
        for _ in 0..times {
            let request = Request {
                request_id: self.state.next_id(),
                cause,
                retries: 0,
                payload: Bytes::from(payload.to_owned()),
            };
            let (state, lambda) = (self.state.clone(), self.lambda.clone());
            tokio::spawn(deliver(state, lambda, function.to_owned(), request, retries));
        }
    }
}

/// Invokes a function asynchronously: an error is tried again so many times.
pub(crate) async fn deliver(
    state: Arc<State>,
    lambda: Arc<Lambda>,
    function: String,
    mut request: Request,
    retries: u32,
) {
    loop {
        let outcome = lambda.invoke(&function, request.clone()).await;
        if matches!(outcome, Ok((Outcome::Success, _))) || request.retries >= retries {
            return;
        }
        request.retries += 1;
        let wait = state.clock.real_duration(RETRY_WAIT * Milliseconds::from(request.retries));
        tokio::time::sleep(wait).await;
    }
}

/// The moments after `after`, up to `until`, at which a schedule of every so many minutes is due.
fn minutes_between(after: Milliseconds, until: Milliseconds, minutes: u32) -> impl Iterator<Item = Milliseconds> {
    let step = MINUTE * Milliseconds::from(minutes.max(1));
    let first = (after.div_euclid(step) + 1) * step;
    std::iter::successors(Some(first), move |moment| Some(moment + step)).take_while(move |moment| *moment <= until)
}

/// Decides what becomes of each event.
struct Faults {
    config: EventFaults,
    state: u64,
}

impl Faults {
    fn new(config: EventFaults) -> Faults {
        Faults { config, state: config.seed }
    }

    /// How often the next event arrives.
    fn arrivals(&mut self) -> u32 {
        let draw = self.draw();
        if draw < self.config.lost_share {
            0
        } else if draw < self.config.lost_share + self.config.doubled_share {
            2
        } else {
            1
        }
    }

    /// A number from 0 to below 1 (SplitMix64).
    #[allow(clippy::cast_precision_loss, reason = "53 bits are exact in an f64")]
    fn draw(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_due_at_second_zero_and_none_is_skipped() {
        let every_minute: Vec<_> = minutes_between(59_999, 180_000, 1).collect();
        assert_eq!(every_minute, [60_000, 120_000, 180_000]);
        assert_eq!(minutes_between(180_000, 239_999, 1).count(), 0);
        let every_five: Vec<_> = minutes_between(0, 700_000, 5).collect();
        assert_eq!(every_five, [300_000, 600_000]);
    }

    #[test]
    fn a_lifecycle_event_looks_as_eventbridge_sends_it() {
        let event = LifecycleEvent {
            at: 1_795_330_801_123,
            token: "token".into(),
            group: "jibris".into(),
            hook: "drain".into(),
            instance: "i-0a".into(),
            transition: "autoscaling:EC2_INSTANCE_TERMINATING",
        };
        let event: serde_json::Value = serde_json::from_str(&lifecycle_event("id", &event)).expect("JSON");
        assert_eq!(event["detail-type"], "EC2 Instance-terminate Lifecycle Action");
        assert_eq!(event["time"], "2026-11-22T07:00:01Z");
        assert_eq!(event["detail"]["EC2InstanceId"], "i-0a");
        assert_eq!(event["detail"]["Destination"], "EC2");
    }

    #[test]
    fn a_seed_decides_which_events_are_lost_and_doubled() {
        let faults = EventFaults { seed: 7, lost_share: 0.2, doubled_share: 0.3 };
        let arrivals = |count| {
            let mut faults = Faults::new(faults);
            (0..count).map(|_| faults.arrivals()).collect::<Vec<_>>()
        };
        let first = arrivals(1_000);
        assert_eq!(first, arrivals(1_000));
        let share = |times| first.iter().filter(|arrivals| **arrivals == times).count();
        assert!((150..250).contains(&share(0)) && (250..350).contains(&share(2)));
        assert_eq!(Faults::new(EventFaults::default()).arrivals(), 1);
    }
}
