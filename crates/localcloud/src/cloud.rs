//! The local cloud as a whole: starts everything, tells what goes on, and stops everything.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use world::{Scripts, Snapshot, Summary, World};

use crate::bucket;
use crate::call_log::{ApiCall, CallLog};
use crate::clock::WorldClock;
use crate::config::CloudConfig;
use crate::eventbridge::EventBridge;
use crate::host::Host;
use crate::jibri::JibriPorts;
use crate::jicofo::Jicofo;
use crate::lambda::{Invocation, Lambda};
use crate::metrics::{MetricKey, MetricStore};
use crate::peer;
use crate::scripts::ScriptHost;
use crate::server::AwsServer;
use crate::stack::Stack;
use crate::state::State;
use world::arn::REGION;

/// How long stopping may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// A world in real time behind HTTP, with the functions that keep its pool.
///
/// Everything in it runs on a runtime of its own. When that ends (by [`LocalCloud::stop`], or on drop), every port
/// is closed, and every process is killed.
pub struct LocalCloud {
    state: Arc<State>,
    lambda: Arc<Lambda>,
    addresses: Addresses,
    variables: Vec<(String, String)>,
    /// A metric of the group's, but for its name.
    group_metric: MetricKey,
    runtime: Option<Runtime>,
}

/// Where the local cloud listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// All of AWS's services.
    pub aws: SocketAddr,
    /// Jicofo.
    pub jicofo: SocketAddr,
    /// The recordings bucket.
    pub bucket: SocketAddr,
}

struct Listeners {
    aws: TcpListener,
    jicofo: TcpListener,
    bucket: TcpListener,
}

impl LocalCloud {
    /// Starts a local cloud.
    pub async fn start(config: CloudConfig) -> anyhow::Result<LocalCloud> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("localcloud")
            .enable_all()
            .build()
            .context("cannot start a runtime")?;
        let group_metric = group_metric(&config);
        let started = runtime.spawn(start_parts(config)).await;
        match started.map_err(anyhow::Error::from).flatten() {
            Ok((state, lambda, addresses, variables)) => {
                Ok(LocalCloud { state, lambda, addresses, variables, group_metric, runtime: Some(runtime) })
            }
            Err(error) => {
                runtime.shutdown_background();
                Err(error)
            }
        }
    }

    /// Where it listens.
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The environment variables with which a function finds this cloud, those of the settings included.
    pub fn function_variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// The world's clock.
    pub fn clock(&self) -> WorldClock {
        self.state.clock
    }

    /// Looks at the world, or acts on it, as it is now. It must not take long: everything else waits.
    pub fn world<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.state.world(act)
    }

    /// How the world is now.
    pub fn snapshot(&self) -> Snapshot {
        self.world(|world| world.snapshot())
    }

    /// How it has gone so far.
    pub fn summary(&self) -> Summary {
        self.world(|world| world.summary())
    }

    /// What the group's metric was when it was last published.
    pub fn latest_value(&self, metric: &str) -> Option<f64> {
        let key = MetricKey { name: metric.to_owned(), ..self.group_metric.clone() };
        self.state.metrics.lock().unwrap_or_else(PoisonError::into_inner).latest(&key)
    }

    /// Every call of an AWS action so far.
    pub fn calls(&self) -> Vec<ApiCall> {
        self.state.calls.calls()
    }

    /// Every attempt to invoke a function so far.
    pub fn invocations(&self) -> Vec<Invocation> {
        self.lambda.invocations()
    }

    /// Stops everything, and returns when nothing is left running. The world stands still then, and can still be asked.
    pub async fn stop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.state.stop();
            self.lambda.kill_idle().await;
            // It blocks, which a task must not.
            let _ = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(STOP_TIMEOUT)).await;
        }
    }
}

impl Drop for LocalCloud {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            self.lambda.forget_idle();
            runtime.shutdown_background();
        }
    }
}

type Parts = (Arc<State>, Arc<Lambda>, Addresses, Vec<(String, String)>);

