"""Resource types that ministack's CloudFormation lacks.

Types for which ministack has an API of its own are made through it, so that `describe` calls show them. The others
only record that they were deployed: `RECORD_ONLY` names each with what it therefore doesn't do, and `opsctl local
status` and the docs list them. A type that ministack has is never replaced here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from opsctl.local.emulator.seams import Modules
from opsctl.local.state import Json

RECORD_ONLY: dict[str, str] = {
    "AWS::ApplicationAutoScaling::ScalableTarget": "as many tasks run as it asks for at least; none by load",
    "AWS::ApplicationAutoScaling::ScalingPolicy": "nothing scales by load",
    "AWS::Budgets::Budget": "nothing is billed, so no budget is watched",
    "AWS::CloudFront::VpcOrigin": "CloudFront reaches origins directly",
    "AWS::CodeDeploy::Application": "nothing is deployed by CodeDeploy",
    "AWS::CodeDeploy::DeploymentConfig": "nothing is deployed by CodeDeploy",
    "AWS::CodeDeploy::DeploymentGroup": "nothing is deployed by CodeDeploy",
    "AWS::EC2::NatGateway": "recorded in the EC2 API; no traffic passes it",
    "AWS::EC2::Instance": "recorded in the EC2 API; no machine runs, so a NAT instance translates nothing",
    "AWS::EC2::FlowLog": "recorded in the EC2 API; no flow is logged",
    "AWS::EC2::SecurityGroupEgress": "recorded in the EC2 API; no traffic is filtered",
    "AWS::EC2::SecurityGroupIngress": "recorded in the EC2 API; no traffic is filtered",
    "AWS::GuardDuty::Detector": "nothing is detected",
    "AWS::RDS::EventSubscription": "database events are not sent",
    "AWS::SecretsManager::RotationSchedule": "secrets are not rotated",
}


@dataclass(frozen=True)
class _Made:
    """A resource made through ministack: its physical id (Ref) and its Fn::GetAtt attributes."""

    id: str
    attributes: Json


_Create = Callable[[str, Json, str], _Made]
_Delete = Callable[[str, Json], None]


class ResourceTypes:
    """Registers the missing types."""

    def __init__(self, modules: Modules) -> None:
        self._provisioners = modules.provisioners
        self._ec2 = modules.ec2
        self._iam = modules.iam
        self._waf = modules.waf
        self._responses = modules.responses

    def install(self) -> tuple[str, ...]:
        """Register what is missing; answers the names registered."""
        real: dict[str, tuple[_Create, _Delete]] = {
            "AWS::EC2::EIP": (self._address, self._release),
            "AWS::EC2::NatGateway": (self._nat_gateway, self._ec2_delete("DeleteNatGateway", "NatGatewayId")),
            "AWS::EC2::Instance": (self._instance, self._ec2_delete("TerminateInstances", "InstanceId.1")),
            "AWS::EC2::FlowLog": (self._flow_log, self._ec2_delete("DeleteFlowLogs", "FlowLogId.1")),
            "AWS::EC2::SecurityGroupIngress": (self._rule("IpPermissions"), self._remove_rule("IpPermissions")),
            "AWS::EC2::SecurityGroupEgress": (
                self._rule("IpPermissionsEgress"),
                self._remove_rule("IpPermissionsEgress"),
            ),
            "AWS::IAM::OIDCProvider": (self._oidc_provider, self._delete_oidc_provider),
            "AWS::WAFv2::WebACLAssociation": (self._associate, self._disassociate),
        }
        for name in RECORD_ONLY.keys() - real.keys():
            real[name] = (self._record(name), _nothing)
        registered = []
        for name, (create, delete) in real.items():
            if self._register(name, create, delete):
                registered.append(name)
        return tuple(sorted(registered))

    # -- registration --------------------------------------------------------------------------------------------

    def _register(self, name: str, create: _Create, delete: _Delete) -> bool:
        handlers = self._provisioners._RESOURCE_HANDLERS
        if name in handlers:
            return False

        def create_tuple(logical_id: str, props: Json, stack_name: str) -> tuple[str, Json]:
            made = create(logical_id, props, stack_name)
            return made.id, made.attributes

        def update(physical_id: str, old: Json, new: Json, stack_name: str, logical_id: str | None = None
                   ) -> tuple[str, Json]:  # fmt: skip
            if name in RECORD_ONLY and name not in _THROUGH_API:
                return physical_id, self._attributes(name, physical_id)
            made = create(logical_id or physical_id, new, stack_name)
            self._provisioners._delete_predecessor(delete, physical_id, old)
            return made.id, made.attributes

        handlers[name] = {"create": create_tuple, "update": update, "update_with_logical_id": True, "delete": delete}
        return True

    def _record(self, name: str) -> _Create:
        def create(logical_id: str, props: Json, stack_name: str) -> _Made:
            physical_id = self._physical_id(name, logical_id, props, stack_name)
            return _Made(physical_id, self._attributes(name, physical_id))

        return create

    def _physical_id(self, name: str, logical_id: str, props: Json, stack_name: str) -> str:
        """Ids in the form that the type's Ref has on AWS, as far as templates build on it."""
        match name:
            case "AWS::ApplicationAutoScaling::ScalableTarget":
                return "|".join(
                    str(props.get(each, "")) for each in ("ResourceId", "ScalableDimension", "ServiceNamespace")
                )
            case "AWS::ApplicationAutoScaling::ScalingPolicy":
                policy = props.get("PolicyName", logical_id)
                return f"{self._arn('autoscaling')}:scalingPolicy:{secrets.token_hex(8)}:policyName/{policy}"
            case "AWS::SecretsManager::RotationSchedule":
                return str(props.get("SecretId", logical_id))
            case "AWS::GuardDuty::Detector":
                return secrets.token_hex(16)
            case "AWS::CloudFront::VpcOrigin":
                return f"vo_{secrets.token_hex(11)}"
            case "AWS::RDS::EventSubscription":
                return str(props.get("SubscriptionName") or f"{stack_name}-{logical_id}-{secrets.token_hex(4)}".lower())
            case _:
                return str(
                    props.get(f"{name.rsplit('::', 1)[1]}Name") or f"{stack_name}-{logical_id}-{secrets.token_hex(4)}"
                )

    def _attributes(self, name: str, physical_id: str) -> Json:
        match name:
            case "AWS::ApplicationAutoScaling::ScalableTarget":
                return {"Id": physical_id}
            case "AWS::ApplicationAutoScaling::ScalingPolicy":
                return {"Arn": physical_id}
            case "AWS::CloudFront::VpcOrigin":
                arn = f"arn:aws:cloudfront::{self._responses.get_account_id()}:vpcorigin/{physical_id}"
                return {"Arn": arn, "Id": physical_id, "Status": "Deployed"}
            case _:
                return {"Id": physical_id}

    def _arn(self, service: str) -> str:
        return f"arn:aws:{service}:{self._responses.get_region()}:{self._responses.get_account_id()}"

    # -- through ministack's own API -----------------------------------------------------------------------------

    def _call_ec2(self, action: str, **params: str) -> str:
        """Call an EC2 action as a client would; raises ValueError with its message on an error."""
        self._ec2._ensure_defaults_initialized()
        query = {name.replace("_", "."): [value] for name, value in params.items()}
        status, _headers, body = self._ec2._ACTION_MAP[action](query)
        text = body.decode() if isinstance(body, bytes) else str(body)
        if status >= 400:
            raise ValueError(_between(text, "Message") or text)
        return text

    def _ec2_delete(self, action: str, parameter: str) -> _Delete:
        def delete(physical_id: str, _props: Json) -> None:
            self._call_ec2(action, **{parameter.replace(".", "_"): physical_id})

        return delete

    def _tag(self, resource_id: str, props: Json) -> None:
        if props.get("Tags"):
            self._ec2._tags[resource_id] = list(props["Tags"])

    def _address(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        text = self._call_ec2("AllocateAddress", Domain=str(props.get("Domain", "vpc")))
        allocation, address = _between(text, "allocationId"), _between(text, "publicIp")
        self._tag(allocation, props)
        if props.get("InstanceId"):
            self._call_ec2("AssociateAddress", AllocationId=allocation, InstanceId=str(props["InstanceId"]))
        # Ref is the address itself; the id that NAT gateways want is an attribute.
        return _Made(address, {"AllocationId": allocation, "PublicIp": address})

    def _release(self, physical_id: str, _props: Json) -> None:
        addresses = self._ec2._addresses
        for allocation, address in list(addresses.items()):
            if address.get("PublicIp") == physical_id:
                self._call_ec2("ReleaseAddress", AllocationId=allocation)

    def _nat_gateway(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        text = self._call_ec2(
            "CreateNatGateway",
            SubnetId=str(props.get("SubnetId", "")),
            AllocationId=str(props.get("AllocationId", "")),
            ConnectivityType=str(props.get("ConnectivityType", "public")),
        )
        gateway = _between(text, "natGatewayId")
        self._tag(gateway, props)
        return _Made(gateway, {"NatGatewayId": gateway})

    def _instance(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        params = {
            name: str(props[name]) for name in ("ImageId", "InstanceType", "SubnetId", "UserData") if props.get(name)
        }
        text = self._call_ec2("RunInstances", MinCount="1", MaxCount="1", **params)
        instance = _between(text, "instanceId")
        self._tag(instance, props)
        private = _between(text, "privateIpAddress") or "10.0.0.10"
        return _Made(
            instance,
            {
                "InstanceId": instance,
                "PrivateIp": private,
                "PublicIp": _between(text, "ipAddress"),
                "AvailabilityZone": _between(text, "availabilityZone") or f"{self._responses.get_region()}a",
                "VpcId": _between(text, "vpcId"),
            },
        )

    def _flow_log(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        text = self._call_ec2(
            "CreateFlowLogs",
            ResourceId_1=str(props.get("ResourceId", "")),
            ResourceType=str(props.get("ResourceType", "VPC")),
            TrafficType=str(props.get("TrafficType", "ALL")),
            LogDestinationType=str(props.get("LogDestinationType", "cloud-watch-logs")),
            LogDestination=str(props.get("LogDestination", "")),
            LogGroupName=str(props.get("LogGroupName", "")),
        )
        flow_log = _between(_between(text, "flowLogIdSet"), "item")
        self._tag(flow_log, props)
        return _Made(flow_log, {"Id": flow_log})

    def _rule(self, kind: str) -> _Create:
        def create(_logical_id: str, props: Json, _stack_name: str) -> _Made:
            rule, group = self._permission(props)
            group[kind].append(rule)
            rule_id = self._ec2._sg_rule_id(props["GroupId"], kind == "IpPermissionsEgress", rule)
            return _Made(rule_id, {"Id": rule_id})

        return create

    def _remove_rule(self, kind: str) -> _Delete:
        def delete(_physical_id: str, props: Json) -> None:
            try:
                rule, group = self._permission(props)
            except ValueError:
                return  # the group went first, and its rules with it
            group[kind] = [each for each in group[kind] if not self._ec2._rules_match(rule, each)]

        return delete

    def _permission(self, props: Json) -> tuple[Json, Json]:
        group = self._ec2._security_groups.get(props.get("GroupId"))
        if group is None:
            raise ValueError(f"The security group '{props.get('GroupId')}' does not exist")
        return self._provisioners._ec2_sg_permissions([props])[0], group

    def _oidc_provider(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        params = {"Url": [str(props.get("Url", ""))]}
        for name, values in (
            ("ClientIDList", props.get("ClientIdList")),
            ("ThumbprintList", props.get("ThumbprintList")),
        ):
            params.update({f"{name}.member.{n}": [str(value)] for n, value in enumerate(values or [], start=1)})
        status, _headers, body = self._iam._create_oidc_provider(params)
        text = body.decode() if isinstance(body, bytes) else str(body)
        if status >= 400:
            raise ValueError(_between(text, "Message") or text)
        arn = _between(text, "OpenIDConnectProviderArn")
        return _Made(arn, {"Arn": arn})

    def _delete_oidc_provider(self, physical_id: str, _props: Json) -> None:
        self._iam._oidc_providers.pop(physical_id, None)

    def _associate(self, _logical_id: str, props: Json, _stack_name: str) -> _Made:
        data = {"WebACLArn": props.get("WebACLArn", ""), "ResourceArn": props.get("ResourceArn", "")}
        status, _headers, body = self._waf._associate_web_acl(data)
        if status >= 400:
            raise ValueError(json.loads(body).get("message", "AssociateWebACL failed"))
        return _Made(urlencode(data), {})

    def _disassociate(self, _physical_id: str, props: Json) -> None:
        self._waf._disassociate_web_acl({"ResourceArn": props.get("ResourceArn", "")})


_THROUGH_API = frozenset(
    {
        "AWS::EC2::NatGateway",
        "AWS::EC2::Instance",
        "AWS::EC2::FlowLog",
        "AWS::EC2::SecurityGroupEgress",
        "AWS::EC2::SecurityGroupIngress",
    }
)


def _nothing(_physical_id: str, _props: Json) -> None:
    return None


def _between(text: str, tag: str) -> str:
    """The text of the first element with this tag; empty when there is none."""
    _, found, rest = text.partition(f"<{tag}>")
    return rest.partition(f"</{tag}>")[0].strip() if found else ""
