"""The evaluator of policies, rule by rule of AWS's pages that iam.py names."""

import unittest

from iam import Unsupported, allowed_call, evaluate

INSTANCE = "arn:aws:ec2:eu-central-1:123456789012:instance/i-1"
DOCUMENT = "arn:aws:ssm:eu-central-1:123456789012:document/check"


def statement(effect="Allow", action="ec2:CreateTags", resource="*", **condition):
    return {"Effect": effect, "Action": action, "Resource": resource} | ({"Condition": condition} if condition else {})


def allows(*statements, action="ec2:CreateTags", resource=INSTANCE, **context):
    return evaluate(statements, action, resource, context).allowed


def meets(operator, wanted, values=None, key="aws:TagKeys"):
    """Whether a condition on one key holds; without values the request does not have the key."""
    context = {} if values is None else {key: values}
    return evaluate([statement(**{operator: {key: wanted}})], "ec2:CreateTags", INSTANCE, context).allowed


class Decisions(unittest.TestCase):
    def test_what_no_statement_allows_is_denied(self):
        decision = evaluate([statement(action="ec2:DeleteTags")], "ec2:CreateTags", INSTANCE, {})
        self.assertEqual((decision.allowed, decision.denied_explicitly), (False, False))

    def test_a_denial_wins_wherever_it_stands(self):
        allow, deny = statement(), statement("Deny", resource=INSTANCE)
        for statements in ([allow, deny], [deny, allow]):
            decision = evaluate(statements, "ec2:CreateTags", INSTANCE, {})
            self.assertTrue(decision.denied_explicitly)
            self.assertIs(decision.statement, deny)

    def test_a_denial_whose_condition_does_not_hold_denies_nothing(self):
        deny = statement("Deny", StringEquals={"aws:PrincipalTag/team": "other"})
        self.assertTrue(allows(statement(), deny))

    def test_a_decision_names_the_statement_that_allows(self):
        second = statement()
        decision = evaluate([statement(action="s3:GetObject"), second], "ec2:CreateTags", INSTANCE, {})
        self.assertIs(decision.statement, second)

    def test_all_operators_and_all_keys_must_hold(self):
        both = statement(StringEquals={"a": "1", "b": "2"}, StringLike={"c": "3*"})
        self.assertTrue(allows(both, a="1", b="2", c="33"))
        for key in ("a", "b", "c"):
            self.assertFalse(allows(both, **({"a": "1", "b": "2", "c": "33"} | {key: "x"})), key)


class Patterns(unittest.TestCase):
    def test_actions_are_compared_without_case_and_with_wildcards(self):
        for action in ("EC2:createtags", "ec2:Create*", "ec2:*", "*", "ec2:CreateTag?"):
            self.assertTrue(allows(statement(action=action)), action)
        for action in ("ec2:Create", "ec2:CreateTags?", "s3:*"):
            self.assertFalse(allows(statement(action=action)), action)

    def test_one_of_several_actions_and_resources_is_enough(self):
        several = statement(action=["s3:GetObject", "ec2:CreateTags"], resource=[DOCUMENT, INSTANCE])
        self.assertTrue(allows(several))

    def test_resources_are_compared_with_case_and_with_wildcards(self):
        for resource in (INSTANCE, "arn:aws:ec2:*:*:instance/*", "arn:aws:ec2:*", "*", INSTANCE[:-1] + "?"):
            self.assertTrue(allows(statement(resource=resource)), resource)
        for resource in (INSTANCE.upper(), INSTANCE[:-1], "arn:aws:ec2:*:*:volume/*", INSTANCE + "?"):
            self.assertFalse(allows(statement(resource=resource)), resource)

    def test_a_wildcard_of_a_group_reaches_over_its_identifier_alone(self):
        pattern = "arn:aws:autoscaling:eu-central-1:123456789012:autoScalingGroup:*:autoScalingGroupName/jibri"
        for name, allowed in (("jibri", True), ("jibri-2", False), ("my-jibri", False)):
            group = pattern.replace("*", "0-0").replace("/jibri", f"/{name}")
            self.assertEqual(allows(statement(resource=pattern), resource=group), allowed, name)

    def test_other_letters_stand_for_themselves(self):
        self.assertFalse(allows(statement(resource="a.c"), resource="abc"))


