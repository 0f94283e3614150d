"""Readers of environment variables that fail loudly.

A bad value must stop the process with one sentence that names the variable; a silent default in production is how a
service ends up open to any host. Nothing here may import Django: settings are built from these.
"""

from __future__ import annotations

import ipaddress
import os
from pathlib import Path
from typing import TypeVar

_Choice = TypeVar("_Choice", bound=str)


class EnvironmentVariableError(Exception):
    """An environment variable is missing or holds a value the service can't work with."""


def env_str(name: str, default: str | None = None) -> str:
    """Return the stripped value of `name`; blank counts as absent, and absent without default is an error."""
    value = os.environ.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise EnvironmentVariableError(f"{name} is required but is not set.")
    return default


def env_choice(name: str, choices: tuple[_Choice, ...], default: _Choice | None = None) -> _Choice:
    """Return the value of `name` when it is one of `choices`."""
    value = env_str(name, default)
    for choice in choices:
        if value == choice:
            return choice
    raise EnvironmentVariableError(f"{name} is {value!r}; it must be one of: {', '.join(choices)}.")


def env_int(name: str, default: int, *, low: int, high: int) -> int:
    """Return `name` as a whole number between `low` and `high`, both included."""
    text = env_str(name, str(default))
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise EnvironmentVariableError(f"{name} is {text!r}; it must be a whole number from {low} to {high}.")
    return int(text)


def env_flag(name: str, *, default: bool) -> bool:
    """Return `name` as a switch: `on` or `off`, or Python's words for them."""
    return env_choice(name, ("on", "off", "True", "False"), "on" if default else "off") in {"on", "True"}


def env_list(name: str, default: list[str] | None = None) -> list[str]:
    """Return the comma-separated values of `name`, blanks dropped."""
    text = env_str(name, None if default is None else ",".join(default))
    values = [part.strip() for part in text.split(",") if part.strip()]
    if not values:
        raise EnvironmentVariableError(f"{name} is {text!r}; it must hold at least one value, comma separated.")
    return values


def env_file(name: str) -> Path:
    """Return `name` as the path of a file that exists."""
    path = Path(env_str(name))
    if not path.is_file():
        raise EnvironmentVariableError(f"{name} is {str(path)!r}, which is not a readable file.")
    return path


def is_loopback(host: str) -> bool:
    """Tell whether `host` names this machine only; `127.example.org` is a name like any other."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.lower() == "localhost"
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
