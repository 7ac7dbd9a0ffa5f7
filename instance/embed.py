#!/usr/bin/env python3
"""Writes the files of this folder into template.yaml, which ends with them: a stack is deployed from one page.

usage: embed.py

What goes into user data, which EC2 limits to 16 KiB, goes without its lines of comment.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TEMPLATE = FOLDER.parent / "template.yaml"
HEADING = "  InstanceFiles:\n"
IN_USER_DATA = {"Compose", "Finalize", "SetUp", "Start"}
# Mapping keys are letters and digits alone.
FILES = {
    "Compose": "compose.yaml",
    "Finalize": "finalize.sh",
    "JibriDrain": "jibri_drain.py",
    "SetUp": "set-up.sh",
    "Start": "start.sh",
}


def read_files():
    """What is embedded, by key."""
    texts = {key: (FOLDER / name).read_text() for key, name in FILES.items()}
    return {key: without_comments(text) if key in IN_USER_DATA else text for key, text in texts.items()}


def without_comments(text):
    """The text without the lines that are comments alone; a script's first line says what runs it."""
    first, *others = text.splitlines(keepends=True)
    kept = [line for line in others if not line.lstrip().startswith("#")]
    return "".join(kept if first.startswith("#") and not first.startswith("#!") else [first, *kept])


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
    TEMPLATE.write_text(embed(TEMPLATE.read_text(), read_files()))
