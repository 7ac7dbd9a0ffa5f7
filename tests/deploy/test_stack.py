"""What `sam build` has built, deployed to an AWS on loopback: its functions run there by their schedules."""

import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from ministack import REGION, ROOT, TOOLS, Ministack
from samtranslator.yaml_helper import yaml_parse

sys.path.insert(0, str(ROOT / "tests" / "permissions"))

from stack import load  # noqa: E402

BUILT = ROOT / ".aws-sam" / "build"
NAME = "jibri"
EVENT = json.loads((ROOT / "events" / "drain-lifecycle.json").read_text())
# Everything is switched on. Nothing answers at Jicofo's address.
PARAMETERS = {
    "VpcId": "vpc-00000000",
    "SubnetIds": "subnet-00000000,subnet-11111111",
    "JitsiSecurityGroupId": "sg-00000000",
    "JicofoUrls": "http://127.0.0.1:9",
    "PublicUrl": "https://meet.example.com",
    "XmppServer": "10.0.0.2",
    "PasswordKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/passwords",
    "WarmPoolSize": "2",
    # Canonical's parameters are not there.
    "ImageId": "ami-0123456789abcdef0",
    "RecordingsExpirationDays": "30",
    "ReservedConcurrency": "1",
    "PlannedParameter": "/jibri/planned",
    "AlarmEmail": "operations@example.com",
}
# What ministack refuses; the shipped template keeps it.
LEFT_OUT = {
    "AWS::AutoScaling::WarmPool": "Unrecognized resource types",
    "AWS::EC2::SecurityGroupIngress": "Unrecognized resource types",
    "AWS::SSM::Document": "Unrecognized resource types",
    "AWS::CloudWatch::Alarm": "metric math",
}


def setUpModule():
    global CLOUD, STACK
    if not (BUILT / "template.yaml").is_file():
        raise AssertionError("nothing is built: `make build`")
    STACK = load(PARAMETERS, BUILT / "template.yaml", NAME)
    CLOUD = Ministack()
    unittest.addModuleCleanup(CLOUD.close)


def is_left_out(resource):
    return resource["Type"] in LEFT_OUT and (
        resource["Type"] != "AWS::CloudWatch::Alarm" or "Metrics" in resource["Properties"]
    )


def fit_for_ministack(template):
    """The template without what is left out: what refers to it gets the name, or the ARN, that it would have."""
    resources = template["Resources"]
    left_out = [name for name, resource in resources.items() if is_left_out(resource)]
    for name in left_out:
        del resources[name]
    for name, resource in resources.items():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = str(BUILT / name)
            # Else the function would look for AWS itself.
            resource["Properties"]["Environment"]["Variables"]["AWS_ENDPOINT_URL"] = CLOUD.endpoint
    text = json.dumps(template)
    for name in left_out:
        reference = STACK.reference(name)
        text = text.replace(json.dumps({"Ref": name}), json.dumps(reference)).replace(f"${{{name}}}", reference)
        if f"${{{name}.Arn}}" in text:
            text = text.replace(f"${{{name}.Arn}}", STACK.arn(name))
    return text


def deploy():
    with tempfile.TemporaryDirectory() as directory:
        template = Path(directory) / "template.json"
        template.write_text(fit_for_ministack(yaml_parse((BUILT / "template.yaml").read_text())))
        command = [
            TOOLS / "sam" / "bin" / "sam", "deploy", "--template-file", template, "--stack-name", NAME, "--resolve-s3",
            "--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--region", REGION, "--parameter-overrides",
            *(f"{name}={value}" for name, value in PARAMETERS.items()),
        ]  # fmt: skip
        run = subprocess.run(
            command, cwd=directory, env=CLOUD.environment, capture_output=True, text=True, timeout=300, check=False
        )
    if run.returncode:
        raise AssertionError(f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}\n{CLOUD.log[-2000:]}")


