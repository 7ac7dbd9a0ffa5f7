"""boto3 against the local cloud: an independent client, with AWS's own models of every answer and every error.

Each client of `local_cloud` holds what it is answered against the model, byte by byte: `contract`.
"""

import json
import unittest

from local_cloud import eventually
from pool import DOCUMENT, HOOK, Contract

UNKNOWN = "i-0000000000000dead"


class AutoScaling(Contract):
    def test_groups_are_found_by_name_and_come_on_pages(self):
        groups = self.autoscaling.get_paginator("describe_auto_scaling_groups")
        found = list(groups.paginate(AutoScalingGroupNames=[self.pool.group] * 3, PaginationConfig={"PageSize": 1}))
        self.assertEqual([len(page["AutoScalingGroups"]) for page in found], [1, 1, 1])
        unknown = self.autoscaling.describe_auto_scaling_groups(AutoScalingGroupNames=["unknown"])
        self.assertEqual(unknown["AutoScalingGroups"], [])

    def test_a_group_tells_what_the_autoscaler_reads(self):
        self.pool.instance()
        (group,) = self.autoscaling.describe_auto_scaling_groups()["AutoScalingGroups"]
        self.assertEqual((group["MinSize"], group["MaxSize"], group["DesiredCapacity"]), (1, 10, 3))
        self.assertIs(group["NewInstancesProtectedFromScaleIn"], True)
        self.assertEqual(group["InstanceLifecyclePolicy"], {"RetentionTriggers": {"TerminateHookAbandon": "retain"}})
        for instance in group["Instances"]:
            self.assertIs(instance["ProtectedFromScaleIn"], instance["LifecycleState"] == "InService")
            self.assertEqual((instance["HealthStatus"], instance["LaunchTemplate"]["Version"]), ("Healthy", "1"))

    def test_hooks_are_found_by_name(self):
        group = {"AutoScalingGroupName": self.pool.group}
        drain = {
            **group,
            "LifecycleHookName": HOOK,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
            "HeartbeatTimeout": 7200,
            "GlobalTimeout": 48 * 3600,
            "DefaultResult": "ABANDON",
        }
        for names, found in (([], [drain]), (["other", HOOK], [drain]), (["other"], [])):
            with self.subTest(names):
                hooks = self.autoscaling.describe_lifecycle_hooks(LifecycleHookNames=names, **group)
                self.assertEqual(hooks["LifecycleHooks"], found)

    def test_activities_come_on_pages_and_by_filters(self):
        activities = self.autoscaling.get_paginator("describe_scaling_activities")
        pages = list(activities.paginate(AutoScalingGroupName=self.pool.group, PaginationConfig={"PageSize": 2}))
        self.assertEqual(len(pages[0]["Activities"]), 2)
        ids = [activity["ActivityId"] for page in pages for activity in page["Activities"]]
        self.assertGreaterEqual(len(set(ids)), 3)
        self.assertEqual(len(set(ids)), len(ids))
        for name, value in (("Status", "Failed"), ("StartTimeLowerBound", "2100-01-01T00:00:00Z")):
            filters = [{"Name": name, "Values": [value]}]
            self.assertEqual(self.autoscaling.describe_scaling_activities(Filters=filters)["Activities"], [])
        self.refused(
            "ValidationError", self.autoscaling.describe_scaling_activities, Filters=[{"Name": "Zone", "Values": ["a"]}]
        )

    def test_a_token_that_was_never_given_is_refused(self):
        for describe in (self.autoscaling.describe_auto_scaling_groups, self.autoscaling.describe_scaling_activities):
            refused = self.refused("InvalidNextToken", describe, NextToken="invented")
            self.assertIsInstance(refused, self.autoscaling.exceptions.InvalidNextToken)
            self.refused("ValidationError", describe, MaxRecords=101)

    def test_a_group_that_is_not_there_is_refused(self):
        unknown = {"AutoScalingGroupName": "unknown"}
        hook = {**unknown, "LifecycleHookName": HOOK, "InstanceId": UNKNOWN}
        refused = [
            (self.autoscaling.describe_scaling_activities, unknown),
            (self.autoscaling.describe_lifecycle_hooks, unknown),
            (self.autoscaling.set_desired_capacity, {**unknown, "DesiredCapacity": 1}),
            (self.autoscaling.set_instance_protection, {**unknown, "InstanceIds": [], "ProtectedFromScaleIn": True}),
            (self.autoscaling.record_lifecycle_action_heartbeat, hook),
            (self.autoscaling.complete_lifecycle_action, {**hook, "LifecycleActionResult": "CONTINUE"}),
        ]
        for refuse, arguments in refused:
            with self.subTest(refuse.__name__):
                self.refused("ValidationError", refuse, **arguments)

    def test_what_a_group_cannot_do_is_refused(self):
        group = {"AutoScalingGroupName": self.pool.group}
        protect = {**group, "ProtectedFromScaleIn": True}
        for desired in (0, 11):
            self.refused("ValidationError", self.autoscaling.set_desired_capacity, DesiredCapacity=desired, **group)
        self.refused("MalformedInput", self.autoscaling.set_desired_capacity, DesiredCapacity="many", **group)
        for instances in ([UNKNOWN], [self.pool.instance()] * 51):
            self.refused("ValidationError", self.autoscaling.set_instance_protection, InstanceIds=instances, **protect)
        terminate = self.autoscaling.terminate_instance_in_auto_scaling_group
        self.refused("ValidationError", terminate, InstanceId=UNKNOWN, ShouldDecrementDesiredCapacity=True)

    def test_an_answer_that_no_hook_knows_is_refused(self):
        complete, hook = self.autoscaling.complete_lifecycle_action, self.pool.lifecycle_action()
        self.refused("ValidationError", complete, LifecycleActionResult="PERHAPS", **hook)
        other = {**hook, "LifecycleHookName": "other"}
        self.refused("ValidationError", complete, LifecycleActionResult="CONTINUE", **other)

    def test_what_is_missing_is_named(self):
        group = {"AutoScalingGroupName": self.pool.group}
        for refuse, arguments, name in (
            (self.autoscaling.describe_lifecycle_hooks, {}, "AutoScalingGroupName"),
            (self.autoscaling.set_desired_capacity, {}, "AutoScalingGroupName"),
            (self.autoscaling.set_desired_capacity, group, "DesiredCapacity"),
            (self.autoscaling.set_instance_protection, group, "ProtectedFromScaleIn"),
            (self.autoscaling.terminate_instance_in_auto_scaling_group, {}, "InstanceId"),
            (self.autoscaling.record_lifecycle_action_heartbeat, group, "LifecycleHookName"),
            (self.autoscaling.complete_lifecycle_action, {**group, "LifecycleHookName": HOOK}, "InstanceId"),
        ):
            with self.subTest(refuse.__name__, missing=name):
                self.assertIn(f"'{name}'", str(self.refused("ValidationError", refuse, **arguments)))


