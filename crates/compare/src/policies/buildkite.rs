use super::{IDLE_MINUTES, Policy, Pool, is_minute};

/// Buildkite's agent scaler, as its Elastic CI Stack runs it; a recording is a job, a Jibri an agent.
///
/// The rule (github.com/buildkite/buildkite-agent-scaler at 49c4145, `scaler/scaler.go`, `Run`; `lambda/main.go` for
/// the defaults): every 10 s (`LAMBDA_INTERVAL`) the desired count is scheduled and running jobs, and a buffer on top of
/// `INSTANCE_BUFFER`, though never more than there are jobs; within the group's size limits; no scale-out cooldown
/// (default 0). Scale-in is disabled there (`README.md`): an agent that has been idle for a while
/// (`ScaleInIdlePeriod`; here [`IDLE_MINUTES`]) ends its own instance, and lowers the desired count, down to the minimum size.
///
/// A refused recording does not wait in a queue, so nothing is ever scheduled. To be fair, the minimum size is the
/// buffer: without it, the first recordings of a morning would never find a Jibri.
#[derive(Debug)]
pub struct Buildkite {
    buffer: usize,
}

impl Buildkite {
    /// With a buffer, which is the minimum size as well.
    pub fn new(buffer: usize) -> Buildkite {
        Buildkite { buffer }
    }
}

impl Policy for Buildkite {
    fn tick(&mut self, pool: &mut Pool) {
        let desired = (pool.busy() + self.buffer.min(pool.busy())).max(self.buffer);
        if is_minute(pool) {
            pool.terminate_idle(pool.size().saturating_sub(desired), IDLE_MINUTES * 60);
        }
        pool.launch(desired.saturating_sub(pool.size()));
    }
}
