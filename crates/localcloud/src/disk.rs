//! What lies and runs on an instance beside Jibri's ports, for the scripts that look there: folders of recordings, the
//! note of the last good one, and the processes that record and finalize.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use tokio::process::{Child, Command};
use world::{Folder, JibriActivity};

/// An instance's directories.
pub(crate) struct Disk {
    pub(crate) recordings: PathBuf,
    pub(crate) failed: PathBuf,
    pub(crate) state: PathBuf,
    good_recording: PathBuf,
}

impl Disk {
    pub(crate) fn below(directory: &Path) -> Disk {
        let below = |name: &str| directory.join(name);
        Disk {
            recordings: below("recordings"),
            failed: below("failed"),
            state: below("state"),
            good_recording: below("good-recording"),
        }
    }

    /// Makes a folder for each of these that has none, with a recording and its metadata, all at once; only the finalize
    /// command removes a folder. The scripts tell ages by the real clock: what is so old in the world is so old here.
    pub(crate) fn lay_out(
        &self,
        folders: &[Folder],
        good_recording_at: Option<i64>,
        world_now: i64,
    ) -> std::io::Result<()> {
        std::fs::create_dir_all(&self.recordings)?;
        std::fs::create_dir_all(&self.state)?;
        let real_now = SystemTime::now();
        let moment = |at: i64| real_now - Duration::from_millis(u64::try_from(world_now - at).unwrap_or(0));
        // An upload that failed has moved its folder to the failed ones.
        for folder in folders.iter().filter(|folder| !self.failed.join(&folder.session).is_dir()) {
            self.lay_out_folder(folder, moment(folder.since))?;
        }
        if let Some(at) = good_recording_at {
            std::fs::File::create(&self.good_recording)?.set_modified(moment(at))?;
        }
        Ok(())
    }

    fn lay_out_folder(&self, folder: &Folder, since: SystemTime) -> std::io::Result<()> {
        let path = self.recordings.join(&folder.session);
        if path.is_dir() {
            return Ok(());
        }
        let unfinished = self.recordings.with_extension("unfinished");
        std::fs::create_dir_all(&unfinished)?;
        let recording = unfinished.join(format!("{}_2026-11-22-07-00-01.mp4", folder.session));
        std::fs::write(&recording, mp4(folder))?;
        std::fs::File::options().append(true).open(&recording)?.set_modified(since)?;
        let metadata = r#"{"meeting_url":"https://meet.example/room","participants":[],"share":false}"#;
        std::fs::write(unfinished.join("metadata.json"), metadata)?;
        std::fs::File::open(&unfinished)?.set_modified(since)?;
        std::fs::rename(&unfinished, &path)
    }
}

/// As much of an MP4 as tells whether it can be played. ffmpeg writes the index (`moov`) last: a torn one has none.
/// ISO/IEC 14496-12, 4.2: each box begins with its length and its name.
fn mp4(folder: &Folder) -> Vec<u8> {
    let media: &[(&[u8; 4], &[u8])] = &[(b"ftyp", b"isom\0\0\x02\0isomiso2avc1mp41"), (b"mdat", b"recording")];
    let index: &[(&[u8; 4], &[u8])] = &[(b"moov", b"\0\0\0\x08mvhd")];
    let boxes = match (folder.empty, folder.torn) {
        (true, _) => Vec::new(),
        (false, true) => media.to_vec(),
        (false, false) => [media, index].concat(),
    };
    let length = |content: &[u8]| u32::try_from(content.len() + 8).unwrap_or(u32::MAX).to_be_bytes();
    boxes.iter().flat_map(|(name, content)| [&length(content)[..], &name[..], content].concat()).collect()
}

/// How the scripts know the processes of one instance among all on this machine.
pub(crate) struct Marks {
    pub(crate) jibri: String,
    pub(crate) ffmpeg: String,
    pub(crate) finalize: String,
}

impl Marks {
    pub(crate) fn of(instance: &str) -> Marks {
        Marks {
            jibri: format!("jibri.jar of {instance}"),
            ffmpeg: format!("x11grab of {instance}"),
            finalize: format!("finalize.sh of {instance}"),
        }
    }

    /// Processes that wait until they are dropped, under the names of those that run on the instance now.
    pub(crate) fn stand_ins(&self, activity: JibriActivity) -> std::io::Result<Vec<Child>> {
        let wait = |name: &str, arguments: &[&str]| {
            let mut command = Command::new("sh");
            command.arg0(name).args(["-c", "read -r line"]).args(arguments);
            command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn()
        };
        let mut processes = Vec::new();
        if activity.recording {
            processes.push(wait("ffmpeg", &[&self.ffmpeg, "/storage/recordings/call.mp4"])?);
        }
        if activity.finalizing {
            processes.push(wait("bash", &[&self.finalize, "/storage/recordings"])?);
        }
        Ok(processes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("localcloud-{name}-{}", std::process::id()))
    }

    fn folder(session: &str) -> Folder {
        Folder::new(session.into(), 0)
    }

    #[test]
    fn recordings_appear_and_those_that_are_there_stay() {
        let directory = directory("recordings");
        let disk = Disk::below(&directory);
        disk.lay_out(&[folder("one")], None, 0).expect("laid out");
        let metadata = disk.recordings.join("one/metadata.json");
        std::fs::write(&metadata, "mine").expect("written");
        disk.lay_out(&[folder("one"), folder("two")], None, 0).expect("laid out");
        assert_eq!(std::fs::read_to_string(metadata).expect("read"), "mine");
        assert!(disk.recordings.join("two/two_2026-11-22-07-00-01.mp4").is_file());
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn what_is_old_in_the_world_is_old_here() {
        let directory = directory("ages");
        let disk = Disk::below(&directory);
        disk.lay_out(&[folder("one")], Some(400_000), 1_000_000).expect("laid out");
        for (path, age_seconds) in
            [("one", 1000), ("one/one_2026-11-22-07-00-01.mp4", 1000), ("../good-recording", 600)]
        {
            let modified = disk.recordings.join(path).metadata().and_then(|data| data.modified()).expect("a time");
            let age = modified.elapsed().expect("the past").as_secs();
            assert!((age_seconds..age_seconds + 60).contains(&age), "{path}: {age} s");
        }
        std::fs::remove_dir_all(directory).expect("removed");
    }

    #[test]
    fn only_a_whole_recording_has_an_index() {
        let has_index = |recording: &[u8]| recording.windows(4).any(|name| name == b"moov");
        let whole = mp4(&folder("one"));
        assert!(has_index(&whole) && &whole[4..8] == b"ftyp");
        let torn = mp4(&Folder { torn: true, ..folder("one") });
        assert!(!has_index(&torn) && whole.starts_with(&torn) && !torn.is_empty());
        assert!(mp4(&Folder { empty: true, ..folder("one") }).is_empty());
    }
}
