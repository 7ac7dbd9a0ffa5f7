"""Least privilege: every call that was made is allowed, every call that is allowed was made, and foreign resources are denied."""

import json
import unittest
from importlib.resources import files

from foreign import BOUNDARIES, FORBIDDEN, FUNCTIONS
from granted import ROLE_OF, ROLES, decide, grants, logged_calls
from iam import evaluate

# Granted, and not in the log, since an AWS service makes the call with the role.
NOT_CALLED_BY_US = {
    "ec2:AssignPrivateIpAddresses": "Lambda, for the function's network interfaces",
    "ec2:CreateNetworkInterface": "Lambda, for the function's network interfaces",
    "ec2:DeleteNetworkInterface": "Lambda, for the function's network interfaces",
    "ec2:DescribeNetworkInterfaces": "Lambda, for the function's network interfaces",
    "ec2:DescribeSubnets": "Lambda, for the function's network interfaces",
    "ec2:UnassignPrivateIpAddresses": "Lambda, for the function's network interfaces",
    "ec2messages:AcknowledgeMessage": "SSM's agent",
    "ec2messages:DeleteMessage": "SSM's agent",
    "ec2messages:FailMessage": "SSM's agent",
    "ec2messages:GetEndpoint": "SSM's agent",
    "ec2messages:GetMessages": "SSM's agent",
    "ec2messages:SendReply": "SSM's agent",
    "kms:Decrypt": "SSM, when it gives out a password",
    "lambda:InvokeFunction": "EventBridge Scheduler, by the schedules",
    "logs:CreateLogStream": "Lambda, for what the function prints",
    "logs:PutLogEvents": "Lambda, for what the function prints",
    "s3:AbortMultipartUpload": "rclone, after an upload in parts that failed",
    "sqs:SendMessage": "Lambda, for an invocation that failed",
    "ssm:GetParameters": "the first boot, which no test goes through",
    "ssm:UpdateInstanceInformation": "SSM's agent",
    "ssmmessages:CreateControlChannel": "SSM's agent",
    "ssmmessages:CreateDataChannel": "SSM's agent",
    "ssmmessages:OpenControlChannel": "SSM's agent",
    "ssmmessages:OpenDataChannel": "SSM's agent",
}
# Allowed on every resource although AWS's reference knows a resource for it.
BROADER_THAN_A_RESOURCE = {
    "cloudwatch:GetMetricData": "a metric has no ARN, and for reading no condition names the namespace",
    "cloudwatch:PutMetricData": "a metric has no ARN; the condition on the namespace binds it",
    "ec2:AssignPrivateIpAddresses": "Lambda's interfaces have no name beforehand; denied to the function's code",
    "ec2:CreateNetworkInterface": "Lambda's interfaces have no name beforehand; denied to the function's code",
    "ec2:DeleteNetworkInterface": "Lambda's interfaces have no name beforehand; denied to the function's code",
    "ec2:UnassignPrivateIpAddresses": "Lambda's interfaces have no name beforehand; denied to the function's code",
    "ssm:UpdateInstanceInformation": "an instance has no name before it is launched",
}


