"""What instance/finalize.sh finds in a recording, what it sends of it, and what it tells: run as in test_finalize.py."""

import json
import os
import unittest

from test_finalize import INSTANCE_ID, KEY, ONE_TRY, PLAYABLE, RECORDING, SESSION, UPLOADED, Finalize
from test_finalize import setUpModule  # noqa: F401

VIDEO = "weekly_2026-11-23-10-00-00.mp4"
MDAT = b"\0\0\0\x10mdatpictures"


class Metadata(Finalize):
    def sent(self, metadata):
        self.recorded(RECORDING | {"metadata.json": metadata})
        run = self.finalize()
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertFalse(self.folder.exists())
        return self.cloud.contents().get(KEY + "metadata.json")

    def test_what_jibri_writes_is_sent_and_no_credential(self):
        known = {"meeting_url": "https://meet.example/Käse", "participants": [{"user": {"name": "Ä"}}], "share": False}
        secret = {"upload_credentials": {"token": "dropbox"}, "token": "t", "Share": True}
        for file in (known, {**secret, **known}, {**known, **secret}):
            with self.subTest(file=file):
                self.assertEqual(json.loads(self.sent(json.dumps(file, ensure_ascii=False).encode())), known)
                self.cloud.objects.clear()

    def test_a_credential_in_a_known_field_is_not_sent_either(self):
        file = {"meeting_url": "https://meet.example/a?jwt=secret#config.b=secret", "participants": "secret", "share": ["secret"]}
        self.assertEqual(json.loads(self.sent(json.dumps(file).encode())), {"meeting_url": "https://meet.example/a"})

    def test_of_torn_metadata_nothing_is_sent_and_the_recording_is(self):
        for torn in (b"", b'{"meeting_url":"https://meet', b"[]", b"{}{}", b"\0" * 100, b"null"):
            with self.subTest(torn=torn):
                self.assertIsNone(self.sent(torn))
                self.assertEqual(self.cloud.contents(), {KEY + VIDEO: PLAYABLE})
                self.assertEqual(self.metrics()[-1]["UnplayableRecordings"], "1")
                self.cloud.objects.clear()

    def test_what_is_stored_is_held_against_what_was_sent(self):
        for how in ("truncate", "corrupt"):
            with self.subTest(how=how):
                self.recorded({"metadata.json": b'{"token":"secret","participants":[]}'})
                self.cloud.misbehave("PutObject", how)
                self.assertEqual(self.finalize(**ONE_TRY).returncode, 1)
                self.assertEqual(len(list(self.failed.iterdir())), 1)
                self.cloud.spoiled.clear()
                self.assertEqual(self.finalize(self.failed).returncode, 0)
                self.assertIn(b'{"participants":[]}', self.cloud.contents().values())
                self.cloud.objects.clear()

    def test_metadata_that_cannot_be_looked_at_is_kept(self):
        self.recorded(RECORDING)
        commands = self.root / "commands"
        commands.mkdir()
        (commands / "jq").write_text('#!/bin/sh\ncase "$*" in *metadata.json) exit 137 ;; esac\nexec /usr/bin/jq "$@"\n')
        (commands / "jq").chmod(0o755)
        run = self.finalize(PATH=f"{commands}:{self.settings['PATH']}", **ONE_TRY)
        self.assert_kept(run, RECORDING)
        self.assertEqual(self.cloud.contents(), {})


