"""The mutator is as good as what it breaks: small templates, weak and strong assertions, and what survives."""

from __future__ import annotations

from typing import Any

import pytest

from tests.golden.controls.expectations import Expectation, absent, at_least, contains, equals, matches, only
from tests.golden.controls.language import WHOLE, Assertion, Templates, belonging_to, check, every, no, none, one
from tests.golden.controls.mutator import mutations
from tests.golden.controls.policies import contains_statement, named_actions, named_principal, scoped
from tests.golden.controls.tree import ABSENT, locations, read, with_value
from tests.golden.controls.wrong import wrong_values

PLAIN_HTTP = {"Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*"}
BUCKETS: Templates = {
    "app": {
        "Resources": {
            "Logs": {"Type": "Bucket", "Properties": {"Days": 30, "Public": False, "Rules": [{"Id": "a", "On": True}]}},
            "LogsPolicy": {
                "Type": "Policy",
                "Properties": {"Bucket": {"Ref": "Logs"}, "Document": {"Statement": [PLAIN_HTTP]}},
            },
        }
    }
}


def survivors(assertion: Assertion, templates: Templates = BUCKETS) -> list[str]:
    assert list(assertion.failures(templates)) == []
    tried = list(mutations(assertion, templates))
    assert tried
    return [str(each) for each in tried if not list(assertion.failures(each.applied(templates)))]


@pytest.mark.parametrize(
    "assertion",
    [
        check("A", "app", one("Logs"), "Days", at_least(30)),
        check("A", "app", one("Logs"), "Public", equals(False)),
        check("A", "app", one("Logs"), "Rules[Id=a]/On", equals(True)),
        check("A", "app", one("Logs"), "Rules", contains(({"Id": "a"},))),
        check("A", "app", every("Bucket"), "Name", absent()),
        check(
            "A", "app", belonging_to("Policy", "Bucket", "Bucket"), "Document/Statement",
            contains_statement({"Effect": "Deny", "Principal": "*", "Action": "s3:*"}),
        ),
        none("A", "app", no("Queue")),
        none("A", "app", no("Bucket", name="Other.*")),
    ],
)  # fmt: skip
def test_an_assertion_that_says_what_it_means_notices_every_mutation(assertion: Assertion) -> None:
    assert survivors(assertion) == []


class Anything(Expectation):
    """An expectation that is never disappointed, as a forgotten assert would be."""

    def holds(self, value: Any) -> bool:
        return True


def test_a_weak_expectation_lets_mutations_survive() -> None:
    assert survivors(check("A", "app", every("Bucket"), "Days", Anything())) == [
        "app/Resources/Logs/Properties/Days removed",
        "app/Resources/Logs/Properties/Days = 29",
        "app/Resources/Logs/Properties/Days = 31",
    ]


def test_a_pattern_that_matches_nearly_anything_lets_mutations_survive() -> None:
    named = {"app": {"Resources": {"Queue": {"Type": "Queue", "Properties": {"Name": "alarms"}}}}}
    assert survivors(check("A", "app", one("Queue"), "Name", matches("a")), named) == [
        "app/Resources/Queue/Properties/Name = 'another'"
    ]


def test_a_resource_that_must_exist_is_removed_and_its_tie_is_cut() -> None:
    tied = check("A", "app", belonging_to("Policy", "Bucket", "Bucket"), "Document/Statement[*]/Effect", equals("Deny"))
    assert [str(each) for each in mutations(tied, BUCKETS)][:3] == [
        "app/Resources/LogsPolicy removed",
        "app/Resources/LogsPolicy/Properties/Bucket = 'another'",
        "app/Resources/LogsPolicy/Properties/Bucket = {'Ref': 'Another'}",
    ]


def test_a_mutation_leaves_the_original_as_it_was() -> None:
    before = repr(BUCKETS)
    for each in mutations(check("A", "app", one("Logs"), "Rules", equals([{"Id": "a", "On": True}])), BUCKETS):
        each.applied(BUCKETS)
    assert repr(BUCKETS) == before


def test_what_is_required_and_missing_is_one_empty_place() -> None:
    logs = ("app", "Resources", "Logs")
    assert [read(BUCKETS, place) for place in locations(BUCKETS, logs, "Properties/Rules[Id=b]/On")] == [ABSENT]
    assert locations(BUCKETS, logs, "Properties/Rules[?Id=b]/On") == []
    assert locations(BUCKETS, ("app",), "Resources/Logs/Properties/Rules/0/On")[0][-2:] == (0, "On")


def test_a_misspelt_path_is_refused() -> None:
    with pytest.raises(ValueError, match="neither a key nor a filter"):
        locations(BUCKETS, (), "app/Rules[")


def test_a_value_is_planted_where_nothing_was() -> None:
    assert with_value({}, ("a", "b"), 1) == {"a": {"b": 1}}
    assert with_value({"a": [1, 2]}, ("a", 0), ABSENT) == {"a": [2]}


@pytest.mark.parametrize(
    "value", [True, 7, "true", "Allow", "5433", "text", {"Ref": "A"}, ["a", "b"], {"a": 1, "b": 2}]
)
def test_wrong_values_are_none_of_them_the_right_one(value: Any) -> None:
    wrong = list(wrong_values(value))
    assert wrong
    assert value not in wrong


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:s3:::*", {"Fn::Sub": "arn:${AWS::Partition}:iam::1:role/*"}, ["a", "*"]]
)
def test_a_statement_on_everything_is_not_scoped(resource: Any) -> None:
    assert not scoped(()).holds({"Action": "s3:GetObject", "Resource": resource})
    assert scoped(("ecr:Login",)).holds({"Action": "ecr:Login", "Resource": resource})
    assert not scoped(("ecr:Login",)).holds({"Action": ["ecr:Login", "ecr:Push"], "Resource": resource})


@pytest.mark.parametrize(
    "resource",
    [{"Ref": "Topic"}, {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Bucket}/*"}, "arn:aws:ecs:r:1:task/cluster/*"],
)
def test_a_statement_on_named_things_is_scoped(resource: Any) -> None:
    assert scoped(()).holds({"Action": "s3:GetObject", "Resource": resource})


def test_stars_in_actions_and_principals_are_seen() -> None:
    assert not named_actions().holds("s3:*")
    assert not named_actions(("kms:GenerateDataKey*",)).holds(["kms:Decrypt", "kms:*"])
    assert named_actions(("kms:GenerateDataKey*",)).holds(["kms:Decrypt", "kms:GenerateDataKey*"])
    assert not named_principal().holds({"AWS": ["arn", "*"]})
    assert only(("a",)).holds(ABSENT)
    assert not only(("a",)).holds(["a", "b"])


def test_the_template_itself_can_be_asserted() -> None:
    assert survivors(check("A", "app", WHOLE, "Resources/Logs/Type", equals("Bucket"))) == []
