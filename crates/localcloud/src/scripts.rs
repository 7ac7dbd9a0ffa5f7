//! Runs the documents' real script, as SSM's agent would on the instance.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use simulator::world::ScriptRun;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::jibri::JibriPorts;
use crate::state::State;

/// Scripts that run at the same time: instances are many, the machine is one.
const CONCURRENT_SCRIPTS: usize = 4;
/// How long a script may really take; the document's own time-out is the world's.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the script may try to upload: less than it may take.
const FINALIZE_SECONDS: &str = "40";
/// What the script leaves in the state directory when it drains.
const DRAINING_MARKER: &str = "draining";
/// The exit code that SSM reports for a script that it has killed.
const KILLED_EXIT_CODE: i32 = 137;

/// Runs scripts on the world's instances.
pub(crate) struct ScriptHost {
    state: Arc<State>,
    ports: Arc<JibriPorts>,
    script: PathBuf,
    finalize_command: String,
    upload_url: String,
    slots: Semaphore,
    /// The instances on which scripts run, once for each script.
    busy_instances: Mutex<Vec<String>>,
}

impl ScriptHost {
    /// Writes the stand-in finalize command into the output directory, and is ready.
    pub(crate) fn prepare(
        state: Arc<State>,
        ports: Arc<JibriPorts>,
        script: PathBuf,
        bucket_url: &str,
    ) -> anyhow::Result<ScriptHost> {
        let finalize_command = state.output_directory.join("finalize");
        write_executable(&finalize_command, include_str!("../stand-ins/finalize"))?;
        Ok(ScriptHost {
            state,
            ports,
            script,
            finalize_command: format!("'{}'", finalize_command.display()),
            upload_url: format!("{bucket_url}/recordings"),
            slots: Semaphore::new(CONCURRENT_SCRIPTS),
            busy_instances: Mutex::new(Vec::new()),
        })
    }

    /// Runs a script, and tells the world what it said.
    pub(crate) async fn run(&self, run: &ScriptRun) {
        let Ok(_slot) = self.slots.acquire().await else {
            return;
        };
        let ended = match self.begin(&run.instance) {
            Ok(()) => self.execute(run).await,
            Err(error) => Err(error.into()),
        };
        // What it did to the disk counts before what it says.
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
            // What cannot be laid out is laid out at the next tick.
            let _ = self.lay_out(instance);
            if self.disk(instance).state.join(DRAINING_MARKER).exists() {
                self.state.world(|world| world.forbid_start(instance));
            }
        }
    }

    /// From now on the instance's disk follows the world. Nobody else lays it out meanwhile.
    fn begin(&self, instance: &str) -> std::io::Result<()> {
        let mut busy_instances = self.lock();
        busy_instances.push(instance.to_owned());
        self.lay_out(instance)
    }

    async fn execute(&self, run: &ScriptRun) -> anyhow::Result<(i32, String, String)> {
        let is_drain = self.state.world(|world| world.config().drain_document == run.document);
        let disk = self.disk(&run.instance);
        let urls = self.ports.urls(&run.instance).await?;
        let child = Command::new("python3")
            .arg(&self.script)
            .arg(if is_drain { "drain" } else { "check" })
            .current_dir(&disk.state)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("JIBRI_HEALTH_URL", urls.health)
            .env("JIBRI_INTERNAL_URL", urls.internal)
            .env("JIBRI_RECORDINGS_DIRECTORY", &disk.recordings)
            .env("JIBRI_STATE_DIRECTORY", &disk.state)
            .env("JIBRI_FINALIZE_COMMAND", &self.finalize_command)
            // The world's Jibris are no processes: their ports are all there is of them.
            .env("JIBRI_STOP_COMMAND", "true")
            .env("JIBRI_PROCESS_MARK", format!("jibri.jar of {}", run.instance))
            .env("JIBRI_FINALIZE_SECONDS", FINALIZE_SECONDS)
            .env("RECORDINGS_UPLOAD_URL", format!("{}/{}", self.upload_url, run.instance))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start python3")?;
        let Ok(output) = tokio::time::timeout(SCRIPT_TIMEOUT, child.wait_with_output()).await else {
            let stderr = format!("killed after {} seconds", SCRIPT_TIMEOUT.as_secs());
            return Ok((KILLED_EXIT_CODE, String::new(), stderr));
        };
        let output = output?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok((exit_code(output.status), text(&output.stdout), text(&output.stderr)))
    }

    fn disk(&self, instance: &str) -> Disk {
        let directory = self.state.output_directory.join("instances").join(instance);
        Disk { recordings: directory.join("recordings"), state: directory.join("state") }
    }

    fn lay_out(&self, instance: &str) -> std::io::Result<()> {
        let disk = self.disk(instance);
        std::fs::create_dir_all(&disk.state)?;
        let sessions = self.state.world(|world| world.recordings_on_disk(instance));
        lay_out_recordings(&disk.recordings, &sessions)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.busy_instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What an instance has on its disk.
struct Disk {
    recordings: PathBuf,
    state: PathBuf,
}

/// The exit code as a shell has it: 128 and the signal for a process that was killed.
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Makes a folder of each session that has none, with a recording and its metadata, all at once. None is removed:
/// that is for the finalize command to do.
fn lay_out_recordings(directory: &Path, sessions: &[String]) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for session in sessions {
        let folder = directory.join(session);
        if folder.is_dir() {
            continue;
        }
        let unfinished = directory.with_extension("unfinished");
        std::fs::create_dir_all(&unfinished)?;
        std::fs::write(unfinished.join(format!("{session}_2026-11-22-07-00-01.mp4")), b"recording")?;
        let metadata = r#"{"meeting_url":"https://meet.example/room","participants":[],"share":false}"#;
        std::fs::write(unfinished.join("metadata.json"), metadata)?;
        std::fs::rename(&unfinished, &folder)?;
    }
    Ok(())
}

fn write_executable(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_appear_and_those_that_are_there_stay() {
        let directory = std::env::temp_dir().join(format!("localcloud-recordings-{}", std::process::id()));
        lay_out_recordings(&directory, &["one".into()]).expect("laid out");
        std::fs::write(directory.join("one/metadata.json"), "mine").expect("written");
        lay_out_recordings(&directory, &["one".into(), "two".into()]).expect("laid out");
        let metadata = std::fs::read_to_string(directory.join("one/metadata.json")).expect("read");
        assert_eq!(metadata, "mine");
        assert!(directory.join("two/two_2026-11-22-07-00-01.mp4").is_file());
        std::fs::remove_dir_all(directory).expect("removed");
    }
}
