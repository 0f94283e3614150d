"""Which stacks an environment has, what each waits for, and what belongs to a stack beside its template."""

from __future__ import annotations

import pytest

from opsctl.config import naming
from opsctl.deploy.destroy import REST, WITHOUT_DATA
from opsctl.stacks import catalog
from opsctl.stacks.model import FromContext, FromOutput
from tests.unit.stacks.reading import NAMES, environment, stacks


def names(name: str, **settings: object) -> list[str]:
    return [template.stack for template in catalog.templates(environment(name, **settings))]


def test_edge_is_left_out_when_cloudfront_needs_nothing_of_us_east_1() -> None:
    arn = "arn:aws:acm:us-east-1:111122223333:certificate/abc"
    assert "edge" not in names("prd", site__certificate_arn=arn, security__waf=False)
    assert "edge" in names("prd", site__certificate_arn=arn)
    assert "edge" in names("prd", security__waf=False)
    assert "edge" not in names("prd", site__enabled=False)


@pytest.mark.parametrize("name", NAMES)
def test_every_stack_comes_after_those_it_depends_on(name: str) -> None:
    seen: set[str] = set()
    for stack in stacks(name):
        assert set(stack.template.depends_on) <= seen, stack.template.stack
        seen.add(stack.template.stack)


# In prd, which has every stack. What takes minutes (egress, data, functions, front, upkeep) is made side by side.
WAITS_FOR = {
    "bootstrap": set(),
    "platform": {"bootstrap"},
    "network": set(),
    "egress": {"bootstrap", "platform", "network"},
    "data": {"platform", "network"},
    "functions": {"bootstrap", "platform", "network"},
    "front": {"bootstrap", "network"},
    # Secrets Manager tries the rotation's function when the schedule is made.
    "upkeep": {"platform", "network", "egress", "data"},
    "jobs": {"platform", "egress", "data", "functions"},
    "app": {"platform", "network", "data", "front", "upkeep", "jobs"},
    "edge": set(),
    "dashboard": {"bootstrap", "edge"},
}


def test_no_stack_waits_for_more_than_it_needs() -> None:
    found = {template.stack: set(template.depends_on) for template in catalog.templates(environment("prd"))}
    assert found == WAITS_FOR


def from_the_deploy(name: str) -> set[tuple[str, str, str]]:
    return {
        (template.stack, parameter, source.key)
        for template in catalog.templates(environment(name))
        for parameter, source in template.parameters.items()
        if isinstance(source, FromContext)
    }


def test_only_these_values_come_from_the_deploy() -> None:
    assert from_the_deploy("prd") - from_the_deploy("dev") == {("network", "S3PrefixListId", "s3_prefix_list_id")}
    assert from_the_deploy("dev") == {
        ("bootstrap", "GuardDuty", "guardduty"),
        ("egress", "NatImageId", "nat_image_id"),
        ("functions", "DbInitBundleKey", "db_init_bundle_key"),
        ("functions", "DbInitBundleVersion", "db_init_bundle_version"),
        ("jobs", "ImageUri", "image_uri"),
        ("app", "ImageUri", "image_uri"),
        ("app", "ServiceRollout", "rollout:web"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_value_that_is_passed_on_is_an_output_of_its_stack(name: str) -> None:
    outputs = {stack.template.stack: stack.outputs for stack in stacks(name)}
    for stack in stacks(name):
        for parameter, source in stack.template.parameters.items():
            if isinstance(source, FromOutput):
                assert source.output in outputs[source.stack], f"{stack.template.stack}: {parameter}"


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_a_source_and_no_source_lacks_its_parameter(name: str) -> None:
    for stack in stacks(name):
        assert set(stack.template.parameters) == set(stack.document.get("Parameters", {}))


@pytest.mark.parametrize("name", NAMES)
def test_stacks_are_named_by_the_rule_and_protected_by_the_setting(name: str) -> None:
    env = environment(name)
    for template in catalog.templates(env):
        if template.stack != "bootstrap":
            assert template.physical_name == f"{name}-salaries-{template.stack}-acme"
            assert template.termination_protection is env.security.termination_protection


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_data_is_declared_and_kept(name: str) -> None:
    holds_data = {
        "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SecretsManager::Secret", "AWS::ECR::Repository",
        "AWS::Logs::LogGroup", "AWS::EC2::VPC",
    }  # fmt: skip
    for stack in stacks(name):
        found = {logical for logical, resource in stack.resources.items() if resource["Type"] in holds_data}
        primary = {logical for logical in stack.of_type("AWS::RDS::DBInstance") if logical != "Replica"}
        assert found | primary <= set(stack.template.stateful)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_people_or_policies_type_has_a_name_of_ours(name: str) -> None:
    naming = {
        "AliasName", "BucketName", "ClusterName", "DBInstanceIdentifier", "DBParameterGroupName", "DBSubnetGroupName",
        "GroupName", "InstanceProfileName", "LogGroupName", "Name", "RepositoryName", "RoleName", "SubscriptionName",
        "TopicName", "AlarmName", "QueueName", "FunctionName", "ServiceName",
    }  # fmt: skip
    allowed = {
        ("AWS::ECS::Cluster", "ClusterName"), ("AWS::ECR::Repository", "RepositoryName"),
        ("AWS::KMS::Alias", "AliasName"), ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::ECS::Service", "ServiceName"), ("AWS::Route53::RecordSet", "Name"),
    }  # fmt: skip
    found = {
        (resource["Type"], key)
        for stack in stacks(name)
        for resource in stack.resources.values()
        for key, value in resource.get("Properties", {}).items()
        if key in naming and isinstance(value, str)
    }
    assert found <= allowed


def test_tags_are_the_configured_ones_and_what_the_stack_overrides() -> None:
    env = environment("dev", tags={"team": "a", "cost": "1"}, tag_overrides={"data": {"team": "b"}})
    tags = {template.stack: template.tags for template in catalog.templates(env)}
    assert tags["network"] == {
        "managed-by": "opsctl", "environment": "dev", "service": "salaries", "client": "acme",
        "confidentiality": "internal", "team": "a", "cost": "1",
    }  # fmt: skip
    assert tags["data"]["team"] == "b"


def test_every_stack_is_known_wherever_stacks_are_listed() -> None:
    assert tuple(entry.name for entry in catalog.STACKS) == naming.STACKS
    assert {"bootstrap", *WITHOUT_DATA, *REST} == set(naming.STACKS)
