"""The way out of private subnets: managed NAT gateways, or one small instance for development.

The network stack is there: its internet gateway is attached and its public subnets lead to it, which addresses and NAT
need from the start. [UG CFN EIP]
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from troposphere import Base64, GetAtt, Ref, Select, Sub, ec2, iam
from troposphere.policies import CreationPolicy, ResourceSignal

from opsctl.stacks.parts.alarms import alarm
from opsctl.stacks.parts.base import StackBuilder, arn, skip
from opsctl.stacks.parts.network_inputs import private_route_tables, public_subnets, vpc
from opsctl.stacks.parts.policies import allow, document, trust
from opsctl.stacks.parts.security_groups import ANYWHERE, forwarded_ports, no_default_egress, way_out
from opsctl.stacks.parts.subnets import name_tag

# AL2023 ships no iptables, so it is installed over the network; on 512 MB that was killed for want of memory, and
# forwarding was on without translation while status checks stayed green. Hence the order: swap, rule, verify, persist,
# forwarding last, and power off on any failure. The interface is read, as it is not always called eth0. The stock rules
# of iptables-services refuse forwarding: FORWARD is flushed before saving. [AL2023 outage report; UG VPC NAT instances]
_USER_DATA = """\
#!/bin/bash
set -Eeuo pipefail
signal() {
  /opt/aws/bin/cfn-signal --exit-code "$1" --stack ${AWS::StackName} --resource @RESOURCE@ --region ${AWS::Region}
}
give_up() {
  echo "NAT set-up failed at line $1; powering off so that nobody takes this instance for a working one." >&2
  sysctl -q -w net.ipv4.ip_forward=0 || true
  signal 1 || true
  poweroff
}
trap 'give_up $LINENO' ERR

dd if=/dev/zero of=/swapfile bs=1M count=1024 status=none
chmod 600 /swapfile
mkswap /swapfile
swapon /swapfile
echo '/swapfile none swap defaults 0 0' >> /etc/fstab

installed=no
for attempt in 1 2 3 4 5; do
  if dnf install -y iptables-services aws-cfn-bootstrap; then installed=yes; break; fi
  sleep $((attempt * 5))
done
test "$installed" = yes

interface=$(ip -o -4 route show to default | awk '{print $5; exit}')
test -n "$interface"
systemctl enable --now iptables
iptables -F FORWARD
iptables -t nat -A POSTROUTING -o "$interface" -s @CIDR@ -j MASQUERADE
iptables -t nat -C POSTROUTING -o "$interface" -s @CIDR@ -j MASQUERADE
service iptables save

