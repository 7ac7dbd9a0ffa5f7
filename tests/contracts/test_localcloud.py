"""The local cloud's answers, and its refusals, as AWS's own models have them."""

import re
import time
import unittest

from botocore.exceptions import ClientError
from local_cloud import ROOT, LocalCloud

GROUP = "jibri"
HOOK = "jibri-drain"
NOBODY = "i-00000000000000001"
PATIENCE_SECONDS = 120


def setUpModule():
    global CLOUD, autoscaling, cloudwatch, ec2, ssm
    CLOUD = LocalCloud()
    unittest.addModuleCleanup(CLOUD.close)
    autoscaling, cloudwatch, ec2, ssm = map(CLOUD.client, ("autoscaling", "cloudwatch", "ec2", "ssm"))
    eventually(lambda: len(in_service()) >= 3)


def eventually(look):
    """The first answer that is something. The deadline is for what never comes."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError("it never came true")
        time.sleep(0.05)
    return found


def group():
    (found,) = autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    return found


def in_service():
    return [one["InstanceId"] for one in group()["Instances"] if one["LifecycleState"] == "InService"]


def sent(document, instance):
    """SSM's agent registers a while after the launch."""

    def send():
        try:
            return ssm.send_command(
                DocumentName=document, InstanceIds=[instance], TimeoutSeconds=60, Parameters={"executionTimeout": ["30"]}
            )
        except ssm.exceptions.InvalidInstanceId:
            return None

    return eventually(send)["Command"]


class Contract(unittest.TestCase):
    def refused(self, code, call, status=400, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        answer = caught.exception.response
        self.assertEqual(answer["Error"]["Code"], code)
        self.assertTrue(answer["Error"]["Message"])
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], status)
        return caught.exception


