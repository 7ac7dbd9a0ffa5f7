//! Every minute, a sample every ten seconds: metrics, and scale-out.

use planner::{Signal, Timestamp, count_pool, plan_scale_out};
use tracing::warn;

use crate::{
    Ports, Settings, TickError,
    apply::check_and_apply,
    launches::FailedLaunches,
    measure::{datum, pool_metrics},
    metrics::Metric,
    observe::observe,
    ports::{CallError, Clock, CloudReader, CloudWriter, JicofoReader},
    publish::publish,
    readings::Readings,
    target::decide_target,
};

/// How long one invocation samples, in seconds; the schedule starts the next.
const ROUND_SECONDS: u64 = 60;
/// For how long after a silence Jibris may be joining again, in seconds.
const AFTER_SILENCE_SECONDS: u64 = 30;
/// How long before the next invocation no sample begins any more, in seconds.
const MARGIN_SECONDS: u64 = 5;

/// Samples the pool until shortly before the next invocation, or before `deadline`; each sample publishes its
/// metrics and closes the gap that it finds.
///
/// # Errors
/// What failed in any sample; a signal that was still lost in the last one. The other samples are taken all the same.
pub(crate) async fn run<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    deadline: Timestamp,
) -> Result<(), TickError> {
    let started = ports.clock.now();
    let last = deadline.min(started.plus_seconds(ROUND_SECONDS - MARGIN_SECONDS));
    let forecast = match settings.forecast_parameter {
        Some(_) => Some(ports.reader.fetch_forecast().await),
        None => None,
    };
    let mut errors = TickError::default();
    let (mut silence, mut failed_launches) = (Silence::default(), FailedLaunches::default());
    let mut due = started;
    while due == started || due <= last {
        ports.clock.sleep_until(due).await;
        sample(settings, ports, forecast.as_ref(), &mut silence, &mut failed_launches, &mut errors).await;
        due = due.plus_seconds(settings.sample_interval_seconds);
        // A slow sample costs the next one its turn, and no more: it is not made up for.
        while due < ports.clock.now() {
            due = due.plus_seconds(settings.sample_interval_seconds);
        }
    }
    if let Some(why) = silence.why {
        errors.add(format!("no signal from Jicofo: {why}"));
    }
    errors.into_result()
}

/// Since when this invocation has had no signal, and why.
#[derive(Default)]
struct Silence {
    since: Option<Timestamp>,
    why: Option<String>,
    /// When a sample last had no signal.
    last: Option<Timestamp>,
    /// Whether the last sample could not write a tag.
    untagged: bool,
}

impl Silence {
    fn ended_within(&self, seconds: u64, now: Timestamp) -> bool {
        self.last.is_some_and(|last| now.seconds_since(last) <= seconds)
    }

    fn update(&mut self, signal: &Signal, now: Timestamp) {
        match signal {
            Signal::Fresh => *self = Silence { last: self.last, untagged: self.untagged, ..Silence::default() },
            Signal::Partial { why, .. } | Signal::Lost { why, .. } => {
                self.since.get_or_insert(now);
                self.last = Some(now);
                self.why = Some(why.clone());
            }
            Signal::NotAsked => {}
        }
    }
}

async fn sample<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    forecast: Option<&Result<String, CallError>>,
    silence: &mut Silence,
    failed_launches: &mut FailedLaunches,
    errors: &mut TickError,
) {
    let now = ports.clock.now();
    let (target, problem) = decide_target(settings.jibris_threshold, settings.forecast.floor, forecast, now);
    if let Some(problem) = problem {
        warn!(problem, "the threshold rules");
    }
    let jicofos = ports.jicofo.fetch_jicofos().await;
    let group = match ports.reader.describe_group().await {
        Ok(group) => group,
        Err(error) => return errors.add(error),
    };
    let silent_seconds = silence.since.map_or(0, |since| now.seconds_since(since));
    let observed = observe(Readings {
        descriptions: Some(ports.reader.describe_instances().await),
        jicofos: Some(jicofos),
        target: Some(target),
        jicofo_urls: settings.jicofo_urls.clone(),
        own_jibris: settings.own_jibris.clone(),
        after_silence: silence.ended_within(AFTER_SILENCE_SECONDS, now),
        silent_seconds,
        untagged: silence.untagged,
        ..Readings::new(now, group, &settings.policy)
    });
    // The gap shows without EC2 too: an instance whose launch was not read counts as new, and gets no tag.
    observed.failures.iter().for_each(|failure| errors.add(failure));
    silence.update(&observed.observation.signal, now);
    for oddity in &observed.oddities {
        warn!(oddity, "ignored what cannot be read");
    }

    let plan = plan_scale_out(&settings.policy, &observed.observation);
    let applied =
        check_and_apply(&ports.reader, ports.writer.as_ref(), &settings.policy, &observed.observation, &plan, errors)
            .await;
    silence.untagged = !applied.noted;

    let counts = count_pool(&settings.policy, &observed.observation);
    let failed_launches = failed_launches.count(&ports.reader, now, counts.unlaunched, errors).await;
    let mut metrics = pool_metrics(&observed, &plan, &counts, settings.sample_interval_seconds);
    metrics.extend(failed_launches.map(|failed| datum(Metric::FailedLaunches, failed, now)));
    publish(settings, ports.writer.as_ref(), &metrics, errors).await;
}
