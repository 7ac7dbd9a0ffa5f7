"""CloudFormation's intrinsic functions, with stand-ins for what only a real account can know.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
A function, a type or an attribute that is not written here raises `Unresolved`.
"""

import base64
import re
from typing import NamedTuple

ACCOUNT = "123456789012"
REGION = "eu-central-1"
PARTITION = "aws"
NOTHING = object()


class Unresolved(Exception):
    """Something in the template that has no value here."""


class Kind(NamedTuple):
    """What Ref and Arn of a type of resource give: `name` is the property that names it."""

    name: str | None = None
    arn: str | None = None
    ref: str = "{name}"


def regional(service, rest):
    return f"arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{rest}"


def of_iam(rest):
    return f"arn:{PARTITION}:iam::{ACCOUNT}:{rest}"


KINDS = {
    "AWS::AutoScaling::AutoScalingGroup": Kind("AutoScalingGroupName"),
    "AWS::CloudWatch::Alarm": Kind("AlarmName", regional("cloudwatch", "alarm:{name}")),
    "AWS::Events::Rule": Kind("Name", regional("events", "rule/{name}")),
    "AWS::IAM::InstanceProfile": Kind("InstanceProfileName", of_iam("instance-profile/{name}")),
    "AWS::IAM::ManagedPolicy": Kind("ManagedPolicyName", ref=of_iam("policy/{name}")),
    "AWS::IAM::Role": Kind("RoleName", of_iam("role/{name}")),
    "AWS::Lambda::Function": Kind("FunctionName", regional("lambda", "function:{name}")),
    "AWS::Logs::LogGroup": Kind("LogGroupName", regional("logs", "log-group:{name}:*")),
    "AWS::S3::Bucket": Kind("BucketName", f"arn:{PARTITION}:s3:::{{name}}"),
    "AWS::SNS::Topic": Kind("TopicName", ref=regional("sns", "{name}")),
    "AWS::SQS::Queue": Kind(
        "QueueName", regional("sqs", "{name}"), f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{{name}}"
    ),
    "AWS::SSM::Document": Kind("Name"),
    "AWS::SSM::Parameter": Kind("Name"),
    "AWS::Scheduler::Schedule": Kind("Name", regional("scheduler", "schedule/default/{name}")),
}
# Attributes that say nothing about permissions.
STAND_INS = {"GroupId", "LatestVersionNumber"}


class Resolver:
    """Gives a template's values their final form. `names` are those that AWS would make up, by logical id."""

    def __init__(self, template, parameters, stack_name, names):
        self.template = template
        self.stack_name = stack_name
        self.names = names
        self.values = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NOTHING,
            "AWS::Partition": PARTITION,
            "AWS::Region": REGION,
            "AWS::StackName": stack_name,
            "AWS::URLSuffix": "amazonaws.com",
        }
        declared = template.get("Parameters", {})
        if unknown := parameters.keys() - declared.keys():
            raise Unresolved(f"the template has no parameters {sorted(unknown)}")
        for name, declaration in declared.items():
            value = parameters.get(name, declaration.get("Default"))
            if value is None:
                raise Unresolved(f"the parameter {name} has no value")
            is_list = "List" in declaration["Type"]
            self.values[name] = [item.strip() for item in text(value).split(",")] if is_list else text(value)

    def resolve(self, value):
        """The value with every function in it applied; what is AWS::NoValue is left out."""
        if isinstance(value, list):
            return [item for item in map(self.resolve, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        names = [name for name in value if name == "Ref" or name.startswith("Fn::")]
        if names:
            (name,) = value  # a function stands alone
            return self.apply(name, value[name])
        resolved = {name: self.resolve(item) for name, item in value.items()}
        return {name: item for name, item in resolved.items() if item is not NOTHING}

    def apply(self, function, argument):
        method = getattr(self, function.removeprefix("Fn::").lower() + "_", None)
        if method is None:
            raise Unresolved(f"the function {function}")
        return method(argument)

    def ref_(self, name):
        if name in self.values:
            return self.values[name]
        kind = KINDS.get(self.resource(name)["Type"], Kind())
        return kind.ref.format(name=self.name_of(name))

    def getatt_(self, argument):
        name, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        resource = self.resource(name)
        if attribute in STAND_INS:
            return f"{self.name_of(name)}.{attribute}"
        kind = KINDS.get(resource["Type"], Kind())
        form = {"Arn": kind.arn, "TopicArn": kind.ref, "PolicyArn": kind.ref}.get(attribute)
        if form is None or not form.startswith("arn:"):
            raise Unresolved(f"{attribute} of {name}, a {resource['Type']}")
        return form.format(name=self.name_of(name))

    def sub_(self, argument):
        pattern, own = argument if isinstance(argument, list) else (argument, {})

        def replacement(match):
            name = match[1]
            if name.startswith("!"):
                return "${" + name[1:] + "}"
            if name in own:
                return text(self.resolve(own[name]))
            return text(self.getatt_(name) if "." in name else self.ref_(name))

        return re.sub(r"\$\{([^}]+)\}", replacement, pattern)

    def join_(self, argument):
        separator, items = argument
        return separator.join(map(text, self.resolve(items)))

    def select_(self, argument):
        index, items = argument
        return self.resolve(items)[int(self.resolve(index))]

    def split_(self, argument):
        separator, whole = argument
        return self.resolve(whole).split(separator)

    def findinmap_(self, argument):
        mapping, first, second = self.resolve(argument)
        return self.template["Mappings"][mapping][text(first)][text(second)]

    def base64_(self, argument):
        return base64.b64encode(self.resolve(argument).encode()).decode()

    def if_(self, argument):
        condition, then, otherwise = argument
        return self.resolve(then if self.condition(condition) else otherwise)

    def equals_(self, argument):
        left, right = self.resolve(argument)
        return text(left) == text(right)

    def not_(self, argument):
        (condition,) = argument
        return not self.met(condition)

    def and_(self, argument):
        return all([self.met(condition) for condition in argument])

    def or_(self, argument):
        return any([self.met(condition) for condition in argument])

    def met(self, value):
        """A condition inside of another: a function, or a reference to one by name."""
        return self.condition(value["Condition"]) if "Condition" in value else self.resolve(value)

    def condition(self, name):
        return self.met(self.template["Conditions"][name])

    def resource(self, name):
        """A resource that the stack has, under its conditions."""
        resource = self.template["Resources"].get(name)
        if resource is None or not self.exists(resource):
            raise Unresolved(f"the stack has no {name}")
        return resource

    def exists(self, resource):
        return "Condition" not in resource or self.condition(resource["Condition"])

    def name_of(self, name):
        """The name that the template gives to a resource, or else the one that AWS would make up."""
        resource = self.template["Resources"][name]
        kind = KINDS.get(resource["Type"], Kind())
        given = self.resolve(resource.get("Properties", {}).get(kind.name))
        if given is None or given is NOTHING:
            return self.names.get(name, f"{self.stack_name}-{name}")
        return given


def text(value):
    """A scalar as CloudFormation writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)):
        raise Unresolved(f"{value} is no text")
    return str(value)
