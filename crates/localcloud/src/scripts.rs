//! Runs the stack's own SSM documents, as SSM's agent would on the instance.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;
use tokio::sync::Semaphore;
use world::ScriptRun;

use crate::addresses::Addresses;
use crate::bucket::BUCKET;
use crate::disk::{Disk, Marks};
use crate::jibri::JibriPorts;
use crate::state::State;
use world::arn::REGION;

/// How many scripts run at the same time: all instances share one machine.
const CONCURRENT_SCRIPTS: usize = 4;
/// How long a script may really take; the document's own time-out is the world's.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long all uploads of a script together may take, and how long one of them: less than the script may take.
const FINALIZE_SECONDS: &str = "50";
const FINALIZE_LIMIT_SECONDS: &str = "40";
/// Longer than the limit, so that an upload that the world lets fail is not tried again before the next drain.
const FINALIZE_BACKOFF_MILLISECONDS: &str = "100000";
/// Where `make` installs rclone.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/tools/instance/bin");
/// What the finalize script calls.
const FINALIZE_TOOLS: [&str; 3] = ["curl", "jq", "rclone"];
/// What the script leaves in the state directory when it drains.
const DRAINING_MARKER: &str = "draining";
/// The exit code that SSM reports for a script that it has killed.
const KILLED_EXIT_CODE: i32 = 137;

/// Runs scripts on the world's instances.
pub(crate) struct ScriptHost {
    state: Arc<State>,
    ports: Arc<JibriPorts>,
    finalize_command: String,
    addresses: Addresses,
    path: OsString,
    slots: Semaphore,
    /// The instances on which scripts run, once for each script.
    busy_instances: Mutex<Vec<String>>,
}

impl ScriptHost {
    /// Writes the stack's finalize script into the output directory, and is ready.
    pub(crate) fn prepare(
        state: Arc<State>,
        ports: Arc<JibriPorts>,
        addresses: Addresses,
    ) -> anyhow::Result<ScriptHost> {
        let finalize = state.output_directory.join("finalize.sh");
        let script = state.stack.as_ref().map_or("", |stack| &stack.finalize_script);
        std::fs::write(&finalize, script).with_context(|| format!("cannot write {}", finalize.display()))?;
        let path = search_path()?;
        for tool in FINALIZE_TOOLS {
            let found = std::env::split_paths(&path).any(|directory| directory.join(tool).is_file());
            ensure!(
                found,
                "{tool} is not on the PATH: `make demo` and `make test` install rclone; curl and jq are your system's"
            );
        }
        Ok(ScriptHost {
            state,
            ports,
            finalize_command: format!("bash '{}'", finalize.display()),
            addresses,
            path,
            slots: Semaphore::new(CONCURRENT_SCRIPTS),
            busy_instances: Mutex::new(Vec::new()),
        })
    }

    /// Runs a script, and gives its output to the world.
    pub(crate) async fn run(&self, run: &ScriptRun) {
        let Ok(_slot) = self.slots.acquire().await else {
            return;
        };
        let ended = match self.begin(&run.instance) {
            Ok(()) => self.execute(run).await,
            Err(error) => Err(error.into()),
        };
        // The world must know what the script did to the disk before it gets the output.
        self.follow_world();
        let mut busy_instances = self.lock();
        if let Some(index) = busy_instances.iter().position(|instance| *instance == run.instance) {
            busy_instances.swap_remove(index);
        }
        drop(busy_instances);
        let (exit_code, stdout, stderr) = ended.unwrap_or_else(|error| (1, String::new(), format!("{error:#}")));
        self.state.world(|world| world.finish_script(&run.command_id, &run.instance, exit_code, &stdout, &stderr));
    }

    /// Keeps the disks on which scripts run and the world in step: recordings left meanwhile appear, and the drain's
    /// marker forbids that Jibri starts.
    pub(crate) fn follow_world(&self) {
        for instance in self.lock().iter() {
            // When this fails, it is tried again at the next tick.
            let _ = self.lay_out(instance);
            if self.disk(instance).state.join(DRAINING_MARKER).exists() {
                self.state.world(|world| world.forbid_start(instance));
            }
        }
    }