echo 'net.ipv4.ip_forward=1' > /etc/sysctl.d/90-nat.conf
sysctl -p /etc/sysctl.d/90-nat.conf
test "$(cat /proc/sys/net/ipv4/ip_forward)" = 1
signal 0
"""


def add_nat(stack: StackBuilder) -> None:
    """Default routes of the private subnets, in the one mode the configuration has; none at all without either."""
    if stack.env.vpc.nat_gateways:
        _gateways(stack)
    elif stack.env.nat.use_nat_instance:
        _instance(stack)


def _gateways(stack: StackBuilder) -> None:
    """`nat_gateways` gateways; zones without one of their own share them in turn."""
    gateways = []
    letters = stack.env.vpc.availability_zones
    for number, letter in enumerate(letters[: stack.env.vpc.nat_gateways]):
        address = stack.add(
            ec2.EIP(f"Nat{letter.upper()}Address", Domain="vpc", Tags=name_tag(stack.env, f"nat-{letter}"))
        )
        gateways.append(
            stack.add(
                ec2.NatGateway(
                    f"Nat{letter.upper()}Gateway",
                    AllocationId=GetAtt(address, "AllocationId"),
                    SubnetId=Select(number, public_subnets(stack)),
                    Tags=name_tag(stack.env, f"nat-{letter}"),
                )
            )
        )
    _default_routes(stack, lambda number: {"NatGatewayId": Ref(gateways[number % len(gateways)])})


def _default_routes(stack: StackBuilder, target: Callable[[int], dict[str, Any]]) -> None:
    """One a zone; `target` says where that of the zone with this number leads."""
    for number, letter in enumerate(stack.env.vpc.availability_zones):
        stack.add(
            ec2.Route(
                f"Private{letter.upper()}DefaultRoute",
                RouteTableId=Select(number, private_route_tables(stack)),
                DestinationCidrBlock=ANYWHERE,
                **target(number),
            )
        )


def user_data(cidr: str) -> tuple[str, str]:
    """Logical id of the instance and its script.

    The script runs at first launch only, and a changed one would stop and start the instance without running it [UG
    CFN Instance]. So the id carries the script's hash: another script makes another instance.
    """
    script = _USER_DATA.replace("@CIDR@", cidr)
    name = f"NatInstance{hashlib.sha256(script.encode()).hexdigest()[:8]}"
    return name, script.replace("@RESOURCE@", name)


def _instance(stack: StackBuilder) -> None:
    name, script = user_data(stack.env.vpc.cidr)
    instance = ec2.Instance(
        name,
        # A plain parameter, not one that follows "latest": such a parameter is read again on every update and would
        # replace the way out during an unrelated deploy. [UG CFN SSM parameters]
        ImageId=stack.context(
            "NatImageId",
            "nat_image_id",
            "AMI of the NAT instance (Amazon Linux 2023), read on first create and kept",
            Type="AWS::EC2::Image::Id",
        ),
        InstanceType=stack.env.nat.instance_type,
        IamInstanceProfile=Ref(_profile(stack)),
        # Forwarded packets are neither from nor to the instance; the check, on by default, would drop them. [API]
        SourceDestCheck=False,
        MetadataOptions=ec2.MetadataOptions(HttpTokens="required", HttpPutResponseHopLimit=1, HttpEndpoint="enabled"),
        # Exactly one interface: a route by instance id works with no other number. [UG CFN Route] Its public address
        # is there from the start, which the script needs before CloudFormation could associate an elastic one.
        NetworkInterfaces=[_interface(stack, _group(stack))],
        BlockDeviceMappings=[_disk()],
        # Stack tags do not reach volumes from block mappings by themselves. [UG CFN tags]
        PropagateTagsToVolumeOnCreation=True,
        # T types run "unlimited" by default, and surplus credits are billed. [CDK NatInstanceProps]
        **_credits(stack.env.nat.instance_type),
        Monitoring=False,
        UserData=Base64(Sub(script)),
        # Without the signal CREATE_COMPLETE means "running", not "translating". [UG CFN CreationPolicy]
        CreationPolicy=CreationPolicy(ResourceSignal=ResourceSignal(Count=1, Timeout="PT10M")),
        DependsOn=_rule_names(stack),
        Tags=name_tag(stack.env, "nat"),
    )
    stack.add(skip(instance, "CKV_AWS_88", "A NAT instance is the private subnets' address on the internet."))
    _alarm_when_down(stack, instance)
    _default_routes(stack, lambda _: {"InstanceId": Ref(instance)})


def _interface(stack: StackBuilder, group: Any) -> ec2.NetworkInterfaceProperty:
    return ec2.NetworkInterfaceProperty(
        DeviceIndex="0",
        SubnetId=Select(0, public_subnets(stack)),
        AssociatePublicIpAddress=True,
        DeleteOnTermination=True,
        GroupSet=[Ref(group)],
    )


def _disk() -> ec2.BlockDeviceMapping:
    ebs = ec2.EbsBlockDevice(Encrypted=True, VolumeSize=8, VolumeType="gp3", DeleteOnTermination=True)
    return ec2.BlockDeviceMapping(DeviceName="/dev/xvda", Ebs=ebs)


def _credits(instance_type: str) -> dict[str, Any]:
    return {"CreditSpecification": ec2.CreditSpecification(CPUCredits="standard")} if instance_type[0] == "t" else {}


def _alarm_when_down(stack: StackBuilder, instance: Any) -> None:
    """An instance that powered itself off reports nothing any more, so silence counts as failure."""
    alarm(
        stack,
        "NatDownAlarm",
        description="The NAT instance is down: tasks reach neither AWS APIs nor the internet. Start it, or replace it.",
        namespace="AWS/EC2",
        metric="StatusCheckFailed",
        dimensions={"InstanceId": Ref(instance)},
        threshold=0,
        statistic="Maximum",
        missing="breaching",
    )


def _ports(stack: StackBuilder) -> dict[int | None, bool]:
    """What goes out, None for everything; and whether it is forwarded, as HTTPS may be the instance's own only."""
    forwarded = forwarded_ports(stack.env)
    return {None: True} if forwarded is None else {port: port in forwarded for port in sorted({443, *forwarded})}


