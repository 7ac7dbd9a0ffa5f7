use super::{Policy, Pool, let_idle_go};

/// A threshold of available Jibris, whose whole gap is closed at every sample; launches under way count.
///
/// This is what availability does without a forecast. Scale-in is the seed's.
#[derive(Debug)]
pub struct Threshold {
    threshold: usize,
}

impl Threshold {
    /// With a threshold of available Jibris.
    pub fn new(threshold: usize) -> Threshold {
        Threshold { threshold }
    }
}

impl Policy for Threshold {
    fn tick(&mut self, pool: &mut Pool) {
        let_idle_go(pool, self.threshold);
        let coming = pool.available() + pool.launching();
        pool.launch(self.threshold.saturating_sub(coming));
    }
}
