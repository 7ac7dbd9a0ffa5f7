#!/usr/bin/env python3
"""Writes the files of this folder into template.yaml, which ends with them: a stack is deployed from one page.

usage: embed.py
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TEMPLATE = FOLDER.parent / "template.yaml"
HEADING = "  InstanceFiles:\n"
# Mapping keys are letters and digits alone.
FILES = {
    "Compose": "compose.yaml",
    "Finalize": "finalize.sh",
    "JibriDrain": "jibri_drain.py",
    "SetUp": "set-up.sh",
    "Start": "start.sh",
}


def embed(template, files):
    """The template with these files, by key, in the place of those that it had."""
    head, heading, _ = template.partition(HEADING)
    if not heading:
        raise SystemExit(f"the template has no line {HEADING!r}")
    return head + heading + "".join(block(key, text) for key, text in sorted(files.items()))


def block(key, text):
    """One entry of the mapping, as a literal block that YAML reads back letter by letter."""
    lines = "".join(f"        {line}\n" if line else "\n" for line in text.removesuffix("\n").split("\n"))
    return f"    {key}:\n      Text: |\n{lines}"


if __name__ == "__main__":
    texts = {key: (FOLDER / name).read_text() for key, name in FILES.items()}
    TEMPLATE.write_text(embed(TEMPLATE.read_text(), texts))
