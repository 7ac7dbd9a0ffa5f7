"""What instance/jibri_drain.py reports of what runs and waits besides Jibri, and what a drain does to an ffmpeg."""

import json
import os
import signal
import subprocess
import sys
import time
import unittest

from test_jibri_drain import Instance, report_of

# Stands in for Jibri's ffmpeg: after SIGINT it writes the index that a player needs, or it takes no notice.
FFMPEG = """
import signal, sys, time
path, obeys = sys.argv[-1], sys.argv[1] == "obeys"
def end(*_):
    open(path, "a").write("moov")
    sys.exit()
signal.signal(signal.SIGINT, end if obeys else signal.SIG_IGN)
open(path, "w").write("mdat")
time.sleep(60)
"""


class OtherProcesses(Instance):
    def runs(self, executable, *arguments):
        """A Python that the kernel shows under that name."""
        process = subprocess.Popen([executable, *arguments], executable=sys.executable)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ffmpeg(self, behaviour="obeys", name="ffmpeg"):
        self.recorded("session")
        recording = self.recordings / "session" / "call.mp4"
        process = self.runs(name, "-c", FFMPEG, behaviour, self.settings["JIBRI_FFMPEG_MARK"], str(recording))
        deadline = time.monotonic() + 10
        while not recording.exists() or recording.read_text() != "mdat":
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return process

    def test_an_ffmpeg_of_a_busy_jibri_is_told_and_left_alone(self):
        self.jibri(busy_status="BUSY", shutdown="defer")
        process = self.ffmpeg(name="/usr/bin/ffmpeg")
        for mode in ("check", "drain"):
            expected = report_of("running", "BUSY", "HEALTHY", pending=1, recording=True)
            self.assertEqual(self.report(mode), expected)
        self.assertIsNone(process.poll())

    def test_another_ffmpeg_is_no_recording(self):
        self.jibri()
        mark = self.settings["JIBRI_FFMPEG_MARK"]
        self.runs("ffmpeg", "-c", "import time; time.sleep(60)", "call.mp4")
        self.runs("not-ffmpeg", "-c", "import time; time.sleep(60)", mark)
        self.assertEqual(self.report("check"), report_of("running", "IDLE", "HEALTHY"))

    def test_an_ffmpeg_without_its_jibri_is_told_ended_and_its_recording_uploaded(self):
        self.jibri_has_exited()
        process = self.ffmpeg()
        self.assertEqual(self.report("check"), report_of("gone", pending=1, recording=True))
        self.assertIsNone(process.poll(), "a check changes nothing")
        self.settings["JIBRI_STOP_COMMAND"] = f"cp -r {self.recordings} {self.root}/at-stop"
        self.assertEqual(self.report("drain"), report_of("gone"))
        process.wait(timeout=10)
        self.assertEqual((self.uploaded / "session" / "call.mp4").read_text(), "mdatmoov")
        # The stop of the container would kill it before it has written.
        self.assertEqual((self.root / "at-stop" / "session" / "call.mp4").read_text(), "mdatmoov")

    def test_an_ffmpeg_that_takes_no_notice_does_not_hold_the_drain(self):
        self.jibri_has_exited()
        process = self.ffmpeg("ignores")
        run = self.run_script("drain", JIBRI_FFMPEG_SECONDS="0.5")
        self.assertEqual(json.loads(run.stdout), report_of("gone"))
        self.assertEqual(process.wait(timeout=10), -signal.SIGKILL)
        for name in ("SIGINT", "SIGKILL"):
            self.assertIn(f"ffmpeg {process.pid} runs without its Jibri, and gets {name}", run.stderr)
        self.assertEqual((self.uploaded / "session" / "call.mp4").read_text(), "mdat")

    def test_an_ffmpeg_goes_on_while_a_jibri_may_run(self):
        process = self.ffmpeg()
        self.jibri().hang()
        self.assertEqual(self.report("drain"), report_of("unresponsive", pending=1, recording=True))
        self.jibri_has_exited()
        with self.held("start.lock"):
            self.assertEqual(self.report("drain"), report_of("unresponsive", pending=1, recording=True))
        self.assertIsNone(process.poll())

    def test_a_finalize_script_is_told(self):
        self.jibri(busy_status="BUSY")
        mark = self.settings["JIBRI_FINALIZE_MARK"]
        self.runs("vi", "-c", "import time; time.sleep(60)", mark)
        self.assertFalse(self.report("check")["finalizing"], "a person that edits the script finalizes nothing")
        self.runs("bash", "-c", "import time; time.sleep(60)", mark, "/storage/recordings/session")
        self.assertEqual(self.report("check"), report_of("running", "BUSY", "HEALTHY", finalizing=True))


class Ages(Instance):
    def aged(self, path, seconds):
        path.mkdir(parents=True)
        os.utime(path, (0, time.time() - seconds))

    def assert_oldest(self, seconds):
        oldest = self.report("check")["oldest_recording_seconds"]
        if seconds is None:
            self.assertIsNone(oldest)
        else:
            self.assertIn(oldest, range(seconds, seconds + 60))

    def test_the_oldest_of_both_directories_counts(self):
        self.jibri()
        self.assert_oldest(None)
        self.aged(self.recordings / "crashed", 7200)
        self.assert_oldest(7200)
        self.aged(self.root / "storage" / "failed" / "refused", 86400)
        self.assert_oldest(86400)

    def test_the_folder_that_a_jibri_records_to_does_not_wait(self):
        for jibri in (lambda: self.jibri(busy_status="BUSY"), lambda: self.jibri().hang()):
            jibri()
            self.aged(self.recordings / "now", 20000)
            self.assert_oldest(None)
            self.aged(self.recordings / "crashed", 30000)
            self.assert_oldest(30000)
            self.aged(self.root / "storage" / "failed" / "refused", 10000)
            self.assert_oldest(30000)
            (self.recordings / "crashed").rmdir()
            self.assert_oldest(10000)
            (self.recordings / "now").rmdir()
            (self.root / "storage" / "failed" / "refused").rmdir()

    def test_a_clock_that_was_set_back_makes_no_negative_age(self):
        self.jibri()
        self.aged(self.recordings / "tomorrow", -86400)
        self.assertEqual(json.loads(self.run_script("check").stdout)["oldest_recording_seconds"], 0)

    def test_the_last_good_recording_is_told(self):
        self.jibri()
        good = self.recordings.parent / "good-recording"
        good.touch()
        os.utime(good, (0, time.time() - 500))
        self.assertIn(self.report("check")["good_recording_seconds"], range(500, 560))


if __name__ == "__main__":
    unittest.main()
