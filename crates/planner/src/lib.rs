//! The core of the autoscaler: plain observations in, plans out.
//!
//! Nothing here is asynchronous, reads a clock, an environment variable or the network. A plan is a
//! value that people can read: steps, each with its reason, and what the plan waits for.
//!
//! - [`observation`]: what was seen of the group, its instances and Jicofo
//! - [`policy`]: what the operator wants
//! - [`plan_capacity`], [`plan_scale_in`], [`plan_drain`]: observation → plan
//! - [`check_plan`]: holds a plan, whoever made it, against the invariants

mod check;
mod drain;
mod hook;
pub mod observation;
pub mod plan;
pub mod policy;
mod scale_in;
mod scale_out;
mod time;

pub use check::{Violation, check_plan};
pub use drain::plan_drain;
pub use hook::{DrainHook, why_unheld};
pub use observation::{
    Command, CommandOutcome, Ec2State, Group, HealthStatus, Instance, InstanceId, InstanceReport, JibriProcess,
    JibriStatus, LifecycleState, Observation, Recorded, RecordedState, Signal, Target,
};
pub use plan::{Action, DrainResult, Plan, Step};
pub use policy::Policy;
pub use scale_in::plan_scale_in;
pub use scale_out::{Counts, count_pool, plan_capacity};
pub use time::Timestamp;
