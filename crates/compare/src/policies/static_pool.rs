use super::{Policy, Pool};

/// A constant number of instances.
#[derive(Debug)]
pub struct StaticPool {
    size: usize,
}

impl StaticPool {
    /// With so many instances.
    pub fn new(size: usize) -> StaticPool {
        StaticPool { size }
    }
}

impl Policy for StaticPool {
    fn tick(&mut self, pool: &mut Pool) {
        pool.launch(self.size.saturating_sub(pool.size()));
    }
}