class ExpiredHook(Contract):
    # The two hours of its heartbeat go by in two seconds.
    speed = 4000

    def test_the_hook_can_no_longer_be_answered(self):
        instance = self.pool.instance()
        self.autoscaling.terminate_instance_in_auto_scaling_group(
            InstanceId=instance, ShouldDecrementDesiredCapacity=False
        )
        eventually(
            "the end of the wait",
            lambda: self.pool.describe()[instance]["LifecycleState"] == "Terminating:Retained",
        )
        hook = {"AutoScalingGroupName": self.pool.group, "LifecycleHookName": HOOK, "InstanceId": instance}
        for late, more in (
            (self.autoscaling.record_lifecycle_action_heartbeat, {}),
            (self.autoscaling.complete_lifecycle_action, {"LifecycleActionResult": "CONTINUE"}),
        ):
            with self.subTest(late.__name__):
                refused = self.refused("ValidationError", late, **hook, **more)
                self.assertIn("No active Lifecycle Action found", str(refused))


class Ec2(Contract):
    def instances(self, **arguments):
        answer = self.ec2.describe_instances(**arguments)
        return [instance for place in answer["Reservations"] for instance in place["Instances"]]

    def test_instances_are_found_by_ids_and_filters(self):
        mine = self.pool.instance()
        self.ec2.create_tags(Resources=[mine], Tags=[{"Key": "note", "Value": "a&b <c> é"}])
        of_group = {"Name": "tag:aws:autoscaling:groupName", "Values": [self.pool.group]}
        found = {
            "id": self.instances(InstanceIds=[mine]),
            "filter by id": self.instances(Filters=[of_group, {"Name": "instance-id", "Values": ["i-1", mine]}]),
            "filter by tag": self.instances(Filters=[{"Name": "tag:note", "Values": ["a&b <c> é"]}]),
        }
        for how, instances in found.items():
            with self.subTest(how):
                self.assertEqual([instance["InstanceId"] for instance in instances], [mine])
                self.assertIn({"Key": "note", "Value": "a&b <c> é"}, instances[0]["Tags"])
        self.assertEqual(self.instances(Filters=[{"Name": "instance-state-name", "Values": ["stopped"]}]), [])

    def test_instances_come_on_pages(self):
        group = {"AutoScalingGroupName": self.pool.group}
        self.autoscaling.set_desired_capacity(DesiredCapacity=7, **group)
        eventually("seven instances", lambda: len(self.instances()) >= 7)
        pages = self.ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5})
        self.assertEqual([len(page["Reservations"]) for page in pages], [5, 2])

    def test_what_cannot_be_described_is_refused(self):
        for code, arguments in (
            ("InvalidInstanceID.NotFound", {"InstanceIds": [UNKNOWN]}),
            ("InvalidInstanceID.Malformed", {"InstanceIds": ["instance"]}),
            ("InvalidParameterCombination", {"InstanceIds": [self.pool.instance()], "MaxResults": 5}),
            ("InvalidParameterValue", {"MaxResults": 4}),
            ("InvalidParameterValue", {"Filters": [{"Name": "colour", "Values": ["red"]}]}),
            ("InvalidNextToken", {"NextToken": "invented"}),
        ):
            with self.subTest(arguments):
                self.refused(code, self.ec2.describe_instances, **arguments)

    def test_what_cannot_be_tagged_is_refused(self):
        mine, note = self.pool.instance(), {"Key": "note", "Value": ""}
        for code, resources, tags in (
            ("InvalidInstanceID.NotFound", [mine, UNKNOWN], [note]),
            ("InvalidID", ["instance"], [note]),
            ("InvalidParameterValue", [mine], [{"Key": "aws:note", "Value": ""}]),
            ("TagLimitExceeded", [mine], [{"Key": f"note {number}", "Value": ""} for number in range(50)]),
            ("MissingParameter", [], [note]),
            ("MissingParameter", [mine], []),
        ):
            with self.subTest(code):
                self.refused(code, self.ec2.create_tags, Resources=resources, Tags=tags)


