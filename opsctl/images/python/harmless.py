"""The harmless environment that a build runs in: no value of a deployed environment gets near it."""

from __future__ import annotations

import os
import re
from typing import Any

from opsctl.config import placeholder
from opsctl.config.application import Application
from opsctl.config.placeholder import Placeholder

_SECRET = "x" * 64
# Of a secret that is an address by its name: what readers of such addresses take, the first that fits.
_ADDRESS = re.compile(r"(UR[LI]|DSN|BROKER|RESULT_BACKEND)$")
_ADDRESSES = (
    (re.compile(r"RABBIT|AMQP"), "amqp://localhost"),
    (re.compile(r"REDIS|BROKER|CELERY|RESULT_BACKEND|CACHE|CHANNEL|QUEUE"), "redis://localhost/0"),
    (re.compile(r"MAIL|SMTP"), "smtp://localhost"),
    (re.compile(r"MONGO"), "mongodb://localhost/build"),
    (re.compile(r"DATABASE|POSTGRES|(^|_)(DB|PG)_"), "postgres://build@localhost/build"),
    (re.compile(r"CLOUDINARY"), "cloudinary://build:build@build"),
    (re.compile(r""), "https://build@localhost/1"),
)
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
    given = {name: harmless_secret(name) for name in application.secrets} | values
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


def harmless_secret(name: str) -> str:
    """64 characters, or an address where the name says that it is one: settings take such apart when they are read."""
    if not _ADDRESS.search(name.upper()):
        return _SECRET
    return next(address for known, address in _ADDRESSES if known.search(name.upper()))


def machine_environment() -> dict[str, str]:
    """What every program of a build has of this machine."""
    return {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": os.environ.get("HOME", "/"), "LANG": "C.UTF-8",
    }  # fmt: skip


def _dummy(text: str) -> str:
    return "".join(part if isinstance(part, str) else _value(part) for part in placeholder.parse(text))


def _value(part: Placeholder) -> Any:
    if part.group == "secrets":
        return harmless_secret(part.key)
    if part.group == "buckets":
        return "build"
    if part.group == "replica":
        return ""
    value = _DUMMIES[part.name]
    return f'["{value}"]' if part.form == "json" else value
