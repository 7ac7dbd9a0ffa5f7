//! What the methods of scale-in share: what they see, and what a tick may still do.

use crate::{Action, Counts, Instance, Observation, Plan, Policy};

/// What every method sees.
pub(super) struct View<'a> {
    /// What the operator wants.
    pub(super) policy: &'a Policy,
    /// What was read.
    pub(super) observation: &'a Observation,
    /// What it comes to.
    pub(super) counts: &'a Counts,
}

/// What this tick may still do; each termination takes from it.
pub(super) struct Room {
    /// How many more instances it may terminate.
    pub(super) terminations: u32,
    /// How many instances are then active.
    pub(super) active: u32,
    /// The desired capacity by then.
    pub(super) desired: u32,
    /// The group's minimum.
    pub(super) min_size: u32,
}

impl Room {
    /// Whether desired capacity sinks with an instance that goes. Where it was lowered by hand under what is active, it has
    /// sunk already.
    pub(super) fn follows(&self) -> bool {
        self.active <= self.desired
    }

    /// Terminates one, and counts it.
    pub(super) fn terminate(&mut self, plan: &mut Plan, instance: &Instance, decrement: bool, reason: String) {
        self.terminations -= 1;
        self.active -= 1;
        self.desired -= u32::from(decrement);
        plan.step(Action::Terminate { instance: instance.id.clone(), decrement }, reason);
    }
}
