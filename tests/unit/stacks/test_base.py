"""The frame of every stack."""

from __future__ import annotations

import pytest
from troposphere import Ref, sns

from opsctl.stacks.model import FromContext, FromOutput
from opsctl.stacks.parts.base import StackBuilder, ignore_lint, skip
from tests.unit.stacks.reading import Stack, environment, ref


@pytest.fixture
def builder() -> StackBuilder:
    return StackBuilder(environment("dev"), "app")


def test_a_value_of_another_stack_is_a_parameter_called_like_its_output(builder: StackBuilder) -> None:
    first, second = builder.output_of("network", "VpcId"), builder.output_of("network", "VpcId")
    builder.add(sns.Topic("Topic", DisplayName=first))
    stack = Stack(builder.finish())
    assert first.to_dict() == second.to_dict() == ref("VpcId")
    assert stack.template.parameters == {"VpcId": FromOutput("network", "VpcId")}
    assert stack.document["Parameters"] == {
        "VpcId": {"Type": "String", "Description": "Output VpcId of the network stack"}
    }


def test_one_name_cannot_mean_outputs_of_two_stacks(builder: StackBuilder) -> None:
    builder.output_of("network", "VpcId")
    with pytest.raises(AssertionError, match="VpcId has two sources"):
        builder.output_of("data", "VpcId")


def test_a_value_of_the_deploy_is_a_parameter_without_a_default(builder: StackBuilder) -> None:
    builder.add(sns.Topic("Topic", DisplayName=builder.context("ImageUri", "image_uri", "Image by digest")))
    stack = Stack(builder.finish())
    assert stack.template.parameters == {"ImageUri": FromContext("image_uri")}
    assert "Default" not in stack.document["Parameters"]["ImageUri"]


def test_what_is_kept_outlives_deletion_and_replacement(builder: StackBuilder) -> None:
    builder.keep(sns.Topic("Topic"))
    stack = Stack(builder.finish())
    assert stack.attribute("Topic", "DeletionPolicy") == "RetainExceptOnCreate"
    assert stack.attribute("Topic", "UpdateReplacePolicy") == "Retain"
    assert stack.template.stateful == ("Topic",)


def test_reasons_add_up(builder: StackBuilder) -> None:
    topic = skip(skip(sns.Topic("Topic"), "CKV_AWS_1", "first"), "CKV_AWS_2", "second")
    builder.add(ignore_lint(topic, "W1234"))
    metadata = Stack(builder.finish()).attribute("Topic", "Metadata")
    assert metadata == {
        "checkov": {"skip": [{"id": "CKV_AWS_1", "comment": "first"}, {"id": "CKV_AWS_2", "comment": "second"}]},
        "cfn-lint": {"config": {"ignore_checks": ["W1234"]}},
    }


def test_a_property_that_does_not_exist_fails_while_the_template_is_built() -> None:
    with pytest.raises(AttributeError, match="Nmae"):
        sns.Topic("Topic", Nmae="x")


def test_a_resource_shows_first_what_it_is(builder: StackBuilder) -> None:
    builder.keep(sns.Topic("Topic", DisplayName="x"))
    builder.output("Arn", Ref("Topic"), "ARN")
    body = builder.finish().body
    assert body.index("Type: AWS::SNS::Topic") < body.index("DeletionPolicy:") < body.index("DisplayName: x")


def test_the_digest_is_that_of_the_text(builder: StackBuilder) -> None:
    builder.add(sns.Topic("Topic"))
    template = builder.finish()
    assert len(template.digest) == 64
    assert template.digest == builder.finish().digest
