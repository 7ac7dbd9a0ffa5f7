//! Every minute: which instances are idle, which may go, and which must be replaced.

use planner::{plan_scale_in, why_unheld};
use tracing::warn;

use crate::{
    Ports, Settings, TickError,
    apply::check_and_apply,
    observe::observe,
    ports::{Clock, CloudReader, CloudWriter, Document, JicofoReader},
    readings::Readings,
    target::decide_target,
};

/// Notes what each Jibri does, asks the few that may go what they do themselves, and terminates those that agree.
///
/// # Errors
/// What failed, a lost signal, and a hook that holds no drain. Without the list of checks none has agreed, and without the
/// hook none would be held for its drain: none is terminated.
pub(crate) async fn run<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
) -> Result<(), TickError> {
    let mut errors = TickError::default();
    let forecast = match settings.forecast_parameter {
        Some(_) => Some(ports.reader.fetch_forecast().await),
        None => None,
    };
    let now = ports.clock.now();
    let (target, problem) = decide_target(settings.jibris_threshold, settings.forecast.floor, forecast.as_ref(), now);
    if let Some(problem) = problem {
        errors.add(format!("the threshold rules: {problem}"));
    }
    let policy = &settings.policy;
    let jicofos = ports.jicofo.fetch_jicofos().await;
    let group = ports.reader.describe_group().await?;
    let hook = ports.reader.describe_hook().await;
    let descriptions = ports.reader.describe_instances().await?;
    let since = now.minus_seconds(policy.check_validity_seconds);
    let checks = ports.reader.list_commands(Document::Check, since).await;
    let observed = observe(Readings {
        hook: Some(hook),
        descriptions: Some(Ok(descriptions)),
        jicofos: Some(jicofos),
        checks: Some(checks),
        target: Some(target),
        own_jibris: settings.own_jibris.clone(),
        ..Readings::new(now, group, policy)
    });
    observed.failures.iter().for_each(|failure| errors.add(failure));
    let observation = &observed.observation;
    if let Some(why) = why_unheld(observation.hook, &observation.group) {
        errors.add(why);
    }
    for oddity in &observed.oddities {
        warn!(oddity, "ignored what cannot be read");
    }
    if let Some((why, _)) = observation.signal.trouble() {
        errors.add(format!("no signal from Jicofo: {why}"));
    }
    let plan = plan_scale_in(policy, observation);
    check_and_apply(&ports.reader, ports.writer.as_ref(), policy, observation, &plan, &mut errors).await;
    errors.into_result()
}
