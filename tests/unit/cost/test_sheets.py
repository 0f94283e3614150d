"""Sheets worked by hand from environments.yaml and the table of prices, beside opsctl's figures.

Every row is what, times what, as on paper; 730 hours a month, 730 / 24 days. Nothing here comes out of the code.
"""

from __future__ import annotations

import pytest

from .scenes import estimated

DAYS = 730 / 24
# A million requests as connections, by 25 a second: more than 10 GB in 730 hours, by one an hour.
LCUS = 1_000_000 / (730 * 3600) / 25

DEV = {
    "load balancer": 730 * 0.0225,
    "load balancer capacity": LCUS * 730 * 0.008,
    "data to visitors": 10 * 0.09,
    "public addresses": (2 + 1) * 730 * 0.005,  # the load balancer in two zones, the NAT instance
    "NAT instance t3.micro": 730 * 0.0104,
    "disk gp3": 8 * 0.08,
    "database db.t4g.micro single": 730 * 0.016,
    "database storage gp3 single": 20 * 0.115,
    "Fargate x86 vCPU": 1 * 0.25 * 730 * 0.04048,
    "Fargate x86 memory": 1 * 0.5 * 730 * 0.004445,
    "Fargate x86 vCPU of jobs": DAYS * (10 / 60) * 0.5 * 0.04048,  # the data set, once a day
    "Fargate x86 memory of jobs": DAYS * (10 / 60) * 1 * 0.004445,
    # Service CPU and memory, 5xx of balancer and targets, unhealthy hosts, schedule, NAT, three of the database; two of
    # each of three scaling policies.
    "alarm": (2 + 2 + 1 + 1 + 1 + 3 + 3 * 2) * 0.10,
    "customer key": 1 * 1.00,  # the alarm topic's
    "secret": 2 * 0.40,  # the master's password, Django's key
    "logs written": 2 * 0.50,
    "logs kept": 2 * 14 / DAYS * 0.03,
    "images": 5 * 0.10,
    "files in buckets": 5 * 0.023,
    "CloudFront data": 1 * 0.085,
    "CloudFront requests": 100_000 / 10_000 * 0.010,
}
HML = {
    "load balancer": 730 * 0.0225,
    "load balancer capacity": LCUS * 730 * 0.008,
    "data to visitors": 10 * 0.09,
    "public addresses": (2 + 1) * 730 * 0.005,  # the load balancer in two zones, one NAT gateway
    "NAT gateway": 1 * 730 * 0.045,
    "data through NAT gateways": 10 * 0.045,
    "interface endpoint": 4 * 2 * 730 * 0.01,  # ECR twice, logs, secrets; in two zones each
    "data through endpoints": 10 * 0.01,
    "database db.t4g.small Multi-AZ": 730 * 0.064,
    "database storage gp3 Multi-AZ": 20 * 0.23,
    "Fargate x86 vCPU": 1 * 0.5 * 730 * 0.04048,
    "Fargate x86 memory": 1 * 1 * 730 * 0.004445,
    "Fargate x86 vCPU of jobs": DAYS * (10 / 60) * 0.5 * 0.04048,
    "Fargate x86 memory of jobs": DAYS * (10 / 60) * 1 * 0.004445,
    "firewall": 2 * 5,  # before the load balancer and before CloudFront
    "firewall rules": 2 * 4 * 1,  # a rate and three groups of AWS's
    "firewall requests": (1 + 0.1) * 0.60,
    "alarm": (2 + 2 + 1 + 1 + 3 + 3 * 2) * 0.10,
    "customer key": 3 * 1.00,  # data, logs, the alarm topic's
    "secret": 2 * 0.40,
    "logs written": 2 * 0.50,
    "logs kept": 2 * 90 / DAYS * 0.03,
    "flow logs written": 1 * 0.50,
    "flow logs kept": 1 * 90 / DAYS * 0.03,
    "images": 5 * 0.10,
    "files in buckets": 5 * 0.023,
    "CloudFront data": 1 * 0.085,
    "CloudFront requests": 100_000 / 10_000 * 0.010,
}
PRD = {
    "load balancer": 730 * 0.0225,
    "load balancer capacity": LCUS * 730 * 0.008,
    "data to visitors": 10 * 0.09,
    "public addresses": (3 + 3) * 730 * 0.005,  # the load balancer in three zones, three NAT gateways
    "NAT gateway": 3 * 730 * 0.045,
    "data through NAT gateways": 10 * 0.045,
    "interface endpoint": 4 * 3 * 730 * 0.01,
    "data through endpoints": 10 * 0.01,
    "database storage gp3 Multi-AZ": (100 + 100) * 0.23,  # the database and its replica
    "Fargate x86 vCPU": 3 * 1 * 730 * 0.04048,
    "Fargate x86 memory": 3 * 2 * 730 * 0.004445,
    "Fargate x86 vCPU of jobs": DAYS * (10 / 60) * 1 * 0.04048,
    "Fargate x86 memory of jobs": DAYS * (10 / 60) * 2 * 0.004445,
    "firewall": 2 * 5,
    "firewall rules": 2 * 4 * 1,
    "firewall requests": (1 + 0.1) * 0.60,
    "alarm": (2 + 2 + 1 + 1 + 3 + 3 + 3 * 2) * 0.10,  # three of the database, three of the replica
    "customer key": 3 * 1.00,
    "secret": 2 * 0.40,
    "logs written": 2 * 0.50,
    "logs kept": 2 * 365 / DAYS * 0.03,
    "flow logs written": 1 * 0.50,
    "flow logs kept": 1 * 365 / DAYS * 0.03,
    "files in buckets": 5 * 0.023,  # no images: hml has the repository
    "CloudFront data": 1 * 0.085,
    "CloudFront requests": 100_000 / 10_000 * 0.010,
}
# Nobody knows what these cost: what has no price in the table must stand here and in no sum.
UNKNOWN = {
    "dev": set[str](),
    "hml": {"GuardDuty", "Container Insights (enabled)"},
    "prd": {"GuardDuty", "Container Insights (enhanced)", "database db.m8g.large Multi-AZ"},
}