    /// From now on the instance's disk follows the world. No other thread lays it out meanwhile.
    fn begin(&self, instance: &str) -> std::io::Result<()> {
        let mut busy_instances = self.lock();
        busy_instances.push(instance.to_owned());
        self.lay_out(instance)
    }

    async fn execute(&self, run: &ScriptRun) -> anyhow::Result<(i32, String, String)> {
        let stack = self.state.stack.as_ref().context("nothing is deployed")?;
        let document = stack.document(&run.document).with_context(|| format!("{} is not deployed", run.document))?;
        let disk = self.disk(&run.instance);
        let marks = Marks::of(&run.instance);
        // Until the script has ended.
        let _processes = marks.stand_ins(self.state.world(|world| world.jibri_activity(&run.instance)))?;
        let urls = self.ports.urls(&run.instance).await?;
        let child = Command::new("sh")
            .arg("-c")
            .arg(&document.script)
            .current_dir(&disk.state)
            .env_clear()
            .env("PATH", &self.path)
            .env("JIBRI_HEALTH_URL", urls.health)
            .env("JIBRI_INTERNAL_URL", urls.internal)
            .env("JIBRI_RECORDINGS_DIRECTORY", &disk.recordings)
            .env("JIBRI_FAILED_DIRECTORY", &disk.failed)
            .env("JIBRI_STATE_DIRECTORY", &disk.state)
            .env("JIBRI_FINALIZE_COMMAND", &self.finalize_command)
            // The world's Jibris are no processes: they have only ports.
            .env("JIBRI_STOP_COMMAND", "true")
            .env("JIBRI_PROCESS_MARK", &marks.jibri)
            .env("JIBRI_FFMPEG_MARK", &marks.ffmpeg)
            .env("JIBRI_FINALIZE_MARK", &marks.finalize)
            .env("JIBRI_INSTANCE_ID", &run.instance)
            .env("JIBRI_FINALIZE_SECONDS", FINALIZE_SECONDS)
            .env("FINALIZE_LIMIT_SECONDS", FINALIZE_LIMIT_SECONDS)
            .env("FINALIZE_BACKOFF_MILLISECONDS", FINALIZE_BACKOFF_MILLISECONDS)
            .env("RECORDINGS_BUCKET", BUCKET)
            .env("S3_ENDPOINT_URL", format!("http://{}", self.addresses.bucket))
            // Without TLS, newer versions of rclone do not send a body that they could not send again.
            .env("RCLONE_S3_USE_UNSIGNED_PAYLOAD", "true")
            .env("RCLONE_S3_USE_DATA_INTEGRITY_PROTECTIONS", "false")
            .env("CLOUDWATCH_ENDPOINT_URL", format!("http://{}", self.addresses.aws))
            .env("AUTO_SCALING_GROUP", self.state.world(|world| world.config().group_name.clone()))
            .env("AWS_REGION", REGION)
            // The instance's id, so that the call log knows which instance uploads.
            .env("AWS_ACCESS_KEY_ID", &run.instance)
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a shell")?;
        let Ok(output) = tokio::time::timeout(SCRIPT_TIMEOUT, child.wait_with_output()).await else {
            let stderr = format!("killed after {} seconds", SCRIPT_TIMEOUT.as_secs());
            return Ok((KILLED_EXIT_CODE, String::new(), stderr));
        };
        let output = output?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((exit_code(output.status), text(&output.stdout), text(&output.stderr)))
    }

    fn disk(&self, instance: &str) -> Disk {
        Disk::below(&self.state.output_directory.join("instances").join(instance))
    }

    fn lay_out(&self, instance: &str) -> std::io::Result<()> {
        let (folders, good_recording_at, now) = self.state.world(|world| {
            let folders = world.folders_on_disk(instance).to_vec();
            (folders, world.jibri_activity(instance).good_recording_at, world.now())
        });
        self.disk(instance).lay_out(&folders, good_recording_at, now)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.busy_instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The exit code as a shell has it: 128 and the signal for a process that was killed.
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Where programs are found: what `make` has installed, and then as usual.
fn search_path() -> anyhow::Result<OsString> {
    let usual = std::env::var_os("PATH").unwrap_or_default();
    Ok(std::env::join_paths(std::iter::once(PathBuf::from(TOOLS)).chain(std::env::split_paths(&usual)))?)
}
