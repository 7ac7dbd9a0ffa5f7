"""Every shell script of the project, as shellcheck sees it."""

import os
import shutil
import subprocess
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SEARCH_PATH = f"{REPOSITORY}/target/tools/instance/bin:{os.environ['PATH']}"


class Shellcheck(unittest.TestCase):
    def test_every_script(self):
        shellcheck = shutil.which("shellcheck", path=SEARCH_PATH)
        self.assertIsNotNone(shellcheck, "shellcheck is missing: run make test")
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.sh", ".ci/run"]
        names = subprocess.run(listed, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split()
        self.assertGreaterEqual(len(names), 4)
        run = subprocess.run([shellcheck, *names], cwd=REPOSITORY, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 0, run.stdout)


if __name__ == "__main__":
    unittest.main()