class AutoScaling(Contract):
    def test_a_group_tells_its_sizes_its_instances_and_its_policy(self):
        found = group()
        self.assertEqual(found["AutoScalingGroupName"], GROUP)
        self.assertLessEqual(found["MinSize"], found["DesiredCapacity"])
        self.assertTrue(found["NewInstancesProtectedFromScaleIn"])
        self.assertEqual(found["InstanceLifecyclePolicy"], {"RetentionTriggers": {"TerminateHookAbandon": "retain"}})
        instance = found["Instances"][0]
        self.assertRegex(instance["InstanceId"], "^i-[0-9a-f]{17}$")
        self.assertIs(type(instance["ProtectedFromScaleIn"]), bool)

    def test_groups_come_in_pages(self):
        pages = autoscaling.get_paginator("describe_auto_scaling_groups").paginate(PaginationConfig={"PageSize": 1})
        self.assertEqual([one["AutoScalingGroupName"] for page in pages for one in page["AutoScalingGroups"]], [GROUP])

    def test_an_unknown_group_is_an_empty_list_and_elsewhere_an_error(self):
        self.assertEqual(
            autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["other"])["AutoScalingGroups"], []
        )
        for call, more in (
            (autoscaling.set_desired_capacity, {"DesiredCapacity": 1}),
            (autoscaling.set_instance_protection, {"InstanceIds": [NOBODY], "ProtectedFromScaleIn": True}),
            (autoscaling.describe_scaling_activities, {}),
        ):
            with self.subTest(call.__name__):
                self.refused("ValidationError", call, AutoScalingGroupName="other", **more)

    def test_activities_tell_of_every_launch(self):
        pages = autoscaling.get_paginator("describe_scaling_activities").paginate(
            AutoScalingGroupName=GROUP, PaginationConfig={"PageSize": 2}
        )
        activities = [one for page in pages for one in page["Activities"]]
        self.assertGreaterEqual(len(activities), 3)
        self.assertEqual(len({one["ActivityId"] for one in activities}), len(activities))
        self.assertIn("Successful", {one["StatusCode"] for one in activities})

    def test_desired_capacity_stays_within_its_limits(self):
        autoscaling.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=group()["DesiredCapacity"])
        self.refused(
            "ValidationError", autoscaling.set_desired_capacity, AutoScalingGroupName=GROUP, DesiredCapacity=999
        )

    def test_protection_is_for_instances_of_the_group(self):
        instance = in_service()[0]
        arguments = {"AutoScalingGroupName": GROUP, "ProtectedFromScaleIn": True}
        autoscaling.set_instance_protection(InstanceIds=[instance], **arguments)
        self.refused("ValidationError", autoscaling.set_instance_protection, InstanceIds=[NOBODY], **arguments)
        self.refused("ValidationError", autoscaling.set_instance_protection, InstanceIds=[instance] * 51, **arguments)

    def test_a_terminated_instance_waits_for_its_hook(self):
        autoscaling.set_desired_capacity(AutoScalingGroupName=GROUP, DesiredCapacity=group()["DesiredCapacity"] + 1)
        instance = eventually(lambda: in_service()[3:])[0]
        activity = autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance, ShouldDecrementDesiredCapacity=True
        )["Activity"]
        self.assertEqual(activity["AutoScalingGroupName"], GROUP)
        hook = {"AutoScalingGroupName": GROUP, "LifecycleHookName": HOOK, "InstanceId": instance}
        states = lambda: {one["InstanceId"]: one["LifecycleState"] for one in group()["Instances"]}  # noqa: E731
        eventually(lambda: states().get(instance) == "Terminating:Wait")
        autoscaling.record_lifecycle_action_heartbeat(**hook)
        autoscaling.complete_lifecycle_action(LifecycleActionResult="CONTINUE", **hook)
        eventually(lambda: instance not in states())
        error = self.refused("ValidationError", autoscaling.record_lifecycle_action_heartbeat, **hook)
        self.assertIn("No active Lifecycle Action found", str(error))
        self.refused(
            "ValidationError", autoscaling.complete_lifecycle_action, LifecycleActionResult="CONTINUE", **hook
        )

    def test_an_instance_that_is_not_there_cannot_be_terminated(self):
        self.refused(
            "ValidationError",
            autoscaling.terminate_instance_in_auto_scaling_group,
            InstanceId=NOBODY,
            ShouldDecrementDesiredCapacity=True,
        )

    def test_an_invented_token_is_refused(self):
        self.refused("InvalidNextToken", autoscaling.describe_auto_scaling_groups, NextToken="invented")


class Ec2(Contract):
    filters = [{"Name": "tag:aws:autoscaling:groupName", "Values": [GROUP]}]

    def test_instances_come_in_pages_with_their_tags(self):
        pages = ec2.get_paginator("describe_instances").paginate(
            Filters=self.filters, PaginationConfig={"PageSize": 5}
        )
        instances = [one for page in pages for place in page["Reservations"] for one in place["Instances"]]
        self.assertGreaterEqual(len(instances), 3)
        for one in instances:
            self.assertIn({"Key": "aws:autoscaling:groupName", "Value": GROUP}, one["Tags"])
            self.assertIsNotNone(one["LaunchTime"].tzinfo)
            self.assertIn(one["State"]["Name"], ("pending", "running", "shutting-down", "terminated"))

    def test_a_tag_is_seen_again(self):
        instance = in_service()[0]
        tag = {"Key": "jibri-autoscaler:state", "Value": "idle <&> ä"}
        ec2.create_tags(Resources=[instance], Tags=[tag])
        (place,) = ec2.describe_instances(InstanceIds=[instance])["Reservations"]
        self.assertIn(tag, place["Instances"][0]["Tags"])

    def test_what_is_not_there_is_refused_in_ec2s_own_envelope(self):
        tags = [{"Key": "a", "Value": "b"}]
        self.refused("InvalidInstanceID.NotFound", ec2.create_tags, Resources=[NOBODY], Tags=tags)
        self.refused(
            "InvalidParameterValue", ec2.create_tags, Resources=in_service()[:1], Tags=[{"Key": "aws:a", "Value": "b"}]
        )


