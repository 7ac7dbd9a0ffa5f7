//! Policies side by side, over one demand.

pub mod pool;