class Deployed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        deploy()

    def messages(self, function):
        logs = CLOUD.client("logs")
        return [
            event["message"]
            for event in logs.filter_log_events(logGroupName=f"/aws/lambda/{NAME}-{function}")["events"]
        ]

    def values(self, metric):
        """What the group's metric has been so far."""
        query = {
            "Id": "values",
            "MetricStat": {
                "Metric": {
                    "Namespace": "JibriAutoscaler",
                    "MetricName": metric,
                    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": NAME}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        (found,) = CLOUD.client("cloudwatch").get_metric_data(
            MetricDataQueries=[query], StartTime="2000-01-01T00:00:00Z", EndTime="2100-01-01T00:00:00Z"
        )["MetricDataResults"]
        return set(found["Values"])

    def test_what_is_built_is_the_template(self):
        built, source = (yaml_parse((folder / "template.yaml").read_text()) for folder in (BUILT, ROOT))
        for resource in [*built["Resources"].values(), *source["Resources"].values()]:
            # The build's own.
            resource.pop("Metadata", None)
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"].pop("CodeUri", None)
        for part, expected in source.items():
            with self.subTest(part):
                self.assertEqual(built[part], expected, "the build is older: `make build`")

    def test_the_stack_is_complete(self):
        cloudformation = CLOUD.client("cloudformation")
        (stack,) = cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        self.assertEqual(stack["StackStatus"], "CREATE_COMPLETE")
        made = cloudformation.describe_stack_resources(StackName=NAME)["StackResources"]
        expected = {name for name, resource in STACK.resources.items() if not is_left_out(resource)}
        self.assertEqual({resource["LogicalResourceId"] for resource in made}, expected)

    # Only the schedules invoke these functions: a drain by an event publishes no metric.

    def test_availability_runs_by_its_schedule(self):
        CLOUD.eventually("SignalLost is published", lambda: self.values("SignalLost"))
        self.assertEqual(self.values("SignalLost"), {1})
        self.assertEqual(self.values("AvailableJibris"), set(), "without Jicofo it is not known")

    def test_the_drain_runs_by_its_schedule(self):
        CLOUD.eventually("DrainsUnderWay is published", lambda: self.values("DrainsUnderWay"))
        self.assertEqual(self.values("DrainsUnderWay"), {0})

    def test_scale_in_runs_by_its_schedule(self):
        problem = "no signal from Jicofo: GET http://127.0.0.1:9/stats"
        CLOUD.eventually(
            "scale_in says what is wrong", lambda: any(problem in message for message in self.messages("scale-in"))
        )

    def test_the_forecast_has_its_schedule_and_says_what_it_lacks(self):
        scheduler, functions = CLOUD.client("scheduler"), CLOUD.client("lambda")
        schedule = scheduler.get_schedule(Name=f"{NAME}-forecast")
        self.assertEqual(schedule["ScheduleExpression"], "rate(5 minutes)")
        forecast = functions.get_function(FunctionName=schedule["Target"]["Arn"])["Configuration"]["FunctionName"]
        functions.invoke(FunctionName=forecast, Payload=(ROOT / "events" / "forecast.json").read_text())
        CLOUD.eventually(
            "forecast says that it has no history", lambda: any("history" in one for one in self.messages("forecast"))
        )

    def test_a_lifecycle_event_finds_its_way_to_the_drain(self):
        # Only AWS may put its own events on the bus, here too. So the test checks rule, target, permission and function.
        events, functions = CLOUD.client("events"), CLOUD.client("lambda")
        (rule,) = events.list_rules()["Rules"]
        answer = events.test_event_pattern(EventPattern=rule["EventPattern"], Event=json.dumps(EVENT))
        self.assertTrue(answer["Result"])
        (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        drain = functions.get_function(FunctionName=target["Arn"])["Configuration"]["FunctionName"]
        self.assertEqual(drain, f"{NAME}-drain")
        (grant,) = json.loads(functions.get_policy(FunctionName=drain)["Policy"])["Statement"]
        self.assertEqual(grant["Principal"], {"Service": "events.amazonaws.com"})
        self.assertEqual(list(grant["Condition"].values()), [{"AWS:SourceArn": rule["Arn"]}])
        answer = functions.invoke(FunctionName=drain, Payload=json.dumps(EVENT))
        self.assertNotIn("FunctionError", answer, answer["Payload"].read())

    def test_the_drain_refuses_what_is_not_its_own(self):
        event = {**EVENT, "detail": {**EVENT["detail"], "AutoScalingGroupName": "jvb"}}
        answer = CLOUD.client("lambda").invoke(FunctionName=f"{NAME}-drain", Payload=json.dumps(event))
        self.assertIn("expected group", answer["Payload"].read().decode())


class LeftOut(unittest.TestCase):
    def test_ministack_still_refuses_it(self):
        cloudformation = CLOUD.client("cloudformation")
        for kind, reason in LEFT_OUT.items():
            with self.subTest(kind):
                name, resource = next(
                    (name, resource)
                    for name, resource in STACK.resources.items()
                    if resource["Type"] == kind and is_left_out(resource)
                )
                alone = json.dumps({"Resources": {name: {**resource, "Condition": None, "DependsOn": []}}})
                self.assertRegex(self.failure(cloudformation, name, alone), reason)

    def failure(self, cloudformation, name, template):
        try:
            cloudformation.create_stack(StackName=name, TemplateBody=template)
        except cloudformation.exceptions.ClientError as refusal:
            return str(refusal)

        def ended():
            (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
            return stack["StackStatus"] if not stack["StackStatus"].endswith("IN_PROGRESS") else None

        CLOUD.eventually(f"the stack {name} ends", ended)
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)


class LifecycleRule(unittest.TestCase):
    def setUp(self):
        (rule,) = STACK.of_type("AWS::Events::Rule").values()
        self.pattern = json.dumps(rule["EventPattern"])

    def matches(self, detail=None, **envelope):
        event = {**EVENT, **envelope, "detail": {**EVENT["detail"], **(detail or {})}}
        answer = CLOUD.client("events").test_event_pattern(EventPattern=self.pattern, Event=json.dumps(event))
        return answer["Result"]

    def test_an_instance_of_the_group_that_waits_at_the_hook(self):
        self.assertTrue(self.matches())

    def test_one_that_leaves_the_warm_pool(self):
        self.assertTrue(self.matches({"Origin": "WarmPool"}))

    def test_one_that_returns_to_the_warm_pool(self):
        self.assertTrue(self.matches({"Destination": "WarmPool"}))

    def test_neither_another_group_nor_another_hook(self):
        for detail in ("AutoScalingGroupName", "LifecycleHookName"):
            for name in ("jvb", "jibri-2", "JIBRI", "jibri-drain-2"):
                with self.subTest(detail, name=name):
                    self.assertFalse(self.matches({detail: name}))

    def test_no_launch(self):
        launch = {"LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING"}
        self.assertFalse(self.matches(launch, **{"detail-type": "EC2 Instance-launch Lifecycle Action"}))

    def test_no_termination_that_has_ended(self):
        self.assertFalse(self.matches(**{"detail-type": "EC2 Instance Terminate Successful"}))

    def test_no_other_source(self):
        self.assertFalse(self.matches(source="aws.ec2"))


if __name__ == "__main__":
    unittest.main()
