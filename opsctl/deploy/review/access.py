"""Who may do more, or less, after a change: policies, managed policies, rules of groups, what is open to the world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opsctl.deploy.review import firewall
from opsctl.deploy.review.policies import Direction, Finding, Names, Statement, compare, statements_of
from opsctl.deploy.review.values import MISSING, at, is_intrinsic, render

Resources = Mapping[str, Mapping[str, Any]]

_IDENTITIES = {"AWS::IAM::Role": "Roles", "AWS::IAM::User": "Users", "AWS::IAM::Group": "Groups"}
_ATTACHED = {
    "AWS::IAM::Policy": "PolicyDocument", "AWS::IAM::ManagedPolicy": "PolicyDocument",
    "AWS::IAM::RolePolicy": "PolicyDocument", "AWS::IAM::UserPolicy": "PolicyDocument",
}  # fmt: skip
_ON_RESOURCES = {
    "AWS::S3::BucketPolicy": "PolicyDocument", "AWS::SQS::QueuePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument", "AWS::KMS::Key": "KeyPolicy", "AWS::EC2::VPCEndpoint": "PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText", "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument", "AWS::EFS::FileSystem": "FileSystemPolicy",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
}  # fmt: skip
_EVERYTHING = (Statement("Allow", Names(("*",)), Names(("*",)), Names(("*",))),)
# Properties that let more in, or out, than before: what the safe value is.
_SAFE = {
    ("AWS::RDS::DBInstance", "PubliclyAccessible"): "false",
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicAcls"): "true",
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.BlockPublicPolicy"): "true",
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.IgnorePublicAcls"): "true",
    ("AWS::S3::Bucket", "PublicAccessBlockConfiguration.RestrictPublicBuckets"): "true",
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "Scheme"): "internal",
    ("AWS::EC2::Subnet", "MapPublicIpOnLaunch"): "false",
    ("AWS::S3::Bucket", "AccessControl"): "Private",
    ("AWS::ECS::Service", "EnableExecuteCommand"): "false",
    ("AWS::ECS::Service", "NetworkConfiguration.AwsvpcConfiguration.AssignPublicIp"): "DISABLED",
}
# Left out, these mean what is safe.
_SAFE_WHEN_ABSENT = {"PubliclyAccessible", "MapPublicIpOnLaunch", "EnableExecuteCommand", "AccessControl"}
# What a policy holds for, where that does not stand in its statements alone.
_TARGETS = {"AWS::SQS::QueuePolicy": "Queues", "AWS::SNS::TopicPolicy": "Topics", "AWS::S3::BucketPolicy": "Bucket"}
# Properties that say whose rights something has, or which groups it belongs to.
_ROLES = {
    ("AWS::ECS::TaskDefinition", "TaskRoleArn"), ("AWS::ECS::TaskDefinition", "ExecutionRoleArn"),
    ("AWS::Lambda::Function", "Role"), ("AWS::IAM::InstanceProfile", "Roles"), ("AWS::IAM::User", "Groups"),
    ("AWS::Scheduler::Schedule", "Target.RoleArn"), ("AWS::RDS::DBInstance", "MonitoringRoleArn"),
}  # fmt: skip
_GROUPS = {
    ("AWS::RDS::DBInstance", "VPCSecurityGroups"), ("AWS::EC2::VPCEndpoint", "SecurityGroupIds"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "SecurityGroups"),
    ("AWS::Lambda::Function", "VpcConfig.SecurityGroupIds"),
    ("AWS::ECS::Service", "NetworkConfiguration.AwsvpcConfiguration.SecurityGroups"),
    ("AWS::EC2::Instance", "IamInstanceProfile"),
}  # fmt: skip


_DISTRIBUTION_ACL = "DistributionConfig.WebACLId"


@dataclass(frozen=True, slots=True)
class AccessChange:
    """A right that gets wider or narrower. `where`: the policy or rule; `who` may do `what` on `on`, and `why`."""

    logical_id: str
    type: str
    where: str
    direction: Direction
    effect: str
    who: str
    what: str
    on: str
    why: str = ""

    @property
    def text(self) -> str:
        """In one line: whom it lets do what, on what; of a group's rule, from where to where."""
        if self.where in {"ingress", "egress"}:
            ends = (self.who, self.on) if self.where == "ingress" else (self.on, self.who)
            return f"{self.where}: {self.what} from {ends[0]} to {ends[1]}"
        who = f"{self.who}: " if self.who else ""
        on = f" on {self.on}" if self.on else ""
        why = f" ({self.why})" if self.why else ""
        return f"{self.where}: {f'{self.effect} {who}'.lstrip()}{self.what}{on}{why}"


