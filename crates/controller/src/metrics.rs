//! What is published: every metric is declared here.

mod declared;
mod page;

pub use declared::{Metric, Publisher, Statistic, Unit};
pub use page::page;