async fn start_parts(mut config: CloudConfig) -> anyhow::Result<Parts> {
    anyhow::ensure!(config.speed > 0.0 && config.speed.is_finite(), "the speed must be above zero");
    std::fs::create_dir_all(&config.output_directory)
        .with_context(|| format!("cannot create {}", config.output_directory.display()))?;
    // Scripts have working directories of their own.
    let output_directory = config.output_directory.canonicalize()?;
    forget_the_last_run(&output_directory)?;
    let stack =
        config.template.as_deref().map(|template| Stack::read(template, &config.world.group_name)).transpose()?;
    config.world.scripts = match stack {
        Some(_) => Scripts::Host,
        None => Scripts::World,
    };
    let world = World::new(config.world.clone()).map_err(|error| anyhow!("the world is impossible: {error}"))?;
    let listeners = Listeners {
        aws: listen(config.ports.aws).await?,
        jicofo: listen(config.ports.jicofo).await?,
        bucket: listen(config.ports.bucket).await?,
    };
    let addresses = Addresses {
        aws: listeners.aws.local_addr()?,
        jicofo: listeners.jicofo.local_addr()?,
        bucket: listeners.bucket.local_addr()?,
    };
    let history = published_before(&config);
    let clock = WorldClock::start(world.now(), config.speed);
    let variables = shared_variables(&config, addresses, clock);
    let calls = CallLog::create(&output_directory.join("calls.jsonl"))?;
    let state = Arc::new(State::new(world, clock, calls, output_directory, stack, history));
    let lambda =
        Arc::new(Lambda::new(state.clone(), config.function_directory.as_deref(), &config.functions, &variables)?);
    let jibris = Arc::new(JibriPorts::new(state.clone()));
    let scripts = match state.stack {
        Some(_) => Some(Arc::new(ScriptHost::prepare(state.clone(), jibris.clone(), addresses)?)),
        None => None,
    };
    serve(listeners, &state, &lambda);
    let host = Host {
        events: EventBridge::new(state.clone(), lambda.clone(), config.event_faults),
        state: state.clone(),
        jibris,
        scripts,
    };
    tokio::spawn(host.run());
    Ok((state, lambda, addresses, variables))
}

/// The same seed gives the same instance ids: what another run has uploaded would pass for this one's.
fn forget_the_last_run(output_directory: &Path) -> anyhow::Result<()> {
    for name in ["instances", "recordings"] {
        let directory = output_directory.join(name);
        match std::fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("cannot empty {}", directory.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn serve(listeners: Listeners, state: &Arc<State>, lambda: &Arc<Lambda>) {
    let aws = AwsServer::new(state.clone(), lambda.clone()).router();
    let bucket = bucket::router(state.clone());
    tokio::spawn(async move { axum::serve(listeners.aws, aws).await });
    tokio::spawn(async move { axum::serve(listeners.bucket, bucket).await });
    tokio::spawn(peer::serve(listeners.jicofo, Jicofo(state.clone())));
}

async fn listen(port: u16) -> anyhow::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.with_context(|| format!("cannot listen on 127.0.0.1:{port}"))
}

/// The namespace and the dimension of the functions' metrics.
const METRIC_NAMESPACE: &str = "JibriAutoscaler";
const METRIC_DIMENSION: &str = "AutoScalingGroupName";

fn group_metric(config: &CloudConfig) -> MetricKey {
    let namespace = config.settings.get("METRIC_NAMESPACE").map_or(METRIC_NAMESPACE, String::as_str);
    MetricKey {
        namespace: namespace.to_owned(),
        name: String::new(),
        dimensions: BTreeMap::from([(METRIC_DIMENSION.to_owned(), config.world.group_name.clone())]),
    }
}

fn published_before(config: &CloudConfig) -> MetricStore {
    let mut metrics = MetricStore::default();
    for (name, values) in &config.history {
        let key = MetricKey { name: name.clone(), ..group_metric(config) };
        for (at, value) in values {
            metrics.put(key.clone(), *at, *value, config.world.start);
        }
    }
    metrics
}

/// What every function is told. The given settings come last, and win.
fn shared_variables(config: &CloudConfig, addresses: Addresses, clock: WorldClock) -> Vec<(String, String)> {
    let mut variables = vec![
        ("AWS_ENDPOINT_URL".to_owned(), format!("http://{}", addresses.aws)),
        ("AWS_REGION".to_owned(), REGION.to_owned()),
        ("AWS_SECRET_ACCESS_KEY".to_owned(), "local".to_owned()),
        ("AWS_EC2_METADATA_DISABLED".to_owned(), "true".to_owned()),
        ("AUTO_SCALING_GROUP".to_owned(), config.world.group_name.clone()),
        ("JICOFO_URLS".to_owned(), format!("http://{}", addresses.jicofo)),
    ];
    if !clock.is_real() {
        variables.push(("REHEARSAL_CLOCK".to_owned(), clock.rehearsal_clock()));
    }
    variables.extend(config.settings.clone());
    variables
}
