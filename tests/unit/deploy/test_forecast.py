"""The longest way through a deploy, worked by hand on small templates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from opsctl.deploy.events import Note, ResourceChanged
from opsctl.deploy.planning import planner
from opsctl.deploy.planning.durations import (
    IMAGE_SECONDS,
    RELEASE_TASK_SECONDS,
    STACK,
    STACK_SECONDS,
    Duration,
    Stopwatch,
    duration_of,
    learned,
    seconds_to_delete,
    seconds_to_update,
)
from opsctl.deploy.planning.forecast import Leg, as_ordered, change, limit, removal
from opsctl.stacks.model import FromContext, FromOutput

from .fakes import template

NETWORK = """\
Resources:
  Vpc: {Type: "AWS::EC2::VPC"}
  Subnet: {Type: "AWS::EC2::Subnet", Properties: {VpcId: !Ref Vpc}}
  Gateway: {Type: "AWS::EC2::NatGateway", Properties: {SubnetId: !Ref Subnet}}
  Out: {Type: "AWS::EC2::Route", Properties: {NatGatewayId: !GetAtt Gateway.Id}}
Outputs:
  SubnetId: {Value: !Ref Subnet}
"""
DATA = """\
Resources:
  Group: {Type: "AWS::RDS::DBSubnetGroup", Properties: {SubnetIds: [!Ref SubnetId]}}
  Database: {Type: "AWS::RDS::DBInstance", Properties: {DBSubnetGroupName: !Ref Group}}
Outputs:
  Host: {Value: !GetAtt Database.Endpoint.Address}
"""
JOBS = """\
Resources:
  DbInit: {Type: "Custom::DbInit", Properties: {Host: !Sub "${Host}:5432"}}
"""
APP = """\
Resources:
  Alarm: {Type: "AWS::CloudWatch::Alarm", DependsOn: [Service]}
  Task: {Type: "AWS::ECS::TaskDefinition", Properties: {Image: !Ref ImageUri, Host: !Ref Host}}
  Service: {Type: "AWS::ECS::Service", Properties: {TaskDefinition: !Ref Task}}
"""
SUBNET, HOST = FromOutput("network", "SubnetId"), FromOutput("data", "Host")
STACKS = [
    template("network", NETWORK),
    template("data", DATA, parameters={"SubnetId": SUBNET}),
    template("jobs", JOBS, parameters={"Host": HOST}),
    template("app", APP, parameters={"ImageUri": FromContext("image_uri"), "Host": HOST}, after=("jobs",)),
]
TABLE = {
    "AWS::EC2::VPC": 10.0, "AWS::EC2::Subnet": 1.0, "AWS::EC2::NatGateway": 100.0, "AWS::EC2::Route": 2.0,
    "AWS::RDS::DBSubnetGroup": 3.0, "AWS::RDS::DBInstance": 300.0, "Custom::DbInit": 30.0,
    "AWS::ECS::TaskDefinition": 4.0, "AWS::ECS::Service": 90.0, "AWS::CloudWatch::Alarm": 5.0,
}  # fmt: skip


def known(resource_type: str, properties: Mapping[str, Any]) -> Duration:
    return Duration(TABLE[resource_type], "a test", "A")


ORDER = planner.order(STACKS, image=True, migrate=True)


def test_in_the_deploys_order_a_stack_waits_for_all_of_the_stack_before() -> None:
    found = as_ordered(STACKS, ORDER, seconds=known)
    network, data, jobs, app = 10 + 1 + 100 + 2, 3 + 300, 30, 4 + 90 + 5
    assert found.seconds == network + data + jobs + RELEASE_TASK_SECONDS + app + 4 * STACK_SECONDS
    assert [leg.name for leg in found.path] == [
        "network/start", "network/Vpc", "network/Subnet", "network/Gateway", "network/Out", "data/start", "data/Group",
        "data/Database", "jobs/start", "jobs/DbInit", "migrate/end", "app/start", "app/Task", "app/Service",
        "app/Alarm",
    ]  # fmt: skip
    assert Leg("data/Database", "AWS::RDS::DBInstance", 300.0) in found.path


def test_the_limit_waits_only_for_what_is_referred_to_also_through_outputs() -> None:
    found = limit(STACKS, ORDER, seconds=known)
    assert [leg.name for leg in found.path] == [
        "network/Vpc", "network/Subnet", "data/Group", "data/Database", "jobs/DbInit", "migrate", "app/Service",
        "app/Alarm",
    ]  # fmt: skip
    assert found.seconds == 10 + 1 + 3 + 300 + 30 + RELEASE_TASK_SECONDS + 90 + 5


def test_code_in_the_network_waits_for_its_way_out_although_nothing_refers_to_it() -> None:
    slow = {**TABLE, "AWS::EC2::NatGateway": 1000.0}
    found = limit(STACKS, ORDER, seconds=lambda kind, _: Duration(slow[kind], "a test", "A"))
    assert [leg.name for leg in found.path][:5] == [
        "network/Vpc", "network/Subnet", "network/Gateway", "network/Out", "jobs/DbInit"
    ]  # fmt: skip


def test_a_service_waits_for_an_image_that_takes_longest() -> None:
    quick = {**dict.fromkeys(TABLE, 0.0), "AWS::ECS::Service": 1.0}
    order = planner.order(STACKS, image=True, migrate=False)
    found = limit(STACKS, order, seconds=lambda kind, _: Duration(quick[kind], "a test", "A"))
    assert (found.seconds, [leg.name for leg in found.path]) == (IMAGE_SECONDS + 1, ["image", "app/Service"])


def test_types_whose_duration_is_a_guess_are_named() -> None:
    guessing = as_ordered(STACKS[:1], {"network": ()}, seconds=lambda *_: Duration(1.0))
    assert guessing.guessed == ("AWS::EC2::NatGateway", "AWS::EC2::Route", "AWS::EC2::Subnet", "AWS::EC2::VPC")


def test_nothing_to_do_takes_no_time() -> None:
    assert (as_ordered([], {}).seconds, limit([], {}).path) == (0.0, ())


def test_a_change_costs_its_stack_and_what_refers_to_something_that_is_replaced() -> None:
    """A task definition can't be changed, so there is a new one, and the service goes over to it."""
    wanted = [
        template(each.stack, each.body.replace("Image: !Ref ImageUri", "Cpu: 1, Image: !Ref ImageUri"))
        for each in STACKS
    ]
    found = change(STACKS, wanted, ORDER)
    assert [leg.name for leg in found.path] == ["app/start", "app/Task", "app/Service"]
    task = duration_of("AWS::ECS::TaskDefinition", {}).create
    assert found.seconds == STACK_SECONDS + task + seconds_to_update("AWS::ECS::Service")


