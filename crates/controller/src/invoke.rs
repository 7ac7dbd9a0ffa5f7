//! One invocation: an event becomes a tick. Lambda and the simulation both begin here.

use planner::Timestamp;
use serde_json::Value;

use crate::{
    Function, Ports, Settings, TickError, availability, drain,
    events::{Trigger, read_event},
    forecast,
    ports::{Clock, CloudReader, CloudWriter, JicofoReader},
    scale_in,
};

/// How long before Lambda's own deadline a tick begins nothing new, in seconds.
const DEADLINE_MARGIN_SECONDS: u64 = 5;

/// Runs `function` on what has invoked it; Lambda ends the invocation at `deadline`.
///
/// # Errors
/// An event that the function does not take, and whatever failed in the tick.
pub async fn invoke<R: CloudReader, W: CloudWriter, J: JicofoReader, C: Clock>(
    function: Function,
    event: Value,
    settings: &Settings,
    ports: &Ports<R, W, J, C>,
    deadline: Timestamp,
) -> Result<(), TickError> {
    let trigger = read_event(function, settings, event).map_err(TickError::from)?;
    // A tick is in a box of its own: as a part of Lambda's future its type would be deeper than the compiler follows.
    match (function, trigger) {
        (Function::Availability, _) => {
            let deadline = deadline.minus_seconds(DEADLINE_MARGIN_SECONDS);
            Box::pin(availability::run(settings, ports, deadline)).await
        }
        (Function::ScaleIn, _) => Box::pin(scale_in::run(settings, ports)).await,
        (Function::Forecast, _) => Box::pin(forecast::run(settings, ports)).await,
        (Function::Drain, trigger) => {
            let scope = match &trigger {
                Trigger::Schedule => drain::Scope::Group,
                Trigger::Terminating(instance) => drain::Scope::Terminating(instance),
                Trigger::LeavingWarmPool(instance) => drain::Scope::LeavingWarmPool(instance),
            };
            Box::pin(drain::run(settings, ports, scope)).await
        }
    }
}
