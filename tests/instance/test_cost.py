"""The figures in docs/cost.md, against what docs/cost.py counts and computes."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


class Cost(unittest.TestCase):
    def test_the_page_has_the_tables_that_the_script_prints(self):
        run = subprocess.run([sys.executable, DOCS / "cost.py"], capture_output=True, text=True, check=True)
        self.assertRegex(run.stdout, r"\*\*together\*\*")
        self.assertIn(f"\n\n{run.stdout}\n", (DOCS / "cost.md").read_text(), "docs/cost.md: paste what docs/cost.py prints")

    def test_the_first_sentence_is_the_sum_of_the_first_table(self):
        page = (DOCS / "cost.md").read_text()
        control_plane, jibri = (float(total) for total in re.findall(r"\*\*together\*\* \| \| \*\*([\d.]+)", page))
        self.assertIn(f"\nAbout {control_plane:.0f} US dollars a month", page)
        self.assertIn("costs more than four times as much", page)
        self.assertEqual(int(jibri / control_plane), 4)

    def test_availability_samples_for_as_long_as_the_script_counts(self):
        code = (REPOSITORY / "crates/controller/src/availability.rs").read_text()
        seconds = {name: int(value) for name, value in re.findall(r"const (\w+)_SECONDS: u64 = (\d+);", code)}
        counted = re.search(r"^LAST_SAMPLE_SECONDS = (\d+)$", (DOCS / "cost.py").read_text(), re.MULTILINE)
        self.assertEqual(int(counted.group(1)), seconds["ROUND"] - seconds["MARGIN"])


if __name__ == "__main__":
    unittest.main()