class Playable(Finalize):
    def look(self, files, **settings):
        """The metric after the upload of these files, and whether the note is there."""
        self.recorded(files)
        run = self.finalize(**settings)
        self.assertEqual(run.returncode, 0, run.stderr)
        note = self.storage / "good-recording"
        is_there = note.exists()
        note.unlink(missing_ok=True)
        sent = {key.removeprefix(KEY): body for key, body in self.cloud.contents().items()}
        self.assertEqual(sent, files)
        self.cloud.objects.clear()
        return int(self.metrics()[-1]["UnplayableRecordings"]), is_there

    def test_what_can_be_played(self):
        metadata = {"metadata.json": b"{}"}
        wide = b"\0\0\0\x01mdat" + (24).to_bytes(8, "big") + b"pictures"
        for name, body in {
            VIDEO: PLAYABLE,
            "index first.MP4": b"\0\0\0\x08moov" + MDAT,
            "over 4 GiB.mp4": wide + b"\0\0\0\x08moov",
            "other.mkv": b"x",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.look({name: body} | metadata), (0, True))

    def test_what_cannot_is_uploaded_and_counted(self):
        metadata = {"metadata.json": b"{}"}
        for name, body in {
            "no index": b"\0\0\0\x10ftypisom\0\0\0\0" + MDAT,
            "an index that is cut": MDAT + b"\0\0\0\x10moov\0\0",
            "pictures that are cut": b"\0\x10\0\0mdatmoov\0\0\0\x08moov",
            "the end of a file is no index": b"\0\0\0\0mdat\0\0\0\x08moov",
            "a length of nothing": b"\0\0\0\x01mdat" + b"\xff" * 8 + b"\0\0\0\x08moov",
            "a short length": b"\0\0\0\x01mdat",
            "many boxes": b"\0\0\0\x08free" * 200 + b"\0\0\0\x08moov",
            "empty": b"",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.look({VIDEO: body} | metadata), (1, False))
        self.assertEqual(self.look({"empty.mkv": b""} | metadata), (1, False))
        self.assertEqual(self.look(metadata), (1, False))
        self.assertEqual(self.look({"notes": b"x"} | metadata), (1, False))

    def test_one_file_that_plays_tells_that_the_jibri_can_record(self):
        self.assertEqual(self.look({"1.mp4": b"", "2.mp4": PLAYABLE, "metadata.json": b"{}"}), (1, True))
        self.assertEqual(self.look({"1.mp4": PLAYABLE}), (1, True), "without metadata")

    def test_the_note_is_there_before_the_upload_and_has_the_time_of_the_recording(self):
        self.recorded(RECORDING)
        note = self.storage / "good-recording"
        os.utime(self.folder / VIDEO, (5000, 5000))
        seen = []
        self.cloud.during("ListObjectsV2", KEY + "metadata.json", lambda: seen.append(note.stat().st_mtime))
        self.assert_uploaded(self.finalize(), RECORDING)
        self.assertEqual(seen, [5000])
        # An older one, tried again later, is no newer sign.
        self.recorded(RECORDING)
        os.utime(self.folder / VIDEO, (4000, 4000))
        self.finalize()
        self.assertEqual(note.stat().st_mtime, 5000)

    def test_it_is_counted_once_however_often_it_is_tried(self):
        self.recorded({"torn.mp4": b"x"})
        self.cloud.misbehave("PutObject", 403)
        self.finalize(**ONE_TRY)
        self.finalize(self.failed, **ONE_TRY)
        self.assertEqual(self.metrics(), [{"UploadedRecordings": "0", "RecordingsNotUploaded": "1"}] * 2)
        self.cloud.spoiled.clear()
        self.finalize(self.failed)
        self.assertEqual(self.metrics()[2:], [UPLOADED | {"UnplayableRecordings": "1"}])


class Once(Finalize):
    def finalize_once(self, folder):
        return self.finalize(folder, script_arguments=["--once"], FINALIZE_BACKOFF_MILLISECONDS="1")

    def test_each_file_is_tried_once_and_no_failure_is_published(self):
        self.recorded(RECORDING)
        self.cloud.misbehave("PutObject", 403)
        self.assertEqual(self.finalize_once(self.folder).returncode, 1)
        self.assertEqual((len(self.cloud.asked("PutObject")), self.cloud.metrics), (1, []))
        self.cloud.spoiled.clear()
        self.assert_uploaded(self.finalize_once(self.failed), RECORDING)

    def test_nothing_waits_is_told_with_the_last_file_alone(self):
        waiting = {"RecordingsWaiting", "OldestRecordingSeconds"}
        other = self.failed.with_name("other")
        self.recorded(RECORDING)
        self.recorded(RECORDING, other)
        self.finalize()
        self.assertFalse(waiting & self.metrics()[-1].keys())
        self.finalize(other)
        self.assertLess(waiting, self.metrics()[-1].keys())
        units = {self.cloud.metrics[-1][f"MetricData.member.{at}.Unit"] for at in (1, 2, 3, 4)}
        self.assertEqual((units, self.cloud.metrics[-1]["MetricData.member.5.Unit"]), ({"Count"}, "Seconds"))


class Instance(Finalize):
    def uploaded_by(self, **settings):
        self.cloud.objects.clear()
        self.recorded(RECORDING)
        self.assertEqual(self.finalize(**settings).returncode, 0)
        [instance] = {key.split("/")[2] for key in self.cloud.contents()}
        return instance

    def test_its_id_is_in_the_key(self):
        self.assertEqual(self.uploaded_by(), INSTANCE_ID)
        # A container that only tries again is not told.
        self.assertEqual(self.uploaded_by(JIBRI_INSTANCE_ID=""), "i-0fedcba9876543210")

    def test_without_it_the_name_of_the_host_is_in_the_key(self):
        unreachable = {"JIBRI_INSTANCE_ID": None, "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:9"}
        self.assertEqual(self.uploaded_by(**unreachable), os.uname().nodename)

    def test_two_instances_with_parts_of_one_session_keep_both(self):
        for instance in ("i-1", "i-2"):
            self.recorded(RECORDING)
            self.finalize(JIBRI_INSTANCE_ID=instance)
        keys = {f"recordings/{SESSION}/{instance}/{name}" for instance in ("i-1", "i-2") for name in RECORDING}
        self.assertEqual(self.cloud.contents().keys(), keys)


if __name__ == "__main__":
    unittest.main()
