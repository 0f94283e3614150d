"""Somebody changes a security group by hand: `drift` tells it, `--revert` puts it back, `status` says what runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .conftest import Project, make_project

pytestmark = pytest.mark.emulator
STACK = "local-salaries-network-acme"
RULE = "LoadBalancerFromAnywhereHttp"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project of which only the network is deployed, which needs neither image nor database."""
    made = make_project(tmp_path_factory.mktemp("project"))
    made.deploy("platform", "network")
    yield made
    made.target.reset()


def group(project: Project) -> dict[str, Any]:
    """The load balancer's security group as EC2 has it."""
    stacks, ec2 = project.client("cloudformation"), project.client("ec2")
    known = stacks.describe_stack_resource(StackName=STACK, LogicalResourceId="LoadBalancerSecurityGroup")
    identifier = known["StackResourceDetail"]["PhysicalResourceId"]
    found: dict[str, Any] = ec2.describe_security_groups(GroupIds=[identifier])["SecurityGroups"][0]
    return found


def change_by_hand(project: Project) -> None:
    """Take the rule for visitors away, and open SSH."""
    ec2, now = project.client("ec2"), group(project)
    ec2.revoke_security_group_ingress(GroupId=now["GroupId"], IpPermissions=now["IpPermissions"])
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    ec2.authorize_security_group_egress(GroupId=now["GroupId"], IpPermissions=[ssh])


def test_what_was_changed_by_hand_is_told_kept_until_agreed_and_put_back(network: Project) -> None:
    assert network.opsctl("drift", "--env", "local").code == 0
    change_by_hand(network)

    told = network.opsctl("drift", "--env", "local", "--json")
    assert told.code == 3
    (stack,) = [each for each in told.json["stacks"] if each["drifted"]]
    assert {each["logical_id"]: each["status"] for each in stack["drifted"]} == {
        "LoadBalancerSecurityGroup": "MODIFIED", RULE: "DELETED",
    }  # fmt: skip
    assert network.opsctl("drift", "--env", "local", "platform").code == 0

    asked = network.opsctl("drift", "--env", "local", "--revert")
    assert (asked.code, asked.out) == (2, "")
    assert "Run it again with --yes." in asked.err
    assert f"+ {RULE} AWS::EC2::SecurityGroupIngress made anew" in asked.err
    left = network.client("cloudformation").list_change_sets(StackName=STACK)["Summaries"]
    assert [each["ChangeSetName"] for each in left if "revert" in each["ChangeSetName"]] == []
    assert group(network)["IpPermissions"] == []

    reverted = network.opsctl("drift", "--env", "local", "--revert", "--yes", "--json")
    assert reverted.code == 0, reverted.err
    assert reverted.json["drifted"] is False
    assert [each["stack"] for each in reverted.json["reverted"]] == ["network"]
    assert [each["FromPort"] for each in group(network)["IpPermissions"]] == [80]
    assert 22 not in [each.get("FromPort") for each in group(network)["IpPermissionsEgress"]]
    assert network.opsctl("drift", "--env", "local").code == 0


def test_the_status_of_half_an_environment_is_no_failure_and_says_what_is_missing(network: Project) -> None:
    ran = network.opsctl("status", "--env", "local")
    assert ran.code == 0
    assert "  ! Not deployed: egress, data, functions, front, upkeep, jobs, app." in ran.out
    assert "3 of 10 well" in ran.out


def test_nothing_is_started_to_look_at_what_was_stopped(network: Project) -> None:
    network.target.stop()
    status = network.opsctl("status", "--env", "local")
    assert (status.code, status.out.strip()) == (
        0, "The local target does not run. `opsctl deploy --env local` starts it.",
    )  # fmt: skip
    drift = network.opsctl("drift", "--env", "local")
    assert drift.code == 1
    assert "`opsctl deploy --env local` starts it." in drift.err
    assert network.target.status().running is False
