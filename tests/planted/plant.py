"""Plants each bug of bugs.toml into a copy of the sources, and runs the simulation of faults until it finds the bug.

    python3 tests/planted/plant.py [--seeds 1000] [--check] [NAME …]

`--check` only checks that every bug can still be planted, and that docs/faults.md has a row for it. The exit status is 0 when
every bug was found.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "faults.md"
BUGS = pathlib.Path(__file__).with_name("bugs.toml")
COPY = ROOT / "target" / "planted" / "sources"
BUILD = ROOT / "target" / "planted" / "build"


def read_bugs():
    return tomllib.loads(BUGS.read_text())["bug"]


def plant(bug, read):
    """The sources that a bug changes, by file; an error names an edit that no longer fits."""
    changed = {}
    for edit in bug["edits"]:
        source = changed.get(edit["file"]) or read(edit["file"])
        found = source.count(edit["find"])
        if found != 1:
            raise ValueError(f"{bug['name']}: {edit['find']!r} stands in {edit['file']} {found} times, not once")
        changed[edit["file"]] = source.replace(edit["find"], edit["replace"])
    return changed


def crates_of(name, found=()):
    """A crate of the workspace and all that it is built of. The root package is not among them, nor the AWS SDKs."""
    if name in found or not (ROOT / "crates" / name).is_dir():
        return set(found)
    manifest = tomllib.loads((ROOT / "crates" / name / "Cargo.toml").read_text())
    found = {*found, name}
    # Cargo resolves what the tests of a member need, too.
    for dependency in [*manifest.get("dependencies", {}), *manifest.get("dev-dependencies", {})]:
        found = crates_of(dependency, found)
    return found


def copy_sources():
    shutil.rmtree(COPY, ignore_errors=True)
    COPY.mkdir(parents=True)
    for crate in sorted(crates_of("simulator")):
        shutil.copytree(ROOT / "crates" / crate, COPY / "crates" / crate)
    shutil.copy(ROOT / "Cargo.lock", COPY)
    workspace = (ROOT / "Cargo.toml").read_text()
    # The workspace with its dependencies and profiles, but without the root package and the local cloud.
    workspace = re.sub(r"^members = .*$", 'members = ["crates/*"]', workspace, flags=re.M)
    sections = re.split(r"(?=^\[)", workspace, flags=re.M)
    kept = [part for part in sections if part.startswith(("[workspace", "[profile.dev"))]
    (COPY / "Cargo.toml").write_text("".join(part for part in kept if "localcloud" not in part.splitlines()[0]))


def build():
    command = ["cargo", "build", "--quiet", "--package", "simulator", "--bins", "--target-dir", str(BUILD)]
    # Incremental objects of a build that was interrupted do not link.
    environment = {**os.environ, "CARGO_INCREMENTAL": "0"}
    return subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True, check=False)


def hunt(seeds):
    """The simulation's line that names the seed on which a planted bug shows; None if no seed shows it."""
    command = [str(BUILD / "debug" / "simulator"), "faults", "--seeds", str(seeds), "--failures", "1"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in run.stdout.splitlines() if " breaks at " in line]
    if run.returncode != 0 and not lines:
        raise RuntimeError(f"the simulation failed by itself: {run.stderr.strip()[-500:]}")
    return lines[0] if lines else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these bugs")
    parser.add_argument("--seeds", type=int, default=1000, help="how many seeds the simulation has to find each (1000)")
    parser.add_argument("--check", action="store_true", help="only check that every bug can be planted")
    arguments = parser.parse_args()
    bugs = read_bugs()
    unknown = set(arguments.names) - {bug["name"] for bug in bugs}
    if unknown:
        parser.error(f"no bug is called {', '.join(sorted(unknown))}; there are {', '.join(b['name'] for b in bugs)}")
    for bug in bugs:
        plant(bug, lambda path: (ROOT / path).read_text())
    page = PAGE.read_text()
    untold = [bug["name"] for bug in bugs if f"| `{bug['name']}` | {bug['invariant']} | {bug['what']} |" not in page]
    if untold:
        raise ValueError(f"{PAGE.relative_to(ROOT)} has no row for {', '.join(untold)}")
    if arguments.check:
        return 0
    copy_sources()
    if arguments.names:
        bugs = [bug for bug in bugs if bug["name"] in arguments.names]
    else:
        bugs.insert(0, {"name": "(none)", "invariant": "-", "what": "the sources as they are", "edits": []})
    missed = 0
    for bug in bugs:
        changed = plant(bug, lambda path: (COPY / path).read_text())
        before = {path: (COPY / path).read_text() for path in changed}
        for path, source in changed.items():
            (COPY / path).write_text(source)
        built = build()
        if built.returncode != 0:
            print(built.stderr, file=sys.stderr)
            raise RuntimeError(f"{bug['name']} does not compile")
        found = hunt(arguments.seeds)
        as_expected = (found is None) == (not bug["edits"])
        missed += not as_expected
        print(f"{'ok' if as_expected else 'MISSED':<7} {bug['name']:<28} {found or 'nothing breaks'}", flush=True)
        for path, source in before.items():
            (COPY / path).write_text(source)
    print(f"{len(bugs) - missed} of {len(bugs)} as expected")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
