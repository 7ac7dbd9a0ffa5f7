"""A stack is taken down without cutting a recording, or it stays."""

import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import boto3
from botocore.exceptions import ClientError

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "target" / "tools" / "contracts" / "bin"
TEARDOWN = ROOT / "deploy" / "teardown.sh"
LIMIT_SECONDS = 240


class Teardown(unittest.TestCase):
    """Runs the script with programs of our own before all others; nothing sleeps."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = Path(directory.name)
        self.environment = {"PATH": f"{self.directory}:{TOOLS}:{os.environ['PATH']}"}
        self.put_program("sleep", f'echo "$@" >>{self.directory}/pauses')

    def put_program(self, name, body):
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run_script(self, *arguments, answer=None):
        """With an answer, its input is a terminal; without, there is none."""
        stdin = subprocess.DEVNULL
        if answer is not None:
            leader, stdin = pty.openpty()
            self.addCleanup(os.close, leader)
            self.addCleanup(os.close, stdin)
            os.write(leader, f"{answer}\n".encode())
        return subprocess.run(
            [TEARDOWN, *arguments],
            env=self.environment, stdin=stdin, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False,
        )  # fmt: skip

    def assert_fails(self, run, words):
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
        self.assertIn(words, run.stderr)


class WithAScenario(Teardown):
    def setUp(self):
        super().setUp()
        self.environment |= {"SCENARIO": f"{self.directory}/scenario", "CALLS": f"{self.directory}/calls"}
        self.put_program("aws", f'exec {sys.executable} {Path(__file__).parent}/stand_in_aws.py "$@"')
        self.play([])

    def play(self, *looks, warm_pools=([],), refused=None, facts=None):
        scenario = {"looks": looks, "warm_pools": warm_pools, "refused": refused or {}, "facts": facts or {}}
        (self.directory / "scenario").write_text(json.dumps(scenario))

    def calls(self, operation=""):
        path = self.directory / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if operation in line.split()[1]]

    def assert_nothing_changed(self):
        self.assertEqual([call for call in self.calls() if not re.match(r"\w+ (describe|get)-", call)], [])

    def assert_torn_down(self, run):
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(self.calls()[-3:], [
            "cloudformation delete-stack --stack-name jibri",
            "cloudformation wait stack-delete-complete --stack-name jibri",
            "ssm delete-parameters --names /jibri/forecast",
        ])  # fmt: skip

    def test_a_recording_is_waited_for(self):
        recording = [["i-1", "Terminating:Wait", "False"]]
        self.play([["i-1", "InService", "True"], ["i-2", "InService", "True"]], *[recording] * 40, [])
        run = self.run_script("jibri", "--yes")
        self.assert_torn_down(run)
        self.assertIn("2 InService\n", run.stdout)
        self.assertEqual(run.stdout.count("1 Terminating:Wait\n"), 40)
        self.assertEqual((self.directory / "pauses").read_text().split(), ["30"] * 41)
        self.assertIn("The bucket jibri-recordings is kept", run.stdout)

    def test_a_forecast_that_stays_is_named_and_does_no_harm(self):
        self.play([], refused={"delete-parameters": 1})
        run = self.run_script("jibri", "--yes")
        self.assert_torn_down(run)
        self.assertIn("the last forecast stays in the SSM parameter /jibri/forecast", run.stderr)

    def test_without_a_hook_no_instance_is_ended(self):
        self.play([["i-1", "InService", "True"]], facts={"describe-lifecycle-hooks": ""})
        self.assert_fails(self.run_script("jibri", "--yes"), "no terminating hook")
        self.assert_nothing_changed()

    def test_a_hook_that_is_deleted_meanwhile_ends_it(self):
        self.put_program("sleep", f"""sed -i 's/"facts": {{}}/"facts": {{"describe-lifecycle-hooks": ""}}/' $SCENARIO""")
        self.play([["i-1", "Terminating:Wait", "False"]], [["i-1", "Terminating:Wait", "False"]])
        self.assert_fails(self.run_script("jibri", "--yes"), "no terminating hook")
        self.assertEqual(len(self.calls("update-auto-scaling-group")), 1)

    def test_nothing_can_be_launched_meanwhile(self):
        self.play([["i-1", "Pending", "False"]], [["i-1", "InService", "True"]], [])
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        sizes = "--auto-scaling-group-name jibri --min-size 0 --max-size 0 --desired-capacity 0"
        self.assertEqual(self.calls("update"), [f"autoscaling update-auto-scaling-group {sizes}"] * 2)

    def test_a_group_that_looks_empty_is_looked_at_again_once_it_cannot_grow(self):
        self.play([], [["i-1", "Pending", "False"]], [["i-1", "InService", "True"]], [])
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        self.assertEqual(len(self.calls("describe-auto-scaling-groups")), 4)

    def test_what_it_cannot_read_is_no_empty_group(self):
        self.play([["None"]], [["None"]], [])
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        self.assertEqual(len(self.calls("describe-auto-scaling-groups")), 3)

    def test_protection_that_comes_back_is_taken_off_again(self):
        protected = [["i-1", "InService", "True"], ["i-2", "Terminating:Wait", "True"], ["i-3", "InService", "False"]]
        self.play(protected, protected, protected, [])
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        expected = "autoscaling set-instance-protection --auto-scaling-group-name jibri --no-protected-from-scale-in"
        self.assertEqual(self.calls("protection"), [f"{expected} --instance-ids i-1"] * 3)

    def test_more_instances_than_one_call_takes(self):
        ids = [f"i-{number:03}" for number in range(120)]
        self.play([[identity, "InService", "True"] for identity in ids], [])
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        batches = [call.partition("--instance-ids ")[2].split() for call in self.calls("protection")]
        self.assertEqual([len(batch) for batch in batches], [50, 50, 20])
        self.assertEqual(sum(batches, []), ids)

    def test_a_retained_instance_is_named_when_all_others_are_gone(self):
        kept, draining = ["i-1", "Terminating:Retained", "False"], ["i-2", "Terminating:Wait", "False"]
        self.play([kept, draining], [kept, draining], [kept])
        run = self.run_script("jibri", "--yes")
        self.assert_fails(run, "--instance-id i-1 --no-should-decrement-desired-capacity")
        self.assertNotIn("i-2", run.stderr)
        self.assertEqual(len(self.calls("describe-auto-scaling-groups")), 3)
        self.assertEqual(self.calls("delete"), [])

    def test_a_warm_pool_goes_first_and_its_instances_are_waited_for(self):
        stopped, going = ["i-1", "Warmed:Stopped"], ["i-1", "Warmed:Terminating:Wait"]
        pools = [[["pool", "there"], stopped], [["pool", "PendingDelete"], going], []]
        self.play([], warm_pools=pools)
        run = self.run_script("jibri", "--yes")
        self.assert_torn_down(run)
        self.assertIn("1 Warmed:Terminating:Wait\n", run.stdout)
        delete = "autoscaling delete-warm-pool --auto-scaling-group-name jibri"
        changes = [call for call in self.calls() if re.match(r"autoscaling (delete|update)", call)]
        self.assertEqual((changes[0], self.calls("delete-warm-pool")), (delete, [delete]))

    def test_what_is_refused_once_is_tried_again(self):
        operations = ["describe-auto-scaling-groups", "describe-warm-pool", "update-auto-scaling-group"]
        for operation in [*operations, "set-instance-protection", "delete-warm-pool"]:
            with self.subTest(operation):
                pools = [[["pool", "there"]]] * 3 + [[]]
                self.play(*[[["i-1", "InService", "True"]]] * 3, [], warm_pools=pools, refused={operation: 1})
                run = self.run_script("jibri", "--yes")
                self.assert_torn_down(run)
                self.assertIn(f"{operation}: Rate exceeded", run.stderr)

    def test_no_look_no_deletion(self):
        for operation in ["describe-auto-scaling-groups", "describe-warm-pool", "update-auto-scaling-group"]:
            with self.subTest(operation):
                self.play([], refused={operation: 1000})
                self.assert_fails(self.run_script("jibri", "--yes"), "10 times in a row; the stack stays")
                self.assertEqual(self.calls("delete"), [])

    def test_a_group_that_is_not_there_is_no_empty_one(self):
        self.play()
        self.assert_fails(self.run_script("jibri", "--yes"), "the group jibri is not there")
        self.assertEqual(self.calls("delete"), [])

    def test_a_deletion_that_failed_half_way_goes_on(self):
        resource = "describe-stack-resource Group"
        self.play(facts={resource: "AWS::AutoScaling::AutoScalingGroup\tjibri\tDELETE_COMPLETE"})
        self.assert_torn_down(self.run_script("jibri", "--yes"))
        self.assertEqual(self.calls("auto-scaling"), [])

    def test_a_deletion_that_fails_is_an_error(self):
        self.play([], refused={"wait": 1})
        run = self.run_script("jibri", "--yes")
        self.assert_fails(run, "describe-stack-events --stack-name jibri")
        self.assertNotIn("is gone", run.stdout)

    def test_it_asks(self):
        run = self.run_script("jibri", answer="y")
        self.assert_torn_down(run)
        self.assertIn("as long as the longest recording", run.stdout)

    def test_any_other_answer_changes_nothing(self):
        for answer in ("", "n"):
            with self.subTest(answer=answer):
                self.assert_fails(self.run_script("jibri", answer=answer), "nothing was changed")
                self.assert_nothing_changed()

    def test_without_a_terminal_it_must_be_told_yes(self):
        self.assert_fails(self.run_script("jibri"), "--yes")
        self.assert_nothing_changed()

    def test_what_it_cannot_begin_with(self):
        wrong_type = {"describe-stack-resource Group": "AWS::EC2::SecurityGroup\tsg-1\tCREATE_COMPLETE"}
        for words, scenario in {
            "credentials": {"refused": {"get-caller-identity": 1}},
            "protected from deletion": {"facts": {"describe-stacks": "True"}},
            "no group of Jibris": {"facts": wrong_type},
        }.items():
            with self.subTest(words):
                self.play([], **scenario)
                self.assert_fails(self.run_script("jibri", "--yes"), words)
                self.assert_nothing_changed()

    def test_what_it_cannot_understand(self):
        for arguments in ([], ["jibri", "--force"], ["jibri", "other", "--yes"]):
            with self.subTest(arguments=arguments):
                self.assert_fails(self.run_script(*arguments), "usage: teardown.sh STACK_NAME [--yes]")
                self.assertEqual(self.calls(), [])

    def test_without_the_aws_cli(self):
        (self.directory / "aws").unlink()
        (self.directory / "bash").symlink_to("/bin/bash")
        self.environment["PATH"] = str(self.directory)
        (self.directory / "env").symlink_to("/usr/bin/env")
        self.assert_fails(self.run_script("jibri", "--yes"), "the AWS CLI is missing")


class WithMoto(Teardown):
    """The real AWS CLI, its queries included, against the server of moto."""

    @classmethod
    def setUpClass(cls):
        cls.server = subprocess.Popen(
            [TOOLS / "moto_server", "--host", "127.0.0.1", "--port", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        cls.addClassCleanup(cls.close)
        cls.endpoint = next(found[0] for line in cls.server.stderr if (found := re.search(r"http://127\S+", line)))

    @classmethod
    def close(cls):
        cls.server.terminate()
        cls.server.wait()
        cls.server.stderr.close()

    def setUp(self):
        super().setUp()
        self.environment |= {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "teardown",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_CONFIG_FILE": "/dev/null",
        }

    def client(self, service):
        keys = {"aws_access_key_id": "teardown", "aws_secret_access_key": "secret"}
        return boto3.client(service, endpoint_url=self.endpoint, region_name="eu-central-1", **keys)

    def make_stack(self, name, group_size):
        resources = {"RecordingsBucket": {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain"}}
        if group_size:
            resources |= {
                "LaunchTemplate": {
                    "Type": "AWS::EC2::LaunchTemplate",
                    "Properties": {"LaunchTemplateData": {"ImageId": "ami-12c6146b", "InstanceType": "c6i.xlarge"}},
                },
                "Group": {
                    "Type": "AWS::AutoScaling::AutoScalingGroup",
                    "Properties": {
                        "AutoScalingGroupName": {"Ref": "AWS::StackName"},
                        "MinSize": str(group_size),
                        "MaxSize": "100",
                        "NewInstancesProtectedFromScaleIn": True,
                        "AvailabilityZones": ["eu-central-1a"],
                        "LaunchTemplate": {
                            "LaunchTemplateId": {"Ref": "LaunchTemplate"},
                            "Version": {"Fn::GetAtt": ["LaunchTemplate", "LatestVersionNumber"]},
                        },
                    },
                },
            }
        self.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps({"Resources": resources}))
        if group_size:
            # This server makes no hooks of a template's.
            self.client("autoscaling").put_lifecycle_hook(
                AutoScalingGroupName=name, LifecycleHookName="jibri-drain",
                LifecycleTransition="autoscaling:EC2_INSTANCE_TERMINATING",
            )  # fmt: skip
        found = self.client("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def test_the_group_empties_then_the_stack_goes_and_the_bucket_stays(self):
        bucket = self.make_stack("jibri", 51)["RecordingsBucket"]
        self.client("autoscaling").put_warm_pool(AutoScalingGroupName="jibri", MinSize=2)
        run = self.run_script("jibri", "--yes")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn(" 51 InService\n", run.stdout)
        self.assertIn(" no instance is left\n", run.stdout)
        self.assertIn(f"The bucket {bucket} is kept", run.stdout)
        self.assertEqual(self.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"], [])
        with self.assertRaisesRegex(ClientError, "does not exist"):
            self.client("cloudformation").describe_stacks(StackName="jibri")
        self.client("s3").head_bucket(Bucket=bucket)

    def test_a_group_that_is_not_there_is_no_empty_one(self):
        self.make_stack("headless", 1)
        self.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="headless", ForceDelete=True)
        self.assert_fails(self.run_script("headless", "--yes"), "the group headless is not there")
        self.client("cloudformation").describe_stacks(StackName="headless")

    def test_an_unknown_stack(self):
        self.assert_fails(self.run_script("elsewhere", "--yes"), "no stack elsewhere can be seen")

    def test_a_stack_of_another_project(self):
        self.make_stack("website", 0)
        self.assert_fails(self.run_script("website", "--yes"), "no group of Jibris")
        self.client("cloudformation").describe_stacks(StackName="website")

    def test_without_credentials(self):
        del self.environment["AWS_ACCESS_KEY_ID"], self.environment["AWS_SECRET_ACCESS_KEY"]
        self.environment |= {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        self.assert_fails(self.run_script("jibri", "--yes"), "credentials")


if __name__ == "__main__":
    unittest.main()
