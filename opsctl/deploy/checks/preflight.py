"""What only the account knows and what would fail a deploy, minutes in. Reads; asked only when something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.config.application import Web
from opsctl.config.models import Environment, SiteAddress
from opsctl.deploy.events import Emit, Note
from opsctl.errors import OpsctlError
from opsctl.stacks.parts.endpoints import interface_services

if TYPE_CHECKING:
    from opsctl.aws.account import Account

# Lambda keeps this many executions unreserved for all other functions (PutFunctionConcurrency).
_KEPT_UNRESERVED = 100
# Regions where Fargate is not in every zone, by the zones' ids; no call tells. It is in all zones of the others.
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AWS_Fargate-Regions.html
FARGATE_ZONES: dict[str, frozenset[str]] = {
    "ap-northeast-1": frozenset({"apne1-az1", "apne1-az2", "apne1-az4"}),
    "us-west-1": frozenset({"usw1-az1", "usw1-az3"}),
}


class PreflightError(OpsctlError):
    """The account can't take this environment as it is configured. Nothing was changed."""

    code = "preflight"


Check = Callable[[Environment, "Account"], Iterator[str]]


def zones(env: Environment, account: Account) -> Iterator[str]:
    """Every account sees its own zones, not every letter exists in every region, and Fargate lacks a few."""
    there = account.zones()
    fargate = FARGATE_ZONES.get(env.region)
    usable = {name: zone for name, zone in there.items() if fargate is None or zone in fargate}
    for name in _zone_names(env):
        if name not in there:
            yield f"vpc.availability_zones: this account has no zone {name}; it has {_letters(env, usable)}."
        elif name not in usable:
            yield (
                f"vpc.availability_zones: Fargate runs no tasks in {name} ({there[name]}); "
                f"it does in {_letters(env, usable)}."
            )


def endpoint_zones(env: Environment, account: Account) -> Iterator[str]:
    """An interface endpoint needs a subnet in a zone that its service is in, and has one in every private subnet."""
    if not env.vpc.interface_endpoints:
        return
    services = [f"com.amazonaws.{env.region}.{name}" for name in interface_services(env).values()]
    found = account.endpoint_zones(services)
    common = frozenset.intersection(*(found.get(service, frozenset()) for service in services))
    for service in services:
        missing = [name for name in _zone_names(env) if name not in found.get(service, frozenset())]
        if missing:
            yield (
                f"vpc.availability_zones: {service} takes no interface endpoints in {', '.join(missing)}; "
                f"all that are needed do in {_letters(env, common)}."
            )


def nat_instance(env: Environment, account: Account) -> Iterator[str]:
    """It stands in the first zone, and not every type is sold in every zone."""
    if not env.nat.use_nat_instance:
        return
    sold, first = account.instance_type_zones(env.nat.instance_type), next(iter(_zone_names(env)))
    if first not in sold:
        yield (
            f"nat.instance_type: EC2 has no {env.nat.instance_type} in {first}, the first of vpc.availability_zones; "
            f"it has some in {_letters(env, sold)}."
        )


def _zone_names(env: Environment) -> Iterator[str]:
    return (f"{env.region}{letter}" for letter in env.vpc.availability_zones)


def _letters(env: Environment, names: Iterable[str]) -> str:
    """Zones as `vpc.availability_zones` spells them."""
    return ", ".join(sorted(name.removeprefix(env.region) for name in names)) or "none"


def hosted_zones(env: Environment, account: Account) -> Iterator[str]:
    """A certificate waits for its DNS record for ever when the zone is another account's, or another zone."""
    blocks: dict[str, Web | SiteAddress] = {"application.web": env.application.web, naming.SITE_STACK: env.site}
    for section, block in blocks.items():
        if block.hosted_zone_id is None:
            continue
        name = account.hosted_zone(block.hosted_zone_id)
        if name is None:
            yield f"{section}.hosted_zone_id: this account has no hosted zone {block.hosted_zone_id}."
        elif name != block.hosted_zone_name:
            yield (
                f"{section}.hosted_zone_name: {block.hosted_zone_id} is the zone {name}, not {block.hosted_zone_name}."
            )


def lambda_limits(env: Environment, account: Account) -> Iterator[str]:
    """Reserving one execution must leave a hundred."""
    if env.ecs.init_reserved_concurrency is None:
        return
    limits = account.lambda_concurrency()
    if limits.unreserved - env.ecs.init_reserved_concurrency < _KEPT_UNRESERVED:
        yield (
            f"ecs.init_reserved_concurrency: Lambda allows this account {limits.limit} concurrent executions, "
            f"{limits.unreserved} of them unreserved, and keeps {_KEPT_UNRESERVED}; remove the setting or ask for more."
        )


def fargate_limits(env: Environment, account: Account) -> Iterator[str]:
    """A rolling update runs old and new tasks side by side, and a one-off task beside them."""
    web = env.application.web
    needed = (2 * web.count[0] + 1) * web.cpu / 1024
    allowed = account.fargate_vcpus()
    if needed > allowed:
        yield (
            f"application.web.cpu: a rolling update of {web.count[0]} tasks needs {needed:g} vCPUs with a one-off task "
            f"beside it, Fargate allows this account {allowed:g}; ask for more in Service Quotas, or less here."
        )


CHECKS: tuple[Check, ...] = (zones, endpoint_zones, nat_instance, hosted_zones, lambda_limits, fargate_limits)


def preflight(env: Environment, account: Account, emit: Emit, more: Iterable[Check] = ()) -> None:
    """Raise PreflightError with all that does not fit, by `more` checks too. A question that may not be asked is noted
    and left out.
    """
    problems: list[str] = []
    for check in (*CHECKS, *more):
        try:
            problems += check(env, account)
        except AwsError as error:
            emit(Note(f"Not checked beforehand ({check.__name__.replace('_', ' ')}): {error.message}"))
    if problems:
        raise PreflightError(
            f"This account can't take {env.name} as it is configured, so nothing was changed.",
            detail=tuple(problems),
            hint="Correct environments.yaml or the account, then deploy again.",
        )
