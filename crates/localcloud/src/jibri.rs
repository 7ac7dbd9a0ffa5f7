//! Every Jibri's two HTTP interfaces, on loopback ports that are open exactly while its process runs.
//!
//! jibri: `HttpApi`, `InternalHttpApi`, `JibriHealth`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use world::JibriHealthView;

use crate::peer::{self, Peer, Reply};
use crate::state::State;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 16;

const HEALTH_PATH: &str = "/jibri/api/v1.0/health";
const INTERNAL_PATH: &str = "/jibri/api/internal/v1.0";
const SHUTDOWN_PATH: &str = "/jibri/api/internal/v1.0/gracefulShutdown";

/// The ports of all instances.
pub(crate) struct JibriPorts {
    state: Arc<State>,
    shutdowns: Arc<AtomicU64>,
    instances: Mutex<BTreeMap<String, InstancePorts>>,
}

struct InstancePorts {
    health: Port,
    internal: Port,
}

/// Where the script on an instance finds its Jibri.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JibriUrls {
    /// The health.
    pub(crate) health: String,
    /// What the path of the graceful shutdown begins with.
    pub(crate) internal: String,
}

impl JibriPorts {
    pub(crate) fn new(state: Arc<State>) -> JibriPorts {
        JibriPorts { state, shutdowns: Arc::new(AtomicU64::new(0)), instances: Mutex::new(BTreeMap::new()) }
    }

    /// Opens the ports of these Jibris, and closes those of all others.
    pub(crate) async fn reconcile(&self, running: &[String]) -> anyhow::Result<()> {
        let members = self.state.world(|world| {
            let group = world.config().group_name.clone();
            let group = world.describe_auto_scaling_groups(&group).ok().flatten();
            group.map(|group| group.instances)
        });
        let mut instances = self.instances.lock().await;
        for instance in running {
            let ports = ports_of(&mut instances, instance)?;
            ports.health.open(self.jibri(instance, Interface::External))?;
            ports.internal.open(self.jibri(instance, Interface::Internal))?;
        }
        for (instance, ports) in instances.iter_mut() {
            if !running.contains(instance) {
                ports.health.close().await?;
                ports.internal.close().await?;
            }
        }
        if let Some(members) = members {
            // Who has left the group is not asked any more.
            instances.retain(|id, _| running.contains(id) || members.iter().any(|member| member.id == *id));
        }
        Ok(())
    }

    /// Where the Jibri of an instance is, or would be if it ran.
    pub(crate) async fn urls(&self, instance: &str) -> anyhow::Result<JibriUrls> {
        let mut instances = self.instances.lock().await;
        let ports = ports_of(&mut instances, instance)?;
        Ok(JibriUrls {
            health: format!("http://{}{HEALTH_PATH}", ports.health.address),
            internal: format!("http://{}{INTERNAL_PATH}", ports.internal.address),
        })
    }

    fn jibri(&self, instance: &str, interface: Interface) -> Jibri {
        Jibri { state: self.state.clone(), shutdowns: self.shutdowns.clone(), instance: instance.to_owned(), interface }
    }
}

fn ports_of<'a>(
    instances: &'a mut BTreeMap<String, InstancePorts>,
    instance: &str,
) -> anyhow::Result<&'a mut InstancePorts> {
    if !instances.contains_key(instance) {
        let ports = InstancePorts { health: Port::reserve()?, internal: Port::reserve()? };
        instances.insert(instance.to_owned(), ports);
    }
    instances.get_mut(instance).context("the ports were just reserved")
}

/// A port that refuses and is nobody else's while it is closed: a Jibri that has exited must never seem to answer.
struct Port {
    address: SocketAddr,
    standing: Standing,
}

enum Standing {
    /// Bound, and not listening: the port refuses.
    Closed(TcpSocket),
    Open(JoinHandle<()>),
    /// Neither: a call of the operating system has failed.
    Lost,
}

impl Port {
    fn reserve() -> anyhow::Result<Port> {
        let socket = bound_socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Port {
            address: socket.local_addr().context("a bound socket has an address")?,
            standing: Standing::Closed(socket),
        })
    }

    fn open(&mut self, jibri: Jibri) -> anyhow::Result<()> {
        let socket = match std::mem::replace(&mut self.standing, Standing::Lost) {
            Standing::Open(task) => {
                self.standing = Standing::Open(task);
                return Ok(());
            }
            Standing::Closed(socket) => socket,
            Standing::Lost => bound_socket(self.address)?,
        };
        let listener = socket.listen(BACKLOG).with_context(|| format!("cannot listen on {}", self.address))?;
        self.standing = Standing::Open(tokio::spawn(peer::serve(listener, jibri)));
        Ok(())
    }

    async fn close(&mut self) -> anyhow::Result<()> {
        if let Standing::Open(task) = &mut self.standing {
            task.abort();
            // The listener is gone when the task is.
            let _ = task.await;
            self.standing = Standing::Lost;
            self.standing = Standing::Closed(bound_socket(self.address)?);
        }
        Ok(())
    }
}

fn bound_socket(address: SocketAddr) -> anyhow::Result<TcpSocket> {
    let socket = TcpSocket::new_v4().context("cannot make a socket")?;
    // Connections that have just ended would keep the port from being bound again.
    socket.set_reuseaddr(true)?;
    socket.bind(address).with_context(|| format!("cannot bind {address}"))?;
    Ok(socket)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Interface {
    External,
    Internal,
}

/// One interface of one Jibri.
#[derive(Clone)]
struct Jibri {
    state: Arc<State>,
    shutdowns: Arc<AtomicU64>,
    instance: String,
    interface: Interface,
}

impl Peer for Jibri {
    fn reply(&self, method: &str, path: &str) -> Reply {
        match (self.interface, method, path) {
            (Interface::External, "GET", HEALTH_PATH) => {
                match self.state.world(|world| world.jibri_health(&self.instance)) {
                    Some(health) => Reply::Answer(200, health_json(health).to_string()),
                    // It exited a moment ago.
                    None => Reply::Reset,
                }
            }
            (Interface::Internal, "POST", SHUTDOWN_PATH) => {
                let accepted = self.state.world(|world| world.jibri_graceful_shutdown(&self.instance));
                // Jibri exits while it answers; whether the answer arrives is a matter of luck.
                let arrives = self.shutdowns.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
                match accepted && arrives {
                    true => Reply::Answer(200, String::new()),
                    false => Reply::Reset,
                }
            }
            _ => Reply::Answer(404, String::new()),
        }
    }
}

fn health_json(health: JibriHealthView) -> Value {
    let details = match health.health_status {
        "UNHEALTHY" => json!({"JibriManager": {"healthStatus": "UNHEALTHY", "detail": ""}}),
        _ => json!({}),
    };
    json!({"status": {
        "busyStatus": health.busy_status,
        "health": {"healthStatus": health.health_status, "details": details},
    }})
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_reserved_port_refuses() {
        let port = Port::reserve().expect("a port");
        let error = TcpStream::connect(port.address).expect_err("refused");
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_unhealthy_jibri_says_who_is_to_blame() {
        let health = health_json(JibriHealthView { busy_status: "IDLE", health_status: "UNHEALTHY" });
        assert_eq!(health["status"]["busyStatus"], "IDLE");
        let details = &health["status"]["health"]["details"];
        assert_eq!(details["JibriManager"]["healthStatus"], "UNHEALTHY");
    }
}
