"""template.yaml as CloudFormation would make it of these parameters: by SAM's own translator, without an account."""

import logging
import os
from pathlib import Path
from typing import NamedTuple

from intrinsics import REGION, Resolver
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
STACK_NAME = "jibri"
# The translator warns that its own metrics are not collected.
logging.getLogger("samtranslator.metrics").setLevel(logging.ERROR)


class Function(NamedTuple):
    """A Lambda function of the stack."""

    logical_id: str
    name: str
    binary: str | None
    role: str
    environment: dict
    timeout_seconds: int


class Stack:
    """The resources of a stack, resolved."""

    def __init__(self, template, parameters, name=STACK_NAME, names=None):
        self.name = name
        self.resolver = resolver = Resolver(translated(template, parameters), parameters, name, names or {})
        self.resources = {
            logical_id: resolver.resolve(resource)
            for logical_id, resource in resolver.template["Resources"].items()
            if resolver.exists(resource)
        }

    def reference(self, logical_id):
        return self.resolver.ref_(logical_id)

    def arn(self, logical_id):
        return self.resolver.getatt_([logical_id, "Arn"])

    def of_type(self, kind):
        """The properties of each resource of a type, by logical id."""
        return {
            logical_id: resource.get("Properties", {})
            for logical_id, resource in self.resources.items()
            if resource["Type"] == kind
        }

    def policies(self, role):
        """Every statement of every policy that a role has."""
        properties = self.resources[role]["Properties"]
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        attached = list(properties.get("ManagedPolicyArns", []))
        for logical_id, policy in self.of_type("AWS::IAM::ManagedPolicy").items():
            reference = self.reference(logical_id)
            if reference in attached or self.reference(role) in policy.get("Roles", []):
                documents.append(policy["PolicyDocument"])
                attached = [arn for arn in attached if arn != reference]
        if attached:
            raise LookupError(f"{role} has policies with statements that the template does not show: {attached}")
        for kind in ("AWS::IAM::Policy", "AWS::IAM::RolePolicy"):
            for policy in self.of_type(kind).values():
                if self.reference(role) in [*policy.get("Roles", []), policy.get("RoleName")]:
                    documents.append(policy["PolicyDocument"])
        return [statement for document in documents for statement in as_list(document["Statement"])]

    @property
    def functions(self):
        roles = {self.arn(role): role for role in self.of_type("AWS::IAM::Role")}
        return [
            Function(
                logical_id,
                properties["FunctionName"],
                self.resources[logical_id].get("Metadata", {}).get("BuildProperties", {}).get("Binary"),
                roles[properties["Role"]],
                properties.get("Environment", {}).get("Variables", {}),
                properties.get("Timeout", 3),
            )
            for logical_id, properties in self.of_type("AWS::Lambda::Function").items()
        ]


class NoManagedPolicies:
    """SAM asks AWS for the names of its managed policies; the template may use none."""

    def load(self):
        return {}


def load(parameters, path=TEMPLATE, name=STACK_NAME, names=None):
    """The stack of these parameters, and of the template's own defaults; `names` for what it leaves to AWS to name."""
    return Stack(yaml_parse(path.read_text()), parameters, name, names)


def translated(template, parameters):
    """Plain CloudFormation. Code is not looked at: any address does."""
    os.environ["AWS_DEFAULT_REGION"] = REGION
    code = "s3://bucket/code.zip"
    properties = [template.get("Globals", {}).get("Function", {})]
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            properties.append(resource["Properties"])
    for holder in properties:
        holder["CodeUri"] = code
    return transform(template, dict(parameters), NoManagedPolicies())


def as_list(value):
    return value if isinstance(value, list) else [value]