def test_a_change_in_place_and_one_that_only_drops_something() -> None:
    lower = [template(each.stack, each.body.replace("!GetAtt Gateway.Id", "a")) for each in STACKS]
    assert [leg.name for leg in change(STACKS, lower, ORDER).path] == ["network/start", "network/Out"]
    without = [template(each.stack, each.body.replace(JOBS, "Resources: {}\n")) for each in STACKS]
    found = change(STACKS, without, ORDER)
    assert found.path[-1] == Leg("jobs/DbInit", "Custom::DbInit", seconds_to_delete("Custom::DbInit"))
    assert change(STACKS, STACKS, ORDER).seconds == 0


def test_a_removal_takes_resources_before_what_they_refer_to_and_stacks_after_their_users() -> None:
    used_by = {"network": ("data", "app", "absent"), "data": ("app",)}
    found = removal([each for each in STACKS if each.stack != "jobs"], used_by)
    assert [leg.name for leg in found.path] == [
        "app/start", "app/Alarm", "app/Service", "app/Task", "data/start", "data/Database", "data/Group",
        "network/start", "network/Out", "network/Gateway", "network/Subnet", "network/Vpc",
    ]  # fmt: skip


def at(seconds: float) -> datetime:
    return datetime(2026, 11, 29, tzinfo=UTC) + timedelta(seconds=seconds)


def test_how_long_resources_took_is_learned_from_the_events_of_a_deploy() -> None:
    watch = Stopwatch()
    for name, begin, end in (("A", 0, 10), ("B", 0, 20), ("C", 5, 95)):
        for seconds, status in (
            (begin, "CREATE_IN_PROGRESS"),
            (begin + 1, "CREATE_IN_PROGRESS"),
            (end, "CREATE_COMPLETE"),
        ):
            watch(ResourceChanged("network", at(seconds), name, "AWS::EC2::VPC", status))
    watch(ResourceChanged("network", at(0), "D", "AWS::EC2::Subnet", "UPDATE_IN_PROGRESS"))
    watch(ResourceChanged("network", at(9), "D", "AWS::EC2::Subnet", "UPDATE_COMPLETE"))
    watch(ResourceChanged("network", at(9), "E", "AWS::EC2::Route", "CREATE_COMPLETE"))  # its beginning was not seen
    watch(ResourceChanged("network", at(0), "network", STACK, "CREATE_IN_PROGRESS"))
    watch(ResourceChanged("network", at(99), "network", STACK, "CREATE_COMPLETE"))
    watch(Note("x"))
    assert watch.seconds == {"AWS::EC2::VPC": 20.0}


def test_what_was_learned_stands_above_the_table() -> None:
    of = learned({"AWS::EC2::VPC": 33.0})
    assert (of("AWS::EC2::VPC", {}).create, of("AWS::EC2::VPC", {}).grade) == (33.0, "A")
    assert of("AWS::EC2::NatGateway", {}) == duration_of("AWS::EC2::NatGateway", {})
