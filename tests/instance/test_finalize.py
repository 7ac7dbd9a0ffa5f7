"""What instance/finalize.sh does with a recording, run as Jibri runs it, against a stand-in of S3."""

import fcntl
import hashlib
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from stand_in_s3 import ACCESS_KEY_ID, BUCKET, REGION, SECRET, SESSION_TOKEN, Cloud

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "instance" / "finalize.sh"
SEARCH_PATH = f"{REPOSITORY}/target/tools/instance/bin:{os.environ['PATH']}"
SESSION = "abcdefghijklmnop"
INSTANCE_ID = "i-0123456789abcdef0"
KEY = f"recordings/{SESSION}/{INSTANCE_ID}/"
PLAYABLE = b"\0\0\0\x10ftypisom\0\0\0\0" + b"\0\0\0\x08free" + b"\0\0\0\x10mdatpictures" + b"\0\0\0\x0cmoov\0\0\0\0"
RECORDING = {"weekly_2026-11-23-10-00-00.mp4": PLAYABLE, "metadata.json": b'{"participants":[]}'}
MEBIBYTE = 1024 * 1024
LONG_BOX = (8 + 13 * MEBIBYTE).to_bytes(4, "big") + b"mdat" + random.Random(1).randbytes(13 * MEBIBYTE)
LONG = {"weekly.mp4": LONG_BOX + b"\0\0\0\x08moov", "metadata.json": b"{}"}
KEYS = {"AWS_ACCESS_KEY_ID": ACCESS_KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
# The first pause is longer than the limit.
UPLOADED = {
    "UploadedRecordings": "1",
    "RecordingsNotUploaded": "0",
    "UnplayableRecordings": "0",
    "RecordingsWaiting": "0",
    "OldestRecordingSeconds": "0",
}
ONE_TRY = {"FINALIZE_LIMIT_SECONDS": "60", "FINALIZE_BACKOFF_MILLISECONDS": "200000"}


def setUpModule():
    if not shutil.which("rclone", path=SEARCH_PATH):
        raise AssertionError("rclone is missing: run make test")


class Finalize(unittest.TestCase):
    role = False

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name).resolve()
        self.storage = self.root / "storage"
        self.folder = self.storage / "recordings" / SESSION
        self.failed = self.storage / "failed" / SESSION
        self.folder.mkdir(parents=True)
        self.cloud = Cloud(SESSION_TOKEN if self.role else None)
        self.addCleanup(self.cloud.close)
        self.settings = {
            "PATH": SEARCH_PATH,
            "RECORDINGS_BUCKET": BUCKET,
            "AWS_REGION": REGION,
            "AUTO_SCALING_GROUP": "jibri pool (1)",
            "JIBRI_INSTANCE_ID": INSTANCE_ID,
            "FINALIZE_LIMIT_SECONDS": "60",
            "FINALIZE_BACKOFF_MILLISECONDS": "20",
            "FINALIZE_CHUNK_MEBIBYTES": "6",
            # Without TLS, newer versions of rclone refuse to send a body that they could not send twice.
            "RCLONE_S3_USE_UNSIGNED_PAYLOAD": "true",
            "RCLONE_S3_USE_DATA_INTEGRITY_PROTECTIONS": "false",
            **self.cloud.environment,
            **({} if self.role else KEYS),
        }

    def recorded(self, files, folder=None):
        for name, body in files.items():
            path = (folder or self.folder) / os.fsdecode(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

    def finalize(self, folder=None, script=SCRIPT, script_arguments=(), **settings):
        environment = {name: value for name, value in {**self.settings, **settings}.items() if value is not None}
        return subprocess.run(
            [str(script), *script_arguments, str(folder or self.folder)],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=120,
            check=False,
        )

    def metrics(self):
        """Of each metric that was put: its name and value."""
        return [
            {
                metric[f"MetricData.member.{at}.MetricName"]: metric[f"MetricData.member.{at}.Value"]
                for at in range(1, 9)
                if f"MetricData.member.{at}.Value" in metric
            }
            for metric in self.cloud.metrics
        ]

    def assert_uploaded(self, run, files):
        self.assertEqual((run.returncode, run.stdout), (0, ""), run.stderr)
        self.assertEqual(self.cloud.contents(), {KEY + name: body for name, body in files.items()})
        self.assertFalse(self.folder.exists() or self.failed.exists())
        self.assertEqual(self.metrics()[-1:], [UPLOADED])

    def assert_kept(self, run, files, folder=None):
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        self.assertEqual(on_disk(folder or self.failed), files)
        self.assertEqual(list(self.storage.glob(f"*/{SESSION}")), [folder or self.failed])
        self.assertEqual(self.metrics()[-1:], [{"UploadedRecordings": "0", "RecordingsNotUploaded": "1"}])


class Upload(Finalize):
    def test_what_is_in_the_bucket_is_no_longer_on_the_disk(self):
        self.recorded(RECORDING)
        self.assert_uploaded(self.finalize(), RECORDING)
        self.assertEqual({name for name, _ in self.cloud.requests}, {"PutObject", "ListObjectsV2", "PutMetricData"})

    def test_a_long_recording_goes_in_parts(self):
        self.recorded(LONG)
        self.assert_uploaded(self.finalize(), LONG)
        self.assertEqual(len(self.cloud.asked("UploadPart")), 3)

    def test_whatever_the_files_are_called(self):
        # On the disk, and in the key where that is something else.
        names = {
            name: name
            for name in (
                *("Käffchen mit Jürgen.mkv", "it's \"50%\" & <b>+?#*~!()", "-rf", "a/deep er/file", " lead ", "a:b", ":s3:c"),
                # What rclone quotes by, and what it takes for a quoted character.
                *("‛", "a‛‛b", "‛．", "．", "．．/．", "x／y", "␀␊␡", "‛FF", "back\\slash", "[*]", "{a,b}", "e\u0301", "\ufeff"),
            )
        }
        names |= {"%41": "%2541", "%%41%": "%%2541%", "a\nb\n": "a%0Ab%0A", "\x7f\t": "%7F%09", "t\nd/\n": "t%0Ad/%0A"}
        files = {os.fsencode(name): name.encode() for name in names}
        # Not UTF-8: a byte that begins nothing, half a character, a surrogate.
        odd = {b"\xff\xfe%.mkv": "%FF%FE%.mkv", b"caf\xc3": "caf%C3", b"\xed\xa0\x80\xc3\xa4": "%ED%A0%80%C3%A4"}
        files |= {name: name for name in odd}
        names |= {name: name for name in RECORDING}
        files |= {name.encode(): body for name, body in RECORDING.items()}
        keys = {**{os.fsencode(name): key for name, key in names.items()}, **odd}
        self.recorded(files)
        self.assert_uploaded(self.finalize(), {keys[name]: body for name, body in files.items()})

    def test_a_path_that_is_too_long_for_a_key_gets_a_short_one(self):
        long = "/".join(["n" * 250] * 5)
        self.recorded(RECORDING | {long: b"deep"})
        digest = hashlib.sha256(long.encode()).hexdigest()
        self.assert_uploaded(self.finalize(), RECORDING | {f"long-{digest}": b"deep"})

    def test_the_metadata_come_last_and_not_before_all_else_is_there(self):
        self.recorded(RECORDING | {"zoo.txt": b"z"})
        self.cloud.misbehave("PutObject", "corrupt", times=1)
        self.assert_uploaded(self.finalize(), RECORDING | {"zoo.txt": b"z"})
        self.assertEqual(len(self.cloud.asked("PutObject")), 4)
        self.assertEqual(self.cloud.asked("PutObject").index(KEY + "metadata.json"), 3)
        # Once for an earlier part of the session, once before and once after the upload of each of the four; a file that is
        # verified is not listed again.
        self.assertEqual(len(self.cloud.asked("ListObjectsV2")), 9)

    def test_what_is_in_the_bucket_already_is_not_uploaded_again(self):
        self.recorded(LONG)
        self.finalize()
        self.recorded(LONG)
        self.assert_uploaded(self.finalize(), LONG)
        self.assertEqual(len(self.cloud.asked("CompleteMultipartUpload")), 1)
        self.assertEqual(len(self.cloud.asked("PutObject")), 1)

    def test_a_longer_key_is_not_taken_for_the_file(self):
        self.recorded({"weekly.mp4.part": PLAYABLE})
        self.finalize()
        self.recorded({"weekly.mp4": PLAYABLE, "metadata.json": b"{}"})
        files = {"weekly.mp4": PLAYABLE, "weekly.mp4.part": PLAYABLE, "metadata.json": b"{}"}
        self.assert_uploaded(self.finalize(), files)

    def test_an_empty_folder_is_removed_and_nothing_is_uploaded(self):
        (self.folder / "empty").mkdir()
        self.assertEqual(self.finalize().returncode, 0)
        self.assertEqual((self.folder.exists(), self.cloud.requests), (False, []))

    def test_needs_no_room_on_the_disk(self):
        self.recorded(LONG)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
        try:
            run = self.finalize()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assert_uploaded(run, LONG)

    def test_a_folder_that_failed_before_is_uploaded_from_there(self):
        self.folder.rmdir()
        self.recorded(RECORDING, self.failed)
        self.assert_uploaded(self.finalize(self.failed), RECORDING)


class Change(Finalize):
    def test_a_file_that_appears_meanwhile_is_uploaded_too(self):
        self.recorded(RECORDING)
        late = {"late.mp4": PLAYABLE}
        self.cloud.during("PutObject", KEY + "metadata.json", lambda: self.recorded(late))
        self.assert_uploaded(self.finalize(), RECORDING | late)

    def test_a_file_that_changes_while_it_is_uploaded_is_uploaded_again(self):
        self.recorded(RECORDING | {"notes": b"old"})
        self.cloud.during("PutObject", KEY + "notes", lambda: self.recorded({"notes": b"new"}))
        self.assert_uploaded(self.finalize(), RECORDING | {"notes": b"new"})

    def test_a_file_that_changes_after_its_upload_is_uploaded_again(self):
        self.recorded(RECORDING | {"notes": b"old"})
        self.cloud.during("PutObject", KEY + "metadata.json", lambda: self.recorded({"notes": b"new"}))
        self.assert_uploaded(self.finalize(), RECORDING | {"notes": b"new"})

    def test_a_file_that_changes_while_it_is_verified_is_looked_at_again(self):
        self.recorded(RECORDING)
        self.finalize()
        self.recorded(RECORDING)
        name = "weekly_2026-11-23-10-00-00.mp4"
        self.cloud.during("ListObjectsV2", KEY + name, lambda: os.utime(self.folder / name, (1, 1)))
        run = self.finalize()
        self.assertIn(f"{name}: has changed during the upload", run.stderr)
        self.assert_uploaded(run, RECORDING)


class Trouble(Finalize):
    def test_what_the_bucket_refuses_is_kept(self):
        self.recorded(RECORDING)
        self.cloud.misbehave("PutObject", 403)
        run = self.finalize(**ONE_TRY)
        self.assert_kept(run, RECORDING)
        self.assertIn("not uploaded within 60 s", run.stderr)

    def test_a_bucket_that_recovers_gets_the_recording(self):
        for operation, status in (("PutObject", 403), ("PutObject", 503), ("ListObjectsV2", 503)):
            with self.subTest(operation=operation, status=status):
                self.cloud.objects.clear()
                self.recorded(LONG)
                self.cloud.misbehave(operation, status, times=2)
                self.assert_uploaded(self.finalize(), LONG)

    def test_a_connection_that_breaks_half_way_is_no_upload(self):
        for operation in ("PutObject", "UploadPart"):
            with self.subTest(operation=operation):
                self.cloud.objects.clear()
                self.recorded(LONG)
                self.cloud.misbehave(operation, "cut", times=4)
                self.assert_uploaded(self.finalize(), LONG)
                self.assertEqual(self.cloud.spoiled[operation], [])

    def test_what_was_stored_otherwise_is_kept_however_well_it_was_acknowledged(self):
        for operation, files in (("PutObject", RECORDING), ("CompleteMultipartUpload", LONG)):
            for how in ("truncate", "corrupt"):
                with self.subTest(operation=operation, how=how):
                    self.recorded(files)
                    self.cloud.spoiled.clear()
                    self.cloud.misbehave(operation, how)
                    self.assert_kept(self.finalize(**ONE_TRY), files)
                    shutil.rmtree(self.failed)
                    self.cloud.objects.clear()

    def test_nothing_is_deleted_while_the_bucket_cannot_be_listed(self):
        self.recorded(RECORDING)
        self.cloud.misbehave("ListObjectsV2", 403)
        self.assert_kept(self.finalize(**ONE_TRY), RECORDING)

    def test_a_bucket_that_hangs_is_given_up_within_the_limit(self):
        for operation in ("PutObject", "ListObjectsV2"):
            with self.subTest(operation=operation):
                self.recorded(RECORDING)
                self.cloud.spoiled.clear()
                self.cloud.misbehave(operation, "hang")
                began = time.monotonic()
                self.assert_kept(self.finalize(FINALIZE_LIMIT_SECONDS="1"), RECORDING)
                self.assertLess(time.monotonic() - began, 20)
                shutil.rmtree(self.failed)

    def test_a_folder_that_failed_before_stays_there(self):
        self.folder.rmdir()
        self.recorded(RECORDING, self.failed)
        self.cloud.misbehave("PutObject", 403)
        run = self.finalize(self.failed, **ONE_TRY)
        self.assert_kept(run, RECORDING)
        self.assertNotIn("stays here", run.stderr)

    def test_a_second_part_gets_a_name_and_keys_of_its_own(self):
        self.cloud.misbehave("PutObject", 403)
        parts = [{"weekly_1.mp4": PLAYABLE, "metadata.json": b'{"participants":[%d]}' % part} for part in range(3)]
        for part in parts:
            self.recorded(part)
            self.assertEqual(self.finalize(**ONE_TRY).returncode, 1)
        folders = [self.failed.with_name(name) for name in (SESSION, f"{SESSION}.2", f"{SESSION}.3")]
        self.assertEqual([on_disk(folder) for folder in folders], parts)
        self.cloud.spoiled.clear()
        for folder in folders:
            self.assertEqual(self.finalize(folder).returncode, 0)
        expected = {
            f"recordings/{folder.name}/{INSTANCE_ID}/{name}": body
            for folder, part in zip(folders, parts)
            for name, body in part.items()
        }
        self.assertEqual(self.cloud.contents(), expected)

    def test_a_part_that_is_recorded_after_the_first_is_uploaded_overwrites_nothing(self):
        parts = [{"weekly.mp4": PLAYABLE, "metadata.json": b'{"participants":[%d]}' % part} for part in range(3)]
        for part in parts:
            self.recorded(part)
            self.assertEqual(self.finalize().returncode, 0)
        expected = {
            f"recordings/{SESSION}/{INSTANCE_ID}{suffix}/{name}": body
            for suffix, part in zip(("", ".2", ".3"), parts)
            for name, body in part.items()
        }
        self.assertEqual(self.cloud.contents(), expected)

    def test_a_folder_that_cannot_be_moved_stays_where_it_is(self):
        self.recorded(RECORDING)
        self.failed.parent.write_text("in the way")
        self.cloud.misbehave("PutObject", 403)
        run = self.finalize(**ONE_TRY)
        self.assert_kept(run, RECORDING, self.folder)
        self.assertIn("stays here", run.stderr)

    def test_what_is_no_file_is_not_deleted(self):
        self.recorded(RECORDING)
        (self.folder / "link").symlink_to("/etc/hostname")
        self.assertEqual(self.finalize(**ONE_TRY).returncode, 1)
        self.assertTrue((self.failed / "link").is_symlink())
        self.assertLess(RECORDING.items(), on_disk(self.failed).items())

    def test_two_runs_do_not_disturb_each_other(self):
        self.recorded(RECORDING)
        lock = os.open(self.folder, os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = self.finalize()
        self.assertEqual(run.returncode, 1)
        self.assertIn("another run is uploading it", run.stderr)
        self.assertEqual((on_disk(self.folder), self.cloud.requests), (RECORDING, []))


class Metric(Finalize):
    def test_tells_of_which_group_it_is(self):
        self.recorded(RECORDING)
        self.finalize(METRIC_NAMESPACE="Jibri & friends")
        [metric] = self.cloud.metrics
        self.assertEqual(metric["Namespace"], "Jibri & friends")
        for member in ("MetricData.member.1", "MetricData.member.2"):
            self.assertEqual(metric[f"{member}.Unit"], "Count")
            self.assertEqual(metric[f"{member}.Dimensions.member.1.Name"], "AutoScalingGroupName")
            self.assertEqual(metric[f"{member}.Dimensions.member.1.Value"], "jibri pool (1)")

    def test_a_metric_that_cannot_be_sent_changes_nothing_else(self):
        for spoiled, exit_code in ((None, 0), ("PutObject", 1)):
            with self.subTest(exit_code=exit_code):
                self.recorded(RECORDING)
                self.cloud.objects.clear()
                self.cloud.misbehave("PutMetricData", 500)
                self.cloud.misbehave(spoiled, 403)
                run = self.finalize(**ONE_TRY)
                self.assertEqual(run.returncode, exit_code, run.stderr)
                self.assertIn("The metric could not be sent", run.stderr)
                self.assertEqual((self.folder.exists(), self.failed.exists()), (False, bool(exit_code)))


def on_disk(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


if __name__ == "__main__":
    unittest.main()
