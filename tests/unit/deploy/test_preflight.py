"""What the account knows, asked before anything is touched."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from opsctl.aws.account import Account, LambdaConcurrency
from opsctl.aws.errors import AwsRefusedError
from opsctl.config.models import Environment
from opsctl.deploy.checks.preflight import PreflightError, preflight
from opsctl.deploy.checks.records import taken_names
from opsctl.deploy.events import Event, Note
from opsctl.stacks.model import StackTemplate


@dataclass
class FakeAccount(Account):
    zone_ids: dict[str, str] = field(
        default_factory=lambda: {"us-east-1a": "use1-az3", "us-east-1b": "use1-az1", "us-east-1d": "use1-az2"}
    )
    # The services that lack a zone, by the last part of their name.
    endpoints_lack: dict[str, set[str]] = field(default_factory=dict)
    types_sold_in: frozenset[str] = frozenset({"us-east-1a", "us-east-1b"})
    hosted: dict[str, str] = field(default_factory=dict)
    unreserved: int = 1000
    vcpus: float = 6.0
    denied: bool = False
    leading: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def zones(self) -> dict[str, str]:
        return self.zone_ids

    def endpoint_zones(self, services: Collection[str]) -> dict[str, frozenset[str]]:
        there = frozenset(self.zone_ids)
        lack = {name: self.endpoints_lack.get(name.rsplit(".", 1)[-1], set()) for name in services}
        return {name: there - zones for name, zones in lack.items() if zones != {"all"}}

    def instance_type_zones(self, instance_type: str) -> frozenset[str]:
        return self.types_sold_in

    def hosted_zone(self, identifier: str) -> str | None:
        return self.hosted.get(identifier)

    def address_records(self, zone: str, name: str) -> tuple[str, ...]:
        assert zone == "Z0123456789"
        return self.leading.get(name, ())

    def lambda_concurrency(self) -> LambdaConcurrency:
        return LambdaConcurrency(self.unreserved, self.unreserved)

    def fargate_vcpus(self) -> float:
        if self.denied:
            raise AwsRefusedError("AWS denied GetServiceQuota.", aws_code="AccessDenied")
        return self.vcpus


def environment(**sections: object) -> Environment:
    return Environment.model_validate({"name": "dev", "service": "salaries", "client": "acme", **sections})


ZONE = {"domain_name": "a.example.com", "hosted_zone_id": "Z0123456789", "hosted_zone_name": "example.com"}


def told(env: Environment, account: FakeAccount) -> tuple[str, ...]:
    with pytest.raises(PreflightError) as caught:
        preflight(env, account, lambda event: None)
    return caught.value.detail


def test_an_account_that_fits_passes() -> None:
    preflight(environment(), FakeAccount(), lambda event: None)


def test_a_zone_that_the_account_does_not_have_is_named_with_those_it_has() -> None:
    (line,) = told(environment(vpc={"availability_zones": ("a", "c")}), FakeAccount())
    assert line == "vpc.availability_zones: this account has no zone us-east-1c; it has a, b, d."


def test_a_zone_without_fargate_is_told_by_its_id_with_those_that_have_it() -> None:
    account = FakeAccount(
        {"ap-northeast-1a": "apne1-az4", "ap-northeast-1b": "apne1-az3", "ap-northeast-1c": "apne1-az1"}
    )
    (line,) = told(environment(region="ap-northeast-1"), account)
    assert line == (
        "vpc.availability_zones: Fargate runs no tasks in ap-northeast-1b (apne1-az3); it does in a, c."
    )  # fmt: skip
    preflight(environment(region="ap-northeast-1", vpc={"availability_zones": ("a", "c")}), account, lambda event: None)


def test_a_zone_without_an_interface_endpoint_is_named_with_those_that_have_all() -> None:
    env = environment(vpc={"interface_endpoints": True})
    (line,) = told(env, FakeAccount(endpoints_lack={"api": {"us-east-1a"}}))
    assert line == (
        "vpc.availability_zones: com.amazonaws.us-east-1.ecr.api takes no interface endpoints in us-east-1a; "
        "all that are needed do in b, d."
    )
    preflight(env, FakeAccount(), lambda event: None)


def test_a_service_without_any_interface_endpoint_is_named() -> None:
    env = environment(vpc={"interface_endpoints": True})
    (line,) = told(env, FakeAccount(endpoints_lack={"secretsmanager": {"all"}}))
    assert "com.amazonaws.us-east-1.secretsmanager takes no interface endpoints in us-east-1a, us-east-1b;" in line


def test_without_interface_endpoints_nobody_asks_for_their_zones() -> None:
    preflight(environment(), FakeAccount(endpoints_lack={"api": {"us-east-1a"}}), lambda event: None)


def test_a_nat_instance_needs_its_type_in_the_first_zone() -> None:
    env = environment(nat={"use_nat_instance": True, "instance_type": "t4g.nano"})
    (line,) = told(env, FakeAccount(types_sold_in=frozenset({"us-east-1b"})))
    assert line == (
        "nat.instance_type: EC2 has no t4g.nano in us-east-1a, the first of vpc.availability_zones; it has some in b."
    )
    preflight(env, FakeAccount(), lambda event: None)


def test_a_hosted_zone_must_be_there_and_be_the_one_configured() -> None:
    (missing,) = told(environment(ecs=ZONE), FakeAccount())
    assert "no hosted zone Z0123456789" in missing
    (other,) = told(environment(ecs=ZONE), FakeAccount(hosted={"Z0123456789": "example.org"}))
    assert "is the zone example.org, not example.com" in other


def test_reserved_concurrency_needs_room() -> None:
    env = environment(ecs={"init_reserved_concurrency": 1})
    assert "keeps 100" in told(env, FakeAccount(unreserved=100))[0]
    preflight(env, FakeAccount(unreserved=101), lambda event: None)


def test_a_rolling_update_must_fit_into_fargates_limit() -> None:
    env = environment(ecs={"cpu": 2048, "memory": 4096, "min_count": 2, "max_count": 3})
    assert "needs 10 vCPUs" in told(env, FakeAccount())[0]


def test_everything_that_does_not_fit_is_told_at_once() -> None:
    env = environment(ecs={"cpu": 4096, "memory": 8192, **ZONE}, vpc={"availability_zones": ("e", "f")})
    assert len(told(env, FakeAccount())) == 4


def test_a_question_that_may_not_be_asked_is_noted_and_left_out() -> None:
    events: list[Event] = []
    preflight(environment(), FakeAccount(denied=True), events.append)
    assert events == [Note("Not checked beforehand (fargate limits): AWS denied GetServiceQuota.")]


def a_front(*names: str) -> StackTemplate:
    records = {
        f"{name.split('.')[0]}{kind}": {
            "Type": "AWS::Route53::RecordSet",
            "Properties": {"Name": name, "Type": kind, "HostedZoneId": "Z0123456789"},
        }
        for name in names
        for kind in ("A", "AAAA")
    }
    return StackTemplate("front", "dev-salaries-front-acme", json.dumps({"Resources": records}))


@pytest.mark.parametrize(
    ("leads", "free"),
    [
        ((), True), (("ours.elb.amazonaws.com",), True), (("old.elb.amazonaws.com",), False), (("",), False),
        (("ours.elb.amazonaws.com", ""), False),
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_is_told_before_a_stack_would_take_it(
    leads: tuple[str, ...], *, free: bool
) -> None:
    account = FakeAccount(leading={"shop.example.com": leads})
    outputs = {"front": {"LoadBalancerDnsName": "Ours.elb.amazonaws.com"}}
    check = taken_names([a_front("shop.example.com", "www.example.com")], {}, lambda name: outputs.get(name, {}))
    found = list(check(environment(), account))
    assert [line.split(",")[0] for line in found] == (
        [] if free else ["front: Route 53 has a record of shop.example.com already"]
    )


def test_a_record_that_a_stack_of_the_environment_has_is_its_own() -> None:
    account = FakeAccount(leading={"shop.example.com": ("old.elb.amazonaws.com",)})
    front = a_front("shop.example.com")
    assert list(taken_names([front], {"front": front.body}, lambda _: {})(environment(), account)) == []


def test_a_further_check_is_told_with_the_others() -> None:
    account = FakeAccount(leading={"shop.example.com": ("",)})
    check = taken_names([a_front("shop.example.com")], {}, lambda _: {})
    with pytest.raises(PreflightError) as caught:
        preflight(environment(), account, lambda event: None, [check])
    assert "change the record yourself" in caught.value.detail[0]
