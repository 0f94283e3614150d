"""All looks at once: each in its own thread, and whatever fails becomes a line and not the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.doctor import live as running
from opsctl.operate.doctor import machine, readiness
from opsctl.operate.doctor.access import access, network
from opsctl.operate.doctor.finding import Check, Diagnosis, Finding

if TYPE_CHECKING:
    from opsctl.aws.session import Aws
    from opsctl.operate.target import Target

_ASSUMED_REGION = "us-east-1"
_NOT_ASKED = "what is there was not looked at, as AWS can't be asked"


def diagnose(open_target: Callable[[], Target], folder: Path, *, live: bool) -> Diagnosis:
    """Look at the machine, at who asks AWS, and at the environment that `open_target` opens; with `live` at what runs.

    Raises UsageError when the environment's name is none; a configuration that is missing or wrong is a line.
    """
    target: Target | None = None
    try:
        target = open_target()
    except UsageError:
        raise
    except (OpsctlError, OSError) as error:
        found = [_configuration(error)]
    else:
        configuration = target.workspace.configuration
        text = f"{configuration.path} is right: {len(configuration.environments)} environments"
        found = [Finding("configuration", "ok", text)]
    root = target.workspace.root if target is not None else folder
    with ThreadPoolExecutor(max_workers=12, thread_name_prefix="doctor") as pool:
        begun = _begin(pool, machine.checks(root, target.env if target else None))
        more = _of_target(pool, target, live=live)
        found += [*_finish(begun), *more]
    return Diagnosis(target.env.name if target else None, tuple(found))


def _configuration(error: OpsctlError | OSError) -> Finding:
    if isinstance(error, OSError):
        return Finding("configuration", "wrong", str(error), "Make the file readable, or name another with --config.")
    if error.code == "config-missing":
        todo = "In a Django project `opsctl init` writes one; elsewhere go to its folder, or name it with --config."
        return Finding("configuration", "wrong", error.message, todo)
    return Finding("configuration", "wrong", " ".join((error.message, *error.detail)), error.hint)


def _of_target(pool: ThreadPoolExecutor, target: Target | None, *, live: bool) -> list[Finding]:
    if target is None:
        return _without_environment()
    if target.is_local:
        return _local(pool, target, live=live)
    door = network(target.env.region)
    if door.verdict != "ok":
        return [door, Finding("environment", "warning", _NOT_ASKED, read=False)]
    try:
        aws = target.aws
        found = [door, *access(aws, aws.identity())]
    except OpsctlError as error:
        refused = Finding("credentials", "wrong", error.message, error.hint)
        return [door, refused, Finding("environment", "warning", _NOT_ASKED, read=False)]
    begun = _begin(pool, readiness.checks(target))
    more = _live(pool, target) if live else []
    return [*found, *_finish(begun), *more]


def _without_environment() -> list[Finding]:
    """Who would ask AWS, were there something to ask about: good to know, and not needed for this machine."""
    from opsctl.aws.regions import own_region
    from opsctl.aws.session import Aws

    region = own_region() or _ASSUMED_REGION
    door = network(region)
    if door.verdict != "ok":
        return [replace(door, verdict="warning")]
    aws: Aws = Aws(region)
    try:
        return [door, *access(aws, aws.identity())]
    except OpsctlError as error:
        todo = f"{error.hint} Environments on this machine need none."
        return [door, Finding("credentials", "warning", error.message, todo)]


def _local(pool: ThreadPoolExecutor, target: Target, *, live: bool) -> list[Finding]:
    """Nothing is started to look at it."""
    name = target.env.name
    if target.is_stopped:
        todo = f"`opsctl deploy --env {name}` starts it."
        return [Finding("local target", "wrong" if live else "ok", f"{name} does not run", todo)]
    found = [Finding("local target", "ok", f"{name} runs")]
    return [*found, *(_live(pool, target) if live else [])]


def _live(pool: ThreadPoolExecutor, target: Target) -> list[Finding]:
    """From inside first, which says where outside is."""
    from opsctl.operate.status.environment import environment_status

    try:
        status = environment_status(target)
    except OpsctlError as error:
        return [_raised("inside", error)]
    begun = _begin(pool, running.outside(target, status.url))
    found = [*running.inside(status), *_finish(begun)]
    if not status.url:
        todo = f"`opsctl deploy --env {target.env.name}` makes it."
        found.append(Finding("health", "wrong", "there is no address to ask: nothing is deployed", todo))
    return found


def _begin(pool: ThreadPoolExecutor, checks: Sequence[Check]) -> list[Future[list[Finding]]]:
    return [pool.submit(_run, check) for check in checks]


def _finish(begun: Sequence[Future[list[Finding]]]) -> Iterator[Finding]:
    for future in begun:
        yield from future.result()


def _run(check: Check) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(check.run())
    except (OpsctlError, OSError) as error:
        found.append(_raised(check.area, error))
    return found


def _raised(area: str, error: Exception) -> Finding:
    """What AWS does not answer says nothing about the thing; another refusal is what a deploy would say."""
    if isinstance(error, OpsctlError) and not isinstance(error, AwsError):
        return Finding(area, "wrong", " ".join((error.message, *error.detail)), error.hint)
    text, hint = (error.message, error.hint) if isinstance(error, OpsctlError) else (str(error), "")
    return Finding(area, "warning", f"not read: {text}", hint, read=False)
