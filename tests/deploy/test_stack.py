"""What `sam build` has built, deployed to an AWS on loopback: its functions run there by their schedules and events."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ministack import REGION, ROOT, TOOLS, Ministack
from samtranslator.yaml_helper import yaml_parse

sys.path.insert(0, str(ROOT / "tests" / "permissions"))

from granted import STACK  # noqa: E402

BUILT = ROOT / ".aws-sam" / "build"
NAME = "jibri"
FUNCTIONS = ("availability", "scale-in", "drain")
PARAMETERS = {
    "VpcId": "vpc-00000000",
    "SubnetIds": "subnet-00000000,subnet-11111111",
    "JicofoUrls": "http://127.0.0.1:9",
    "PublicUrl": "https://meet.example.com",
    "XmppServer": "10.0.0.2",
    # Canonical's parameters are not there.
    "ImageId": "ami-0123456789abcdef0",
}
# What ministack cannot make, and why. The shipped template keeps it.
LEFT_OUT = {
    "AWS::SSM::Document": "no such type",
    "AWS::CloudWatch::Dashboard": "it names the alarms that are left out",
}
METRIC_MATH = "no alarm on expressions"


def setUpModule():
    global CLOUD
    CLOUD = Ministack()
    unittest.addModuleCleanup(CLOUD.close)


def fit_for_ministack(template):
    """The template without what is left out; what refers to a document gets its name."""
    resources = template["Resources"]
    left_out = {
        name
        for name, resource in resources.items()
        if resource["Type"] in LEFT_OUT
        or resource["Type"] == "AWS::CloudWatch::Alarm"
        and "Metrics" in resource["Properties"]
    }
    names = {name: resources[name]["Properties"].get("Name") for name in left_out}

    def without(node):
        match node:
            case {"Ref": name} if name in names:
                return names[name]
            case dict():
                return {key: without(value) for key, value in node.items()}
            case list():
                return [without(value) for value in node]
            case str():
                for name in names:
                    node = node.replace(f"${{{name}}}", f"{NAME}-{name.removesuffix('Document').lower()}")
        return node

    kept = {
        **template,
        "Resources": {name: resource for name, resource in resources.items() if name not in left_out},
        "Outputs": {name: one for name, one in template["Outputs"].items() if "Dashboard" not in name},
    }
    kept = without(kept)
    for resource in kept["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = str(BUILT / resource["Properties"]["CodeUri"])
    # Else the functions would look for AWS itself.
    kept["Globals"]["Function"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = CLOUD.endpoint
    return kept


class Deployed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (BUILT / "template.yaml").is_file():
            raise AssertionError("nothing is built: `make build`")
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        template = Path(directory.name) / "template.json"
        template.write_text(json.dumps(fit_for_ministack(yaml_parse((BUILT / "template.yaml").read_text()))))
        command = [
            TOOLS / "sam" / "bin" / "sam", "deploy", "--template-file", template, "--stack-name", NAME, "--resolve-s3",
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--region", REGION, "--parameter-overrides",
            *(f"{name}={value}" for name, value in PARAMETERS.items()),
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=directory.name, env=CLOUD.environment, capture_output=True, text=True, timeout=300, check=False
        )
        if run.returncode:
            raise AssertionError(f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}\n{CLOUD.log[-2000:]}")

    def messages(self, function):
        logs = CLOUD.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{NAME}-{function}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return []
        return [event["message"] for event in events]

    def test_what_is_built_is_the_template(self):
        built, source = (yaml_parse((folder / "template.yaml").read_text()) for folder in (BUILT, ROOT))
        for part in ("Parameters", "Conditions", "Mappings", "Outputs"):
            self.assertEqual(built[part], source[part], f"{part} are of an older build: `make build`")

    def test_the_stack_is_complete(self):
        (stack,) = CLOUD.client("cloudformation").describe_stacks(StackName=NAME)["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        (group,) = CLOUD.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[NAME])[
            "AutoScalingGroups"
        ]
        self.assertEqual((group["MinSize"], group["MaxSize"]), (0, 20))

    def test_every_function_runs_by_its_schedule(self):
        for function in FUNCTIONS:
            with self.subTest(function):
                # The runtime's own line of an invocation that has ended.
                CLOUD.eventually(
                    f"{function} ends an invocation",
                    lambda function=function: any("REPORT RequestId" in line for line in self.messages(function)),
                )

    def test_what_a_function_says_of_the_pool_is_a_metric(self):
        def names():
            return {metric["MetricName"] for metric in CLOUD.client("cloudwatch").list_metrics()["Metrics"]}

        CLOUD.eventually("availability and drain publish", lambda: {"SignalLost", "DrainsUnderWay"} <= names())
        # Jicofo is not there: the pool is not said to be empty.
        self.assertNotIn("AvailableJibris", names())

    def test_the_drain_takes_a_lifecycle_event(self):
        # Nobody but AWS may put an event of its own on the bus, here neither: the rule itself is tried below.
        event = (ROOT / "events" / "drain-lifecycle.json").read_text()
        answer = CLOUD.client("lambda").invoke(FunctionName=f"{NAME}-drain", Payload=event)
        self.assertNotIn("FunctionError", answer, answer["Payload"].read())
        refused = CLOUD.client("lambda").invoke(FunctionName=f"{NAME}-drain", Payload=event.replace('"jibri"', '"jvb"'))
        self.assertIn("expected group", refused["Payload"].read().decode())


class LifecycleRule(unittest.TestCase):
    def setUp(self):
        (rule,) = STACK.of_type("AWS::Events::Rule").values()
        self.pattern = json.dumps(rule["EventPattern"])
        self.event = json.loads((ROOT / "events" / "drain-lifecycle.json").read_text())

    def matches(self, **detail):
        event = {**self.event, "detail": {**self.event["detail"], **detail}}
        answer = CLOUD.client("events").test_event_pattern(EventPattern=self.pattern, Event=json.dumps(event))
        return answer["Result"]

    def test_an_instance_of_the_group_that_waits_at_the_hook(self):
        self.assertTrue(self.matches())

    def test_one_that_leaves_the_warm_pool(self):
        self.assertTrue(self.matches(Origin="WarmPool"))

    def test_neither_another_group_nor_another_hook(self):
        self.assertFalse(self.matches(AutoScalingGroupName="jvb"))
        self.assertFalse(self.matches(AutoScalingGroupName="jibri-2"))
        self.assertFalse(self.matches(LifecycleHookName="other"))

    def test_no_launch(self):
        self.event["detail-type"] = "EC2 Instance-launch Lifecycle Action"
        self.assertFalse(self.matches(LifecycleTransition="autoscaling:EC2_INSTANCE_LAUNCHING"))

    def test_no_other_source(self):
        self.event["source"] = "aws.ec2"
        self.assertFalse(self.matches())


if __name__ == "__main__":
    unittest.main()
