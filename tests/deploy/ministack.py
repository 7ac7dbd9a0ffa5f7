"""An AWS on loopback from another project, for as long as a test runs: https://ministack.org"""

import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target" / "tools"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
PATIENCE_SECONDS = 240


class Ministack:
    """A server for one test; its log is `log`. All clients use the same account."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        folder = Path(self.directory.name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self.environment = {
            **os.environ,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": REGION,
            "SAM_CLI_TELEMETRY": "0",
        }
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LAMBDA_EXECUTOR": "local",
            "IOT_MTLS_ENABLED": "0",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            "STATE_DIR": str(folder / "state"),
            "S3_DATA_DIR": str(folder / "s3"),
            "TMPDIR": str(folder),
        }
        self.log_path = folder / "log"
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                [TOOLS / "contracts" / "bin" / "ministack"],
                env={**os.environ, **settings},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.eventually("it is ready", lambda: "Running on" in self.log)

    @property
    def log(self):
        return self.log_path.read_text(errors="replace")

    def client(self, service):
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def eventually(self, what, look):
        """Calls `look` until it returns something, and returns that; after the deadline the test fails."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not (found := look()):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise AssertionError(f"it never came true that {what}; ministack's log ends with\n{self.log[-3000:]}")
            time.sleep(0.2)
        return found

    def close(self):
        # The functions that the server runs are processes of its session.
        os.killpg(self.process.pid, 9)
        self.process.wait()
        self.directory.cleanup()
