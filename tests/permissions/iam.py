"""Decides as IAM does whether an identity policy allows a call.

The rules are those of AWS's pages
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html,
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html.
What is not written here raises `Unsupported`: a rule that is not understood allows nothing.
"""

import json
import re
from functools import cache
from typing import NamedTuple

ELEMENTS = {"Sid", "Effect", "Action", "Resource", "Condition"}
ARN_PARTS = 6


class Unsupported(Exception):
    """An element of the policy language that this evaluator does not know."""


class Decision(NamedTuple):
    """Whether a call is allowed, and the statement that says so; without a statement it is denied implicitly."""

    allowed: bool
    statement: dict | None

    @property
    def denied_explicitly(self):
        return not self.allowed and self.statement is not None

    def __str__(self):
        verdict = "allowed" if self.allowed else "denied"
        return f"{verdict} by {json.dumps(self.statement)}" if self.statement else "denied: no statement allows it"


def evaluate(statements, action, resource, context):
    """The decision on one action on one resource; `context` has a list of values for each condition key."""
    context = {key.lower(): texts(values) for key, values in context.items()}
    parsed = [(statement, conditions_of(statement)) for statement in statements]
    applying = [
        statement
        for statement, conditions in parsed
        if any(matches_action(pattern, action) for pattern in texts(statement["Action"]))
        and any(glob(pattern, resource) for pattern in texts(statement["Resource"]))
        and all(condition.holds(context) for condition in conditions)
    ]
    # A denial wins over every permission.
    for effect in ("Deny", "Allow"):
        for statement in applying:
            if statement["Effect"] == effect:
                return Decision(effect == "Allow", statement)
    return Decision(False, None)


def allowed_call(statements, call, context=None):
    """The decision on a line of the log of calls: each of its resources must be allowed on its own."""
    if not call["resources"]:
        raise ValueError(f"a call about nothing: {call}")
    for resource in call["resources"]:
        tags = tags_as_context(call["action"], resource["tags"])
        known = {**(context or {}), **call["conditions"], **tags}
        decision = evaluate(statements, call["action"], resource["arn"], known)
        if not decision.allowed:
            break
    return decision


def tags_as_context(action, tags):
    """A resource's tags under the global condition key, and under the service's own where it has one."""
    service = action.partition(":")[0]
    prefixes = ["aws", service] if service in ("autoscaling", "ec2", "ssm") else ["aws"]
    return {f"{prefix}:ResourceTag/{key}": [value] for prefix in prefixes for key, value in tags.items()}


def texts(value):
    """One or many values of a policy, as IAM compares them."""
    values = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in values]


class Condition(NamedTuple):
    """One key under one operator."""

    operator: str
    quantifier: str
    if_exists: bool
    key: str
    wanted: list

    def holds(self, context):
        values = context.get(self.key.lower(), [])
        if self.operator == "Null":
            return self.wanted == [str(not values).lower()]
        negated = self.operator in NEGATED
        if not values:
            return self.if_exists or self.quantifier == "ForAllValues" or (negated and not self.quantifier)
        matches = MATCHES[NEGATED.get(self.operator, self.operator)]
        met = [negated != any(matches(pattern, value) for pattern in self.wanted) for value in values]
        if self.quantifier:
            return all(met) if self.quantifier == "ForAllValues" else any(met)
        if len(met) > 1:
            raise Unsupported(f"{self.key} has several values, and {self.operator} is for one")
        return met[0]


def conditions_of(statement):
    """The conditions of a statement, once all of the statement is known to be understood."""
    unknown = statement.keys() - ELEMENTS
    if unknown or statement["Effect"] not in ("Allow", "Deny"):
        raise Unsupported(f"{unknown or statement['Effect']} in {statement}")
    if "${" in json.dumps(statement):
        raise Unsupported(f"a policy variable in {statement}")
    return [
        condition(name, key, texts(wanted))
        for name, keys in statement.get("Condition", {}).items()
        for key, wanted in keys.items()
    ]


def condition(name, key, wanted):
    """Reads an operator such as `ForAnyValue:StringLikeIfExists`."""
    quantifier, _, operator = name.rpartition(":")
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    known = operator in MATCHES or operator in NEGATED or name == "Null"
    if not known or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise Unsupported(f"the condition operator {name}")
    if operator == "Null" and wanted not in (["true"], ["false"]):
        raise Unsupported(f"Null of {wanted}")
    if operator.startswith("Arn") and any(pattern.count(":") < ARN_PARTS - 1 for pattern in wanted):
        raise Unsupported(f"{wanted} of {name} are not all ARNs")
    return Condition(operator, quantifier, if_exists, key, wanted)


def matches_action(pattern, action):
    return glob(pattern.lower(), action.lower())


def glob(pattern, value):
    """`*` stands for any characters, colons included, and `?` for one."""
    return wildcards(pattern).fullmatch(value) is not None


@cache
def wildcards(pattern):
    return re.compile("".join({"*": ".*", "?": "."}.get(letter) or re.escape(letter) for letter in pattern), re.DOTALL)


def matches_arn(pattern, value):
    """Part by part: unlike in Resource, a wildcard does not reach into the next part."""
    parts = value.split(":", ARN_PARTS - 1)
    return len(parts) == ARN_PARTS and all(map(glob, pattern.split(":", ARN_PARTS - 1), parts))


MATCHES = {
    "StringEquals": str.__eq__,
    "StringLike": glob,
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}
NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