def service_authorization_reference():
    """Whether AWS knows a resource for an action, by action, as cfn-lint brings AWS's reference along.

    https://docs.aws.amazon.com/service-authorization/latest/reference/service-reference.html
    """
    reference = json.loads((files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text())
    return {
        f"{service}:{action}": bool(entry.get("Resources"))
        for service, actions in reference.items()
        for action, entry in actions["Actions"].items()
    }


class Called(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.calls = logged_calls()

    def test_every_caller_made_calls(self):
        # The scheduler calls from within AWS.
        self.assertEqual({call["function"] for call in self.calls}, ROLE_OF.keys() - {"scheduler"})

    def test_what_is_called_is_allowed(self):
        refused = [f"{call}: {decision}" for call in self.calls if not (decision := decide(call)).allowed]
        self.assertEqual(len(refused), 0, "\n".join(["denied", *refused[:10]]))

    def test_what_is_allowed_is_called(self):
        unused = [
            str(grant)
            for grant in grants()
            if grant.action not in NOT_CALLED_BY_US
            and not any(ROLE_OF[call["function"]] == grant.role and grant.covers(call) for call in self.calls)
        ]
        self.assertEqual(unused, [])

    def test_what_the_log_shows_is_not_excused_as_a_call_by_a_service(self):
        called = {call["action"] for call in self.calls}
        self.assertEqual(NOT_CALLED_BY_US.keys() & called, set())


class Granted(unittest.TestCase):
    def test_every_role_has_its_caller(self):
        self.assertEqual(set(ROLE_OF.values()), ROLES.keys())

    def test_no_exception_is_for_what_no_role_is_granted(self):
        self.assertEqual(NOT_CALLED_BY_US.keys() - {grant.action for grant in grants()}, set())

    def test_no_action_has_a_wildcard(self):
        self.assertEqual([str(grant) for grant in grants() if "*" in grant.action or "?" in grant.action], [])

    def test_every_action_is_one_that_aws_knows(self):
        known = service_authorization_reference()
        self.assertEqual([str(grant) for grant in grants() if grant.action.lower() not in known], [])

    def test_every_resource_is_allowed_only_where_aws_knows_no_resource(self):
        knows_resource = service_authorization_reference()
        broad = {grant.action for grant in grants() if grant.resource == "*" and knows_resource[grant.action.lower()]}
        self.assertEqual(broad, BROADER_THAN_A_RESOURCE.keys())

    def test_metrics_are_bound_to_a_namespace(self):
        for grant in grants():
            if grant.action == "cloudwatch:PutMetricData":
                self.assertIn("cloudwatch:namespace", grant.statement["Condition"]["StringEquals"], str(grant))


class Boundaries(unittest.TestCase):
    def test_what_is_ours_is_allowed_and_what_is_others_is_denied(self):
        for ours, changes in BOUNDARIES:
            with self.subTest("what is ours", function=ours["function"], action=ours["action"]):
                self.assertTrue(decide(ours).allowed, ours)
            for name, change in changes.items():
                with self.subTest(name, function=ours["function"], action=ours["action"]):
                    self.assertFalse(decide(changed(ours, **change)).allowed, name)

    def test_what_is_forbidden_is_denied(self):
        for call in FORBIDDEN:
            with self.subTest(call["action"], function=call["function"]):
                self.assertFalse(decide(call).allowed, call)

    def test_every_grant_that_has_a_limit_is_held_against_it(self):
        limited = {
            (grant.role, grant.action)
            for grant in grants()
            if grant.resource != "*" or "Condition" in grant.statement
        }
        tried = {(ROLE_OF[call["function"]], call["action"]) for call, _ in BOUNDARIES}
        self.assertEqual(limited - tried, set())

    def test_an_interface_of_the_network_is_denied_to_code_and_allowed_to_lambda(self):
        for function in FUNCTIONS:
            statements = ROLES[ROLE_OF[function]]
            by_lambda = evaluate(statements, "ec2:CreateNetworkInterface", "*", {})
            self.assertTrue(by_lambda.allowed, by_lambda)
            call = {"function": function, "action": "ec2:CreateNetworkInterface", "conditions": {}}
            by_code = decide({**call, "resources": [{"arn": "*", "tags": {}}]})
            self.assertTrue(by_code.denied_explicitly, by_code)


def changed(call, resource=None, tags=None, conditions=None):
    """The call, but for what is given."""
    (only,) = call["resources"]
    resources = [{"arn": resource or only["arn"], "tags": only["tags"] if tags is None else tags}]
    return {**call, "resources": resources, "conditions": call["conditions"] if conditions is None else conditions}


if __name__ == "__main__":
    unittest.main()
