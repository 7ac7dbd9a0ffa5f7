//! Runs the real ticks over a world in virtual time: schedules, lifecycle events, and functions that take their
//! time, die, and overlap.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use controller::{Function, Ports, Settings, TickError, invoke};
use planner::Timestamp;
use serde_json::Value;

use crate::{
    client::{Client, SharedWorld},
    network::{Network, SharedNetwork},
};
use world::{
    Milliseconds, World, WorldConfig,
    events::{lifecycle_event, scheduled_event},
    rng::Rng,
};

const MINUTE_MS: Milliseconds = 60_000;
/// How late a lifecycle event comes at most, in milliseconds.
const LATEST_EVENT_MS: Milliseconds = 600_000;

/// What happens to the invocations themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct InvocationFaults {
    /// The longest that a call takes, in milliseconds; 0 makes every call instant.
    pub call_latency_ms: u64,
    /// The share of invocations that are to be killed at a moment drawn ahead; some have ended before it comes.
    pub killed: f64,
    /// The share of scheduled invocations that run twice at once.
    pub doubled: f64,
    /// The share of scheduled invocations and lifecycle events that never arrive.
    pub dropped: f64,
    /// The share of lifecycle events that come twice.
    pub events_doubled: f64,
    /// The share of lifecycle events that come up to ten minutes late, and so in another order.
    pub events_late: f64,
}

/// How many invocations ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InvocationCounts {
    /// Begun.
    pub started: u64,
    /// Ended with an error.
    pub failed: u64,
    /// Killed on their way.
    pub killed: u64,
    /// Ended by Lambda after their time-out.
    pub timed_out: u64,
    /// Run a second time at once.
    pub doubled: u64,
    /// Never arrived.
    pub dropped: u64,
    /// Lifecycle events that came twice.
    pub events_doubled: u64,
    /// Lifecycle events that came late.
    pub events_late: u64,
    /// Not invoked by their schedule for a while.
    pub skipped: u64,
}

struct Invocation {
    function: Function,
    began_at: Milliseconds,
    future: Pin<Box<dyn Future<Output = Result<(), TickError>>>>,
    wake_at: Rc<Cell<Milliseconds>>,
    killed_at: Option<Milliseconds>,
    times_out_at: Milliseconds,
}

/// A world with its functions at work.
pub struct Runner {
    world: SharedWorld,
    settings: Settings,
    /// The settings as each function alone has them.
    settings_by_function: BTreeMap<Function, Rc<Settings>>,
    faults: InvocationFaults,
    rng: Rng,
    network: SharedNetwork,
    /// Lifecycle events on their way, and when they arrive.
    late_events: Vec<(Milliseconds, Value)>,
    /// Which functions their schedules do not invoke, and until when.
    skipped: Vec<(Function, Milliseconds)>,
    running: Vec<Invocation>,
    next_schedule: Milliseconds,
    counts: InvocationCounts,
    errors: Vec<(Milliseconds, Function, TickError)>,
    forecasting: bool,
}

impl Runner {
    /// Puts the functions to work on a new world; `seed` drives what happens to the invocations.
    ///
    /// # Errors
    /// What is wrong with the world's configuration.
    pub fn new(config: WorldConfig, settings: Settings, faults: InvocationFaults, seed: u64) -> Result<Runner, String> {
        let world = World::new(config)?;
        let next_schedule = world.now();
        Ok(Runner {
            world: Rc::new(RefCell::new(world)),
            settings_by_function: Function::ALL
                .map(|function| (function, Rc::new(settings.as_read_by(function))))
                .into(),
            settings,
            faults,
            rng: Rng::new(seed),
            network: Rc::default(),
            late_events: Vec::new(),
            skipped: Vec::new(),
            running: Vec::new(),
            next_schedule,
            counts: InvocationCounts::default(),
            errors: Vec::new(),
            forecasting: true,
        })
    }

