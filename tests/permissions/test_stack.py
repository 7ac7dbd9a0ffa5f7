"""How a template becomes a stack: SAM's translation, and CloudFormation's functions."""

import textwrap
import unittest

from intrinsics import Resolver, Unresolved
from samtranslator.yaml_helper import yaml_parse
from stack import Stack

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Size: {Type: Number, Default: 0}
  Subnets: {Type: List<AWS::EC2::Subnet::Id>}
Conditions:
  IsLarge: !Not [!Equals [!Ref Size, 0]]
  IsSmall: !Not [!Condition IsLarge]
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, Timeout: 60}
Resources:
  Worker:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: worker}}
    Properties:
      FunctionName: !Sub ${AWS::StackName}-worker
      Role: !GetAtt WorkerRole.Arn
      Environment: {Variables: {SIZE: !Ref Size, QUEUE: !Ref Queue}}
      Events:
        EveryMinute:
          Type: ScheduleV2
          Properties: {ScheduleExpression: rate(1 minute), RoleArn: !GetAtt WorkerRole.Arn}
  WorkerRole:
    Type: AWS::IAM::Role
    Properties:
      ManagedPolicyArns: [!Ref Shared]
      AssumeRolePolicyDocument: {Statement: []}
      Policies:
        - PolicyName: own
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Queue.Arn}
              - !If [IsLarge, {Effect: Allow, Action: s3:GetObject, Resource: "*"}, !Ref AWS::NoValue]
  Shared:
    Type: AWS::IAM::ManagedPolicy
    Properties: {PolicyDocument: {Statement: {Effect: Deny, Action: sqs:SendMessage, Resource: "*"}}}
  Attached:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: attached
      Roles: [!Ref WorkerRole]
      PolicyDocument: {Statement: [{Effect: Allow, Action: logs:PutLogEvents, Resource: !GetAtt Log.Arn}]}
  Elsewhere:
    Type: AWS::IAM::Policy
    Properties: {PolicyName: elsewhere, Roles: [other], PolicyDocument: {Statement: [{Effect: Deny}]}}
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: /worker}}
  Queue: {Type: AWS::SQS::Queue}
  Large: {Type: AWS::SNS::Topic, Condition: IsLarge}
  Small: {Type: AWS::SNS::Topic, Condition: IsSmall}
"""


def stack(template=TEMPLATE, **parameters):
    return Stack(yaml_parse(template), {"Subnets": "subnet-1,subnet-2", **parameters}, "pool")


class Translated(unittest.TestCase):
    def test_a_function_is_what_sam_makes_of_it(self):
        (function,) = stack().functions
        self.assertEqual((function.logical_id, function.name), ("Worker", "pool-worker"))
        self.assertEqual((function.binary, function.role, function.timeout_seconds), ("worker", "WorkerRole", 60))
        self.assertEqual(function.environment["SIZE"], "0")
        self.assertTrue(function.environment["QUEUE"].endswith("/123456789012/pool-Queue"))
        self.assertIn("AWS::Scheduler::Schedule", {resource["Type"] for resource in stack().resources.values()})

    def test_a_resource_is_there_when_its_condition_holds(self):
        self.assertIn("Small", stack().resources)
        self.assertNotIn("Large", stack().resources)
        self.assertIn("Large", stack(Size=2).resources)
        self.assertNotIn("Small", stack(Size="2").resources)

    def test_a_role_has_the_statements_of_every_policy_that_is_attached_to_it(self):
        resources = [(item["Action"], item["Effect"], item["Resource"]) for item in stack().policies("WorkerRole")]
        self.assertEqual(
            resources,
            [
                ("sqs:SendMessage", "Allow", "arn:aws:sqs:eu-central-1:123456789012:pool-Queue"),
                ("sqs:SendMessage", "Deny", "*"),
                ("logs:PutLogEvents", "Allow", "arn:aws:logs:eu-central-1:123456789012:log-group:/worker:*"),
            ],
        )
        self.assertIn("s3:GetObject", [item["Action"] for item in stack(Size=1).policies("WorkerRole")])

    def test_a_policy_that_the_template_does_not_show_is_an_error(self):
        template = TEMPLATE.replace("[!Ref Shared]", '["arn:aws:iam::aws:policy/AdministratorAccess"]')
        with self.assertRaisesRegex(LookupError, "AdministratorAccess"):
            stack(template).policies("WorkerRole")

    def test_a_parameter_needs_a_value_and_a_value_its_parameter(self):
        with self.assertRaisesRegex(Unresolved, "Subnets has no value"):
            Stack(yaml_parse(TEMPLATE), {})
        with self.assertRaisesRegex(Unresolved, "no parameters .*Sise"):
            stack(Sise=1)


class Functions(unittest.TestCase):
    MAPPINGS = {"Images": {"x86_64": {"Name": "ami-1"}}}

    def resolved(self, text):
        template = {**yaml_parse(TEMPLATE), "Mappings": self.MAPPINGS}
        resolver = Resolver(template, {"Subnets": "a, b", "Size": 3}, "pool", {"Queue": "made-up"})
        return resolver.resolve(yaml_parse(textwrap.dedent(text)))

    def test_each_function(self):
        cases = {
            "!Ref AWS::AccountId": "123456789012",
            "!Ref Subnets": ["a", "b"],
            "!Ref Size": "3",
            "!Ref Log": "/worker",
            "!Ref Worker": "pool-Worker",
            "!Ref Large": "arn:aws:sns:eu-central-1:123456789012:pool-Large",
            "!GetAtt Queue.Arn": "arn:aws:sqs:eu-central-1:123456789012:made-up",
            "!GetAtt WorkerRole.Arn": "arn:aws:iam::123456789012:role/pool-WorkerRole",
            "!Sub '${AWS::Region} ${Size} ${Log.Arn} ${!kept}'": (
                "eu-central-1 3 arn:aws:logs:eu-central-1:123456789012:log-group:/worker:* ${kept}"
            ),
            "!Sub ['${Own}-${Size}', {Own: !Select [1, !Ref Subnets]}]": "b-3",
            "!Join ['+', [!Ref Size, 4, true]]": "3+4+true",
            "!Split ['.', a.b]": ["a", "b"],
            "!FindInMap [Images, x86_64, Name]": "ami-1",
            "!If [IsLarge, yes, no]": True,
            "!If [IsSmall, 1, 2]": 2,
            "!And [!Condition IsLarge, !Equals [1, '1']]": True,
            "!Or [!Condition IsSmall, !Equals [1, 2]]": False,
            "Fn::Base64: text": "dGV4dA==",
            "[1, !Ref AWS::NoValue, {a: !Ref AWS::NoValue}]": [1, {}],
        }
        for text, expected in cases.items():
            self.assertEqual(self.resolved(text), expected, text)

    def test_a_branch_that_is_not_taken_may_name_what_is_not_there(self):
        self.assertEqual(self.resolved("!If [IsLarge, here, !Ref Small]"), "here")

    def test_what_is_not_known_raises(self):
        for text in (
            "Fn::ImportValue: other",
            "!GetAZs ''",
            "!Ref Nothing",
            "!Ref Small",
            "!GetAtt Queue.Colour",
            "!GetAtt Shared.Arn",
            "!Sub '${Nothing}'",
        ):
            with self.assertRaises(Unresolved, msg=text):
                self.resolved(text)


if __name__ == "__main__":
    unittest.main()