class Operators(unittest.TestCase):
    def assert_holds(self, cases):
        for operator, wanted, value, expected in cases:
            values = None if value is None else [value]
            self.assertEqual(meets(operator, wanted, values), expected, (operator, wanted, value))

    def test_strings(self):
        self.assert_holds(
            [
                ("StringEquals", "a*", "a*", True),
                ("StringEquals", "a*", "ab", False),
                ("StringEquals", "a", "A", False),
                ("StringEquals", ["b", "a"], "a", True),
                ("StringLike", "a*c?", "abbcd", True),
                ("StringLike", "a*", "ba", False),
                ("StringNotEquals", ["a", "b"], "b", False),
                ("StringNotEquals", ["a", "b"], "c", True),
                ("StringNotLike", "a*", "ab", False),
                ("StringNotLike", "a*", "b", True),
            ]
        )

    def test_arns_are_compared_part_by_part(self):
        group = "arn:aws:autoscaling:eu:1:autoScalingGroup:0:autoScalingGroupName/jibri"
        self.assert_holds(
            [
                (operator, wanted, group, expected)
                for operator in ("ArnEquals", "ArnLike")
                for wanted, expected in (
                    (group, True),
                    ("arn:aws:autoscaling:*:?:autoScalingGroup:*:autoScalingGroupName/jibri", True),
                    ("arn:aws:autoscaling:*:*:*/other", False),
                    ("arn:aws:a*:1:autoScalingGroup:0:autoScalingGroupName/jibri", False),
                )
            ]
        )
        self.assert_holds(
            [
                ("ArnLike", "arn:*:*:*:*:*", "no ARN", False),
                ("ArnNotLike", group, group, False),
                ("ArnNotEquals", "arn:aws:s3:::*", group, True),
            ]
        )

    def test_truth(self):
        cases = [("true", "True", True), (False, "true", False), (True, "true", True)]
        self.assert_holds([("Bool", *case) for case in cases])

    def test_a_missing_key_meets_only_what_is_negated(self):
        arn = "arn:aws:s3:::a"
        for operator in ("StringEquals", "StringLike", "ArnEquals", "ArnLike", "Bool"):
            self.assertFalse(meets(operator, arn), operator)
        for operator in ("StringNotEquals", "StringNotLike", "ArnNotEquals", "ArnNotLike"):
            self.assertTrue(meets(operator, arn), operator)

    def test_if_exists_forgives_a_missing_key_and_no_other_value(self):
        self.assertTrue(meets("StringEqualsIfExists", "a"))
        self.assertTrue(meets("StringEqualsIfExists", "a", ["a"]))
        self.assertFalse(meets("StringEqualsIfExists", "a", ["b"]))
        self.assertTrue(meets("ForAnyValue:StringEqualsIfExists", "a"))

    def test_null_asks_whether_the_key_is_missing(self):
        self.assertTrue(meets("Null", "true"))
        self.assertFalse(meets("Null", "true", ["a"]))
        self.assertTrue(meets("Null", "false", ["a"]))
        self.assertFalse(meets("Null", False))

    def test_keys_are_compared_without_case(self):
        condition = statement(StringEquals={"AWS:resourcetag/Team": "a"})
        self.assertTrue(evaluate([condition], "ec2:CreateTags", INSTANCE, {"aws:ResourceTag/team": ["a"]}).allowed)


class SeveralValues(unittest.TestCase):
    def test_for_all_values_takes_none_besides_those_wanted(self):
        self.assertTrue(meets("ForAllValues:StringEquals", ["a", "b"], ["a", "b"]))
        self.assertFalse(meets("ForAllValues:StringEquals", ["a", "b"], ["a", "c"]))

    def test_for_all_values_holds_when_there_are_none(self):
        self.assertTrue(meets("ForAllValues:StringEquals", "a"))
        self.assertTrue(meets("ForAllValues:StringEquals", "a", []))

    def test_for_any_value_wants_one(self):
        self.assertTrue(meets("ForAnyValue:StringLike", "a*", ["b", "ab"]))
        self.assertFalse(meets("ForAnyValue:StringLike", "a*", ["b", "c"]))
        self.assertFalse(meets("ForAnyValue:StringLike", "a*"))

    def test_negated_sets_are_asked_value_by_value(self):
        self.assertFalse(meets("ForAllValues:StringNotEquals", "a", ["a", "b"]))
        self.assertTrue(meets("ForAllValues:StringNotEquals", "a", ["b", "c"]))
        self.assertTrue(meets("ForAnyValue:StringNotEquals", "a", ["a", "b"]))
        self.assertFalse(meets("ForAnyValue:StringNotEquals", "a", ["a"]))
        self.assertFalse(meets("ForAnyValue:StringNotEquals", "a"))

    def test_several_values_under_an_operator_for_one_are_an_error(self):
        with self.assertRaisesRegex(Unsupported, "several values"):
            meets("StringEquals", "a", ["a", "b"])


