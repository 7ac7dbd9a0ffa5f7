//! Policies side by side, over one demand.

pub mod forecast;
pub mod pool;
