//! The autoscaler at work in the simulated world of the crate `world`, in virtual time.
//!
//! - [`client`], [`network`]: the ticks' ports over the world, and what goes wrong on the way
//! - [`run`]: the real ticks at work in it
//! - [`faults`]: the same under every fault that we know of, held to the invariants

pub mod client;
pub mod faults;
pub mod network;
pub mod run;
