"""The NAT instance: what AWS gets wrong when one is set up carelessly."""

from __future__ import annotations

from typing import Any

from opsctl.stacks import egress
from opsctl.stacks.model import FromContext
from opsctl.stacks.parts.nat import user_data
from tests.unit.stacks.reading import Stack, environment, ref

CIDR = "10.20.0.0/16"


def build(**settings: Any) -> tuple[Stack, str]:
    stack = Stack(egress.build(environment("dev", **settings)))
    (name,) = stack.of_type("AWS::EC2::Instance")
    return stack, name


def position(text: str) -> int:
    script = user_data(CIDR)[1]
    assert script.count(text) == 1, text
    return script.index(text)


def test_the_script_adds_swap_sets_and_verifies_the_rule_and_forwards_last() -> None:
    steps = [
        "swapon /swapfile", "dnf install", "-A POSTROUTING", "-C POSTROUTING", "service iptables save",
        "net.ipv4.ip_forward=1", "signal 0",
    ]  # fmt: skip
    assert [position(step) for step in steps] == sorted(position(step) for step in steps)


def test_the_script_reads_the_interface_instead_of_guessing_it() -> None:
    script = user_data(CIDR)[1]
    assert "ip -o -4 route show to default" in script
    assert "eth0" not in script
    assert "ens5" not in script


def test_the_script_survives_a_restart() -> None:
    script = user_data(CIDR)[1]
    assert "systemctl enable --now iptables" in script
    assert "/etc/sysctl.d/" in script
    assert "/etc/fstab" in script


def test_another_script_makes_another_instance_since_it_runs_at_first_launch_only() -> None:
    one, other = user_data(CIDR)[0], user_data("10.30.0.0/16")[0]
    assert one != other
    assert one in user_data(CIDR)[1]  # what it signals is itself


def test_creation_waits_for_the_signal() -> None:
    stack, name = build()
    assert stack.attribute(name, "CreationPolicy") == {"ResourceSignal": {"Count": 1, "Timeout": "PT10M"}}


def test_it_forwards_as_its_source_and_destination_check_is_off() -> None:
    stack, name = build()
    assert stack[name]["SourceDestCheck"] is False


def test_it_has_one_interface_as_a_route_by_instance_needs() -> None:
    stack, name = build()
    (interface,) = stack[name]["NetworkInterfaces"]
    assert interface["AssociatePublicIpAddress"] is True
    assert stack.skips(name) == {"CKV_AWS_88"}
    routes = [route for route in stack.of_type("AWS::EC2::Route").values() if "InstanceId" in route]
    assert [route["InstanceId"] for route in routes] == [ref(name)] * 2


def test_its_image_is_a_plain_parameter_that_no_unrelated_deploy_moves() -> None:
    stack, name = build()
    assert stack[name]["ImageId"] == ref("NatImageId")
    assert stack.document["Parameters"]["NatImageId"]["Type"] == "AWS::EC2::Image::Id"
    assert stack.template.parameters["NatImageId"] == FromContext("nat_image_id")


def test_it_asks_for_sessions_with_tokens_and_has_neither_key_nor_open_port() -> None:
    stack, name = build()
    assert stack[name]["MetadataOptions"]["HttpTokens"] == "required"
    assert "KeyName" not in stack[name]
    managed = stack["NatRole"]["ManagedPolicyArns"]
    assert managed == [{"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonSSMManagedInstanceCore"}]
    (rule,) = [one for one in stack.of_type("AWS::EC2::SecurityGroupIngress").values() if one["GroupId"] == ref("NatSecurityGroup")]  # noqa: E501  # fmt: skip
    assert (rule["CidrIp"], rule["FromPort"], rule["ToPort"]) == (CIDR, 443, 443)


def test_its_disk_is_encrypted_and_tagged() -> None:
    stack, name = build()
    (disk,) = stack[name]["BlockDeviceMappings"]
    assert disk["Ebs"]["Encrypted"] is True
    assert stack[name]["PropagateTagsToVolumeOnCreation"] is True


def test_burstable_types_do_not_run_up_a_bill() -> None:
    stack, name = build()
    assert stack[name]["CreditSpecification"] == {"CPUCredits": "standard"}
    stack, name = build(nat__instance_type="c7g.medium")
    assert "CreditSpecification" not in stack[name]


def test_an_instance_that_switched_itself_off_raises_the_alarm() -> None:
    stack, name = build()
    assert stack["NatDownAlarm"]["TreatMissingData"] == "breaching"
    assert stack["NatDownAlarm"]["Dimensions"] == [{"Name": "InstanceId", "Value": ref(name)}]
