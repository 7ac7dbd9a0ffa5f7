#!/usr/bin/env python3
"""Uploads what is left on the disk of an instance that serves. A timer runs it each minute: see set-up.sh.

While Jibri is idle, each folder in the recordings directory is left over from a crash or from a finalize script that did
not run: it is moved to the failed directory. Each folder there is tried again by finalize.sh, in growing intervals. While any
recording waits, the count and the age of the oldest are published. On an instance that drains, it only publishes:
jibri_drain.py uploads there. Needs Python 3.9, curl, and nothing else.
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
from urllib.parse import quote, urlsplit

ROOT = Path(os.environ.get("JIBRI_ROOT", "/opt/jibri"))
HEALTH_URL = os.environ.get("JIBRI_HEALTH_URL", "http://127.0.0.1:2222/jibri/api/v1.0/health")
RECORDINGS = Path(os.environ.get("JIBRI_RECORDINGS_DIRECTORY", ROOT / "storage/recordings"))
FAILED = Path(os.environ.get("JIBRI_FAILED_DIRECTORY", ROOT / "storage/failed"))
STATE = Path(os.environ.get("JIBRI_STATE_DIRECTORY", ROOT / "state"))
# As in jibri_drain.py. Its last argument is a folder.
FINALIZE_COMMAND = os.environ.get(
    "JIBRI_FINALIZE_COMMAND",
    f"docker compose --project-directory {ROOT} run --rm --no-deps --no-TTY"
    f" --volume {ROOT}/storage:{ROOT}/storage --entrypoint /config/finalize.sh jibri",
)
# As in jibri_drain.py: an argument that Jibri's ffmpeg has.
FFMPEG_MARK = os.environ.get("JIBRI_FFMPEG_MARK", "x11grab")
HTTP_TIMEOUT_SECONDS = float(os.environ.get("JIBRI_HTTP_TIMEOUT_SECONDS", "5"))
# For one folder. finalize.sh itself gives up after FINALIZE_LIMIT_SECONDS.
FINALIZE_SECONDS = float(os.environ.get("JIBRI_FINALIZE_SECONDS", "3000"))
# While a long upload runs, the alarm must not take another instance's zero for this one's.
PUBLISH_SECONDS = float(os.environ.get("JIBRI_PUBLISH_SECONDS", "60"))
FIRST_PAUSE_SECONDS = 60
# Within it a recording is up once its bucket takes it again.
LONGEST_PAUSE_SECONDS = 900


def main():
    """One run. Only one at a time touches a folder, here or in jibri_drain.py."""
    notes = Notes(STATE / "uploads.json")
    if (STATE / "draining").exists():
        return tell(notes)
    with open(STATE / "upload.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return tell(notes)
        set_aside_leftovers()
        tell(notes)
        retry_all(notes)
    return tell(notes)


class Notes:
    """What outlives a run: of each folder how often it was tried in vain and when it is next, and what was published last."""

    def __init__(self, path):
        self.path = path
        self.folders, self.told = {}, 0
        try:
            read = json.loads(path.read_text())
            self.folders = {str(name): (int(tries), float(at)) for name, (tries, at) in read["folders"].items()}
            self.told = int(read["told"])
        except FileNotFoundError:
            pass
        except (ValueError, KeyError, TypeError, AttributeError):
            # Torn by a crash. Zero is published once too often, rather than never.
            self.told = 1

    def write(self):
        """Renamed into place, so that it is there as a whole."""
        new = self.path.with_suffix(".new")
        try:
            new.write_text(json.dumps({"folders": self.folders, "told": self.told}))
            new.replace(self.path)
        except OSError as error:
            # A full disk keeps no recording from its upload.
            log(f"the notes could not be written: {error}")

    def is_due(self, name, now):
        """A time further off than any pause comes from a clock that has been set."""
        _, at = self.folders.get(name, (0, now))
        return not now < at <= now + LONGEST_PAUSE_SECONDS

    def failed(self, name, now):
        """1, 2, 4, 8 minutes, then 15."""
        tries, _ = self.folders.get(name, (0, 0))
        pause = min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 10), LONGEST_PAUSE_SECONDS)
        self.folders[name] = (tries + 1, now + pause)


def entries(directory):
    """A stray file must not be lost, either."""
    try:
        return sorted(path for path in directory.iterdir() if path.name != "lost+found")
    except FileNotFoundError:
        return []


def is_idle():
    """Whether Jibri says that it is idle: it records nothing, and its finalize script has ended (jibri: JibriManager.kt)."""
    # The ffmpeg of a Jibri that was killed goes on, beside a Jibri that was started again.
    for command_line in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            program, *arguments = command_line.read_bytes().split(b"\0")
        except OSError:
            continue  # This process has ended meanwhile.
        if program.rpartition(b"/")[2] == b"ffmpeg" and FFMPEG_MARK.encode() in arguments:
            return False
    address = urlsplit(HEALTH_URL)
    try:
        with closing(HTTPConnection(address.hostname, address.port, timeout=HTTP_TIMEOUT_SECONDS)) as connection:
            connection.request("GET", address.path)
            response = connection.getresponse()
            return response.status == 200 and json.loads(response.read())["status"]["busyStatus"] == "IDLE"
    except (OSError, HTTPException, ValueError, KeyError, TypeError):
        return False


def set_aside_leftovers():
    """Moves what no recording writes to any more to the failed directory."""
    # Listed before Jibri is asked: it says that it is busy before it makes a folder, so these are of no later recording.
    leftovers = entries(RECORDINGS)
    if leftovers and is_idle():
        moved = [(path, set_aside(path)) for path in leftovers]
        # A recording may have begun meanwhile, and by the name of a session that it had before.
        if not is_idle():
            for path, target in moved:
                if target and target.is_dir() and not path.exists():
                    target.rename(path)
    # finalize.sh takes folders alone.
    for path in entries(FAILED):
        if not path.is_dir():
            set_aside(path)


def set_aside(path):
    """Where in the failed directory the folder is now, or the new folder around a file; nothing where it is in use."""
    number, target = 1, FAILED / path.name
    while os.path.lexists(target):
        number += 1
        target = FAILED / f"{path.name}.{number}"
    FAILED.mkdir(exist_ok=True)
    try:
        if path.is_dir() and not path.is_symlink():
            return path.rename(target)
        target.mkdir()
        path.rename(target / path.name)
    except OSError as error:
        log(f"{path} could not be moved: {error}")
        return None
    return target


def retry_all(notes):
    """Tries each folder that is due, those that failed least often first: one that always fails delays no other."""
    folders = [path for path in entries(FAILED) if path.is_dir()]
    gone = notes.folders.keys() - {path.name for path in folders}
    if gone:
        notes.folders = {name: note for name, note in notes.folders.items() if name not in gone}
        notes.write()
    for folder in sorted(folders, key=lambda path: notes.folders.get(path.name, (0, 0))):
        # A drain that has begun goes on by itself.
        if (STATE / "draining").exists():
            break
        if notes.is_due(folder.name, time.time()):
            if finalize(folder, notes):
                notes.folders.pop(folder.name, None)
            else:
                notes.failed(folder.name, time.time())
            notes.write()


def finalize(folder, notes):
    """Whether the folder was uploaded: the command succeeds, and the folder is no longer there."""
    bounded = ["timeout", "--kill-after=10", f"{FINALIZE_SECONDS:.3f}", *shlex.split(FINALIZE_COMMAND), "--once", str(folder)]
    with subprocess.Popen(bounded, stdin=subprocess.DEVNULL, stdout=sys.stderr) as process:
        while True:
            try:
                exit_code = process.wait(PUBLISH_SECONDS)
                break
            except subprocess.TimeoutExpired:
                tell(notes)
    if exit_code == 0 and not folder.exists():
        return True
    log(f"{folder} was not uploaded: " + (f"exit code {exit_code}" if exit_code else "the folder is still there"))
    return False


def waiting():
    """The entries that wait. Unless Jibri is idle, one folder may be that of the present recording: the newest."""
    recordings = entries(RECORDINGS)
    if recordings and not is_idle():
        recordings.remove(max(recordings, key=last_written))
    return entries(FAILED) + recordings


def last_written(path):
    """When anything in the folder was written last: it has waited since then."""
    times = []
    for one in [path, *path.rglob("*")]:
        try:
            times.append(one.lstat().st_mtime)
        except OSError:
            pass  # It was uploaded meanwhile.
    return max(times, default=time.time())


def tell(notes):
    """Publishes the count and the age while any recording waits, and zero once when none does."""
    left = waiting()
    if left or notes.told:
        age_seconds = max((time.time() - last_written(path) for path in left), default=0)
        try:
            publish(RecordingsWaiting=(len(left), "Count"), OldestRecordingSeconds=(max(int(age_seconds), 0), "Seconds"))
            notes.told = len(left)
        except (OSError, HTTPException, ValueError, KeyError, subprocess.SubprocessError) as error:
            log(f"the metrics could not be sent: {type(error).__name__}: {error}")
            # Then zero is still owed.
            notes.told = max(notes.told, len(left))
        notes.write()


def publish(**metrics):
    """By curl, which signs. The keys are in no argument, since every user could read it."""
    settings = {**dict(line.split("=", 1) for line in (ROOT / ".env").read_text().splitlines() if "=" in line), **os.environ}
    region, group = settings["AWS_REGION"], settings["AUTO_SCALING_GROUP"]
    namespace = settings.get("METRIC_NAMESPACE") or "JibriAutoscaler"
    fields = {"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": namespace}
    for number, (name, (value, unit)) in enumerate(metrics.items(), 1):
        member = f"MetricData.member.{number}"
        fields |= {f"{member}.MetricName": name, f"{member}.Value": value, f"{member}.Unit": unit}
        fields |= {f"{member}.Dimensions.member.1.Name": "AutoScalingGroupName"}
        fields |= {f"{member}.Dimensions.member.1.Value": group}
    body = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in fields.items())
    url = settings.get("CLOUDWATCH_ENDPOINT_URL") or f"https://monitoring.{region}.amazonaws.com"
    command = ["curl", "-sSf", "--max-time", "8", "--aws-sigv4", f"aws:amz:{region}:monitoring", "--config", "-"]
    config = "\n".join(f"{name} = {json.dumps(value)}" for name, value in credentials(settings))
    subprocess.run(
        [*command, "-o", os.devnull, "-d", body, f"{url}/"], input=config, text=True, stdout=sys.stderr, timeout=20, check=True
    )


def credentials(settings):
    """The instance role's, as curl's settings; for tests those of the environment."""
    keys = {"AccessKeyId": settings.get("AWS_ACCESS_KEY_ID"), "SecretAccessKey": settings.get("AWS_SECRET_ACCESS_KEY")}
    keys["Token"] = settings.get("AWS_SESSION_TOKEN")
    if not keys["AccessKeyId"]:
        endpoint = settings.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
        path = "/latest/meta-data/iam/security-credentials/"
        token = metadata(endpoint, "PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"})
        header = {"X-aws-ec2-metadata-token": token}
        keys = json.loads(metadata(endpoint, "GET", path + metadata(endpoint, "GET", path, header), header))
    yield "user", f"{keys['AccessKeyId']}:{keys['SecretAccessKey']}"
    if keys.get("Token"):
        yield "header", f"x-amz-security-token: {keys['Token']}"


def metadata(endpoint, method, path, headers):
    """One answer of the metadata service, by no proxy."""
    address = urlsplit(endpoint)
    with closing(HTTPConnection(address.hostname, address.port, timeout=HTTP_TIMEOUT_SECONDS)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        if response.status != 200:
            raise ValueError(f"the metadata service answers {path} with {response.status}")
        return response.read().decode()


def log(text):
    """systemd keeps it, with the time."""
    print(f"uploads: {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