class NotUnderstood(unittest.TestCase):
    def test_what_is_not_understood_raises_even_where_it_would_not_apply(self):
        unknown = [
            statement("Permit"),
            {"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"},
            {"Effect": "Allow", "Action": "s3:*", "NotResource": INSTANCE},
            statement(resource="arn:aws:s3:::${aws:username}"),
            statement(NumericLessThan={"a": "1"}),
            statement(StringEqual={"a": "1"}),
            statement(**{"ForSomeValues:StringEquals": {"a": "1"}}),
            statement(NullIfExists={"a": "true"}),
            statement(Null={"a": "perhaps"}),
            statement(ArnLike={"a": "*"}),
        ]
        for case in unknown:
            with self.assertRaises(Unsupported, msg=case):
                evaluate([statement(), case], "other:Action", "*", {})


class Calls(unittest.TestCase):
    """ssm:SendCommand is authorised for the document and for each instance."""

    OURS = {"arn": INSTANCE, "tags": {"group": "jibri"}}
    OTHERS = {"arn": INSTANCE.replace("i-1", "i-2"), "tags": {"group": "other"}}
    THE_DOCUMENT = {"arn": DOCUMENT, "tags": {}}
    STATEMENTS = (
        statement(action="ssm:SendCommand", resource=DOCUMENT),
        statement(
            action="ssm:SendCommand",
            resource="arn:aws:ec2:*:*:instance/*",
            StringEquals={"ssm:resourceTag/group": "jibri"},
        ),
    )

    def allowed(self, *resources, action="ssm:SendCommand", statements=STATEMENTS, conditions=None, context=None):
        call = {"action": action, "resources": resources, "conditions": conditions or {}}
        return allowed_call(statements, call, context).allowed

    def test_every_resource_is_allowed_on_its_own(self):
        self.assertTrue(self.allowed(self.THE_DOCUMENT, self.OURS))
        self.assertFalse(self.allowed(self.THE_DOCUMENT, self.OURS, self.OTHERS))
        self.assertFalse(self.allowed(self.OTHERS, self.OURS))
        self.assertFalse(self.allowed({**self.THE_DOCUMENT, "arn": DOCUMENT + "-2"}, self.OURS))

    def test_tags_are_seen_under_the_services_own_key_and_no_other_services(self):
        for action, key, seen in (
            ("ec2:CreateTags", "aws:ResourceTag/group", True),
            ("ec2:CreateTags", "ec2:ResourceTag/group", True),
            ("ec2:CreateTags", "ssm:resourceTag/group", False),
            ("autoscaling:SetDesiredCapacity", "autoscaling:ResourceTag/group", True),
            ("s3:PutObject", "s3:ResourceTag/group", False),
        ):
            tagged = statement(action=action, StringEquals={key: "jibri"})
            self.assertEqual(self.allowed(self.OURS, action=action, statements=[tagged]), seen, (action, key))

    def test_conditions_of_the_call_and_of_the_caller_count(self):
        bound = statement(action="ssm:SendCommand", StringEquals={"a": "1", "b": "2"})
        self.assertTrue(self.allowed(self.OURS, statements=[bound], conditions={"a": ["1"]}, context={"b": ["2"]}))
        self.assertFalse(self.allowed(self.OURS, statements=[bound], conditions={"a": ["1"]}))

    def test_a_call_about_nothing_is_an_error(self):
        with self.assertRaisesRegex(ValueError, "about nothing"):
            self.allowed()


if __name__ == "__main__":
    unittest.main()
