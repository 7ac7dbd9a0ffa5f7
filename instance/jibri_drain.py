#!/usr/bin/env python3
"""Reports what the Jibri of this instance does; with `drain`, also shuts it down and uploads the recordings that are left.

usage: jibri_drain.py check | drain

check  changes nothing.
drain  forbids any new start of Jibri, asks it for its graceful shutdown, and when it has exited ends its ffmpeg and
       retries the upload of each recording on the disk. The function runs it until no recording is left.

Both print one line of JSON and exit with 0:

  process             gone (the health port refuses), running, or unresponsive
  busy_status         IDLE, BUSY or EXPIRED; null unless running
  health_status       HEALTHY or UNHEALTHY; null unless running
  recordings_pending  how many entries the recordings directory and the failed one have, a busy Jibri's own folder too
  recordings_failed   how many of these this run tried to upload, in vain
  recording           whether an ffmpeg of a Jibri runs, with that Jibri or without it
  finalizing          whether a finalize script runs, for Jibri or for a retry
  oldest_recording_seconds  for how long the oldest entry has waited, by its time of change; null where none waits.
                      While Jibri is busy or does not say, the newest of the recordings directory is in use
  good_recording_seconds    how long ago the finalize script last found a recording that can be played; null if never

Any other error is printed on stderr, with exit code 1 and no JSON: nothing is known then, and the instance is
kept. Systems Manager sends this file as text, so it needs Python 3.9 and nothing else.
"""

import fcntl
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

HEALTH_URL = os.environ.get("JIBRI_HEALTH_URL", "http://127.0.0.1:2222/jibri/api/v1.0/health")
INTERNAL_URL = os.environ.get("JIBRI_INTERNAL_URL", "http://127.0.0.1:3333/jibri/api/internal/v1.0")
# Must exist: a wrong path would be reported as "no recording left". set-up.sh makes it at boot, before Jibri.
RECORDINGS = Path(os.environ.get("JIBRI_RECORDINGS_DIRECTORY", "/opt/jibri/storage/recordings"))
# Where the finalize script moves what it could not upload.
FAILED = Path(os.environ.get("JIBRI_FAILED_DIRECTORY", "/opt/jibri/storage/failed"))
GOOD_RECORDING = RECORDINGS.parent / "good-recording"
STATE = Path(os.environ.get("JIBRI_STATE_DIRECTORY", "/opt/jibri/state"))
# Its last argument is a folder. The volume gives the folder the same path inside the container.
FINALIZE_COMMAND = os.environ.get(
    "JIBRI_FINALIZE_COMMAND",
    "docker compose --project-directory /opt/jibri run --rm --no-deps --no-TTY"
    " --volume /opt/jibri/storage:/opt/jibri/storage --entrypoint /config/finalize.sh jibri",
)
# Stops the container, which might start Jibri again after a crash. Only used when no Jibri runs in it.
STOP_COMMAND = os.environ.get("JIBRI_STOP_COMMAND", "docker compose --project-directory /opt/jibri stop jibri")
# Every Jibri's command line has an argument that ends like this, in a container or not.
PROCESS_MARK = os.environ.get("JIBRI_PROCESS_MARK", "jibri.jar")
# For a file and for a stream alike, Jibri's ffmpeg grabs the screen; a person's does not.
FFMPEG_MARK = os.environ.get("JIBRI_FFMPEG_MARK", "x11grab")
# With a folder behind it; a person that reads or edits the script names no folder.
FINALIZE_MARK = os.environ.get("JIBRI_FINALIZE_MARK", "/finalize.sh")
HTTP_TIMEOUT_SECONDS = float(os.environ.get("JIBRI_HTTP_TIMEOUT_SECONDS", "5"))
# For all folders together. It must be less than the command's execution time-out.
FINALIZE_SECONDS = float(os.environ.get("JIBRI_FINALIZE_SECONDS", "3000"))
FFMPEG_SECONDS = float(os.environ.get("JIBRI_FFMPEG_SECONDS", "60"))
EXIT_WAIT_SECONDS = 2


def main(mode):
    failed = set()
    if mode == "drain":
        forbid_start()
        health = ask_to_leave(ask_health())
        if health["process"] == "gone":
            end_ffmpeg()
            stop_container()
            health = ask_health()
        if health["process"] == "gone":
            failed = upload_leftovers()
    else:
        health = ask_health()
    # Counted by name, since a failed upload moves its folder. A folder that vanished although its upload failed counts too.
    pending = failed.union(path.name for path in list_leftovers())
    counts = {"recordings_pending": len(pending), "recordings_failed": len(failed)}
    print(json.dumps({**health, **counts, **look_around(health)}))


def ask_health():
    """What Jibri says of itself (jibri: HttpApi.kt); `gone` only when the port refuses and no process is there."""
    # Looked at first: a Jibri that is starting refuses connections too, and may be up a moment later.
    starting = is_starting()
    try:
        status, body = request("GET", HEALTH_URL)
        said = json.loads(body)["status"]
        busy_status, health_status = said["busyStatus"], said["health"]["healthStatus"]
    except ConnectionRefusedError:
        return health_of("unresponsive" if starting or has_process() else "gone")
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return health_of("unresponsive")
    known = busy_status in ("IDLE", "BUSY", "EXPIRED") and health_status in ("HEALTHY", "UNHEALTHY")
    if status != 200 or not known:
        return health_of("unresponsive")
    return health_of("running", busy_status, health_status)


def health_of(process, busy_status=None, health_status=None):
    return {"process": process, "busy_status": busy_status, "health_status": health_status}


