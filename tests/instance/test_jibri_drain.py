"""What instance/jibri_drain.py does, run as Systems Manager runs it: a process of its own, judged by what it prints."""

import fcntl
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
from contextlib import contextmanager
from pathlib import Path

from stand_in_jibri import Jibri

SCRIPT = Path(__file__).resolve().parents[2] / "instance" / "jibri_drain.py"
UPLOADS = 'mv "$1" "$UPLOADED"'


class Instance(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name)
        self.recordings = self.root / "storage" / "recordings"
        self.state = self.root / "state"
        self.uploaded = self.root / "uploaded"
        self.recordings.mkdir(parents=True)
        self.uploaded.mkdir()
        self.settings = {
            "JIBRI_RECORDINGS_DIRECTORY": str(self.recordings),
            "JIBRI_FAILED_DIRECTORY": str(self.root / "storage" / "failed"),
            "JIBRI_STATE_DIRECTORY": str(self.state),
            "JIBRI_HTTP_TIMEOUT_SECONDS": "0.5",
            "JIBRI_PROCESS_MARK": f"jibri.jar in {self.root}",
            # Others that run on this machine are not this instance's.
            "JIBRI_FFMPEG_MARK": f"x11grab in {self.root}",
            "JIBRI_FINALIZE_MARK": f"{self.root}/finalize.sh",
            "JIBRI_STOP_COMMAND": f"touch {self.root}/stopped",
            "UPLOADED": str(self.uploaded),
        }
        self.finalize_does(UPLOADS)

    def jibri(self, **behaviour):
        jibri = Jibri(**behaviour)
        self.addCleanup(jibri.close)
        self.settings.update(jibri.environment)
        return jibri

    def jibri_has_exited(self):
        self.jibri().stop_listening()

    def finalize_does(self, body):
        script = self.root / "finalize script.sh"
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        self.settings["JIBRI_FINALIZE_COMMAND"] = shlex.quote(str(script))

    def recorded(self, *names):
        for name in names:
            (self.recordings / name).mkdir()
            (self.recordings / name / "metadata.json").write_text("{}")

    def run_script(self, *arguments, command=(sys.executable, str(SCRIPT)), stdin=None, **settings):
        environment = {**os.environ, **self.settings, **settings}
        arguments = [*command, *arguments]
        return subprocess.run(
            arguments, env=environment, stdin=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    def report(self, mode, **settings):
        run = self.run_script(mode, **settings)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout.count("\n"), 1, "one line, and nothing else")
        return without_age(json.loads(run.stdout))

    def assert_nothing_known(self, run, message):
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn(message, run.stderr)
        self.assertNotIn("Traceback", run.stderr)

    def everything_on_disk(self):
        return sorted((str(path), path.stat().st_mtime_ns) for path in self.root.rglob("*"))

    @contextmanager
    def held(self, name):
        self.state.mkdir(exist_ok=True)
        with open(self.state / name, "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def without_age(report):
    """The tests that wrote what waits have just written it; the age has tests of its own."""
    if report["oldest_recording_seconds"] in range(60):
        report["oldest_recording_seconds"] = None
    return report


def report_of(process, busy_status=None, health_status=None, pending=0, failed=0, **other):
    return {
        "process": process,
        "busy_status": busy_status,
        "health_status": health_status,
        "recordings_pending": pending,
        "recordings_failed": failed,
        "recording": False,
        "finalizing": False,
        "oldest_recording_seconds": None,
        "good_recording_seconds": None,
        **other,
    }


class Check(Instance):
    def test_tells_every_state_apart(self):
        for busy_status in ("IDLE", "BUSY", "EXPIRED"):
            for health_status in ("HEALTHY", "UNHEALTHY"):
                with self.subTest(busy_status=busy_status, health_status=health_status):
                    self.jibri(busy_status=busy_status, health_status=health_status)
                    self.assertEqual(self.report("check"), report_of("running", busy_status, health_status))

    def test_a_port_that_refuses_means_gone(self):
        self.jibri_has_exited()
        self.assertEqual(self.report("check"), report_of("gone"))

    def test_a_process_behind_a_port_that_refuses_is_not_gone(self):
        self.jibri_has_exited()
        self.recorded("session")
        mark = self.settings["JIBRI_PROCESS_MARK"]
        process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", f"/opt/{mark}"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for mode in ("check", "drain"):
            self.assertEqual(self.report(mode), report_of("unresponsive", pending=1))
        self.assertFalse((self.root / "stopped").exists())

    def test_an_answer_that_cannot_be_understood_is_unresponsive(self):
        answers = (
            b"<html>",
            b"[]",
            b"{}",
            b'{"status": null}',
            b'{"status": {"busyStatus": "IDLE"}}',
            b'{"status": {"busyStatus": "IDLE", "health": "HEALTHY"}}',
            b'{"status": {"busyStatus": "DOZING", "health": {"healthStatus": "HEALTHY"}}}',
            b'{"status": {"busyStatus": "IDLE", "health": {"healthStatus": null}}}',
            b"\xff\xfe\xfd",
        )
        for body in answers:
            with self.subTest(body=body):
                self.jibri(body=body)
                self.assertEqual(self.report("check"), report_of("unresponsive"))

    def test_an_error_page_is_unresponsive_whatever_its_body(self):
        self.jibri(http_status=503)
        self.assertEqual(self.report("check"), report_of("unresponsive"))

    def test_a_jibri_that_hangs_is_unresponsive(self):
        self.jibri().hang()
        self.assertEqual(self.report("check"), report_of("unresponsive"))

    def test_a_jibri_that_is_being_started_is_not_gone(self):
        self.jibri_has_exited()
        with self.held("start.lock"):
            self.assertEqual(self.report("check"), report_of("unresponsive"))
        self.assertEqual(self.report("check"), report_of("gone"))

    def test_a_proxy_does_not_speak_for_jibri(self):
        self.jibri()
        refused = "http://127.0.0.1:9"
        self.assertEqual(self.report("check", http_proxy=refused, HTTP_PROXY=refused)["process"], "running")

    def test_changes_nothing(self):
        jibri = self.jibri()
        self.recorded("first", "second")
        before = self.everything_on_disk()
        self.assertEqual(self.report("check"), report_of("running", "IDLE", "HEALTHY", pending=2))
        jibri.stop_listening()
        self.assertEqual(self.report("check"), report_of("gone", pending=2))
        self.assertEqual(self.everything_on_disk(), before)
        self.assertEqual(jibri.shutdown_requests, [])


class Drain(Instance):
    def test_what_is_gone_stays_gone(self):
        jibri = self.jibri(busy_status="BUSY", shutdown="defer")
        self.report("drain")
        self.assertFalse((self.root / "stopped").exists(), "a busy one is never stopped")
        jibri.stop_listening()
        self.assertEqual(self.report("drain"), report_of("gone"))
        self.assertTrue((self.root / "stopped").exists())

    def test_nothing_is_known_while_the_container_cannot_be_stopped(self):
        self.jibri_has_exited()
        self.recorded("session")
        self.assert_nothing_known(self.run_script("drain", JIBRI_STOP_COMMAND="false"), "drain: CalledProcessError")
        self.assertTrue((self.recordings / "session").exists())

    def test_without_docker_there_is_no_container_to_stop(self):
        self.jibri_has_exited()
        self.assertEqual(self.report("drain", JIBRI_STOP_COMMAND=f"{self.root}/docker"), report_of("gone"))

    def test_lost_and_found_is_no_recording(self):
        self.jibri_has_exited()
        self.recorded("lost+found")
        self.assertEqual(self.report("drain"), report_of("gone"))

    def test_an_idle_jibri_exits_at_once(self):
        jibri = self.jibri(shutdown="exit")
        self.assertEqual(self.report("drain"), report_of("gone"))
        self.assertEqual(jibri.shutdown_requests, ["POST /jibri/api/internal/v1.0/gracefulShutdown"])

    def test_an_exit_is_waited_for_a_moment(self):
        self.jibri(shutdown="exit soon")
        self.assertEqual(self.report("drain"), report_of("gone"))

    def test_an_exit_that_eats_its_own_reply_is_an_exit(self):
        self.jibri(shutdown="reset")
        self.recorded("left")
        self.assertEqual(self.report("drain"), report_of("gone"))
        self.assertTrue((self.uploaded / "left").exists())

    def test_an_expired_or_unhealthy_jibri_is_asked_as_well(self):
        for state in ({"busy_status": "EXPIRED"}, {"health_status": "UNHEALTHY"}, {"body": b"?"}):
            with self.subTest(**state):
                jibri = self.jibri(**state)
                self.assertEqual(self.report("drain"), report_of("gone"))
                self.assertEqual(len(jibri.shutdown_requests), 1)

    def test_a_busy_jibri_goes_on_and_its_folder_is_not_touched(self):
        jibri = self.jibri(busy_status="BUSY", shutdown="defer")
        self.recorded("being recorded")
        self.assertEqual(self.report("drain"), report_of("running", "BUSY", "HEALTHY", pending=1))
        self.assertEqual(len(jibri.shutdown_requests), 1)
        self.assertTrue((self.recordings / "being recorded").exists())

    def test_a_jibri_that_hangs_keeps_its_recordings(self):
        self.jibri().hang()
        self.recorded("left")
        self.assertEqual(self.report("drain"), report_of("unresponsive", pending=1))
        self.assertTrue((self.recordings / "left").exists())

    def test_a_refused_shutdown_is_an_error_and_uploads_nothing(self):
        self.jibri(shutdown="fail")
        self.recorded("left")
        self.assert_nothing_known(self.run_script("drain"), "gracefulShutdown was answered with 500")
        self.assertTrue((self.recordings / "left").exists())

    def test_leaves_the_marker_whatever_jibri_does(self):
        for jibri in (self.jibri, lambda: self.jibri(shutdown="fail"), self.jibri_has_exited):
            with self.subTest():
                jibri()
                self.run_script("drain")
                (self.state / "draining").unlink()

    def test_a_jibri_that_is_being_started_is_waited_for(self):
        self.jibri_has_exited()
        self.recorded("left")
        with self.held("start.lock"):
            self.assertEqual(self.report("drain"), report_of("unresponsive", pending=1))
            self.assertTrue((self.state / "draining").exists())
        self.assertEqual(self.report("drain"), report_of("gone"))


class Leftovers(Instance):
    def setUp(self):
        super().setUp()
        self.jibri_has_exited()

    def test_each_folder_is_uploaded_whatever_its_name(self):
        names = {"Käffchen mit Jürgen", "-rf", "a; touch pwned", "$(touch pwned)", "*", "line\nbreak"}
        self.recorded(*names)
        self.assertEqual(self.report("drain"), report_of("gone"))
        self.assertEqual({path.name for path in self.uploaded.iterdir()}, names)
        self.assertEqual(self.report("drain"), report_of("gone"))

    def test_an_upload_that_fails_is_told_and_tried_again_next_time(self):
        self.finalize_does(f'case "$1" in *bad) echo no route to the bucket; exit 3;; esac\n{UPLOADS}')
        self.recorded("bad", "good")
        run = self.run_script("drain")
        self.assertEqual(without_age(json.loads(run.stdout)), report_of("gone", pending=1, failed=1))
        self.assertIn("no route to the bucket", run.stderr)
        self.assertIn("bad was not uploaded: exit code 3", run.stderr)
        self.finalize_does(UPLOADS)
        self.assertEqual(self.report("drain"), report_of("gone"))

    def test_what_was_moved_to_the_failed_directory_is_tried_again_and_counts_once(self):
        self.jibri_has_exited()
        failed = self.root / "storage" / "failed"
        self.recorded("one", "two")
        self.finalize_does(f'mkdir -p "{failed}"; mv -n "$1" "{failed}"; exit 1')
        self.assertEqual(self.report("drain"), report_of("gone", pending=2, failed=2))
        self.assertEqual(sorted(path.name for path in failed.iterdir()), ["one", "two"])
        self.assertEqual(self.report("check"), report_of("gone", pending=2))
        self.finalize_does(UPLOADS)
        self.assertEqual(self.report("drain"), report_of("gone"))
        self.assertEqual(sorted(path.name for path in self.uploaded.iterdir()), ["one", "two"])

    def test_success_with_the_folder_still_there_is_no_upload(self):
        self.finalize_does("exit 0")
        self.recorded("left")
        self.assertEqual(self.report("drain"), report_of("gone", pending=1, failed=1))

    def test_failure_with_the_folder_gone_is_no_upload(self):
        self.finalize_does('rm -r "$1"; exit 1')
        self.recorded("left")
        self.assertEqual(self.report("drain"), report_of("gone", pending=1, failed=1))

    def test_a_finalize_command_that_is_missing_fails(self):
        self.recorded("left")
        report = self.report("drain", JIBRI_FINALIZE_COMMAND=str(self.root / "nowhere"))
        self.assertEqual(report, report_of("gone", pending=1, failed=1))

    def test_an_upload_that_hangs_is_ended_and_does_not_starve_the_others(self):
        child = self.root / "child"
        self.finalize_does(f'case "$1" in *1) sleep 300 & echo $! > {child}; wait;; esac\nsleep 1.3; {UPLOADS}')
        self.recorded("session 1", "session 2")
        began = time.monotonic()
        report = self.report("drain", JIBRI_FINALIZE_SECONDS="4")
        self.assertEqual(report, report_of("gone", pending=1, failed=1))
        self.assertLess(time.monotonic() - began, 20)
        self.assertTrue((self.uploaded / "session 2").exists())
        self.assertFalse(is_alive(int(child.read_text())), "what the command has started ends with it")

    def test_an_upload_does_not_wait_for_input(self):
        self.finalize_does(f"cat\n{UPLOADS}")
        self.recorded("left")
        silent, writer = os.pipe()
        try:
            self.assertEqual(self.report("drain", stdin=silent, JIBRI_FINALIZE_SECONDS="3"), report_of("gone"))
        finally:
            os.close(silent)
            os.close(writer)

    def test_two_runs_do_not_upload_at_once(self):
        self.recorded("left")
        with self.held("upload.lock"):
            self.assertEqual(self.report("drain"), report_of("gone", pending=1))
            self.assertTrue((self.recordings / "left").exists())
        self.assertEqual(self.report("drain"), report_of("gone"))

    def test_a_stray_file_waits_for_a_person(self):
        (self.recordings / "stray.mp4").touch()
        self.assertEqual(self.report("drain"), report_of("gone", pending=1))

    def test_a_missing_recordings_directory_does_not_read_as_nothing_left(self):
        self.recordings.rmdir()
        for mode in ("check", "drain"):
            with self.subTest(mode=mode):
                self.assert_nothing_known(self.run_script(mode), "FileNotFoundError")


class Delivery(Instance):
    def test_runs_as_text_on_standard_input(self):
        self.jibri_has_exited()
        self.recorded("left")
        text = f"{shlex.quote(sys.executable)} - drain <<'PYTHON'\n{SCRIPT.read_text()}PYTHON\n"
        run = self.run_script(text, command=("sh", "-c"))
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        self.assertEqual(json.loads(run.stdout), report_of("gone"))

    def test_holds_nothing_that_a_document_or_a_template_would_replace(self):
        for placeholder in ("{{", "${"):
            self.assertNotIn(placeholder, SCRIPT.read_text())

    def test_says_how_it_is_used(self):
        for arguments in ((), ("drian",), ("drain", "now")):
            self.assert_nothing_known(self.run_script(*arguments), "usage: jibri_drain.py check | drain")


def is_alive(process_id):
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


if __name__ == "__main__":
    unittest.main()
