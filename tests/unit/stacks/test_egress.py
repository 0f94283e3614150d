"""The egress stack: NAT in either mode, and what passes through the S3 endpoint."""

from __future__ import annotations

from typing import Any

from opsctl.stacks import egress
from opsctl.stacks.parts.nat import user_data
from tests.unit.stacks.reading import Stack, environment, statements, sub


def build(name: str, **settings: Any) -> Stack:
    return Stack(egress.build(environment(name, **settings)))


def test_zones_share_gateways_where_there_are_fewer() -> None:
    stack = build("prd", vpc__nat_gateways=1)
    assert list(stack.of_type("AWS::EC2::NatGateway")) == ["NatAGateway"]
    assert {route["NatGatewayId"]["Ref"] for route in stack.of_type("AWS::EC2::Route").values()} == {"NatAGateway"}


def test_another_script_makes_another_nat_instance_since_it_runs_at_first_launch_only() -> None:
    (one, script), (other, _) = user_data("10.20.0.0/16"), user_data("10.30.0.0/16")
    assert one != other
    assert one in script  # what it signals is itself


def test_only_burstable_types_are_kept_from_running_up_a_bill() -> None:
    (instance,) = build("dev", nat__instance_type="c7g.medium").of_type("AWS::EC2::Instance").values()
    assert "CreditSpecification" not in instance


def test_the_nat_instance_forwards_what_the_groups_send_and_has_https_for_itself() -> None:
    stack = build("dev", vpc__interface_endpoints=True, security__egress=(587,))
    rules = {
        name: resource["Properties"]["FromPort"]
        for name, resource in stack.resources.items()
        if resource["Type"].startswith("AWS::EC2::SecurityGroup") and "FromPort" in resource["Properties"]
    }
    assert rules == {"NatToHttpsEgress": 443, "NatPort587FromVpcIngress": 587, "NatToPort587Egress": 587}
    (instance,) = (each for each in stack.resources.values() if each["Type"] == "AWS::EC2::Instance")
    assert sorted(instance["DependsOn"]) == sorted(rules)


def passing(service: str, **settings: Any) -> dict[str, Any]:
    return statements(build("prd", **settings)[f"{service}Endpoint"]["PolicyDocument"])


def test_a_job_that_asks_for_its_other_tasks_has_an_endpoint_to_ask_through() -> None:
    assert "EcsEndpoint" not in build("prd").resources
    opened = passing("Ecs", application__jobs__dataset__overlap=False)
    assert {each["Action"] for each in opened.values()} == {"ecs:ListTasks", "ecs:DescribeTasks"}
    for statement in opened.values():
        assert statement["Principal"] == "*"
        assert statement["Condition"] == {
            "ArnEquals": {"ecs:cluster": {"Ref": "ClusterArn"}},
            "StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}},
        }


def test_a_secret_that_the_configuration_takes_from_elsewhere_passes_and_no_other_of_its_account() -> None:
    place = "arn:aws:secretsmanager:us-east-1:111122223333:secret:licence"
    opened = passing("SecretsManager", application__secrets={"SENTRY_DSN": "set", "LICENCE": place})
    through = opened.pop("ReadNamedSecrets")
    assert (through["Action"], through["Resource"]) == ("secretsmanager:GetSecretValue", [f"{place}-??????"])
    assert through["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    assert opened == passing("SecretsManager")


def test_who_may_connect_to_everything_may_use_everybody_s_buckets() -> None:
    assert set(passing("S3", security__egress=None)) == {"UseS3"}


LISTED = ["open-data", "others/salaries/2026"]
LISTED_OBJECTS = [sub(f"arn:${{AWS::Partition}}:s3:::{each}*") for each in ("open-data/", "others/salaries/2026")]


def test_listed_sources_are_read_through_the_s3_endpoint_and_no_others() -> None:
    opened = statements(build("dev", application__jobs__dataset__reads=LISTED)["S3Endpoint"]["PolicyDocument"])
    through = opened.pop("ReadSources")
    assert (through["Action"], through["Resource"], through["Principal"]) == ("s3:GetObject", LISTED_OBJECTS, "*")
    assert opened == statements(build("dev")["S3Endpoint"]["PolicyDocument"])
