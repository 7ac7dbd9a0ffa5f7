"""A new EC2 instance for tests: a folder instead of /opt/jibri, programs that note how they are called, its metadata
service, and the Parameter Store with the two passwords."""

import json
import shutil
import stat
import subprocess
import tempfile
import threading
import unittest
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
INSTANCE_ID = "i-0123456789abcdef0"
PASSWORDS = {"/jibri/xmpp-password": "p$ss w`rd#1 é", "/jibri/recorder-password": "${HOME}{{ .Env }}%n"}
CREDENTIALS = {"AccessKeyId": "AKIASTANDIN", "SecretAccessKey": "very/secret+key", "Token": "long+token=="}
SETTINGS = {
    "JIBRI_IMAGE": "ghcr.io/jitsi/jibri:stable",
    "XMPP_PASSWORD_PARAMETER": "/jibri/xmpp-password",
    "RECORDER_PASSWORD_PARAMETER": "/jibri/recorder-password",
    "AWS_REGION": "eu-central-1",
    "PUBLIC_URL": "https://meet.example.com",
}


class Instance(unittest.TestCase):
    """`programs` are shell scripts by name, which stand in for the real ones; `calls` is what was called, in order."""

    programs = {}

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.root = Path(directory.name).resolve() / "jibri"
        self.root.mkdir()
        (self.root / ".env").write_text("".join(f"{name}={value}\n" for name, value in SETTINGS.items()))
        self.bin = self.root.parent / "bin"
        self.bin.mkdir()
        self.log = self.root.parent / "calls"
        self.log.touch()
        self.settings = {"JIBRI_ROOT": str(self.root), "PATH": f"{self.bin}:/usr/bin:/bin:/usr/sbin:/sbin"}
        for name, body in self.programs.items():
            self.program(name, body)

    def program(self, name, body=""):
        path = self.bin / name
        path.write_text(f'#!/bin/bash\nprintf "%s\\n" "{name} $*" >>"{self.log}"\n{body}\n')
        path.chmod(0o755)

    def note_calls_of(self, *names):
        """These stay as they are, and are noted."""
        for name in names:
            self.program(name, f'exec {shutil.which(name, path="/usr/bin:/bin")} "$@"')

    @property
    def calls(self):
        return self.log.read_text().splitlines()

    def called(self, beginning):
        return [call for call in self.calls if call.startswith(beginning)]

    def start(self, script, **settings):
        return subprocess.Popen(
            [str(REPOSITORY / "instance" / script)],
            env={**self.settings, **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run_script(self, script, **settings):
        process = self.start(script, **settings)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def assert_private(self, path):
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)


class Services:
    """The metadata service and SSM, both at `url`. `lifecycle_states` are told one by one, the last for ever."""

    def __init__(self):
        self.lifecycle_states = ["InService"]
        self.passwords = dict(PASSWORDS)
        self.refuses = None
        self.requests = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self):
                known = self.path == "/latest/api/token" and self.headers["X-aws-ec2-metadata-token-ttl-seconds"]
                self.reply(200 if known else 404, "metadata-token")

            def do_GET(self):
                if self.headers["X-aws-ec2-metadata-token"] != "metadata-token":
                    return self.reply(401, "")
                return self.reply(*services.metadata(self.path.removeprefix("/latest/")))

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.reply(*services.parameters(self.headers, json.loads(body)))

            def reply(self, status, body):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def metadata(self, path):
        self.requests.append(path)
        roles = "meta-data/iam/security-credentials/"
        if path == "meta-data/autoscaling/target-lifecycle-state":
            state = self.lifecycle_states[0]
            self.lifecycle_states = self.lifecycle_states[1:] or [state]
            return (200, state) if state else (404, "")
        known = {"meta-data/instance-id": INSTANCE_ID, roles: "role", f"{roles}role": json.dumps(CREDENTIALS)}
        return (200, known[path]) if path in known else (404, "")

    def parameters(self, headers, asked):
        """https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html"""
        self.requests.append("GetParameters")
        signed = "Credential=AKIASTANDIN/" in headers["Authorization"] and "/eu-central-1/ssm/" in headers["Authorization"]
        if self.refuses or not signed or headers["x-amz-security-token"] != CREDENTIALS["Token"]:
            return 400, json.dumps({"__type": self.refuses or "InvalidSignatureException"})
        if headers["X-Amz-Target"] != "AmazonSSM.GetParameters" or asked["WithDecryption"] is not True:
            return 400, json.dumps({"__type": "UnknownOperationException"})
        known = [{"Name": name, "Value": self.passwords[name]} for name in asked["Names"] if name in self.passwords]
        return 200, json.dumps({"Parameters": known, "InvalidParameters": []})

    def close(self):
        self.server.shutdown()
        self.server.server_close()
