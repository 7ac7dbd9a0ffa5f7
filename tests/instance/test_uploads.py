"""What instance/uploads.py does with what is left on an instance that serves, run as its timer runs it."""

import fcntl
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from stand_in_jibri import Jibri
from stand_in_s3 import METADATA_TOKEN, REGION, SECRET, SESSION_TOKEN, Cloud
from test_finalize import KEYS, RECORDING, SEARCH_PATH, Finalize

INSTANCE = Path(__file__).resolve().parents[2] / "instance"
UPLOADS = 'echo "$*" >>"$TRIED"; mv "$2" "$UPLOADED"'
FAILS = 'echo "$*" >>"$TRIED"; exit 1'
COUNT, AGE = "RecordingsWaiting", "OldestRecordingSeconds"


class Instance(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name).resolve()
        self.recordings, self.failed = self.root / "storage/recordings", self.root / "storage/failed"
        self.state, self.uploaded, self.tried = self.root / "state", self.root / "uploaded", self.root / "tried"
        for folder in (self.recordings, self.failed, self.state, self.uploaded):
            folder.mkdir(parents=True)
        self.tried.touch()
        self.cloud = Cloud(SESSION_TOKEN)
        self.addCleanup(self.cloud.close)
        self.jibri = Jibri()
        self.addCleanup(self.jibri.close)
        (self.root / ".env").write_text(f"AWS_REGION={REGION}\nAUTO_SCALING_GROUP=jibri pool\nMETRIC_NAMESPACE=Jibri & more\n")
        self.settings = {
            "PATH": SEARCH_PATH,
            "JIBRI_ROOT": str(self.root),
            "JIBRI_HTTP_TIMEOUT_SECONDS": "0.5",
            "JIBRI_FFMPEG_MARK": f"x11grab in {self.root}",
            "UPLOADED": str(self.uploaded),
            "TRIED": str(self.tried),
            **self.jibri.environment,
            **self.cloud.environment,
        }
        self.finalize_does(UPLOADS)

    def says(self, busy_status):
        self.jibri.body = health_of(busy_status)

    def finalize_does(self, body):
        script = self.root / "finalize script.sh"
        script.write_text(f"#!/bin/bash\n{body}\n")
        script.chmod(0o755)
        self.settings["JIBRI_FINALIZE_COMMAND"] = shlex.quote(str(script))

    def recorded(self, directory, *names, seconds_ago=0):
        for name in names:
            (directory / name).mkdir()
            (directory / name / "metadata.json").write_text("{}")
            written = time.time() - seconds_ago
            for path in (directory / name / "metadata.json", directory / name):
                os.utime(path, (written, written))

    def run_script(self, **settings):
        run = subprocess.run(
            [sys.executable, str(INSTANCE / "uploads.py")],
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        self.assertEqual((run.returncode, run.stdout), (0, ""), run.stderr)
        return run

    def time_passes(self, seconds):
        """The times in the notes lie that much further back."""
        notes = json.loads((self.state / "uploads.json").read_text())
        notes["folders"] = {name: (tries, at - seconds) for name, (tries, at) in notes["folders"].items()}
        (self.state / "uploads.json").write_text(json.dumps(notes))

    @property
    def tries(self):
        return [line.removeprefix(f"--once {self.root}/storage/") for line in self.tried.read_text().splitlines()]

    def told(self):
        """Each count and age that was published."""
        return [(int(one["MetricData.member.1.Value"]), int(one["MetricData.member.2.Value"])) for one in self.cloud.metrics]

    def left(self):
        return [sorted(path.name for path in folder.iterdir()) for folder in (self.recordings, self.failed)]


def health_of(busy_status):
    health = {"healthStatus": "HEALTHY", "details": {}}
    return json.dumps({"status": {"busyStatus": busy_status, "health": health}}).encode()


class Retry(Instance):
    def test_what_a_crash_leaves_is_uploaded_while_the_jibri_is_idle(self):
        self.recorded(self.recordings, "crashed")
        self.recorded(self.failed, "refused")
        self.run_script()
        self.assertEqual(self.left(), [[], []])
        self.assertEqual(sorted(self.tries), ["failed/crashed", "failed/refused"])
        self.assertEqual(sorted(path.name for path in self.uploaded.iterdir()), ["crashed", "refused"])

    def test_while_the_jibri_is_not_known_to_be_idle_its_directory_is_left_alone(self):
        def hangs():
            self.jibri.hangs = True

        for busy in (lambda: self.says("BUSY"), lambda: self.says("EXPIRED"), hangs, self.jibri.stop_listening):
            busy()
            for directory, name in ((self.recordings, "present"), (self.failed, "refused")):
                shutil.rmtree(directory / name, ignore_errors=True)
                shutil.rmtree(self.uploaded / name, ignore_errors=True)
                self.recorded(directory, name)
            self.run_script()
            self.assertEqual(self.left(), [["present"], []])

    def test_what_the_ffmpeg_of_a_killed_jibri_still_writes_is_left_alone(self):
        self.recorded(self.recordings, "present")
        wait = ["ffmpeg", "-c", "import time; time.sleep(60)", self.settings["JIBRI_FFMPEG_MARK"]]
        with subprocess.Popen(wait, executable=sys.executable) as ffmpeg:
            self.run_script()
            self.assertEqual(self.left(), [["present"], []])
            ffmpeg.kill()
        self.run_script()
        self.assertEqual(self.left(), [[], []])

    def test_a_recording_that_begins_meanwhile_gets_its_folder_back(self):
        self.recorded(self.recordings, "again")
        answers = [health_of("IDLE"), health_of("BUSY")]
        real = self.jibri.answer

        def answer(handler, path):
            self.jibri.body = answers.pop(0) if len(answers) > 1 else answers[0]
            real(handler, path)

        self.jibri.answer = answer
        self.run_script()
        self.assertEqual((self.left(), self.tries), ([["again"], []], []))

    def test_a_name_that_is_there_already_gets_a_number(self):
        self.finalize_does(FAILS)
        self.recorded(self.recordings, "same")
        self.recorded(self.failed, "same", "same.2")
        self.run_script()
        self.assertEqual(self.left(), [[], ["same", "same.2", "same.3"]])

    def test_a_stray_file_gets_a_folder_and_is_uploaded(self):
        (self.recordings / "stray").write_text("1")
        (self.failed / "stray").write_text("2")
        self.run_script()
        self.assertEqual(self.left(), [[], []])
        texts = sorted(path.read_text() for path in self.uploaded.rglob("stray*") if path.is_file())
        self.assertEqual(texts, ["1", "2"])

    def test_patience_grows_to_a_quarter_of_an_hour_and_no_further(self):
        self.finalize_does(FAILS)
        self.recorded(self.failed, "refused")
        for minutes in (1, 2, 4, 8, 15, 15, 15):
            before = len(self.tries)
            self.run_script()
            self.assertEqual(len(self.tries), before + 1)
            self.time_passes(minutes * 60 - 30)
            self.run_script()
            self.assertEqual(len(self.tries), before + 1, f"before {minutes} minutes")
            self.time_passes(30)
        self.finalize_does(UPLOADS)
        self.run_script()
        self.assertEqual(self.left(), [[], []])
        self.assertEqual(json.loads((self.state / "uploads.json").read_text()), {"folders": {}, "told": 0})

    def test_a_folder_of_the_same_name_later_is_tried_at_once(self):
        self.finalize_does(FAILS)
        self.recorded(self.failed, "same")
        self.run_script()
        shutil.rmtree(self.failed / "same")
        self.run_script()
        self.recorded(self.failed, "same")
        self.run_script()
        self.assertEqual(len(self.tries), 2)

    def test_a_clock_that_was_set_back_keeps_no_folder_waiting(self):
        self.finalize_does(FAILS)
        self.recorded(self.failed, "refused")
        self.run_script()
        self.time_passes(-86_400)
        self.run_script()
        self.assertEqual(len(self.tries), 2)

    def test_one_that_always_fails_delays_no_other(self):
        self.finalize_does(FAILS)
        self.recorded(self.failed, "a")
        self.run_script()
        self.time_passes(60)
        self.recorded(self.failed, "b")
        self.run_script()
        self.assertEqual(self.tries, ["failed/a", "failed/b", "failed/a"])

    def test_a_script_that_was_missing_is_no_loss(self):
        self.recorded(self.recordings, "left")
        command = self.settings.pop("JIBRI_FINALIZE_COMMAND")
        run = self.run_script(JIBRI_FINALIZE_COMMAND=str(self.root / "nowhere"))
        self.assertIn("failed/left was not uploaded: exit code 127", run.stderr)
        self.assertEqual((self.left(), self.told()[-1][0]), ([[], ["left"]], 1))
        self.time_passes(60)
        self.run_script(JIBRI_FINALIZE_COMMAND=command)
        self.assertEqual((self.left(), self.told()[-1]), ([[], []], (0, 0)))

    def test_success_without_the_folder_gone_is_none(self):
        self.finalize_does("true")
        self.recorded(self.failed, "kept")
        self.assertIn("the folder is still there", self.run_script().stderr)
        self.assertEqual(self.told()[-1][0], 1)

    def test_one_that_hangs_is_ended(self):
        self.finalize_does("sleep 600")
        self.recorded(self.failed, "hangs")
        self.assertIn("exit code 124", self.run_script(JIBRI_FINALIZE_SECONDS="0.2").stderr)

    def test_notes_that_are_torn_or_cannot_be_written_delay_nothing(self):
        (self.state / "uploads.json").write_text('{"folders": {"a"')
        (self.state / "uploads.new").mkdir()
        self.recorded(self.failed, "a")
        self.assertIn("the notes could not be written", self.run_script().stderr)
        self.assertEqual(self.left(), [[], []])


class Drain(Instance):
    def test_on_an_instance_that_drains_no_folder_is_touched(self):
        (self.state / "draining").touch()
        self.recorded(self.recordings, "left")
        self.recorded(self.failed, "refused", seconds_ago=1000)
        self.run_script()
        self.assertEqual((self.left(), self.tries), ([["left"], ["refused"]], []))
        self.assertEqual(self.told()[-1][0], 2)
        self.assertGreaterEqual(self.told()[-1][1], 1000)

    def test_a_drain_that_begins_is_left_the_rest(self):
        self.finalize_does(f'{UPLOADS}; touch "$JIBRI_ROOT/state/draining"')
        self.recorded(self.failed, "a", "b")
        self.run_script()
        self.assertEqual(self.tries, ["failed/a"])

    def test_two_never_upload_at_once(self):
        self.recorded(self.recordings, "left")
        with open(self.state / "upload.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.run_script()
            self.assertEqual((self.left(), self.tries), ([["left"], []], []))

    def test_the_drain_does_not_upload_meanwhile(self):
        self.finalize_does(f'flock --nonblock "{self.state}/upload.lock" true || touch "{self.root}/held"; {UPLOADS}')
        self.recorded(self.failed, "a")
        self.run_script()
        self.assertTrue((self.root / "held").exists())


class Told(Instance):
    def test_nothing_is_published_where_nothing_waits(self):
        self.run_script()
        self.assertEqual(self.cloud.requests, [])

    def test_the_count_and_the_age_until_the_last_is_up_and_then_zero_once(self):
        self.finalize_does(FAILS)
        self.recorded(self.failed, "old", seconds_ago=5000)
        self.recorded(self.failed, "new", seconds_ago=100)
        self.run_script()
        for count, age in self.told():
            self.assertEqual(count, 2)
            self.assertTrue(5000 <= age < 5100, age)
        self.finalize_does(UPLOADS)
        self.time_passes(900)
        self.run_script()
        self.assertEqual(self.told()[-1], (0, 0))
        before = len(self.told())
        self.run_script()
        self.assertEqual(len(self.told()), before)

    def test_of_which_group_it_is_and_in_which_unit(self):
        self.recorded(self.failed, "a")
        self.run_script()
        metric = self.cloud.metrics[0]
        self.assertEqual(metric["Namespace"], "Jibri & more")
        for member, name, unit in ((1, COUNT, "Count"), (2, AGE, "Seconds")):
            self.assertEqual(metric[f"MetricData.member.{member}.MetricName"], name)
            self.assertEqual(metric[f"MetricData.member.{member}.Unit"], unit)
            self.assertEqual(metric[f"MetricData.member.{member}.Dimensions.member.1.Name"], "AutoScalingGroupName")
            self.assertEqual(metric[f"MetricData.member.{member}.Dimensions.member.1.Value"], "jibri pool")

    def test_the_present_recording_does_not_wait(self):
        self.says("BUSY")
        self.recorded(self.recordings, "present")
        self.run_script()
        self.assertEqual(self.told(), [])
        self.recorded(self.recordings, "crashed", seconds_ago=2000)
        self.run_script()
        self.assertEqual(self.told()[-1][0], 1)
        self.assertGreaterEqual(self.told()[-1][1], 2000)

    def test_zero_is_owed_until_it_is_published(self):
        self.recorded(self.failed, "a")
        self.cloud.misbehave("PutMetricData", 500)
        self.assertIn("the metrics could not be sent", self.run_script().stderr)
        self.assertEqual((self.left(), self.told()), ([[], []], []))
        self.cloud.spoiled.clear()
        self.run_script()
        self.assertEqual(self.told(), [(0, 0)])

    def test_it_is_told_while_a_long_upload_runs(self):
        self.finalize_does(f"sleep 1.5; {UPLOADS}")
        self.recorded(self.failed, "long")
        self.run_script(JIBRI_PUBLISH_SECONDS="0.4")
        self.assertGreaterEqual([count for count, _ in self.told()].count(1), 2)

    def test_secrets_are_in_no_argument_and_in_no_message(self):
        commands = self.root / "commands"
        commands.mkdir()
        (commands / "curl").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{self.root}/arguments\nexec /usr/bin/curl "$@"\n')
        (commands / "curl").chmod(0o755)
        self.recorded(self.failed, "a")
        said = self.run_script(PATH=f"{commands}:{SEARCH_PATH}").stderr + (self.root / "arguments").read_text()
        self.assertTrue(self.told())
        for secret in (SECRET, SESSION_TOKEN, METADATA_TOKEN):
            self.assertNotIn(secret, said)


class Together(Finalize):
    """With the real finalize.sh, and an S3 that refuses."""

    def test_an_hour_of_refusals_and_then_the_recording_is_up(self):
        (self.root / "state").mkdir()
        (self.root / ".env").write_text("")
        jibri = Jibri()
        self.addCleanup(jibri.close)
        self.recorded(RECORDING)
        self.cloud.misbehave("PutObject", 403)
        script = {"JIBRI_ROOT": str(self.root), "JIBRI_FINALIZE_COMMAND": str(INSTANCE / "finalize.sh"), **jibri.environment}
        notes = self.root / "state" / "uploads.json"

        def run():
            command = [sys.executable, str(INSTANCE / "uploads.py")]
            subprocess.run(command, env={**self.settings, **KEYS, **script}, capture_output=True, timeout=120, check=True)

        for _ in range(3):
            run()
            self.assertTrue(self.failed.exists())
            folders = json.loads(notes.read_text())["folders"]
            notes.write_text(json.dumps({"folders": {name: [tries, 0] for name, (tries, _) in folders.items()}, "told": 1}))
        self.assertEqual(self.metrics()[-1][COUNT], "1")
        self.cloud.spoiled.clear()
        run()
        self.assertFalse(self.failed.exists())
        self.assertEqual(len(self.cloud.contents()), len(RECORDING))
        self.assertEqual(self.metrics()[-1], {COUNT: "0", AGE: "0"})


if __name__ == "__main__":
    unittest.main()
