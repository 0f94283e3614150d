"""What only the account knows: zones, hosted zones, limits."""

from __future__ import annotations

from typing import Any

import pytest
from moto import mock_aws

from opsctl.aws.account import Account, Database, DatabaseOffer, LambdaConcurrency
from opsctl.aws.errors import AwsError, AwsRefusedError

from .clients import client, stubbed


def test_the_zones_are_those_of_the_region_but_for_local_ones_and_those_not_available() -> None:
    sent = {"Filters": [{"Name": "zone-type", "Values": ["availability-zone"]}]}
    zones = [
        {"ZoneName": "us-east-1a", "ZoneId": "use1-az6", "State": "available"},
        {"ZoneName": "us-east-1e", "ZoneId": "use1-az3", "State": "impaired"},
    ]
    with stubbed("ec2") as (made, stub):
        stub.add_response("describe_availability_zones", {"AvailabilityZones": zones}, sent)
        assert Account(lambda _: made).zones() == {"us-east-1a": "use1-az6"}


def test_the_zones_of_endpoints_are_asked_for_by_service_and_an_unknown_service_has_none() -> None:
    services = ["com.amazonaws.us-east-1.logs", "com.amazonaws.us-east-1.nothing"]
    sent = {
        "Filters": [
            {"Name": "service-name", "Values": services},
            {"Name": "service-type", "Values": ["Interface"]},
        ]
    }
    details = [{"ServiceName": services[0], "AvailabilityZones": ["us-east-1a", "us-east-1b"]}]
    with stubbed("ec2") as (made, stub):
        stub.add_response("describe_vpc_endpoint_services", {"ServiceDetails": details}, sent)
        found = Account(lambda _: made).endpoint_zones(services)
    assert found == {services[0]: frozenset({"us-east-1a", "us-east-1b"})}


def test_the_addresses_of_s3_are_a_list_of_the_region() -> None:
    sent = {"Filters": [{"Name": "prefix-list-name", "Values": ["com.amazonaws.eu-west-1.s3"]}]}
    with stubbed("ec2") as (made, stub):
        stub.add_response("describe_prefix_lists", {"PrefixLists": [{"PrefixListId": "pl-6da54004"}]}, sent)
        assert Account(lambda _: made).s3_addresses("eu-west-1") == "pl-6da54004"
        stub.add_response("describe_prefix_lists", {"PrefixLists": []}, sent)
        with pytest.raises(AwsError, match=r"EC2 knows no list of addresses com\.amazonaws\.eu-west-1\.s3"):
            Account(lambda _: made).s3_addresses("eu-west-1")


def test_the_zones_of_an_instance_type_are_those_in_which_it_is_sold() -> None:
    sent = {"LocationType": "availability-zone", "Filters": [{"Name": "instance-type", "Values": ["t3.micro"]}]}
    with stubbed("ec2") as (made, stub):
        stub.add_response(
            "describe_instance_type_offerings", {"InstanceTypeOfferings": [{"Location": "us-east-1a"}]}, sent
        )
        assert Account(lambda _: made).instance_type_zones("t3.micro") == {"us-east-1a"}


def test_the_offers_of_a_class_come_from_all_pages() -> None:
    sent = {"Engine": "postgres", "Vpc": True, "EngineVersion": "18.1", "DBInstanceClass": "db.m8g.large"}
    one = {"DBInstanceClass": "db.m8g.large", "StorageType": "gp3", "MinStorageSize": 20, "MaxStorageSize": 65536,
           "MultiAZCapable": True, "AvailabilityZones": [{"Name": "us-east-1a"}]}  # fmt: skip
    other = {**one, "StorageType": "standard", "MultiAZCapable": False}
    with stubbed("rds") as (made, stub):
        operation = "describe_orderable_db_instance_options"
        stub.add_response(operation, {"OrderableDBInstanceOptions": [one], "Marker": "next"}, sent)
        stub.add_response(operation, {"OrderableDBInstanceOptions": [other]}, {**sent, "Marker": "next"})
        offers = Account(lambda _: made).database_offers("18.1", "db.m8g.large")
    assert offers == (
        DatabaseOffer("gp3", 20, 65536, True, frozenset({"us-east-1a"})),
        DatabaseOffer("standard", 20, 65536, False, frozenset({"us-east-1a"})),
    )


def test_all_classes_are_asked_for_without_one() -> None:
    sent = {"Engine": "postgres", "Vpc": True, "EngineVersion": "18.1"}
    options = [{"DBInstanceClass": name} for name in ("db.t4g.micro", "db.t4g.micro", "db.m8g.large")]
    with stubbed("rds") as (made, stub):
        stub.add_response(
            "describe_orderable_db_instance_options", {"OrderableDBInstanceOptions": options}, sent
        )  # fmt: skip
        assert Account(lambda _: made).database_classes("18.1") == {"db.t4g.micro", "db.m8g.large"}


@pytest.mark.parametrize(
    ("images", "exists"),
    [
        ([{"ImageId": "ami-1", "Architecture": "arm64"}], True),
        ([{"ImageId": "ami-1", "Architecture": "x86_64"}], False),
        ([], False),
    ],
)
def test_an_image_is_asked_for_by_its_id_deprecated_or_not(images: list[dict[str, str]], exists: bool) -> None:
    with stubbed("ec2") as (made, stub):
        stub.add_response("describe_images", {"Images": images}, {"ImageIds": ["ami-1"], "IncludeDeprecated": True})
        assert Account(lambda _: made).image_fits("ami-1", "arm64") is exists


