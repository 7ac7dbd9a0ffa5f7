//! Launches that fail: the group tries again by itself, and what keeps it from launching is for the operator to see.

use planner::Timestamp;
use tracing::warn;

use crate::{
    TickError,
    ports::CloudReader,
    words::{FAILED, SUCCESSFUL},
};

/// How far back launches are looked at, in seconds. Auto Scaling tries again ever more slowly.
const LOOK_BACK_SECONDS: u64 = 3600;
/// For how long a launch that failed counts although another one went well, while some are not launched, in seconds.
const RECENT_SECONDS: u64 = 600;

/// What the samples of one invocation know of failed launches.
#[derive(Default)]
pub(crate) struct FailedLaunches {
    last: Option<u64>,
}

impl FailedLaunches {
    /// How many launches have failed or were cancelled since the last one that went well; while `unlaunched` instances are
    /// wanted, the latest count whatever went well beside them. An instance whose launch will be cancelled is listed by the
    /// group meanwhile: so this is asked whether or not some are unlaunched now, though not in every sample. `None` where it was
    /// not asked, or not answered.
    pub(crate) async fn count<R: CloudReader>(
        &mut self,
        reader: &R,
        now: Timestamp,
        unlaunched: u32,
        errors: &mut TickError,
    ) -> Option<u64> {
        if unlaunched == 0 && self.last == Some(0) {
            return None;
        }
        self.last = match count(reader, now, unlaunched).await {
            Ok(failed) => Some(failed),
            Err(error) => {
                errors.add(error);
                None
            }
        };
        self.last
    }
}

async fn count<R: CloudReader>(reader: &R, now: Timestamp, unlaunched: u32) -> Result<u64, crate::ports::CallError> {
    let since = now.minus_seconds(LOOK_BACK_SECONDS);
    let failed = reader.describe_launches(FAILED, since).await?;
    let Some(newest) = failed.iter().max_by_key(|launch| launch.started_at) else { return Ok(0) };
    let succeeded = reader.describe_launches(SUCCESSFUL, since).await?;
    let success = succeeded.iter().map(|launch| launch.started_at).max();
    let recent = now.minus_seconds(RECENT_SECONDS);
    let counts = |started_at: Timestamp| {
        success.is_none_or(|success| success <= started_at) || (unlaunched > 0 && started_at >= recent)
    };
    let counted = failed.iter().filter(|launch| counts(launch.started_at)).count();
    if counted > 0 {
        warn!(reason = newest.reason, "the group cannot launch");
    }
    Ok(u64::try_from(counted).unwrap_or(u64::MAX))
}
