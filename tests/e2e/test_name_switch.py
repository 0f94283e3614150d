"""The name of a service that another tool deployed moves to ours as docs/from-cdk.md says, and back, without a gap.

Zone and records are Route 53's, as the emulator keeps them; its answers are read as a resolver would have them. What
listens for HTTPS speaks plain HTTP on this machine.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.functional.local.stacks import deploy, outputs, reasons

from .conftest import Project, make_project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]

NAME = "salaries.example.com"


class Names:
    """A hosted zone, and what answers under a name of it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._route53 = project.client("route53")
        self.zone = str(
            self._route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"]
        ).rpartition("/")[2]

    def change(self, action: str, record: dict[str, Any]) -> None:
        change = {"Action": action, "ResourceRecordSet": {"Name": NAME, "Type": "A", **record}}
        self._route53.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch={"Changes": [change]})

    def records(self) -> list[dict[str, Any]]:
        found = self._route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return [each for each in found if each["Name"].rstrip(".") == NAME]

    def visit(self, path: str) -> str:
        """What somebody gets who goes where the record of the name leads."""
        (target,) = {each["AliasTarget"]["DNSName"].rstrip(".") for each in self.records()}
        return self.ask(target.removeprefix("dualstack."), path)[1]

    def ask(self, balancer: str, path: str) -> tuple[int, str]:
        """As `curl --connect-to` has it: this load balancer, asked for this name."""
        url = self._project.target.service_url(balancer, 443) + path
        asked = urllib.request.Request(url, headers={"Host": NAME})  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=20) as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    made = make_project(tmp_path)
    yield made
    made.target.reset()


def alias(project: Project, balancer: str) -> dict[str, Any]:
    """A record that leads to a load balancer, with the zone that the load balancer names."""
    found = project.client("elbv2").describe_load_balancers()["LoadBalancers"]
    (zone,) = [each["CanonicalHostedZoneId"] for each in found if each["DNSName"] == balancer]
    return {"AliasTarget": {"DNSName": balancer, "HostedZoneId": zone, "EvaluateTargetHealth": False}}


def certificate(project: Project) -> str:
    """One for the name, which both services show."""
    return str(project.client("acm").request_certificate(DomainName=NAME)["CertificateArn"])


def old_service(project: Project, certificate: str) -> str:
    """The load balancer of what ran under the name before."""
    words = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200", "MessageBody": "the old service"}}
    listener = {
        "LoadBalancerArn": {"Ref": "Balancer"}, "Port": 443, "Protocol": "HTTPS", "DefaultActions": [words],
        "Certificates": [{"CertificateArn": certificate}],
    }  # fmt: skip
    subnet = {"VpcId": {"Ref": "Vpc"}, "CidrBlock": "10.9.0.0/26"}
    balancer = {"Subnets": [{"Ref": "Subnet"}]}
    template = {
        "Resources": {
            "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.9.0.0/16"}},
            "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": subnet},
            "Balancer": {"Type": "AWS::ElasticLoadBalancingV2::LoadBalancer", "Properties": balancer},
            "Listener": {"Type": "AWS::ElasticLoadBalancingV2::Listener", "Properties": listener},
        },
        "Outputs": {"Dns": {"Value": {"Fn::GetAtt": ["Balancer", "DNSName"]}}},
    }
    cloudformation = project.client("cloudformation")
    assert deploy(cloudformation, "AppStack-prd", template) == "CREATE_COMPLETE", reasons(
        cloudformation, "AppStack-prd"
    )
    return outputs(cloudformation, "AppStack-prd")["Dns"]


def configure(project: Project, **web: Any) -> None:
    path = project.root / "environments.yaml"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    written["environments"]["local"].setdefault("application", {})["web"] = {"domains": [NAME], **web}
    path.write_text(yaml.safe_dump(written), encoding="utf-8")


def test_the_name_is_switched_by_its_record_and_back(project: Project) -> None:
    names, shown = Names(project), certificate(project)
    old = old_service(project, shown)
    names.change("CREATE", alias(project, old))
    before = names.records()
    assert names.visit("healthz") == "the old service"

    configure(project, certificate_arn=shown)
    project.deploy()
    assert names.records() == before
    assert names.visit("healthz") == "the old service"
    ours = project.opsctl("outputs", "--env", "local", "front.LoadBalancerDnsName").out.strip()
    status, schema = names.ask(ours, "api/schema")
    assert status == 200

    names.change("UPSERT", alias(project, ours))
    assert names.visit("api/schema") == schema
    assert project.opsctl("diff", "--env", "local").code == 0

    names.change("UPSERT", alias(project, old))
    assert names.visit("healthz") == "the old service"


def test_a_stack_makes_the_record_once_nobody_else_has_one(project: Project) -> None:
    names, shown = Names(project), certificate(project)
    old = old_service(project, shown)
    names.change("CREATE", alias(project, old))
    configure(project, certificate_arn=shown, hosted_zone_id=names.zone, hosted_zone_name="example.com")
    refused = project.opsctl("deploy", "--env", "local")
    assert refused.code == 1
    assert f"Route 53 has a record of {NAME} already, which leads elsewhere" in refused.err
    assert "change the record yourself" in refused.err
    assert names.visit("healthz") == "the old service"

    names.change("DELETE", alias(project, old))
    project.deploy()
    assert {each["Type"] for each in names.records()} == {"A", "AAAA"}
    assert json.loads(names.visit("api/schema"))