def access_changes(before: Resources, after: Resources) -> tuple[AccessChange, ...]:
    """What gets wider first. Both are resources by logical id, with resolved properties."""
    found = [
        *_policies(before, after), *_managed(before, after), *_permissions(before, after), *_settings(before, after),
        *_memberships(before, after), *_targets(before, after), *_rules(before, after),
        *_shields(before, after),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda each: each.direction == "narrower"))


def _policies(before: Resources, after: Resources) -> Iterator[AccessChange]:
    old, new = _documents(before), _documents(after)
    for place in [*new, *(place for place in old if place not in new)]:
        logical_id, where = place
        kind = (after.get(logical_id) or before.get(logical_id) or {"Type": "AWS::IAM::Policy"})["Type"]
        if kind == "AWS::EC2::VPCEndpoint" and (logical_id not in before or logical_id not in after):
            continue  # an endpoint narrows a way that is there without it
        for finding in compare(old.get(place, ()), new.get(place, ())):
            yield _told(logical_id, kind, where, finding)


def _told(logical_id: str, kind: str, where: str, finding: Finding) -> AccessChange:
    part = finding.statement
    effect = f"{part.effect} dropped" if part.effect == "Deny" and finding.direction == "wider" else part.effect
    conditions = f"if {'; '.join(map(str, part.conditions))}" if part.conditions and not finding.why else ""
    return AccessChange(
        logical_id, kind, where, finding.direction, effect, str(part.principals), str(part.actions),
        str(part.resources), finding.why or conditions,
    )  # fmt: skip


def _documents(resources: Resources) -> dict[tuple[str, str], tuple[Statement, ...]]:
    """Statements by whom or what they hold for: all policies of a role together."""
    found: dict[tuple[str, str], tuple[Statement, ...]] = {}
    for name, resource in resources.items():
        kind, properties = resource["Type"], resource.get("Properties", {})
        if (key := _ON_RESOURCES.get(kind)) is not None:
            where = "trust policy" if kind == "AWS::IAM::Role" else key
            if key in properties:
                found[name, where] = statements_of(properties[key])
            elif kind == "AWS::EC2::VPCEndpoint":
                found[name, where] = _EVERYTHING  # as AWS documents an endpoint without a policy
        if kind in _IDENTITIES:
            for policy in _items(properties.get("Policies")):
                document = policy.get("PolicyDocument") if isinstance(policy, dict) else policy
                found[name, "policy"] = (*found.get((name, "policy"), ()), *statements_of(document))
        if (key := _ATTACHED.get(kind)) is not None:
            for holder in _holders(name, properties):
                found[holder, "policy"] = (*found.get((holder, "policy"), ()), *statements_of(properties.get(key)))
    return found


def _holders(name: str, properties: Mapping[str, Any]) -> list[str]:
    """Who has an attached policy: logical ids of the template where they are in it."""
    keys = (*_IDENTITIES.values(), "RoleName", "UserName")
    found = [item for key in keys for item in _items(properties.get(key))]
    return [render(item).removeprefix("${").removesuffix("}") for item in found] or [name]


def _managed(before: Resources, after: Resources) -> Iterator[AccessChange]:
    for name, kind, old, new in _pairs(before, after):
        if kind not in _IDENTITIES:
            continue
        one, other = ({render(item) for item in _items(each.get("ManagedPolicyArns"))} for each in (old, new))
        for arn in sorted(other - one):
            yield AccessChange(name, kind, "managed policy", "wider", "Allow", "", f"what {arn} allows", "")
        for arn in sorted(one - other):
            yield AccessChange(name, kind, "managed policy", "narrower", "Allow", "", f"what {arn} allows", "")
        limits = [render(each.get("PermissionsBoundary")) for each in (old, new)]
        if limits[0] != limits[1]:
            direction: Direction = "wider" if limits[0] else "narrower"
            why = f"before: {limits[0]}" if limits[0] else ""
            yield AccessChange(name, kind, "boundary", direction, "Allow", "", limits[1] or "no boundary", "", why)


def _permissions(before: Resources, after: Resources) -> Iterator[AccessChange]:
    """Who may call a function, which is a policy of one statement."""
    for name, kind, old, new in _pairs(before, after):
        if kind == "AWS::Lambda::Permission":
            one, other = (_permission(each) for each in (old, new))
            for finding in compare(one, other):
                yield _told(name, kind, "permission", finding)


def _permission(properties: Mapping[str, Any]) -> tuple[Statement, ...]:
    if not properties:
        return ()
    keys = {"SourceArn": "ArnLike", "SourceAccount": "StringEquals", "PrincipalOrgID": "StringEquals"}
    conditions: dict[str, dict[str, Any]] = {}
    for key, operator in keys.items():
        if key in properties:
            conditions.setdefault(operator, {})[key] = properties[key]
    return statements_of({
        "Statement": {
            "Effect": "Allow", "Principal": properties.get("Principal", "*"), "Action": properties.get("Action", "*"),
            "Resource": properties.get("FunctionName", "*"), "Condition": conditions,
        }
    })  # fmt: skip


