"""What changing a property does to its resource, and what of the application's work that interrupts.

Replacement: `planning/create_only.json`, from the resource schemas. Interruption: what the property pages of the
CloudFormation template reference call "Update requires: Some interruptions", for the types of opsctl's stacks. How
long it lasts is from the RDS user guide and the API reference of ModifyDBInstance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from opsctl.deploy.planning.compare import replacement_of
from opsctl.deploy.review.values import MISSING, at, render

Effect = Literal["in place", "interruption", "perhaps", "replacement"]
ORDER: tuple[Effect, ...] = ("in place", "interruption", "perhaps", "replacement")

_DATABASE, _PARAMETERS = "AWS::RDS::DBInstance", "AWS::RDS::DBParameterGroup"
_SERVICE, _INSTANCE = "AWS::ECS::Service", "AWS::EC2::Instance"
_TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"

# Properties that the template reference says "Some interruptions" of.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
# CACertificateIdentifier: "specifying or updating this property triggers a reboot". Parameters of a group: "if any of
# the data members of the referenced parameter group are changed …, the DB instance might need to be restarted".
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-instance.html
# The instance's are "for EBS-backed instances", of which opsctl's is one; schemas call them conditional replacements,
# which goes first. No other type in templates/ has such a property.
INTERRUPTIONS: Mapping[str, frozenset[str]] = {
    _DATABASE: frozenset({
        "AutoMinorVersionUpgrade", "BackupRetentionPeriod", "CACertificateIdentifier", "DBInstanceClass",
        "DBParameterGroupName", "Engine", "EngineVersion", "MultiAZ", "PerformanceInsightsKMSKeyId", "Port",
        "PreferredMaintenanceWindow", "StorageType",
    }),
    _PARAMETERS: frozenset({"Parameters"}),
    _INSTANCE: frozenset({
        "AdditionalInfo", "Affinity", "EbsOptimized", "HostId", "InstanceType", "KernelId", "PrivateDnsNameOptions",
        "RamdiskId", "Tenancy", "UserData",
    }),
}  # fmt: skip

# Replaced without anybody noticing: a revision beside the old one, a rule that is made before the old one goes.
UNNOTICED = frozenset({
    "AWS::ECS::TaskDefinition", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress",
})  # fmt: skip
# Properties of a service whose change starts new tasks; others, such as its tags, leave those that run alone.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_UpdateService.html
_ROLLS = frozenset({
    "TaskDefinition", "NetworkConfiguration", "LoadBalancers", "ServiceRegistries", "PlatformVersion", "LaunchType",
    "ForceNewDeployment", "CapacityProviderStrategy", "VolumeConfigurations", "ServiceConnectConfiguration",
    "EnableECSManagedTags", "PropagateTags", "PlacementConstraints", "PlacementStrategies",
})  # fmt: skip
# What serves: without it something stops.
_SERVES = {
    _SERVICE: "its tasks stop",
    _DATABASE: "the database is gone",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "its address answers no more",
    "AWS::ElasticLoadBalancingV2::Listener": "its port answers no more",
    "AWS::CloudFront::Distribution": "its address answers no more",
    "AWS::Route53::RecordSet": "its name leads nowhere",
    "AWS::EC2::NatGateway": "private subnets lose their way out",
    _INSTANCE: "what it does stops",
    "AWS::Scheduler::Schedule": "its job runs no more by itself",
    "AWS::Lambda::Function": "it can't be called any more",
    "AWS::EC2::Route": "what it led to can't be reached",
    "AWS::EC2::VPCEndpoint": "its service is reached over the internet, or not at all",
}
# Values that stop what runs, or move it away from who calls it; None: any other value does. Nothing is replaced.
_STOPS: Mapping[tuple[str, str], tuple[str | None, str]] = {
    (_SERVICE, "DesiredCount"): ("0", "its tasks stop"),
    ("AWS::ApplicationAutoScaling::ScalableTarget", "MaxCapacity"): ("0", "the tasks of its service stop"),
    ("AWS::Scheduler::Schedule", "State"): ("DISABLED", "its job runs no more by itself"),
    ("AWS::Lambda::Function", "ReservedConcurrentExecutions"): ("0", "it can't be called any more"),
    ("AWS::KMS::Key", "Enabled"): ("false", "what is encrypted with it can't be read"),
    ("AWS::CloudFront::Distribution", "DistributionConfig.Enabled"): ("false", "its address answers no more"),
    (_TARGETS, "HealthCheckPath"): (
        None,
        "the release that runs is asked there too, before the new one comes: its tasks end if it does not answer",
    ),
    ("AWS::ElasticLoadBalancingV2::Listener", "Port"): (None, "its old port answers no more"),
    ("AWS::ElasticLoadBalancingV2::Listener", "Protocol"): (None, "who calls it as before gets no answer"),
}


@dataclass(frozen=True, slots=True)
class Interruption:
    """What a change does to the application's work. `interrupts`: somebody would notice."""

    logical_id: str
    type: str
    interrupts: bool
    text: str


def effect_of(resource_type: str, name: str) -> Effect:
    """What changing the property does; `name` is its dotted path as schemas name it."""
    known = replacement_of(resource_type, name)
    if known == "yes":
        return "replacement"
    if known == "maybe":
        return "perhaps"
    return "interruption" if name.split(".", maxsplit=1)[0] in INTERRUPTIONS.get(resource_type, ()) else "in place"


def worst(effects: list[Effect]) -> Effect:
    """The one that weighs most."""
    return max(effects, key=ORDER.index, default="in place")