def _rule_names(stack: StackBuilder) -> list[str]:
    return [name for port, forwarded in _ports(stack).items() for name in _rule_pair(port)[0 if forwarded else 1 :]]


def _rule_pair(port: int | None) -> tuple[str, str]:
    what = {None: "Everything", 443: "Https"}.get(port, f"Port{port}")
    return (f"Nat{what if port != 443 else ''}FromVpcIngress", f"NatTo{what}Egress")


def _group(stack: StackBuilder) -> Any:
    """What comes in from the VPC goes out, and no more."""
    group = stack.add(
        ec2.SecurityGroup(
            "NatSecurityGroup",
            GroupDescription="NAT instance",
            VpcId=vpc(stack),
            SecurityGroupEgress=no_default_egress(),
            Tags=name_tag(stack.env, "nat-sg"),
        )
    )
    for port, forwarded in _ports(stack).items():
        ingress, egress = _rule_pair(port)
        what = {None: "Everything", 443: "HTTPS"}.get(port, f"Port {port}")
        span = {"IpProtocol": "-1"} if port is None else {"IpProtocol": "tcp", "FromPort": port, "ToPort": port}
        if forwarded:
            stack.add(
                ec2.SecurityGroupIngress(
                    ingress,
                    GroupId=Ref(group),
                    CidrIp=stack.env.vpc.cidr,
                    Description=f"{what} of the private subnets, to be forwarded",
                    **span,
                )
            )
        reasons = ["forwarded to the internet"] if forwarded else []
        reasons += ["packages", "Session Manager"] if port in {None, 443} else []
        stack.add(way_out(egress, group, port, f"{what} {'; '.join(reasons)}"))
    return group


def _profile(stack: StackBuilder) -> Any:
    """Session Manager instead of keys and an SSH port. cfn-signal needs no rights: it proves itself by its identity.

    The rights of a session and of the agent's registration, no more: AWS's own policy for instances reads every
    parameter of the account besides. The agent asks for work of other kinds, too, is refused, and notes it. [UG Systems
    Manager getting-started-create-iam-instance-profile; amazon-ssm-agent#419]
    """
    session = [f"ssmmessages:{verb}{kind}Channel" for verb in ("Create", "Open") for kind in ("Control", "Data")]
    rights = document(
        allow("Register", "ssm:UpdateInstanceInformation", arn("ec2", "instance/*")),
        allow("HoldSessions", session, "*"),  # they know no resource [service authorization reference, ssmmessages]
    )
    role = stack.add(
        iam.Role(
            "NatRole",
            # EC2 names no source when it takes a role; iam:PassRole keeps a role in its account. [prowler#2810]
            AssumeRolePolicyDocument=trust("ec2.amazonaws.com"),
            Policies=[iam.Policy(PolicyName="session-manager", PolicyDocument=rights)],
        )
    )
    return stack.add(iam.InstanceProfile("NatInstanceProfile", Roles=[Ref(role)]))
