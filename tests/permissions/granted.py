"""What the roles of the stack grant, and what was called: the material of test_permissions.py."""

import json
import os
from pathlib import Path
from typing import NamedTuple

from foreign import BUCKET, PASSWORD_KEY, PLANNED_PARAMETER
from iam import allowed_call, evaluate, tags_as_context, texts
from stack import load

ROOT = Path(__file__).resolve().parents[2]
STACK = load(
    {
        "VpcId": "vpc-00000000",
        "SubnetIds": "subnet-00000000,subnet-11111111",
        "JicofoUrls": "http://10.0.0.1:8888",
        "PublicUrl": "https://meet.example.com",
        "XmppServer": "10.0.0.2",
        "PasswordKeyArn": PASSWORD_KEY,
        "PlannedParameter": PLANNED_PARAMETER,
    },
    names={"RecordingsBucket": BUCKET},
)
ROLES = {role: STACK.policies(role) for role in STACK.of_type("AWS::IAM::Role")}
ROLE_OF = {function.binary: function.role for function in STACK.functions} | {
    "instance": "JibriRole",
    "scheduler": "ScheduleRole",
}
# What Lambda adds to every call of a function's own code.
# https://docs.aws.amazon.com/lambda/latest/dg/permissions-source-function-arn.html
CONTEXT_OF = {caller: {} for caller in ROLE_OF} | {
    function.binary: {"lambda:SourceFunctionArn": [STACK.arn(function.logical_id)]} for function in STACK.functions
}


class Grant(NamedTuple):
    """The smallest part of a policy: one action on one pattern of resources."""

    role: str
    action: str
    resource: str
    statement: dict

    def covers(self, call):
        """Whether it is this grant that allows the call, of one resource or more."""
        context = {**CONTEXT_OF[call["function"]], **call["conditions"]}
        return self.action == call["action"] and any(
            evaluate(
                [self.statement],
                call["action"],
                resource["arn"],
                context | tags_as_context(call["action"], resource["tags"]),
            ).allowed
            for resource in call["resources"]
        )

    def __str__(self):
        return f"{self.role}: {self.action} on {self.resource}"


def grants():
    """Every grant of every role."""
    return [
        Grant(role, action, resource, {**statement, "Action": action, "Resource": resource})
        for role, statements in ROLES.items()
        for statement in statements
        if statement["Effect"] == "Allow"
        for action in texts(statement["Action"])
        for resource in texts(statement["Resource"])
    ]


def logged_calls():
    """The logs of the end-to-end runs' calls, each sort of them once: only the moment and the outcome are left out."""
    folder = Path(os.environ.get("CALLS", ROOT / "target" / "tmp" / "end-to-end"))
    logs = sorted(folder.glob("*/calls.jsonl"))
    if not logs:
        raise FileNotFoundError(f"no log of calls below {folder}: `make test` writes them; CALLS names another folder")
    calls = {}
    for line in (line for log in logs for line in log.read_text().splitlines()):
        call = json.loads(line)
        del call["at"], call["outcome"]
        # An instance signs with its own id.
        if call["function"].startswith("i-"):
            call["function"] = "instance"
        calls.setdefault(json.dumps(call, sort_keys=True), call)
    return list(calls.values())


def decide(call):
    """What IAM would say to a call by one of the stack's roles."""
    return allowed_call(ROLES[ROLE_OF[call["function"]]], call, CONTEXT_OF[call["function"]])
