use super::{Policy, Pool, is_minute, let_idle_go};

/// What this project began as: an alarm on few available Jibris, evaluated every 60 s, starts a simple scaling policy
/// that adds one instance and then waits until it is in service.
///
/// The cooldown is exactly the launch, the shortest that does not count a Jibri on its way a second time; the
/// threshold of the alarm is that of scale-in as well, and a Jibri goes after [`super::IDLE_MINUTES`].
#[derive(Debug)]
pub struct Seed {
    threshold: usize,
    waits_until: i64,
}

impl Seed {
    /// With a threshold of available Jibris.
    pub fn new(threshold: usize) -> Seed {
        Seed { threshold, waits_until: i64::MIN }
    }
}

impl Policy for Seed {
    fn tick(&mut self, pool: &mut Pool) {
        let_idle_go(pool, self.threshold);
        if is_minute(pool) && pool.available() < self.threshold && pool.now() >= self.waits_until {
            pool.launch(1);
            self.waits_until = pool.now() + pool.lead_seconds();
        }
    }
}