class Ssm(Contract):
    def test_commands_end_and_come_on_pages(self):
        send = {"DocumentName": DOCUMENT, "InstanceIds": [self.pool.instance()], "TimeoutSeconds": 60}
        send["Parameters"] = {"executionTimeout": ["30"]}
        ids = {self.ssm.send_command(**send)["Command"]["CommandId"] for _ in range(3)}

        def ended():
            listed = self.ssm.get_paginator("list_command_invocations").paginate(
                Details=True,
                Filters=[
                    {"key": "DocumentName", "value": DOCUMENT},
                    {"key": "InvokedAfter", "value": "2020-01-01T00:00:00Z"},
                ],
                PaginationConfig={"PageSize": 1},
            )
            pages = [page["CommandInvocations"] for page in listed]
            self.assertTrue(all(len(page) <= 1 for page in pages))
            return [one for (one,) in filter(None, pages) if one["CommandId"] in ids and one["Status"] == "Success"][2:]

        (first,) = eventually("three commands that ended", ended)
        self.assertEqual(json.loads(first["CommandPlugins"][0]["Output"])["recordings_pending"], 0)
        brief = self.ssm.list_command_invocations(CommandId=first["CommandId"], InstanceId=first["InstanceId"])
        self.assertEqual([one["CommandPlugins"] for one in brief["CommandInvocations"]], [[]])

    def test_what_cannot_be_sent_is_refused(self):
        mine = [self.pool.instance()]
        for code, arguments in (
            ("InvalidDocument", {"DocumentName": "nothing", "InstanceIds": mine}),
            ("InvalidInstanceId", {"DocumentName": DOCUMENT, "InstanceIds": [UNKNOWN]}),
            ("ValidationException", {"DocumentName": DOCUMENT, "InstanceIds": [UNKNOWN] * 51}),
            ("ValidationException", {"DocumentName": DOCUMENT, "InstanceIds": mine, "TimeoutSeconds": 29}),
            ("ValidationException", {"InstanceIds": mine}),
            ("InvalidParameters", {"DocumentName": DOCUMENT, "InstanceIds": mine, "Parameters": {"commands": ["id"]}}),
        ):
            with self.subTest(arguments):
                refused = self.refused(code, self.ssm.send_command, **arguments)
                self.assertEqual(type(refused).__name__, code)

    def test_what_cannot_be_listed_is_refused(self):
        for code, arguments in (
            ("InvalidNextToken", {"NextToken": "invented"}),
            ("InvalidFilterKey", {"Filters": [{"key": "Colour", "value": "red"}]}),
            ("ValidationException", {"MaxResults": 51}),
            ("ValidationException", {"Filters": [{"key": "InvokedAfter", "value": "yesterday"}]}),
        ):
            with self.subTest(code):
                self.refused(code, self.ssm.list_command_invocations, **arguments)
        unknown = self.ssm.list_command_invocations(InstanceId=UNKNOWN)
        self.assertEqual(unknown["CommandInvocations"], [])

    def test_a_parameter_is_kept_and_not_overwritten_by_accident(self):
        name, errors = {"Name": "/contracts/kept"}, self.ssm.exceptions
        first = {**name, "Value": '{"a": 1}', "Type": "String"}
        self.assertIsInstance(
            self.refused("ParameterNotFound", self.ssm.get_parameter, **name), errors.ParameterNotFound
        )
        self.refused("ValidationException", self.ssm.put_parameter, Value="untyped", **name)
        self.ssm.put_parameter(**first)
        self.assertIsInstance(
            self.refused("ParameterAlreadyExists", self.ssm.put_parameter, **first), errors.ParameterAlreadyExists
        )
        self.assertEqual(self.ssm.get_parameter(**name)["Parameter"]["Value"], first["Value"])
        self.ssm.put_parameter(Value="second", Overwrite=True, **name)
        self.refused("ValidationException", self.ssm.put_parameter, Value="x" * 4097, Overwrite=True, **name)
        self.assertEqual(self.ssm.get_parameter(**name)["Parameter"]["Value"], "second")
        self.ssm.put_parameter(Value="x" * 4096, Overwrite=True, **name)
        self.refused("ValidationException", self.ssm.get_parameter)


if __name__ == "__main__":
    unittest.main()