@pytest.mark.parametrize(("name", "sheet"), [("dev", DEV), ("hml", HML), ("prd", PRD)])
def test_the_estimate_is_the_sheet_that_was_worked_by_hand(name: str, sheet: dict[str, float]) -> None:
    found = estimated(name)
    assert {line.what: float(line.usd) for line in found.lines if line.usd is not None} == pytest.approx(sheet)
    assert float(found.total) == pytest.approx(sum(sheet.values()))
    assert {line.what for line in found.unknown} == UNKNOWN[name]
    assert found.to_dict()["unknown"] == len(UNKNOWN[name])


def test_what_rests_on_assumptions_and_on_prices_without_a_record_is_told_apart() -> None:
    found = estimated("dev")
    assumed = [
        "load balancer capacity", "data to visitors", "Fargate x86 vCPU of jobs", "Fargate x86 memory of jobs",
        "logs written", "logs kept", "images", "files in buckets", "CloudFront data", "CloudFront requests",
    ]  # fmt: skip
    assert float(found.by_usage) == pytest.approx(sum(DEV[each] for each in assumed))
    assert float(found.unverified) == pytest.approx(DEV["NAT instance t3.micro"])


def test_the_free_tier_stands_apart_and_takes_no_more_off_than_there_is() -> None:
    found = estimated("dev")
    saved = {each.text: float(each.usd) for each in found.free_tier}
    assert saved == pytest.approx({
        "10 alarms": 10 * 0.10, "5 GB of logs": 2 * 0.50, "1 TB from CloudFront": 0.085,
        "10 million requests to CloudFront": 0.10, "100 GB to the internet": 0.90,
    })  # fmt: skip
    assert float(found.total) == pytest.approx(sum(DEV.values()))


def test_another_region_has_its_own_prices_and_lacks_some() -> None:
    found = estimated("dev", region="sa-east-1")
    lines = {line.what: line for line in found.lines}
    assert float(lines["load balancer"].usd or 0) == pytest.approx(730 * 0.034)
    assert [line.what for line in found.unknown] == ["database db.t4g.micro single"]


def test_a_region_of_which_nothing_is_known_costs_an_unknown_sum_and_not_nothing() -> None:
    found = estimated("dev", region="eu-west-3")
    assert found.total == 0
    assert len(found.unknown) == len(found.lines) == len(DEV)
