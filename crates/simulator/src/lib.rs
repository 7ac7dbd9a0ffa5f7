//! A deterministic world for the autoscaler: an Auto Scaling group, EC2, SSM, CloudWatch alarms, Jicofo, Jibris and
//! people who ask for recordings, in virtual time.
//!
//! - [`world`]: the world; both faces of it (virtual time here, HTTP in `localcloud`) are built on it
//! - [`demand`]: who asks for a recording when, from a trace or made up
//! - [`client`], [`network`]: the ticks' ports over the world, and what goes wrong on the way
//! - [`run`]: the real ticks at work in it
//! - [`faults`]: the same under every fault that we know of, held to the invariants

pub mod client;
pub mod faults;
pub mod network;
pub mod run;
