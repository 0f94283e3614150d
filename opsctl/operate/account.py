"""What an account holds of opsctl, whether a file names it or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.config.naming import BOOTSTRAP_STACK
from opsctl.config.regions import EDGE_REGION
from opsctl.deploy.planning.holdings import Holding, holdings
from opsctl.errors import UsageError
from opsctl.operate.target import FILE_NAME, Target, Workspace

if TYPE_CHECKING:
    from opsctl.aws.cloudformation import Stack
    from opsctl.aws.session import Aws


@dataclass(frozen=True, slots=True)
class Found:
    """Environments of one account and region. `account` is "" on this machine; `bootstrap`: the account's own stack
    is there.
    """

    account: str
    region: str
    bootstrap: bool
    environments: tuple[Holding, ...]


def workspace_of(config: Path | None, **person: Any) -> Workspace:
    """The file, where there is one; else this folder, without an environment."""
    from opsctl.config.loader import Configuration
    from opsctl.errors import ConfigError

    try:
        return Workspace.open(config, **person)
    except ConfigError as error:
        if config is not None or error.code != "config-missing":
            raise
    return Workspace(Configuration(Path.cwd() / FILE_NAME, {}, None), **person)


def account_holds(workspace: Workspace, region: str | None, *, local: bool) -> list[Found]:
    """What there is: in that region, else in those of the file's environments. Reads stacks, and nothing else."""
    return [_found(_place(workspace, each, local=local)) for each in _regions(workspace, region, local=local)]


def found_target(
    workspace: Workspace, name: str, *, service: str | None, client: str | None, region: str | None, local: bool
) -> Target:
    """The environment of this name as its stacks tell it. Raises UsageError where none, or more than one, fits."""
    chosen = choose(account_holds(workspace, region, local=local), name, service=service, client=client)
    return _target(workspace, chosen, local=local)


def choose(places: Sequence[Found], name: str, *, service: str | None, client: str | None) -> Holding:
    """The one environment that is meant. Raises UsageError where none, or more than one, fits."""
    there = [each for place in places for each in place.environments if each.stacks.keys() != {"edge"}]
    fits = [
        each
        for each in there
        if each.environment == name and service in (None, each.service) and client in (None, each.client)
    ]
    where = " or ".join(f"{place.account or 'this machine'}, {place.region}" for place in places)
    if not fits:
        others = ", ".join(f"{each.environment} ({each.service}, {each.client})" for each in there)
        raise UsageError(
            f"No stacks of an environment `{name}` are in {where}.",
            code="unknown-environment",
            hint=f"There are: {others}."
            if others
            else "Is it another account or --region? `opsctl status --from-account` lists what one holds.",
        )
    if len(fits) > 1:
        raise UsageError(
            f"{len(fits)} environments are called `{name}`: "
            + ", ".join(f"service {each.service} of client {each.client} in {each.region}" for each in fits) + ".",
            code="several-environments",
            hint="Say which by --service, --client and --region.",
        )  # fmt: skip
    return fits[0]


def not_asked_here(workspace: Workspace) -> str:
    """Why the local target of this folder was not asked what it holds; "" where it runs. Nothing is started."""
    from opsctl.local.state import StateDir
    from opsctl.local.target import LocalTarget

    if not StateDir.of(workspace.root).ports.exists():
        return "There is no local target in this folder."
    if LocalTarget(workspace.root).status().running:
        return ""
    return "The local target of this folder does not run, so it was not asked; `opsctl local env` starts it."


def asks_aws(workspace: Workspace, region: str | None) -> bool:
    """Whether there is a reason to look on AWS beside this machine: a region, or an environment that is there.

    A file whose environments are all on this machine is none.
    """
    from opsctl.aws.regions import own_region

    environments = workspace.configuration.environments.values()
    if region is not None or any(each.target == "aws" for each in environments):
        return True
    return not environments and bool(own_region())


def _target(workspace: Workspace, holding: Holding, *, local: bool) -> Target:
    return _place(
        workspace,
        holding.region,
        local=local,
        name=holding.environment,
        service=holding.service,
        client=holding.client,
        security={"termination_protection": holding.protected},
    )


def _place(workspace: Workspace, region: str, *, local: bool, **said: Any) -> Target:
    """A target that knows where it is, and what its stacks said."""
    from pydantic import ValidationError

    from opsctl.config.models import Environment

    names = {"name": "none", "service": "none", "client": "none"}
    target = "local" if local else "aws"
    try:
        env = Environment.model_validate({**names, "target": target, "region": region, **said})
    except ValidationError as error:
        raise UsageError(
            f"`{region}` is not a region." if not said else f"The tags of {said['name']} are no names of opsctl's.",
            code="bad-region" if not said else "unknown-environment",
            hint="Write one such as us-east-1." if not said else "Was it made by opsctl?",
        ) from error
    return Target(workspace, env, env, from_account=True)


def _found(place: Target) -> Found:
    from opsctl.aws.translation import translated

    with translated():
        account = "" if place.is_local else place.aws.identity().account_id
    listed = _stacks(place.aws, place.env.region)
    edges = [] if place.env.region == EDGE_REGION else _stacks(place.aws, EDGE_REGION)
    return Found(
        account,
        place.env.region,
        any(stack.name == BOOTSTRAP_STACK for stack in listed),
        tuple(_with_edges(holdings(listed, place.env.region), holdings(edges, EDGE_REGION))),
    )


def _with_edges(found: list[Holding], elsewhere: list[Holding]) -> list[Holding]:
    """A certificate for CloudFront lies in another region than what it is for."""
    edges = {(each.environment, each.service, each.client): each.stacks.get("edge") for each in elsewhere}
    merged = []
    for each in found:
        edge = edges.get((each.environment, each.service, each.client))
        stacks = {**each.stacks, **({"edge": edge} if edge is not None else {})}
        merged.append(Holding(each.environment, each.service, each.client, each.region, stacks))
    return merged


def _stacks(aws: Aws, region: str) -> list[Stack]:
    return aws.in_region(region).cloudformation.stacks()


def _regions(workspace: Workspace, region: str | None, *, local: bool) -> list[str]:
    """The region that was named, else the file's, else the one that AWS's own variables and profile say."""
    target = "local" if local else "aws"
    named = [each.region for each in workspace.configuration.environments.values() if each.target == target]
    found = list(dict.fromkeys([region] if region is not None else named))
    if not found and local:
        return ["us-east-1"]
    if not found:
        from opsctl.aws.regions import own_region

        found = [own_region() or ""]
    if not found[0]:
        raise UsageError("No region was named.", code="no-region", hint="Add --region, or set AWS_REGION.")
    return found
