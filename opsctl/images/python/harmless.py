"""The harmless environment that a build runs in: no value of a deployed environment gets near it."""

from __future__ import annotations

import os
from typing import Any

from opsctl.config import placeholder
from opsctl.config.application import Application
from opsctl.config.placeholder import Placeholder

_SECRET = "x" * 64
_DUMMIES = {
    "secret_key": _SECRET,
    "database.url": "postgres://build@localhost/build",
    "database.host": "localhost",
    "database.port": "5432",
    "database.name": "build",
    "database.user": "build",
    "database.password": "",
    "database.sslmode": "prefer",
    "database.ca": "",
    "web.host": "localhost",
    "web.hosts": "localhost",
    "web.url": "http://localhost",
    "web.origins": "http://localhost",
    "web.tls": "False",
    "environment": "build",
    "region": "us-east-1",
    "release": "build",
}
# What every process finds without being told.
_ALWAYS = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "PGHOST": "localhost",
    "PGPORT": "5432",
    "PGUSER": "build",
    "PGDATABASE": "build",
    "PGSSLMODE": "prefer",
    "PGAPPNAME": "build",
}
# How uv gets at packages, without the tokens that it publishes with.
_WAYS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
_INDEX_SETTINGS = (
    "UV_CACHE_DIR", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_INDEX",
    "UV_NATIVE_TLS", "UV_NO_INDEX", "UV_OFFLINE", "UV_SYSTEM_CERTS",
)  # fmt: skip


def build_environment(application: Application) -> dict[str, str]:
    """Every variable and secret of the web as a valid value that means nothing; `build.environment` overrides."""
    values = {name: _dummy(text) for name, text in application.variables(application.web).items()}
    given = dict.fromkeys(application.secrets, _SECRET) | values
    if application.settings is not None:
        given["DJANGO_SETTINGS_MODULE"] = application.settings
    return {**_ALWAYS, **given, **application.build.environment}


def harmless_environment(application: Application) -> dict[str, str]:
    """What builds packages of others: those values, and how this machine reaches its package indexes."""
    ways = {
        name: value
        for name, value in os.environ.items()
        if name in _WAYS or name.upper().endswith("_PROXY") or name.startswith(_INDEX_SETTINGS)
    }
    return {**build_environment(application), **ways, **machine_environment()}


def machine_environment() -> dict[str, str]:
    """What every program of a build has of this machine."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8",
    }  # fmt: skip


def _dummy(text: str) -> str:
    return "".join(part if isinstance(part, str) else _value(part) for part in placeholder.parse(text))


def _value(part: Placeholder) -> Any:
    if part.group == "secrets":
        return _SECRET
    if part.group == "buckets":
        return "build"
    if part.group == "replica":
        return ""
    value = _DUMMIES[part.name]
    return f'["{value}"]' if part.form == "json" else value
