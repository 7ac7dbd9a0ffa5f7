//! The core of the autoscaler: plain observations in, plans out.
//!
//! Nothing here is asynchronous, reads a clock, an environment variable or the network. A plan is a
//! value that people can read: steps, each with its reason, and what the plan waits for.
//!
//! - [`Observation`]: what was seen of the group, its instances and Jicofo; a [`Reading`] tells what was not
//! - [`Policy`]: what the operator wants
//! - [`plan_scale_out`], [`plan_scale_in`], [`plan_drain`]: observation → [`Plan`]; [`count_pool`] is the pool in numbers
//! - [`Step`], [`Wait`], [`Problem`]: what a plan is made of; [`Stage`] tells the order in which steps are applied
//! - [`check_plan`]: holds any plan against each [`Invariant`]

mod action;
mod busy;
mod check;
mod command;
mod drain;
mod group;
mod hook;
mod instance;
mod invariant;
mod launch;
mod observation;
mod plan;
mod policy;
mod pool;
mod problem;
mod proof;
mod reading;
mod scale_in;
mod scale_out;
mod shards;
mod spoken;
mod time;
mod vanished;
mod wait;

pub use action::{Action, DrainResult, Stage, Step};
pub use check::check_plan;
pub use command::{Command, CommandOutcome, HealthStatus, InstanceReport, JibriProcess};
pub use drain::plan_drain;
pub use group::{DrainHook, Group};
pub use hook::{Impatience, Unheld, why_unheld};
pub use instance::{Ec2Record, Ec2State, Instance, InstanceId, JibriStatus, LifecycleState, Recorded, RecordedState};
pub use invariant::{Invariant, Violation};
pub use observation::{Observation, Signal, Target};
pub use plan::Plan;
pub use policy::Policy;
pub use pool::{Counts, count_pool};
pub use problem::Problem;
pub use proof::{Before, FAILURES_IN_A_ROW, Proof, Service, judge_service};
pub use reading::Reading;
pub use scale_in::{all_have_exited, has_exited, plan_scale_in};
pub use scale_out::plan_scale_out;
pub use shards::{Jicofos, wanted_target};
pub use time::Timestamp;
pub use wait::Wait;