def _settings(before: Resources, after: Resources) -> Iterator[AccessChange]:
    for name, kind, old, new in _pairs(before, after):
        for (of, path), safe in _SAFE.items():
            if of != kind or not new:
                continue
            one, other = (_setting(each, path, safe) for each in (old, new))
            if old and one != safe and other == safe:
                yield AccessChange(name, kind, path, "narrower", "", "", other, "", f"before: {one or 'not set'}")
            elif other != safe and one == safe:
                why = f"before: {one or 'not set'}" if old else ""
                yield AccessChange(name, kind, path, "wider", "", "", other or "not set", "", why)


def _setting(properties: Mapping[str, Any], path: str, safe: str) -> str:
    """The value; for a resource that is not there, what is safe."""
    if not properties:
        return safe
    value = at(properties, path)
    return (safe if path in _SAFE_WHEN_ABSENT else "") if value is MISSING else render(value)


def _memberships(before: Resources, after: Resources) -> Iterator[AccessChange]:
    """Another role, or one more security group, of something that was there; of what is new, a role that was there."""
    for name, kind, old, new in _pairs(before, after):
        for of, path in sorted(_ROLES if not old else _ROLES | _GROUPS):
            if of != kind or not new:
                continue
            one, other = ({render(item) for item in _items(at(each, path))} for each in (old, new))
            for item in sorted(other - one):
                if old or _logical_id(item) not in after or _logical_id(item) in before:
                    yield AccessChange(name, kind, path, "wider", "", "", f"has what {item} may", "")
            for item in sorted(one - other):
                yield AccessChange(name, kind, path, "narrower", "", "", f"no more what {item} may", "")


def _targets(before: Resources, after: Resources) -> Iterator[AccessChange]:
    """One more queue, topic or bucket that a policy holds for."""
    for name, kind, old, new in _pairs(before, after):
        if kind in _TARGETS and old and new:
            one, other = ({render(item) for item in _items(each.get(_TARGETS[kind]))} for each in (old, new))
            for item in sorted(other - one):
                yield AccessChange(name, kind, _TARGETS[kind], "wider", "", "", "what the policy allows", item)
            for item in sorted(one - other):
                yield AccessChange(name, kind, _TARGETS[kind], "narrower", "", "", "what the policy allows", item)


def _logical_id(reference: str) -> str:
    """Of `${Role.Arn}` the resource's name."""
    return reference.removeprefix("${").removesuffix("}").split(".", maxsplit=1)[0]


def _rules(before: Resources, after: Resources) -> Iterator[AccessChange]:
    for change in firewall.compare(before, after):
        yield AccessChange(
            change.logical_id, change.type, change.rule.direction, change.direction, "Allow", change.rule.peer,
            change.rule.ports, change.rule.group,
        )  # fmt: skip


def _shields(before: Resources, after: Resources) -> Iterator[AccessChange]:
    """What a web ACL kept out, and no longer does. That more is kept out is no right that gets narrower."""
    for name, kind, old, new in _pairs(before, after):
        gone: list[str] = []
        if kind == "AWS::WAFv2::WebACLAssociation" and old and not new:
            gone.append(f"all that {render(old.get('WebACLArn'))} blocked")
        elif kind == "AWS::CloudFront::Distribution" and new:
            one, other = ("" if (acl := at(each, _DISTRIBUTION_ACL)) is MISSING else render(acl) for each in (old, new))
            gone += [f"all that {one} blocked"] if one and not other else []
        elif kind == "AWS::WAFv2::WebACL" and old and new:
            passed = _blocking(old) - _blocking(new)
            gone += [f"what {rule} blocked" for rule in sorted(passed)]
        for what in gone:
            yield AccessChange(name, kind, "web ACL", "wider", "Allow", "", what, "")


def _blocking(acl: Mapping[str, Any]) -> set[str]:
    """Names of a web ACL's rules that block; one that counts only does not."""
    rules = [rule for rule in _items(acl.get("Rules")) if isinstance(rule, dict)]
    acts = [{**(rule.get("Action") or {}), **(rule.get("OverrideAction") or {})} for rule in rules]
    pairs = zip(rules, acts, strict=True)
    names = {render(rule.get("Name")) for rule, act in pairs if not {"Count", "Allow"} & act.keys()}
    return names | ({"its default"} if "Block" in (acl.get("DefaultAction") or {}) else set())


def _pairs(before: Resources, after: Resources) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """Name, type and properties before and after; empty where there is none."""
    for name in [*after, *(name for name in before if name not in after)]:
        kind = (after.get(name) or before[name])["Type"]
        yield name, kind, before.get(name, {}).get("Properties", {}), after.get(name, {}).get("Properties", {})


def _items(value: Any) -> list[Any]:
    if value is None or value is MISSING:
        return []
    return value if isinstance(value, list) and not is_intrinsic(value) else [value]
