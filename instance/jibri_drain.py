#!/usr/bin/env python3
"""Says what the Jibri of this instance does; with `drain`, also sends it home and uploads what it left behind.

usage: jibri_drain.py check | drain

check  changes nothing.
drain  forbids any new start of Jibri, asks it for its graceful shutdown, and when it has exited retries
       the upload of each recording left on the disk. Asked again every minute until nothing is left.

Both print one line of JSON and exit with 0:

  process             gone (the health port refuses), running, or unresponsive
  busy_status         IDLE, BUSY or EXPIRED; null unless running
  health_status       HEALTHY or UNHEALTHY; null unless running
  recordings_pending  what lies in the recordings directory and in the failed one; while Jibri is busy, its own
                      folder too
  recordings_failed   how many of these this run tried to upload, in vain

Whatever goes wrong otherwise is told on stderr, with exit code 1 and no JSON: nothing is known then, and
the instance is kept. Systems Manager sends this file as text, so it needs Python 3.9 and nothing else.
"""

import fcntl
import json
import os
import shlex
import subprocess
import sys
import time
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

HEALTH_URL = os.environ.get("JIBRI_HEALTH_URL", "http://127.0.0.1:2222/jibri/api/v1.0/health")
INTERNAL_URL = os.environ.get("JIBRI_INTERNAL_URL", "http://127.0.0.1:3333/jibri/api/internal/v1.0")
# Must exist: a wrong path would read as "nothing left". The instance makes it before anything else at boot.
RECORDINGS = Path(os.environ.get("JIBRI_RECORDINGS_DIRECTORY", "/opt/jibri/storage/recordings"))
# Where the finalize script moves what it could not upload.
FAILED = Path(os.environ.get("JIBRI_FAILED_DIRECTORY", "/opt/jibri/storage/failed"))
STATE = Path(os.environ.get("JIBRI_STATE_DIRECTORY", "/opt/jibri/state"))
# Gets a folder as its last argument, hence the volume: the path is the same inside the container.
FINALIZE_COMMAND = os.environ.get(
    "JIBRI_FINALIZE_COMMAND",
    "docker compose --project-directory /opt/jibri run --rm --no-deps --no-TTY"
    " --volume /opt/jibri/storage:/opt/jibri/storage --entrypoint /config/finalize.sh jibri",
)
# Stops the container, in which Jibri might be started again after a crash. Only used when there is no Jibri in it.
STOP_COMMAND = os.environ.get("JIBRI_STOP_COMMAND", "docker compose --project-directory /opt/jibri stop jibri")
# How an argument of every Jibri's command line ends, in a container or not.
PROCESS_MARK = os.environ.get("JIBRI_PROCESS_MARK", "jibri.jar")
HTTP_TIMEOUT_SECONDS = float(os.environ.get("JIBRI_HTTP_TIMEOUT_SECONDS", "5"))
# For all folders together, and less than the command's execution time-out.
FINALIZE_SECONDS = float(os.environ.get("JIBRI_FINALIZE_SECONDS", "3000"))
EXIT_WAIT_SECONDS = 2


def main(mode):
    """Does what was asked, and prints the report."""
    failed = set()
    if mode == "drain":
        forbid_start()
        health = ask_to_leave(ask_health())
        if health["process"] == "gone":
            stop_container()
            health = ask_health()
        if health["process"] == "gone":
            failed = upload_leftovers()
    else:
        health = ask_health()
    # By name, for one that failed may have been moved; one that vanished though its upload failed still counts.
    pending = failed.union(path.name for path in list_leftovers())
    print(json.dumps({**health, "recordings_pending": len(pending), "recordings_failed": len(failed)}))


def ask_health():
    """What Jibri says of itself (jibri: HttpApi.kt); `gone` only when the port refuses and no process is there."""
    # Looked at first: one that starts refuses too, and may be up a moment later.
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
    """The report's part on the process."""
    return {"process": process, "busy_status": busy_status, "health_status": health_status}


def ask_to_leave(health):
    """Asks for the graceful shutdown: an idle Jibri exits at once, a busy one after its upload. Then looks again."""
    if health["process"] == "gone":
        return health
    try:
        status, _ = request("POST", f"{INTERNAL_URL}/gracefulShutdown")
    except (OSError, HTTPException):
        pass  # It may exit before it replies. What counts is whether its port refuses.
    else:
        if status != 200:
            raise RuntimeError(f"gracefulShutdown was answered with {status}")
    deadline = time.monotonic() + EXIT_WAIT_SECONDS
    while True:
        health = ask_health()
        if health["process"] == "gone" or time.monotonic() >= deadline:
            return health
        time.sleep(0.2)


def request(method, url):
    """One HTTP request, by no proxy and after no redirect: the answer, or the refusal, is Jibri's own."""
    address = urlsplit(url)
    with closing(HTTPConnection(address.hostname, address.port, timeout=HTTP_TIMEOUT_SECONDS)) as connection:
        connection.request(method, address.path)
        response = connection.getresponse()
        return response.status, response.read()


def forbid_start():
    """Leaves the marker that whoever starts Jibri looks for, under the start lock."""
    STATE.mkdir(parents=True, exist_ok=True)
    (STATE / "draining").touch()


def is_starting():
    """Whether somebody is about to start Jibri: holds the start lock, until its port is open."""
    try:
        with open(STATE / "start.lock") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def has_process():
    """Whether a Jibri runs that the health port does not show: at another address, or with its API switched off."""
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = command_line.read_bytes().split(b"\0")
        except OSError:
            continue  # It ended meanwhile.
        if any(argument.endswith(PROCESS_MARK.encode()) for argument in arguments):
            return True
    return False


def stop_container():
    """Sees to it that what is gone stays gone; without Docker there is no container that could start it."""
    try:
        subprocess.run(shlex.split(STOP_COMMAND), stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=60, check=True)
    except FileNotFoundError:
        pass


def list_leftovers():
    """Everything in both directories: a stray file is nothing to lose, either."""
    failed = FAILED.iterdir() if FAILED.exists() else []
    return sorted(path for path in [*RECORDINGS.iterdir(), *failed] if path.name != "lost+found")


def upload_leftovers():
    """Retries the upload of each folder, and returns the names of those that failed; none while another run is at it."""
    with open(STATE / "upload.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return set()
        deadline = time.monotonic() + FINALIZE_SECONDS
        folders = [path for path in list_leftovers() if path.is_dir()]
        failed = set()
        for done, folder in enumerate(folders):
            # An even share of what is left: a folder that hangs must not starve the others for ever.
            share_seconds = (deadline - time.monotonic()) / (len(folders) - done)
            if not finalize(folder, max(share_seconds, 1)):
                failed.add(folder.name)
        return failed


def finalize(folder, timeout_seconds):
    """Whether the folder was uploaded: the command succeeds, and the folder is no longer there."""
    bounded = ["timeout", "--kill-after=10", f"{timeout_seconds:.3f}", *shlex.split(FINALIZE_COMMAND), str(folder)]
    # Its output goes to stderr, since stdout is the report's.
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
    except Exception as error:  # Whatever it is: one line for the operator, and no report.
        sys.exit(f"{sys.argv[1]}: {type(error).__name__}: {error}")
