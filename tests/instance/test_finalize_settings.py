"""Where instance/finalize.sh has its settings and credentials from, and what it refuses: run as in test_finalize.py."""

import os
import shutil
import unittest

from stand_in_s3 import BUCKET, METADATA_TOKEN, SECRET, SESSION_TOKEN
from test_finalize import INSTANCE_ID, KEYS, LONG, RECORDING, SCRIPT, SEARCH_PATH, SESSION, Finalize, on_disk
from test_finalize import setUpModule  # noqa: F401


class Settings(Finalize):
    def assert_nothing_touched(self, run, message):
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn(message, run.stderr)
        self.assertEqual((on_disk(self.folder), self.cloud.requests), (RECORDING, []))

    def test_one_that_is_missing_or_not_valid_is_named(self):
        self.recorded(RECORDING)
        for name, values in {
            "RECORDINGS_BUCKET": (None, "", "Bucket/key", "--config"),
            "RECORDINGS_PREFIX": ("/", "a//b", "../b", "a/", "a b"),
            "AWS_REGION": (None, "eu central"),
            "AUTO_SCALING_GROUP": (None,),
            "FINALIZE_LIMIT_SECONDS": ("0", "ten", "1e3", "x[$(touch pwned)]"),
        }.items():
            for value in values:
                with self.subTest(name=name, value=value):
                    self.assert_nothing_touched(self.finalize(**{name: value}), f"{name} is missing or not valid")

    def test_may_come_from_a_file_which_is_not_run(self):
        self.recorded(RECORDING)
        script = self.root / "config with blank" / "finalize.sh"
        script.parent.mkdir()
        shutil.copy(SCRIPT, script)
        group = f"a=$(touch {self.root}/b)"
        lines = ("# of this pool", "", f"RECORDINGS_BUCKET={BUCKET}", "AWS_REGION=no", f"AUTO_SCALING_GROUP={group}")
        (script.parent / "finalize.env").write_text("\n".join(lines))
        run = self.finalize(script=script, RECORDINGS_BUCKET=None, AUTO_SCALING_GROUP="", AWS_SESSION_TOKEN="")
        self.assert_uploaded(run, RECORDING)
        self.assertEqual(self.cloud.metrics[0]["MetricData.member.1.Dimensions.member.1.Value"], group)
        self.assertFalse((self.root / "b").exists())

    def test_a_folder_is_required(self):
        self.recorded(RECORDING)
        self.assert_nothing_touched(self.finalize(self.root / "nowhere"), "usage: finalize.sh [--once] FOLDER")
        self.assert_nothing_touched(self.finalize(self.folder / "metadata.json"), "usage: finalize.sh [--once] FOLDER")

    def test_whatever_the_folder_is_called(self):
        for name, key in {"a name\n": "a name%0A", b"[\xff]*": "[%FF]*", "．．": "．．", "-x": "-x"}.items():
            folder = self.storage / "recordings" / os.fsdecode(name)
            self.recorded(RECORDING, folder)
            self.assertEqual(self.finalize(folder).returncode, 0)
            expected = {f"recordings/{key}/{INSTANCE_ID}/{name}": body for name, body in RECORDING.items()}
            self.assertEqual(self.cloud.contents(), expected)
            self.assertFalse(folder.exists())
            self.cloud.objects.clear()

    def test_a_folder_may_be_named_in_other_ways(self):
        self.recorded(RECORDING)
        self.assert_uploaded(self.finalize(f"{self.folder.parent}/../recordings/{SESSION}/"), RECORDING)


class Role(Finalize):
    role = True

    def test_the_credentials_are_those_of_the_instance(self):
        self.recorded(LONG)
        self.assert_uploaded(self.finalize(), LONG)

    def test_nothing_is_deleted_without_credentials(self):
        self.recorded(RECORDING)
        run = self.finalize(FINALIZE_LIMIT_SECONDS="2", AWS_EC2_METADATA_SERVICE_ENDPOINT="http://127.0.0.1:9")
        self.assertEqual(run.returncode, 1)
        self.assertEqual((on_disk(self.failed), self.cloud.requests), (RECORDING, []))

    def test_secrets_are_in_no_argument_and_in_no_message(self):
        arguments, commands = self.root / "arguments", self.root / "commands"
        commands.mkdir()
        for name in ("curl", "rclone", "jq", "sed", "timeout"):
            wrapper = commands / name
            real = shutil.which(name, path=SEARCH_PATH)
            wrapper.write_text(f'#!/bin/sh\nprintf "%s\\n" {name} "$@" >>{arguments}\nexec {real} "$@"\n')
            wrapper.chmod(0o755)
        for role in (True, False):
            self.recorded(RECORDING)
            self.cloud.misbehave("PutObject", 403, times=1)
            keys = {} if role else KEYS | {"AWS_SESSION_TOKEN": SESSION_TOKEN}
            run = self.finalize(PATH=f"{commands}:{SEARCH_PATH}", **keys)
            self.assert_uploaded(run, RECORDING)
            self.cloud.objects.clear()
            self.assertIn("not in the bucket", run.stderr)
            told = arguments.read_text() + run.stderr
            self.assertIn("curl\n", told)
            for secret in (SECRET, SESSION_TOKEN, METADATA_TOKEN):
                self.assertNotIn(secret, told)


if __name__ == "__main__":
    unittest.main()
