"""What a plan finds out by itself: the image of the NAT instance, and whether a database can take its version."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.config.models import Environment
from opsctl.deploy.planning.durations import STACK_SECONDS, duration_of
from opsctl.deploy.planning.nat_image import architecture
from opsctl.deploy.planning.plan import Plan
from opsctl.deploy.planning.situation import Request, Situation
from opsctl.deploy.release import Release, Releases, current, kept
from opsctl.stacks.model import FromContext, StackTemplate

from .fakes import template
from .world import ENV, FOLDER, FakeAws, FakeBundle, FakeImage, FakeS3

if TYPE_CHECKING:
    from opsctl.aws.session import Aws

NAT = """\
Parameters:
  NatImageId:
    Type: AWS::EC2::Image::Id
Resources:
  {name}:
    Type: AWS::EC2::Instance
    Properties:
      ImageId: !Ref NatImageId
      InstanceType: {kind}
      SubnetId: {subnet}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      DisplayName: {topic}
"""


def egress(name: str = "Nat1", kind: str = "t3.micro", subnet: str = "s-1", topic: str = "one") -> StackTemplate:
    body = NAT.format(name=name, kind=kind, subnet=subnet, topic=topic)
    return template("egress", body, parameters={"NatImageId": FromContext("nat_image_id")})


def planned(
    aws: FakeAws,
    wanted: StackTemplate,
    kind: str = "t3.micro",
    *,
    refresh: bool = False,
    version: str = "18",
    allow_upgrade: bool = False,
    beside: StackTemplate | None = None,
) -> tuple[str, Plan]:
    """The image that a deploy of `wanted` would use, and its plan."""
    env = Environment.model_validate(
        {
            "name": "dev",
            "service": "salaries",
            "client": "acme",
            "nat": {"instance_type": kind},
            "rds": {"engine_version": version, "allow_major_version_upgrade": allow_upgrade},
        }
    )
    request = Request((wanted.stack,), refresh_nat_image=refresh)
    stacks = (wanted, template("app"), *([beside] if beside is not None else []))
    situation = Situation(env, stacks, cast("Aws", aws), image=FakeImage(), bundle=FakeBundle(), request=request)
    plan = situation.plan()
    return situation.context.get("nat_image_id") or "", plan


def deployed(stack: StackTemplate, status: str = "UPDATE_COMPLETE") -> FakeAws:
    aws = FakeAws()
    aws.cloudformation.put(stack, status, parameters={"NatImageId": "ami-1"})
    return aws


def test_an_image_that_amazon_withdrew_is_replaced_when_its_stack_changes_and_the_plan_says_so() -> None:
    aws = deployed(egress())
    image, plan = planned(aws, egress(topic="two"))
    assert image == "ami-2"
    assert len(plan.notes) == 1
    assert "Amazon has withdrawn ami-1" in plan.notes[0]
    assert aws.account.asked == [("image_fits", "ami-1")]


def test_an_image_that_is_still_there_is_kept() -> None:
    aws = deployed(egress())
    aws.account.images.add("ami-1")
    image, plan = planned(aws, egress(topic="two"))
    assert (image, plan.notes) == ("ami-1", ())


def test_an_image_of_the_other_architecture_is_not_kept_whatever_left_it_there() -> None:
    """The template says t4g already, as after a deploy that kept the image of the type before."""
    aws = deployed(egress(kind="t4g.micro"))
    aws.account.images.add("ami-1")
    image, plan = planned(aws, egress(kind="t4g.micro", topic="two"), "t4g.micro")
    assert image == "ami-3"
    assert "not for arm64" in plan.notes[0]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("t3.micro", "x86_64"), ("t4g.nano", "arm64"), ("a1.medium", "arm64"), ("c6gn.large", "arm64"),
     ("g4dn.xlarge", "x86_64"), ("g5g.xlarge", "arm64"), ("im4gn.large", "arm64"), ("m7i.large", "x86_64")],
)  # fmt: skip
def test_an_instance_type_says_its_architecture(kind: str, wanted: str) -> None:
    assert architecture(kind) == wanted


def test_where_the_stack_does_not_change_nothing_is_asked() -> None:
    aws = deployed(egress())
    image, plan = planned(aws, egress())
    assert (image, plan.is_empty, aws.account.asked) == ("ami-1", True, [])


@pytest.mark.parametrize(
    ("kept", "used", "asked"), [(None, "pl-new", [("s3_addresses", "us-east-1")]), ("pl-1", "pl-1", [])]
)
def test_the_list_of_s3_s_addresses_is_asked_for_once(
    kept: str | None, used: str, asked: list[tuple[str, str]]
) -> None:
    body = "Parameters: {S3PrefixListId: {Type: String}}\nResources: {T: {Type: AWS::SNS::Topic}}\n"
    network = template("network", body, parameters={"S3PrefixListId": FromContext("s3_prefix_list_id")})
    aws = FakeAws()
    if kept is not None:
        aws.cloudformation.put(network, "UPDATE_COMPLETE", parameters={"S3PrefixListId": kept})
    env = Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme"})
    situation = Situation(
        env, (network, template("app")), cast("Aws", aws), image=FakeImage(), bundle=FakeBundle(),
        request=Request(("network",)),
    )  # fmt: skip
    situation.plan()
    assert situation.context["s3_prefix_list_id"] == used
    assert [each for each in aws.account.asked if each[0] == "s3_addresses"] == asked


@pytest.mark.parametrize(
    ("wanted", "kind", "image"),
    [
        (egress(name="Nat2"), "t3.micro", "ami-2"),
        (egress(subnet="s-2"), "t3.micro", "ami-2"),
        (egress(kind="t4g.micro"), "t4g.micro", "ami-3"),
    ],
)
def test_an_instance_that_is_made_anew_gets_the_newest_image(wanted: StackTemplate, kind: str, image: str) -> None:
    aws = deployed(egress())
    assert planned(aws, wanted, kind)[0] == image
    assert aws.account.asked == []


def test_another_size_of_the_same_architecture_keeps_the_image() -> None:
    aws = deployed(egress())
    aws.account.images.add("ami-1")
    assert planned(aws, egress(kind="t3.small"), "t3.small")[0] == "ami-1"


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "CREATE_FAILED", "REVIEW_IN_PROGRESS"])
def test_a_stack_that_never_came_up_starts_from_the_newest_image(status: str) -> None:
    assert planned(deployed(egress(), status), egress())[0] == "ami-2"


def test_asking_for_the_newest_image_gets_it() -> None:
    assert planned(deployed(egress()), egress(), refresh=True)[0] == "ami-2"


DATABASE = "Resources: {{Database: {{Type: AWS::RDS::DBInstance, Properties: {{EngineVersion: '{version}'}}}}}}\n"


def versions(aws: FakeAws, old: str, new: str) -> Plan:
    """The plan for a data stack whose engine version changes."""
    aws.cloudformation.put(
        template("data", DATABASE.format(version=old)), "UPDATE_COMPLETE", outputs={"DatabaseIdentifier": "db-1"}
    )
    return planned(aws, template("data", DATABASE.format(version=new)))[1]


def test_a_version_that_the_database_is_past_is_a_problem_of_the_plan() -> None:
    plan = versions(FakeAws(), "17", "17.2")
    assert len(plan.problems) == 1
    assert "runs 17.6, and RDS has no way back to 17.2" in plan.problems[0]


def test_a_version_that_stays_is_not_asked_about() -> None:
    aws = FakeAws()
    assert versions(aws, "17", "17").problems == ()
    assert aws.account.asked == []


def test_a_question_about_versions_that_may_not_be_asked_is_noted() -> None:
    aws = FakeAws()
    aws.account.version = AwsRefusedError("AWS denied DescribeDBInstances.", aws_code="AccessDenied")
    plan = versions(aws, "17", "17.2")
    assert plan.problems == ()
    assert plan.notes == ("Not checked beforehand (database): AWS denied DescribeDBInstances.",)


def test_a_database_is_looked_up_before_its_stack_is_there() -> None:
    aws = FakeAws()
    plan = planned(aws, template("data", DATABASE.format(version="18")), version="99")[1]
    assert plan.problems == ("rds.engine_version: RDS has no PostgreSQL 99 in us-east-1.",)


@pytest.mark.parametrize(("status", "count"), [("ROLLBACK_COMPLETE", 1), ("UPDATE_COMPLETE", 0)])
def test_one_that_has_to_be_made_again_is_looked_up_and_one_that_stands_is_not(status: str, count: int) -> None:
    aws = FakeAws()
    stack = template("data", DATABASE.format(version="18"))
    aws.cloudformation.put(stack, status)
    assert len(planned(aws, stack, version="99")[1].problems) == count


REPLICA = "Resources: {Replica: {Type: AWS::RDS::DBInstance, Properties: {SourceDBInstanceIdentifier: x}}}\n"


@pytest.mark.parametrize("stack", ["upkeep", "data"])  # where it is, and where the first opsctl had it
@pytest.mark.parametrize(("parameters", "count"), [({"ReplicaHost": "db-2.example.com"}, 1), ({}, 0)])
def test_the_replica_goes_after_the_service_that_reads_from_it(
    stack: str, parameters: dict[str, str], count: int
) -> None:
    aws = FakeAws()
    aws.cloudformation.put(template(stack, REPLICA), "UPDATE_COMPLETE")
    aws.cloudformation.put(template("app"), "UPDATE_COMPLETE", parameters=parameters)
    plan = planned(aws, template(stack))[1]
    assert len([line for line in plan.problems if line.startswith("rds.enable_replica")]) == count


@pytest.mark.parametrize(("body", "count"), [(REPLICA, 1), ("Resources: {}\n", 0)])
def test_a_major_upgrade_waits_until_the_deployed_replica_is_gone(body: str, count: int) -> None:
    aws = FakeAws()
    aws.cloudformation.put(template("upkeep", body), "UPDATE_COMPLETE")
    allowed = DATABASE.format(version="18").replace("}}}", ", AllowMajorVersionUpgrade: true}}}")
    aws.cloudformation.put(
        template("data", DATABASE.format(version="17")), "UPDATE_COMPLETE", outputs={"DatabaseIdentifier": "db-1"}
    )
    plan = planned(aws, template("data", allowed), beside=template("upkeep", body), allow_upgrade=True)[1]
    assert len([line for line in plan.problems if "read replica" in line]) == count


RECORD = "Resources: {{AliasIpv4: {{Type: AWS::Route53::RecordSet, Properties: {{Name: {name}, Type: A}}}}}}\n"


@pytest.mark.parametrize(
    ("holder", "name", "count"),
    [("app", "a.example.com", 1), ("app", "b.example.com", 0), ("front", "a.example.com", 0)],
)
def test_a_record_that_another_stack_holds_is_a_problem_of_the_plan(holder: str, name: str, count: int) -> None:
    """CloudFormation would find out after the load balancer was made, and take that back."""
    aws = FakeAws()
    wanted = template("front", RECORD.format(name="a.example.com"))
    aws.cloudformation.put(template(holder, RECORD.format(name=name)), "UPDATE_COMPLETE")
    problems = planned(aws, wanted)[1].problems
    assert len(problems) == count
    assert all("the record of a.example.com is in the app stack" in line for line in problems)


def test_an_allowance_for_a_major_upgrade_that_is_done_is_noted() -> None:
    aws = FakeAws()
    stack = template("data", DATABASE.format(version="18").replace("}}}", ", AllowMajorVersionUpgrade: true}}}"))
    aws.cloudformation.put(stack, "UPDATE_COMPLETE")
    plan = planned(aws, stack, allow_upgrade=True)[1]
    assert plan.is_empty
    assert plan.notes[0].startswith("rds.allow_major_version_upgrade is still true")
    assert planned(aws, stack)[1].notes == ()


def test_only_new_stacks_on_aws_are_expected_to_take_minutes() -> None:
    _, plan = planned(FakeAws(), egress())
    assert plan.expected is not None
    assert [leg.name for leg in plan.expected.path] == ["egress/start", "egress/Nat1"]
    assert plan.expected.seconds == STACK_SECONDS + duration_of("AWS::EC2::Instance", {}).create
    assert plan.to_dict()["expected"]["path"][1]["name"] == "egress/Nat1"
    _, update = planned(deployed(egress()), egress(topic="two"))
    assert update.stacks[0].action == "update"
    assert update.expected is None


def test_what_earlier_releases_took_is_expected_again() -> None:
    aws = FakeAws()
    bootstrap = template("bootstrap")
    aws.cloudformation.put(bootstrap, "CREATE_COMPLETE", outputs={"ArtifactBucketName": "artifacts"})
    last = Release(1, "dev", "run0", "2026-11-29", "ann", seconds={"AWS::EC2::Instance": 7.0})
    Releases(aws.s3, aws.ecr, "artifacts", ENV).record(last)
    plan = planned(aws, egress(), beside=bootstrap)[1]
    assert plan.expected is not None
    assert plan.expected.path[-1].seconds == 7.0


@pytest.mark.parametrize(("outputs", "stacks"), [({"ReplicaIdentifier": "db-2"}, ["data", "upkeep"]), ({}, ["data"])])
def test_a_database_brings_its_replica_along(outputs: dict[str, str], stacks: list[str]) -> None:
    aws = FakeAws()
    upkeep = template("upkeep")
    aws.cloudformation.put(upkeep, "UPDATE_COMPLETE", outputs=outputs)
    plan = planned(aws, template("data"), beside=upkeep)[1]
    assert [item.stack for item in plan.stacks] == stacks


@pytest.mark.parametrize(
    "body", ["null", "[1]", '{"number": "5"}', '{"number": 1e400}', '{"number": -1}', '{"number": true}', "{"]
)
def test_a_record_that_counts_no_release_is_none(body: str) -> None:
    store = FakeS3([])
    store.put("artifacts", f"releases/{FOLDER}/current.json", body.encode())
    assert current(store, "artifacts", ENV) is None
    assert list(kept(store, "artifacts", ENV)) == []


def test_stacks_that_nobody_asks_for_any_more_are_told_with_what_removes_them() -> None:
    body = "Resources: {}"
    unwanted = (template("site", body), template("edge", body, region="eu-west-1"))  # of which none is asked
    aws, wanted = FakeAws(), template("platform", body)

    def notes(*stacks: str) -> tuple[str, ...]:
        situation = Situation(
            ENV, [wanted], cast("Aws", aws), image=FakeImage(), bundle=FakeBundle(), request=Request(stacks),
            unwanted=unwanted,
        )  # fmt: skip
        plan = situation.plan()
        assert "site" not in situation.state.stacks
        return plan.notes

    assert notes() == ()
    aws.cloudformation.put(unwanted[0], "CREATE_COMPLETE")
    (told,) = notes()
    assert told.startswith("The stack site is not configured any more, and stays: ")
    assert f"`opsctl destroy --env {ENV.name} --only-unwanted` removes it." in told
    assert notes("platform") == (), "whoever names stacks asks for no other"
