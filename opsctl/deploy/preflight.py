"""What only the account knows and what would fail a deploy, minutes in. Reads; asked only when something changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from opsctl.aws.account import LambdaConcurrency
from opsctl.aws.errors import AwsError
from opsctl.config.models import Environment
from opsctl.deploy.events import Emit, Note
from opsctl.errors import OpsctlError

# Lambda keeps this many executions unreserved for all other functions (PutFunctionConcurrency).
_KEPT_UNRESERVED = 100


class PreflightError(OpsctlError):
    """The account can't take this environment as it is configured. Nothing was changed."""

    code = "preflight"


class AccountReader(Protocol):
    """The questions that preflight asks."""

    def zones(self) -> frozenset[str]: ...
    def hosted_zone(self, identifier: str) -> str | None: ...
    def lambda_concurrency(self) -> LambdaConcurrency: ...
    def fargate_vcpus(self) -> float: ...


Check = Callable[[Environment, AccountReader], Iterator[str]]


def zones(env: Environment, account: AccountReader) -> Iterator[str]:
    """Every account sees its own zones, and not every letter exists in every region."""
    there = account.zones()
    for letter in env.vpc.availability_zones:
        if f"{env.region}{letter}" not in there:
            letters = ", ".join(sorted(name.removeprefix(env.region) for name in there))
            yield f"vpc.availability_zones: this account has no zone {env.region}{letter}; it has {letters}."


def hosted_zones(env: Environment, account: AccountReader) -> Iterator[str]:
    """A certificate waits for its DNS record for ever when the zone is another account's, or another zone."""
    for section in ("ecs", "dashboard"):
        block = getattr(env, section)
        if block.hosted_zone_id is None:
            continue
        name = account.hosted_zone(block.hosted_zone_id)
        if name is None:
            yield f"{section}.hosted_zone_id: this account has no hosted zone {block.hosted_zone_id}."
        elif name != block.hosted_zone_name:
            yield (
                f"{section}.hosted_zone_name: {block.hosted_zone_id} is the zone {name}, not {block.hosted_zone_name}."
            )


def lambda_limits(env: Environment, account: AccountReader) -> Iterator[str]:
    """Reserving one execution must leave a hundred."""
    if env.ecs.init_reserved_concurrency is None:
        return
    limits = account.lambda_concurrency()
    if limits.unreserved - env.ecs.init_reserved_concurrency < _KEPT_UNRESERVED:
        yield (
            f"ecs.init_reserved_concurrency: Lambda allows this account {limits.limit} concurrent executions, "
            f"{limits.unreserved} of them unreserved, and keeps {_KEPT_UNRESERVED}; remove the setting or ask for more."
        )


def fargate_limits(env: Environment, account: AccountReader) -> Iterator[str]:
    """A rolling update runs old and new tasks side by side, and a one-off task beside them."""
    needed = (2 * env.ecs.min_count + 1) * env.ecs.cpu / 1024
    allowed = account.fargate_vcpus()
    if needed > allowed:
        yield (
            f"ecs.cpu: a rolling update of {env.ecs.min_count} tasks needs {needed:g} vCPUs with a one-off task beside "
            f"it, Fargate allows this account {allowed:g}; ask for more in Service Quotas, or lower cpu or min_count."
        )


CHECKS: tuple[Check, ...] = (zones, hosted_zones, lambda_limits, fargate_limits)


def preflight(env: Environment, account: AccountReader, emit: Emit) -> None:
    """Raise PreflightError with all that does not fit. A question that may not be asked is noted and left out."""
    problems: list[str] = []
    for check in CHECKS:
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
