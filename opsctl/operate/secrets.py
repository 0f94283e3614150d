"""The values of the application's secrets: set by people, listed without their values, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.config import naming
from opsctl.config.nearest import nearest
from opsctl.deploy.secrets import RECOVERY_DAYS, refuse_anothers, secret_tags
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.deployed import state_of
from opsctl.operate.env_file import read_env_file

if TYPE_CHECKING:
    from opsctl.aws.secrets import KnownSecret
    from opsctl.operate.target import Target

# What Secrets Manager takes. [API PutSecretValue, SecretString]
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class SecretStatus:
    """A secret that environments.yaml names, or that is there although it names it no more."""

    name: str
    source: str
    there: bool
    changed: str
    note: str = ""


def set_value(target: Target, name: str, value: str) -> dict[str, Any]:
    """Give a secret a new version. Raises UsageError for a name that the application does not know."""
    check_name(target, name)
    _write(target, {name: value})
    return {"environment": target.env.name, "secret": name}


def set_from_file(target: Target, path: Path) -> dict[str, Any]:
    """Set what a `.env` file holds and the application names; the rest is told, and left alone."""
    values = read_env_file(path)
    asked = sorted(name for name, source in target.env.application.secrets.items() if source == "set")
    wanted = {name: values[name] for name in asked if values.get(name)}
    if wanted:
        _write(target, wanted)
    others = [name for name in asked if name not in wanted]
    return {
        "environment": target.env.name,
        "set": list(wanted),
        "left": sorted(name for name in values if name not in asked),
        "missing": [name for name in others if _found(target, naming.secret_name(target.env, name)) is None],
    }


def list_secrets(target: Target) -> list[dict[str, Any]]:
    """Every secret of the application, without its value."""
    prefix = naming.secret_name(target.env, "")
    there = {name.removeprefix(prefix): each for name, each in target.aws.secrets.below(prefix).items()}
    found = [
        SecretStatus(name, source, source.startswith("arn:") or name in there,
                     there[name].changed if name in there else "")
        for name, source in target.env.application.secrets.items()
    ]  # fmt: skip
    found += [
        SecretStatus(name, "", True, each.changed, "environments.yaml does not name it")
        for name, each in there.items()
        if name not in target.env.application.secrets
    ]
    return [asdict(each) for each in found]


def require(target: Target, name: str) -> str:
    """Where the secret lies. Raises OpsctlError when there is none."""
    place = naming.secret_name(target.env, name)
    if _found(target, place) is None:
        raise OpsctlError(
            f"{target.env.name} has no secret {name}.",
            code="unknown-secret",
            hint="`opsctl secret list` shows what there is.",
        )
    return place


def remove(target: Target, name: str) -> dict[str, Any]:
    """Schedule a secret for deletion. Raises OpsctlError when there is none, and while tasks would read it."""
    with target.outlasting():
        return _remove(target, name)


def _remove(target: Target, name: str) -> dict[str, Any]:
    place = require(target, name)
    bodies = state_of(target, bodies=True).bodies
    if name in target.env.application.secrets or any(place in body for body in bodies.values()):
        raise OpsctlError(
            f"Tasks of {target.env.name} read {name} when they start, and would not start without it.",
            code="secret-in-use",
            hint="Take it out of application.secrets, deploy, then remove it.",
        )
    target.aws.secrets.remove(place, days=RECOVERY_DAYS)
    return {"environment": target.env.name, "secret": name, "days": RECOVERY_DAYS}


def _write(target: Target, values: Mapping[str, str]) -> None:
    """Give each secret a new version; none when one of the values can't be taken."""
    for name, value in values.items():
        _check_value(name, value)
    with target.outlasting():
        for name in values:
            _found(target, naming.secret_name(target.env, name))  # raises for another client's, before any is written
        key = state_of(target).outputs("platform").get("DataKeyArn")
        for name, value in values.items():
            target.aws.secrets.write(naming.secret_name(target.env, name), value, key=key, tags=secret_tags(target.env))


def _found(target: Target, place: str) -> KnownSecret | None:
    """The secret, None where there is none. Raises OpsctlError when it is another client's."""
    found = target.aws.secrets.describe(place)
    if found is not None:
        refuse_anothers(target.env, found)
    return found


def check_name(target: Target, name: str) -> None:
    """Raises UsageError for a name that the application does not know, or that is somebody else's secret."""
    named = target.env.application.secrets
    if name not in named:
        raise UsageError(
            f"{target.env.name} names no secret {name}.",
            code="unknown-secret",
            hint=f"Add it to application.secrets in environments.yaml. {nearest(name, named) if named else ''}".strip(),
        )
    if named[name].startswith("arn:"):
        raise UsageError(
            f"{name} is somebody else's secret, {named[name]}.",
            code="foreign-secret",
            hint="Change it where it belongs.",
        )


def _check_value(name: str, value: str) -> None:
    if not value:
        raise UsageError(f"The value of {name} is empty.", hint=f"Give it on stdin: `opsctl secret set {name} < file`.")
    if "\0" in value:
        raise UsageError(f"The value of {name} holds a zero byte, which no variable can.", hint="Encode it, as base64.")
    if len(value.encode()) > MAX_BYTES:
        raise UsageError(
            f"The value of {name} has {len(value.encode()):,} bytes, and Secrets Manager takes {MAX_BYTES:,}.",
            hint="Keep it in a bucket, and the key to it here.",
        )
