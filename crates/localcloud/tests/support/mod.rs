//! What the tests share: a local cloud in a directory of its own, an HTTP client, and patience.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use localcloud::{CloudConfig, FunctionConfig, LocalCloud};
use world::WorldConfig;

/// Longer than anything takes on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// An empty directory, which is removed again on drop.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("localcloud-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        Directory(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A local cloud without functions: one instance, whose Jibri starts soon.
pub(crate) fn config(directory: &Directory, speed: f64) -> CloudConfig {
    let mut world = WorldConfig { desired_capacity: 1, ..WorldConfig::default() };
    world.launch.in_service_seconds = 2.0;
    world.launch.boot_seconds = 5.0;
    world.ssm.registration_seconds = 5.0;
    CloudConfig { speed, ..CloudConfig::new(world, directory.0.clone()) }
}

/// A local cloud with the one function `fake`, which nothing invokes but calls.
pub(crate) fn config_with_fake_function(directory: &Directory, speed: f64) -> CloudConfig {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    CloudConfig {
        function_directory: Some(fixtures),
        functions: vec![FunctionConfig {
            name: "fake".into(),
            timeout_seconds: 60,
            every_minutes: None,
            on_lifecycle_events: false,
        }],
        ..config(directory, speed)
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }
}

/// Sends a request, and reads the answer to its end.
pub(crate) fn http(to: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut connection = TcpStream::connect(to).expect("connected");
    connection.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    connection.write_all(head.as_bytes()).expect("sent");
    connection.write_all(body).expect("sent");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    Answer { status, head, body: answer[end..].to_vec() }
}

/// The function `tester` calls.
pub(crate) const AUTHORIZATION: (&str, &str) =
    ("Authorization", "AWS4-HMAC-SHA256 Credential=tester/20261122/eu-central-1/autoscaling/aws4_request, Signature=0");

/// Calls an action of a query service.
pub(crate) fn query(cloud: &LocalCloud, form: &str) -> Answer {
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), AUTHORIZATION];
    http(cloud.addresses().aws, "POST", "/", &headers, form.as_bytes())
}

/// Calls an action of SSM.
pub(crate) fn ssm(cloud: &LocalCloud, action: &str, input: &serde_json::Value) -> Answer {
    let target = format!("AmazonSSM.{action}");
    let headers = [("Content-Type", "application/x-amz-json-1.1"), ("X-Amz-Target", target.as_str()), AUTHORIZATION];
    http(cloud.addresses().aws, "POST", "/", &headers, input.to_string().as_bytes())
}

/// Waits until something is there.
pub(crate) async fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < PATIENCE, "never came: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a port refuses connections.
pub(crate) fn refuses(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}
