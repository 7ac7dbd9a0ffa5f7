//! Every minute: who is idle, who may go, who must be replaced.

use planner::{Signal, plan_scale_in, why_unheld};
use tracing::{info, warn};

use crate::{
    Ports, Settings, TickError,
    apply::check_and_apply,
    observe::{assemble, newest_commands, read_hook},
    ports::{Clock, CloudReader, CloudWriter, Document, JicofoReader},
    target::decide_target,
};

/// Notes what each Jibri does, confirms the few that may go on themselves, and terminates those that agree.
///
/// # Errors
/// What failed, a lost signal, and a hook that holds no drain. Without the list of checks nobody has been confirmed, and
/// without the hook nobody would be held, so nobody goes.
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
    let jicofos = ports.jicofo.fetch_jicofos().await;
    let group = ports.reader.describe_group().await?;
    let hook = ports.reader.describe_hook().await;
    let descriptions = ports.reader.describe_instances().await?;
    let since = now.minus_seconds(settings.policy.check_validity_seconds);
    let checks = ports.reader.list_commands(Document::Check, since).await;

    let (target, problem) = decide_target(settings.jibris_threshold, settings.forecast.floor, forecast.as_ref(), now);
    if let Some(problem) = problem {
        errors.add(format!("the threshold rules: {problem}"));
    }
    let mut observed = assemble(now, group, descriptions, jicofos, target, 0);
    match checks {
        Ok(sent) => {
            let mut newest = newest_commands(sent);
            for instance in &mut observed.observation.instances {
                instance.check = newest.remove(&instance.id);
            }
        }
        Err(error) => errors.add(error),
    }
    let policy = &settings.policy;
    if observed.observation.signal != Signal::Fresh
        && observed.observation.all_have_exited(policy.check_validity_seconds)
    {
        info!("Jicofo lists nobody, and rightly so: every Jibri that had registered has exited");
        observed.observation.signal = Signal::Fresh;
    }
    match hook {
        Ok(found) => observed.observation.hook = read_hook(found),
        Err(error) => errors.add(error),
    }
    if let Some(why) = why_unheld(observed.observation.hook, &observed.observation.group) {
        errors.add(why);
    }
    for oddity in &observed.oddities {
        warn!(oddity, "ignored what cannot be read");
    }
    if let Signal::Lost { why, .. } = &observed.observation.signal {
        errors.add(format!("no signal from Jicofo: {why}"));
    }
    let plan = plan_scale_in(policy, &observed.observation);
    check_and_apply(&ports.reader, ports.writer.as_ref(), policy, &observed.observation, &plan, &mut errors).await;
    errors.into_result()
}
