//! The ticks' ports over AWS and Jicofo. Wire types stay here.
//!
//! Every call has a time-out and a bounded number of attempts; pages are followed; ids are split as AWS wants them.

mod autoscaling;
mod aws;
mod call;
mod cloudwatch;
mod ec2;
mod jicofo;
mod ssm;

pub use aws::{AwsReader, AwsWriter, configure, connect};
pub(crate) use call::causes;
pub use jicofo::Jicofos;
