"""A local cloud as boto3 sees it: every answer is held against AWS's own models, letter by letter.

botocore ignores what it does not know, and fills in what is missing. So each body is also compared with the model of its
operation before it is parsed.
"""

import json
import re
import subprocess
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "target" / "debug" / "localcloud"
SCALARS = {
    "integer": r"-?\d+",
    "long": r"-?\d+",
    "double": r"-?\d+(\.\d+)?",
    "float": r"-?\d+(\.\d+)?",
    "boolean": r"true|false",
    "timestamp": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
}


class LocalCloud:
    """`localcloud serve` on free ports, a hundred times as fast as real time; `called` is every operation so far."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--port=0", "--jicofo-port=0", "--speed=100", f"--output={self.directory.name}"],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.endpoint = None
        for line in self.process.stdout:
            if line.startswith("AWS_ENDPOINT_URL="):
                self.endpoint = line.strip().partition("=")[2]
                break
        if not self.endpoint:
            raise RuntimeError("the local cloud does not start: `make test` builds it")
        self.called = set()

    def client(self, service):
        client = boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="eu-central-1",
            aws_access_key_id="contracts",
            aws_secret_access_key="secret",
            config=Config(retries={"total_max_attempts": 10, "mode": "standard"}),
        )
        client.meta.events.register(f"before-parse.{service}", self.compare)
        return client

    def compare(self, operation_model, response_dict, **_):
        self.called.add(operation_model.name)
        if response_dict["status_code"] < 300:
            found = list(differences(operation_model, response_dict["body"]))
            if found:
                raise AssertionError(f"{operation_model.name}: {found}")

    def close(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.directory.cleanup()


def differences(operation_model, body):
    """Where a body says what the model does not know, or says it otherwise."""
    shape, protocol = operation_model.output_shape, operation_model.service_model.resolved_protocol
    if protocol in ("query", "ec2"):
        root = ElementTree.fromstring(body)
        expected = f"{operation_model.name}Response"
        if plain(root.tag) != expected:
            yield f"the root is {root.tag}, not {expected}"
        if shape is None:
            return
        wrapper = shape.serialization.get("resultWrapper")
        inside = next((child for child in root if plain(child.tag) == wrapper), None) if wrapper else root
        if inside is None:
            yield f"there is no {wrapper}"
        else:
            envelope = {"requestId"} if protocol == "ec2" else set()
            yield from xml_differences(inside, shape, operation_model.name, envelope)
    elif shape is not None:
        yield from json_differences(json.loads(body), shape, operation_model.name)


def plain(tag):
    return tag.rpartition("}")[2]


def xml_differences(element, shape, where, envelope=frozenset()):
    if shape.type_name == "structure":
        known = {member.serialization.get("name", name): member for name, member in shape.members.items()}
        for child in element:
            name = plain(child.tag)
            if name in known:
                yield from xml_differences(child, known[name], f"{where}.{name}")
            elif name not in envelope:
                yield f"{where}.{name} is not known"
        present = {plain(child.tag) for child in element}
        for name in shape.required_members:
            if shape.members[name].serialization.get("name", name) not in present:
                yield f"{where}.{name} is missing"
    elif shape.type_name == "list":
        item = shape.member.serialization.get("name", "member")
        for child in element:
            if plain(child.tag) != item:
                yield f"{where}: an item is called {plain(child.tag)}, not {item}"
            yield from xml_differences(child, shape.member, f"{where}[]")
    else:
        yield from scalar_differences(element.text or "", shape, where)


def scalar_differences(text, shape, where):
    if shape.type_name in SCALARS and not re.fullmatch(SCALARS[shape.type_name], text):
        yield f"{where} is {text!r}, which is no {shape.type_name}"
    if getattr(shape, "enum", None) and text not in shape.enum:
        yield f"{where} is {text!r}, which is none of {shape.enum}"


def json_differences(value, shape, where):
    kinds = {
        "structure": dict, "map": dict, "list": list, "string": str, "boolean": bool, "integer": int, "long": int,
        "timestamp": (int, float), "double": (int, float),
    }  # fmt: skip
    if not isinstance(value, kinds[shape.type_name]):
        yield f"{where} is {value!r}, which is no {shape.type_name}"
    elif shape.type_name == "structure":
        for name, member in value.items():
            if name not in shape.members:
                yield f"{where}.{name} is not known"
            else:
                yield from json_differences(member, shape.members[name], f"{where}.{name}")
        yield from (f"{where}.{name} is missing" for name in shape.required_members if name not in value)
    elif shape.type_name == "list":
        for member in value:
            yield from json_differences(member, shape.member, f"{where}[]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from json_differences(member, shape.value, f"{where}[{key}]")
    elif shape.type_name == "string" and shape.enum and value not in shape.enum:
        yield f"{where} is {value!r}, which is none of {shape.enum}"