def ask_to_leave(health):
    """Asks for the graceful shutdown: an idle Jibri exits at once, a busy one after its upload. Then looks again."""
    if health["process"] == "gone":
        return health
    try:
        status, _ = request("POST", f"{INTERNAL_URL}/gracefulShutdown")
    except (OSError, HTTPException):
        pass  # Jibri may exit before it replies. What counts is whether its port refuses.
    else:
        if status != 200:
            raise RuntimeError(f"gracefulShutdown was answered with {status}")
    deadline = time.monotonic() + EXIT_WAIT_SECONDS
    while (health := ask_health())["process"] != "gone" and time.monotonic() < deadline:
        time.sleep(0.2)
    return health


def request(method, url):
    """One HTTP request, by no proxy and after no redirect: the answer, or the refusal, is Jibri's own."""
    address = urlsplit(url)
    with closing(HTTPConnection(address.hostname, address.port, timeout=HTTP_TIMEOUT_SECONDS)) as connection:
        connection.request(method, address.path)
        response = connection.getresponse()
        return response.status, response.read()


def forbid_start():
    """Leaves the marker that start.sh looks for, under the start lock, before it starts Jibri."""
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "draining").touch()


def is_starting():
    """Whether start.sh is about to start Jibri: it holds the start lock until Jibri's port is open."""
    try:
        with open(STATE / "start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        pass
    return False


def has_process():
    """Whether a Jibri runs that the health port does not show: at another address, or with its API switched off."""
    return any(argument.endswith(PROCESS_MARK) for _, arguments in command_lines() for argument in arguments)


def command_lines():
    """Each process of this host, those in containers too: its id and its arguments."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # This process has ended meanwhile.
            yield int(path.parent.name), os.fsdecode(path.read_bytes()).rstrip("\0").split("\0")


def ffmpegs():
    """The ids of the ffmpegs that record or stream for a Jibri."""
    return [process for process, line in command_lines() if Path(line[0]).name == "ffmpeg" and FFMPEG_MARK in line]


def look_around(health):
    """The report's part on what lies and runs on this instance besides Jibri's own process."""
    in_use = health["process"] == "unresponsive" or health["busy_status"] == "BUSY"
    return {
        "recording": bool(ffmpegs()),
        "finalizing": any(argument.endswith(FINALIZE_MARK) for _, line in command_lines() for argument in line[:-1]),
        "oldest_recording_seconds": max(ages_in(FAILED) + ages_in(RECORDINGS)[in_use:], default=None),
        "good_recording_seconds": age_seconds(GOOD_RECORDING),
    }


def ages_in(directory):
    """The ages of its entries, the newest first, without those that were uploaded meanwhile."""
    return sorted(age for age in map(age_seconds, leftovers_in(directory)) if age is not None)


def age_seconds(path):
    """For how long it has not changed; `None` when it is not there."""
    with suppress(FileNotFoundError):
        return max(int(time.time() - path.lstat().st_mtime), 0)


def end_ffmpeg():
    """Ends the ffmpeg of a Jibri that was killed: nothing else would, and Jicofo has given the session to another one."""
    # After SIGINT it writes the index (moov) without which its file cannot be played. Killed, it leaves the file without.
    for number, seconds in ((signal.SIGINT, FFMPEG_SECONDS), (signal.SIGKILL, EXIT_WAIT_SECONDS)):
        for process in ffmpegs():
            print(f"ffmpeg {process} runs without its Jibri, and gets {number.name}", file=sys.stderr)
            with suppress(ProcessLookupError):
                os.kill(process, number)
        deadline = time.monotonic() + seconds
        while ffmpegs() and time.monotonic() < deadline:
            time.sleep(0.2)


def stop_container():
    """Stops the container, so that it cannot start Jibri again; without Docker there is no container."""
    with suppress(FileNotFoundError):
        subprocess.run(shlex.split(STOP_COMMAND), stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=60, check=True)


def list_leftovers():
    """Every entry of both directories: a stray file must not be lost, either."""
    return sorted(leftovers_in(RECORDINGS) + leftovers_in(FAILED))


def leftovers_in(directory):
    """The entries of one of them. The failed one is there once it was needed."""
    entries = [] if directory == FAILED and not FAILED.exists() else directory.iterdir()
    return [path for path in entries if path.name != "lost+found"]


def upload_leftovers():
    """Retries the upload of each folder, and returns the names of those that failed; none while another run uploads."""
    with open(STATE / "upload.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return set()
        deadline = time.monotonic() + FINALIZE_SECONDS
        folders = [path for path in list_leftovers() if path.is_dir()]
        failed = set()
        for done, folder in enumerate(folders):
            # Each folder gets an even share of the time that is left: one that hangs must not use up all of it.
            share_seconds = (deadline - time.monotonic()) / (len(folders) - done)
            if not finalize(folder, max(share_seconds, 1)):
                failed.add(folder.name)
        return failed


def finalize(folder, timeout_seconds):
    """Whether the folder was uploaded: the command succeeds, and the folder is no longer there."""
    bounded = ["timeout", "--kill-after=10", f"{timeout_seconds:.3f}", *shlex.split(FINALIZE_COMMAND), str(folder)]
    # The command's output goes to stderr, since stdout is for the report.
    exit_code = subprocess.run(bounded, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=False).returncode
    if exit_code == 0 and not folder.exists():
        return True
    reason = f"exit code {exit_code}" if exit_code else "the folder is still there"
    print(f"{folder} was not uploaded: {reason}", file=sys.stderr)
    return False


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["drain"]):
        sys.exit("usage: jibri_drain.py check | drain")
    try:
        main(sys.argv[1])
    except Exception as error:  # For any error: one line for the operator, and no report.
        sys.exit(f"{sys.argv[1]}: {type(error).__name__}: {error}")