@pytest.mark.parametrize(("code", "exists"), [("InvalidAMIID.NotFound", False), ("UnauthorizedOperation", True)])
def test_an_image_that_was_withdrawn_is_gone_and_one_that_nobody_may_ask_for_is_not(code: str, exists: bool) -> None:
    with stubbed("ec2") as (made, stub):
        stub.add_client_error("describe_images", code)
        assert Account(lambda _: made).image_fits("ami-1", "arm64") is exists


def test_a_database_is_read_with_its_version_and_replicas_and_a_missing_one_is_none() -> None:
    answer = {"DBInstances": [{"EngineVersion": "17.6", "ReadReplicaDBInstanceIdentifiers": ["db-2"]}]}
    with stubbed("rds") as (made, stub):
        stub.add_response("describe_db_instances", answer, {"DBInstanceIdentifier": "db-1"})
        stub.add_client_error("describe_db_instances", "DBInstanceNotFound")
        account = Account(lambda _: made)
        assert account.database("db-1") == Database("17.6", ("db-2",))
        assert account.database("db-1") is None


def test_the_ways_from_one_version_to_others_are_rdss_own() -> None:
    targets = [{"EngineVersion": "17.7"}, {"EngineVersion": "18.1", "IsMajorVersionUpgrade": True}]
    with stubbed("rds") as (made, stub):
        stub.add_response(
            "describe_db_engine_versions",
            {"DBEngineVersions": [{"EngineVersion": "17.6", "ValidUpgradeTarget": targets}]},
            {"Engine": "postgres", "EngineVersion": "17.6"},
        )
        assert Account(lambda _: made).upgrade_targets("17.6") == ("17.7", "18.1")


@pytest.mark.parametrize(("version", "default_only"), [("18", True), ("18.1", False)])
def test_a_major_version_stands_for_its_default(version: str, default_only: bool) -> None:
    sent = {"Engine": "postgres", "EngineVersion": version, "DefaultOnly": default_only}
    with stubbed("rds") as (made, stub):
        stub.add_response("describe_db_engine_versions", {"DBEngineVersions": [{"EngineVersion": "18.1"}]}, sent)
        stub.add_response("describe_db_engine_versions", {"DBEngineVersions": []}, sent)
        account = Account(lambda _: made)
        assert account.default_version(version) == "18.1"
        assert account.default_version(version) is None


@mock_aws
def test_a_hosted_zone_is_told_by_its_name_without_the_last_dot() -> None:
    made = client("route53").create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]
    account = Account(client)
    assert account.hosted_zone(made["Id"].rsplit("/", 1)[-1]) == "example.com"
    assert account.hosted_zone("Z0000000000000000000") is None


@mock_aws
def test_where_a_names_records_lead_is_told_and_of_no_other_name() -> None:
    route53 = client("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]["Id"].rsplit("/", 1)[-1]
    alias = {"HostedZoneId": "Z1", "DNSName": "dualstack.Old.elb.amazonaws.com.", "EvaluateTargetHealth": False}
    for record in (
        {"Name": "shop.example.com", "Type": "A", "AliasTarget": alias},
        {"Name": "shop.example.com", "Type": "TXT", "TTL": 60, "ResourceRecords": [{"Value": '"x"'}]},
        {"Name": "www.example.com", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "old.example.net."}]},
        {"Name": "api.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
        {"Name": "*.example.com", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]},
    ):
        change = {"Action": "CREATE", "ResourceRecordSet": record}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [change]})
    account = Account(client)
    assert account.address_records(zone, "shop.example.com") == ("old.elb.amazonaws.com",)
    assert account.address_records(zone, "www.example.com") == ("old.example.net",)
    assert account.address_records(zone, "api.example.com") == ("",)
    assert account.address_records(zone, "*.example.com") == ("",)
    assert account.address_records(zone, "new.example.com") == ()


@pytest.mark.parametrize("code", ["NoSuchHostedZone", "InvalidInput"])
def test_an_unknown_and_a_malformed_hosted_zone_are_none(code: str) -> None:
    with stubbed("route53") as (made, stub):
        stub.add_client_error("get_hosted_zone", code)
        assert Account(lambda _: made).hosted_zone("Z0000000000") is None


def test_a_new_accounts_small_limit_is_read() -> None:
    limits = {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}
    with stubbed("lambda") as (made, stub):
        stub.add_response("get_account_settings", {"AccountLimit": limits}, {})
        assert Account(lambda _: made).lambda_concurrency() == LambdaConcurrency(10, 10)


def test_fargates_limit_is_asked_by_its_code() -> None:
    sent = {"ServiceCode": "fargate", "QuotaCode": "L-3032A538"}
    answer: dict[str, Any] = {"Quota": {"Value": 6.0}}
    with stubbed("service-quotas") as (made, stub):
        stub.add_response("get_service_quota", answer, sent)
        assert Account(lambda _: made).fargate_vcpus() == 6.0


def test_a_question_that_may_not_be_asked_is_refused() -> None:
    with stubbed("service-quotas") as (made, stub):
        stub.add_client_error("get_service_quota", "AccessDeniedException", "no")
        with pytest.raises(AwsRefusedError):
            Account(lambda _: made).fargate_vcpus()


@mock_aws
def test_a_hosted_zones_servers_are_told_without_the_last_dot() -> None:
    made = client("route53").create_hosted_zone(Name="example.com", CallerReference="1")
    found = Account(client).name_servers(made["HostedZone"]["Id"].rsplit("/", 1)[-1])
    assert found == {each.rstrip(".").lower() for each in made["DelegationSet"]["NameServers"]}
    assert found
    assert Account(client).name_servers("Z0000000000000000000") == frozenset()