def interruptions(
    logical_id: str,
    resource_type: str,
    effects: Mapping[str, Effect],
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> Iterator[Interruption]:
    """What follows from the properties that differ; `effects` by property, both resources as resolved properties."""
    most = worst([*effects.values()])
    for (of, path), (stops, text) in _STOPS.items():
        now = MISSING if of != resource_type or path not in effects else at(after, path)
        anew = of == _TARGETS and most == "replacement"  # another group, which the release that runs is not in
        if now is not MISSING and stops in {None, render(now)} and not anew:
            yield Interruption(logical_id, resource_type, True, f"{path} {render(now)}: {text}")
    if resource_type == _SERVICE:
        if most != "replacement" and not _ROLLS & {name.split(".")[0] for name in effects}:
            return
        yield Interruption(logical_id, resource_type, most == "replacement", _service(most, after))
    elif most in {"replacement", "perhaps"}:
        if resource_type not in UNNOTICED:
            yield Interruption(logical_id, resource_type, resource_type in _SERVES, _replaced(resource_type, most))
    else:
        for name, effect in effects.items():
            if effect == "interruption":
                teller = _TELLERS.get((resource_type, name.split(".")[0]), _unknown)
                interrupts, text = teller(before, after)
                yield Interruption(logical_id, resource_type, interrupts, f"{name}: {text}")


def removal(logical_id: str, resource_type: str) -> Iterator[Interruption]:
    """What stops when the resource is deleted."""
    if resource_type in _SERVES:
        yield Interruption(logical_id, resource_type, True, f"deleted: {_SERVES[resource_type]}")


def _service(most: Effect, after: Mapping[str, Any]) -> str:
    if most == "replacement":
        return "replaced: a new service starts its tasks, then the old one stops"
    least = render(after.get("DeploymentConfiguration", {}).get("MinimumHealthyPercent", 100))
    if least.isdigit() and int(least) < 100:
        return "old tasks may stop before new ones run; what they do waits meanwhile"
    return "tasks are replaced one by one, no interruption"


def _replaced(resource_type: str, most: Effect) -> str:
    how = "replaced" if most == "replacement" else "stops and starts, or is replaced"
    told = {
        _DATABASE: "an empty database takes its place",
        "AWS::EC2::NatGateway": "connections to the outside break once",
        _INSTANCE: "connections through it break until it runs again",
        "AWS::ElasticLoadBalancingV2::LoadBalancer": "its address changes, and open connections break",
        "AWS::CloudFront::Distribution": "its address changes",
    }
    return f"{how}: {told.get(resource_type, 'a new one is made, what refers to it is moved, the old one is deleted')}"


def _multi_az(properties: Mapping[str, Any]) -> bool:
    return render(properties.get("MultiAZ", "")) == "true"


def _class(before: Mapping[str, Any], _after: Mapping[str, Any]) -> tuple[bool, str]:
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Concepts.MultiAZ.Failover.html
    if _multi_az(before):
        return True, "the database fails over to its standby: about 1-2 minutes without writes (Multi-AZ: 60-120 s)"
    return True, "the database restarts on another host: minutes without it, as long as its recovery takes (one zone)"


def _version(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    old, new = (render(item.get("EngineVersion", "")).split(".")[0] for item in (before, after))
    kind = "a major upgrade" if old != new else "a minor upgrade"
    both = "; the standby is upgraded with it and does not help" if _multi_az(before) else ""
    return True, f"the database is down for {kind}: minutes at least{both}"


def _backups(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    days = {render(item.get("BackupRetentionPeriod", "1")) for item in (before, after)}
    if "0" in days:
        return True, "backups are switched on or off: seconds to minutes without input and output"
    return False, "none expected: another number of days is taken over without a restart"


def _standby(_before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    if _multi_az(after):
        return False, "none expected: slower writes while the standby is made"
    return False, "none now: the standby goes, and the next failure of the instance or its zone is an outage"


def _storage(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    if "standard" in {render(item.get("StorageType", "")) for item in (before, after)}:
        return True, "moving from or to magnetic storage: a short outage, then hours of slow work"
    return False, "none expected: storage is moved in the background, slower meanwhile"


def _group(_before: Mapping[str, Any], _after: Mapping[str, Any]) -> tuple[bool, str]:
    return True, "the database restarts when the group holds a parameter that takes effect at start only"


def _parameters(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[bool, str]:
    one, other = (item.get("Parameters", {}) for item in (before, after))
    names = [name for name in {**one, **other} if render(one.get(name, MISSING)) != render(other.get(name, MISSING))]
    return True, f"the database may restart to take over {', '.join(names)}"


def _told(interrupts: bool, text: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[bool, str]]:
    return lambda _before, _after: (interrupts, text)


_unknown = _told(True, "CloudFormation expects a short interruption")

_TELLERS: dict[tuple[str, str], Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[bool, str]]] = {
    (_DATABASE, "DBInstanceClass"): _class,
    (_DATABASE, "EngineVersion"): _version,
    (_DATABASE, "BackupRetentionPeriod"): _backups,
    (_DATABASE, "StorageType"): _storage,
    (_DATABASE, "DBParameterGroupName"): _group,
    (_PARAMETERS, "Parameters"): _parameters,
    (_DATABASE, "MultiAZ"): _standby,
    (_DATABASE, "PreferredMaintenanceWindow"): _told(
        False, "none expected, unless maintenance is pending and the new window is now"
    ),
    (_DATABASE, "AutoMinorVersionUpgrade"): _told(False, "none now: upgrades come in the maintenance window"),
    (_DATABASE, "Port"): _told(True, "the database restarts, and answers on the new port only"),
    (_DATABASE, "CACertificateIdentifier"): _told(True, "the database restarts with the new certificate"),
}