    /// The world.
    pub fn world(&self) -> std::cell::RefMut<'_, World> {
        self.world.borrow_mut()
    }

    /// How the invocations ended so far.
    pub fn counts(&self) -> InvocationCounts {
        self.counts
    }

    /// Every error that an invocation ended with, in order of time.
    pub fn errors(&self) -> &[(Milliseconds, Function, TickError)] {
        &self.errors
    }

    /// Changes what happens to invocations from now on.
    pub fn set_faults(&mut self, faults: InvocationFaults) {
        self.faults = faults;
    }

    /// What lies between the functions and AWS.
    pub fn network(&self) -> std::cell::RefMut<'_, Network> {
        self.network.borrow_mut()
    }

    /// A function's schedule does not invoke it until then.
    pub fn skip(&mut self, function: Function, until: Milliseconds) {
        self.skipped.push((function, until));
    }

    /// Switches the forecast's schedule off, or on again.
    pub fn set_forecasting(&mut self, forecasting: bool) {
        self.forecasting = forecasting;
    }

    /// Starts a function now, as a person would by hand.
    pub fn invoke(&mut self, function: Function) {
        self.start_scheduled(function);
    }

    /// Lets the world and its functions go on until `end`.
    pub fn run_until(&mut self, end: Milliseconds) {
        loop {
            let wake = self.running.iter().map(|invocation| invocation.wake_at.get().min(invocation.times_out_at));
            // A lifecycle event is delivered when it happens, and not when an invocation wakes.
            let events = self.late_events.iter().map(|(at, _)| *at).chain(self.world.borrow().next_event_at());
            let wake = wake.chain(events).min();
            let moment = wake.map_or(self.next_schedule, |wake| wake.min(self.next_schedule));
            let now = self.world.borrow().now();
            if moment > end {
                break self.world.borrow_mut().advance_to(end);
            }
            self.world.borrow_mut().advance_to(moment.max(now));
            self.deliver_events();
            if moment >= self.next_schedule {
                self.schedule_due();
            }
            self.poll_due();
        }
        self.deliver_events();
        self.poll_due();
    }

    /// Invokes what is due in this minute, the forecast first: the others read what it has written.
    fn schedule_due(&mut self) {
        let minute = self.next_schedule / MINUTE_MS;
        self.next_schedule += MINUTE_MS;
        let due = |function: &Function| minute % Milliseconds::from(function.every_minutes()) == 0;
        let forecasts = self.settings.forecast_parameter.is_some() && self.forecasting;
        let (first, then): (Vec<_>, Vec<_>) =
            Function::ALL.into_iter().filter(due).partition(|function| *function == Function::Forecast);
        for function in first.into_iter().filter(|_| forecasts).chain(then) {
            self.schedule(function);
        }
    }

    fn schedule(&mut self, function: Function) {
        let now = self.world.borrow().now();
        if self.skipped.iter().any(|(skipped, until)| *skipped == function && now < *until) {
            self.counts.skipped += 1;
            return;
        }
        if self.rng.chance(self.faults.dropped) {
            self.counts.dropped += 1;
            return;
        }
        self.start_scheduled(function);
        if self.rng.chance(self.faults.doubled) {
            self.counts.doubled += 1;
            self.start_scheduled(function);
        }
    }

    fn deliver_events(&mut self) {
        let events = self.world.borrow_mut().take_lifecycle_events();
        let now = self.world.borrow().now();
        for event in &events {
            if self.rng.chance(self.faults.dropped) {
                self.counts.dropped += 1;
                continue;
            }
            let event = lifecycle_event(&event.token, event);
            if self.rng.chance(self.faults.events_doubled) {
                self.counts.events_doubled += 1;
                self.start(Function::Drain, event.clone());
            }
            if self.rng.chance(self.faults.events_late) {
                self.counts.events_late += 1;
                self.late_events.push((now + self.rng.between(1, LATEST_EVENT_MS), event));
            } else {
                self.start(Function::Drain, event);
            }
        }
        let events = std::mem::take(&mut self.late_events);
        let (due, later): (Vec<_>, Vec<_>) = events.into_iter().partition(|(at, _)| *at <= now);
        self.late_events = later;
        for (_, event) in due {
            self.start(Function::Drain, event);
        }
    }

    fn start_scheduled(&mut self, function: Function) {
        let now = self.world.borrow().now();
        let id = format!("00000000-0000-4000-8000-{:012x}", self.counts.started);
        self.start(function, scheduled_event(&id, function.name(), now));
    }

    fn start(&mut self, function: Function, event: Value) {
        self.counts.started += 1;
        let now = self.world.borrow().now();
        let killed_at = self.rng.chance(self.faults.killed).then(|| {
            let longest = if function == Function::Availability { 60_000 } else { self.faults.call_latency_ms * 8 };
            now + Milliseconds::try_from(self.rng.below(longest + 1)).unwrap_or(0)
        });
        let rng = Rng::new(self.rng.next_u64());
        let client = Client::new(Rc::clone(&self.world), &self.settings, self.faults.call_latency_ms, rng)
            .through(&self.network);
        let wake_at = client.wake_at();
        wake_at.set(now);
        // Lambda gives each function what it reads, and no more.
        let settings = Rc::clone(&self.settings_by_function[&function]);
        let writer = (!settings.dry_run).then(|| client.clone());
        let ports = Ports { reader: client.clone(), writer, jicofo: client.clone(), clock: client };
        let times_out_at = now + Milliseconds::from(function.timeout_seconds()) * 1000;
        let deadline = Timestamp(times_out_at / 1000);
        let future = Box::pin(async move { invoke(function, event, &settings, &ports, deadline).await });
        self.running.push(Invocation { function, began_at: now, future, wake_at, killed_at, times_out_at });
    }

    /// Polls every invocation that wants to go on, in the order in which they began.
    fn poll_due(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        let mut still_running = Vec::with_capacity(self.running.len());
        for mut invocation in std::mem::take(&mut self.running) {
            let now = self.world.borrow().now();
            let failed = if invocation.killed_at.is_some_and(|killed_at| killed_at <= now) {
                self.counts.killed += 1;
                true
            } else if invocation.times_out_at <= now {
                self.counts.timed_out += 1;
                true
            } else if invocation.wake_at.get() > now {
                still_running.push(invocation);
                continue;
            } else {
                match invocation.future.as_mut().poll(&mut context) {
                    Poll::Pending => {
                        still_running.push(invocation);
                        continue;
                    }
                    Poll::Ready(Ok(())) => false,
                    Poll::Ready(Err(error)) => {
                        self.counts.failed += 1;
                        self.errors.push((now, invocation.function, error));
                        true
                    }
                }
            };
            self.world.borrow_mut().publish_invocation(invocation.function, invocation.began_at, failed);
        }
        self.running = still_running;
    }
}
