//! The host of the world: moves the world along with real time, and does what the world asks for.

use std::sync::Arc;
use std::time::Duration;

use crate::eventbridge::EventBridge;
use crate::jibri::JibriPorts;
use crate::scripts::ScriptHost;
use crate::state::State;

/// How often the world is looked at, in real time.
const PERIOD: Duration = Duration::from_millis(20);

/// What the world needs from outside.
pub(crate) struct Host {
    pub(crate) state: Arc<State>,
    pub(crate) jibris: Arc<JibriPorts>,
    pub(crate) events: EventBridge,
    pub(crate) scripts: Option<Arc<ScriptHost>>,
}

impl Host {
    /// Goes on until the task is aborted.
    pub(crate) async fn run(mut self) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (running, lifecycle_events, script_runs) = self
                .state
                .world(|world| (world.running_jibris(), world.take_lifecycle_events(), world.take_script_runs()));
            // What a Jibri leaves behind lies on the disk before its port refuses.
            if let Some(scripts) = &self.scripts {
                scripts.follow_world();
            }
            // A port that cannot be opened is tried again at the next tick.
            let _ = self.jibris.reconcile(&running).await;
            self.events.send_due(&lifecycle_events);
            let Some(scripts) = &self.scripts else {
                continue;
            };
            for run in script_runs {
                let scripts = scripts.clone();
                tokio::spawn(async move { scripts.run(&run).await });
            }
        }
    }
}
