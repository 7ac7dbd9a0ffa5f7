//! What every part of the local cloud shares: the world, its clock, and what is written down.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use world::{Milliseconds, World};

use crate::call_log::CallLog;
use crate::clock::WorldClock;
use crate::metrics::MetricStore;
use crate::stack::Stack;

/// The world in real time.
pub(crate) struct State {
    pub(crate) clock: WorldClock,
    pub(crate) calls: CallLog,
    pub(crate) output_directory: PathBuf,
    /// What is deployed, when it is more than the world's own model of it.
    pub(crate) stack: Option<Stack>,
    /// What CloudWatch remembers.
    pub(crate) metrics: Mutex<MetricStore>,
    world: Mutex<World>,
    stopped: AtomicBool,
    ids: AtomicU64,
}

impl State {
    pub(crate) fn new(
        world: World,
        clock: WorldClock,
        calls: CallLog,
        output_directory: PathBuf,
        stack: Option<Stack>,
        metrics: MetricStore,
    ) -> State {
        State {
            clock,
            calls,
            output_directory,
            stack,
            metrics: Mutex::new(metrics),
            world: Mutex::new(world),
            stopped: AtomicBool::new(false),
            ids: AtomicU64::new(1),
        }
    }

    /// Looks at the world, or acts on it, as it is now.
    pub(crate) fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.stopped.load(Ordering::Relaxed) {
            // Another thread may have read the clock later and come here earlier.
            let now: Milliseconds = self.clock.now().max(world.now());
            world.advance_to(now);
        }
        act(&mut world)
    }

    /// The world stands still from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// An id that was not given before, in the form of a UUID.
    pub(crate) fn next_id(&self) -> String {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        format!("00000000-0000-4000-8000-{number:012x}")
    }
}