class Ssm(Contract):
    def test_a_command_is_sent_and_listed_with_its_output(self):
        command = sent("jibri-check", in_service()[0])
        self.assertEqual(command["DocumentName"], "jibri-check")

        def ended():
            found = ssm.list_command_invocations(CommandId=command["CommandId"], Details=True)["CommandInvocations"]
            return [one for one in found if one["Status"] not in ("Pending", "InProgress")]

        (one,) = eventually(ended)
        self.assertEqual(one["Status"], "Success", one)
        self.assertIn('"process"', one["CommandPlugins"][0]["Output"])

    def test_commands_come_in_pages_and_by_filters(self):
        for _ in range(2):
            sent("jibri-check", in_service()[0])
        listed = ssm.get_paginator("list_command_invocations").paginate(
            Filters=[
                {"key": "DocumentName", "value": "jibri-check"},
                {"key": "InvokedAfter", "value": "2020-01-01T00:00:00Z"},
            ],
            PaginationConfig={"PageSize": 1},
        )
        eventually(lambda: len([one for page in listed for one in page["CommandInvocations"]]) >= 2)
        self.refused("InvalidNextToken", ssm.list_command_invocations, NextToken="invented")

    def test_what_cannot_be_sent_is_refused(self):
        send, instance = ssm.send_command, in_service()[0]
        sent("jibri-check", instance)
        self.refused("InvalidDocument", send, DocumentName="other", InstanceIds=[instance])
        self.refused("InvalidInstanceId", send, DocumentName="jibri-check", InstanceIds=[NOBODY])
        self.refused(
            "InvalidParameters",
            send,
            DocumentName="jibri-check",
            InstanceIds=[instance],
            Parameters={"commands": ["id"]},
        )

    def test_a_parameter_is_kept(self):
        self.refused("ParameterNotFound", ssm.get_parameter, Name="/jibri/none")
        ssm.put_parameter(Name="/jibri/forecast", Value="{}", Type="String")
        self.assertEqual(ssm.get_parameter(Name="/jibri/forecast")["Parameter"]["Value"], "{}")
        again = {"Name": "/jibri/forecast", "Value": "[]", "Type": "String"}
        self.refused("ParameterAlreadyExists", ssm.put_parameter, **again)
        ssm.put_parameter(Overwrite=True, **again)
        self.assertEqual(ssm.get_parameter(Name="/jibri/forecast")["Parameter"]["Value"], "[]")


class CloudWatch(Contract):
    def test_metrics_are_taken(self):
        cloudwatch.put_metric_data(
            Namespace="JibriAutoscaler",
            MetricData=[
                {
                    "MetricName": "AvailableJibris",
                    "Dimensions": [{"Name": "AutoScalingGroupName", "Value": GROUP}],
                    "Timestamp": 1_795_000_000,
                    "Value": 3.0,
                    "Unit": "Count",
                    "StorageResolution": 1,
                }
            ],
        )

    def test_no_metric_is_refused(self):
        self.refused(
            "InvalidParameterValue", cloudwatch.put_metric_data, Namespace="JibriAutoscaler", MetricData=[]
        )


class Everything(Contract):
    def test_every_action_of_the_local_cloud_is_held_against_its_model(self):
        """Runs last, by its class's name: what the others have called is what counts."""
        source = ROOT / "crates" / "localcloud" / "src" / "wire"
        actions = {
            action
            for path in source.glob("*.rs")
            for action in re.findall(r'^        "([A-Z]\w+)" => \w+\(operation', path.read_text(), re.MULTILINE)
        }
        self.assertGreater(len(actions), 10)
        self.assertEqual(actions - CLOUD.called, set())


def load_tests(loader, _, __):
    cases = (AutoScaling, CloudWatch, Ec2, Ssm, Everything)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main()
