"""The local cloud as a process, and boto3's clients of it."""

import functools
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import boto3
from botocore.config import Config

from contract import check

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target" / "debug" / "localcloud"
PATIENCE_SECONDS = 60


class LocalCloud:
    """`localcloud serve` on free ports, in a world that runs `speed` times as fast as real time."""

    def __init__(self, speed):
        self.output = tempfile.TemporaryDirectory()
        options = {"--port": 0, "--jicofo-port": 0, "--speed": speed, "--output": self.output.name}
        options = [str(word) for option in options.items() for word in option]
        self.process = subprocess.Popen(
            [PROGRAM, "serve", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        # It prints them once it listens.
        self.variables = {}
        while "AWS_ENDPOINT_URL" not in self.variables or "AUTO_SCALING_GROUP" not in self.variables:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the local cloud ended with {self.process.wait()}")
            name, _, value = line.rstrip("\n").partition("=")
            self.variables[name] = value
        self.group = self.variables["AUTO_SCALING_GROUP"]

    def client(self, service, protocol=None, **settings):
        """A client that tries once, validates nothing itself, and holds every answer against the model."""
        client = session(service, protocol).client(
            service,
            endpoint_url=self.variables["AWS_ENDPOINT_URL"],
            region_name=self.variables["AWS_REGION"],
            aws_access_key_id="contracts",
            aws_secret_access_key="local",
            config=Config(
                retries={"total_max_attempts": 1},
                parameter_validation=False,
                disable_request_compression=True,
                **settings,
            ),
        )
        client.meta.events.register("before-parse", check)
        return client

    def close(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(PATIENCE_SECONDS)
        self.process.stdout.close()
        self.output.cleanup()


@functools.cache
def session(service, protocol):
    """A session that speaks only this protocol with the service, out of those that its model has."""
    made = boto3.Session()
    if protocol:
        loader = made._session.get_component("data_loader")
        loader.load_service_model(service, "service-2")["metadata"]["protocols"] = [protocol]
    return made


def eventually(what, look):
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {PATIENCE_SECONDS} seconds")
