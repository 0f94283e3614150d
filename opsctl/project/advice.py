"""What a project's settings have to say before it can run on other machines than its developers', and how to say it.

Settings that are written out instead of read can't be set from outside. Nothing is changed: a person is told the line.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from opsctl.project.filling import Fill, is_sqlite_only, reads_database
from opsctl.project.findings import Findings, Settings

_POSTGRESQL = 'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": os.environ["PGDATABASE"]}}'

GEOGRAPHY = "django.contrib.gis"
_FILE = "environments.yaml"
_ASKED_FOR = "for the line that `opsctl init` asked for"


@dataclass(slots=True)
class Advice:
    """Lines for a person, and variables that the advised lines will read."""

    collects: bool = True
    assumed: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    extensions: tuple[str, ...] = ()


def advise(findings: Findings, dockerfile: str) -> Advice:
    """What the settings leave open. `dockerfile`: what the image is built from, if not by opsctl."""
    settings, advice = findings.settings, Advice()
    if not settings.module:
        advice.missing.append("No file names the settings module: write it as application.settings.")
    if not settings.files:
        # An image may still bring them, or a step before the deploy that makes them.
        return advice
    _basics(settings, advice)
    _database(settings, advice)
    _static(findings, advice, dockerfile)
    _search(findings, advice)
    _geography(settings, advice, dockerfile)
    if settings.imports_os is False and any("os.environ" in each for each in advice.missing):
        advice.missing.insert(0, f"{settings.files[-1]} does not import os, which the lines below need: import os")
    _media(settings, advice)
    if findings.frontend is not None and not findings.frontend.folder:
        advice.warnings.append(
            f"{findings.frontend.source} builds static files; build them before the deploy, and name their folder "
            "under include."
        )
    return advice


def _basics(settings: Settings, advice: Advice) -> None:
    main = settings.files[-1]
    read = {target.setting for each in settings.variables for target in each.targets}
    names = {each.name for each in settings.variables}
    for setting, line, value in (
        ("SECRET_KEY", 'SECRET_KEY = os.environ["SECRET_KEY"]', "${secret_key}"),
        ("DEBUG", 'DEBUG = os.environ.get("DEBUG", "") == "True"', "False"),
        ("ALLOWED_HOSTS", 'ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")', "${web.hosts}"),
    ):
        item = settings.assigned.get(setting)
        if setting in read or setting in names or (item is not None and item.computed):
            continue
        if setting == "DEBUG" and (item is None or item.literal is not True):
            continue  # Django's own default is False
        hosts = item.literal if setting == "ALLOWED_HOSTS" and item is not None else None
        if isinstance(hosts, list | tuple) and "*" in hosts:
            continue
        # Without the address of this machine among them, every page of a deploy here would be answered with 400.
        if isinstance(hosts, list | tuple) and "127.0.0.1" in hosts and item is not None:
            advice.warnings.append(
                f"ALLOWED_HOSTS is written out at {item.source}; the names under web.domains have to be among it."
            )
            continue
        advice.fills.append(Fill(setting, "value", value, _ASKED_FOR))
        what = f"{setting} is written out at {item.source}" if item is not None else f"{main} sets no {setting}"
        advice.missing.append(f"{what}, so a deployment can't set it. Write: {line}")
    redirect = settings.assigned.get("SECURE_SSL_REDIRECT")
    if redirect is not None and redirect.literal is True and "SECURE_SSL_REDIRECT" not in read:
        advice.fills.append(Fill("SECURE_SSL_REDIRECT", "value", "${web.tls}", _ASKED_FOR))
        advice.missing.append(
            f"SECURE_SSL_REDIRECT is written out at {redirect.source}, so without HTTPS, as here, no page can be "
            'reached. Write: SECURE_SSL_REDIRECT = os.environ.get("SECURE_SSL_REDIRECT", "") == "True"'
        )


def _database(settings: Settings, advice: Advice) -> None:
    item = settings.assigned.get("DATABASES")
    if item is None:
        return
    if is_sqlite_only(settings):
        advice.fills.append(Fill("PGPASSWORD", "value", "${database.password}", "libpq reads it, as PGHOST and PGUSER"))
        advice.missing.append(
            f"SQLite is written out at {item.source}, and its file ends with each deploy. Write: {_POSTGRESQL}"
        )
    elif any("mysql" in text or "oracle" in text for text in item.strings):
        advice.warnings.append(f"{item.source} names another database than PostgreSQL, the only one that opsctl makes.")
    elif not reads_database(settings) and not item.computed and item.literal:
        advice.fills.append(Fill("PGPASSWORD", "value", "${database.password}", "libpq reads it, as PGHOST and PGUSER"))
        advice.missing.append(f"The database is written out at {item.source}. Write: {_POSTGRESQL}")


def _static(findings: Findings, advice: Advice, dockerfile: str) -> None:
    settings = findings.settings
    if "STATIC_ROOT" in settings.assigned:
        return
    if "django.contrib.staticfiles" not in settings.strings("APPS"):
        advice.collects = False
        return
    if dockerfile:
        advice.missing.append(
            f"{settings.files[-1]} sets no STATIC_ROOT, into which {dockerfile} has to collect static files. "
            'Write: STATIC_ROOT = BASE_DIR / "staticfiles"'
        )
        return
    advice.assumed.append(f"opsctl collects and serves static files, as {settings.files[-1]} sets no STATIC_ROOT")


def _search(findings: Findings, advice: Advice) -> None:
    """Wagtail's own search is that of the database, and PostgreSQL's needs an application of Django's."""
    apps = findings.settings.strings("APPS")
    if any(name.startswith("wagtail") for name in apps) and "django.contrib.postgres" not in apps:
        advice.warnings.append(
            'Wagtail searches in PostgreSQL with "django.contrib.postgres" among INSTALLED_APPS only: add it.'
        )


def _geography(settings: Settings, advice: Advice, dockerfile: str) -> None:
    """GeoDjango: PostGIS in the database, GDAL in the image, and an engine that knows of both."""
    if GEOGRAPHY not in settings.strings("APPS"):
        return
    advice.extensions = ("postgis",)
    advice.assumed.append(f"PostGIS, as {GEOGRAPHY} is among INSTALLED_APPS")
    if not dockerfile:
        advice.missing.append(
            f"{GEOGRAPHY} needs GDAL, which no Python package brings. Move {_FILE} away; `opsctl init --dockerfile` "
            "writes a Dockerfile that installs it."
        )
    if not any("gis.db.backends.postgis" in text for item in settings.assigned.values() for text in item.strings):
        advice.missing.append(
            f"{settings.files[-1]} names no engine of PostGIS, and an address with postgres:// means another. "
            'Write: DATABASES["default"]["ENGINE"] = "django.contrib.gis.db.backends.postgis"'
        )
    advice.warnings.append("PostgreSQL as opsctl starts it on this machine has no PostGIS (docs/local.md).")


def _media(settings: Settings, advice: Advice) -> None:
    bucket = settings.assigned.get("AWS_STORAGE_BUCKET_NAME")
    if bucket is not None and not bucket.computed and isinstance(bucket.literal, str) and bucket.literal:
        advice.missing.append(
            f"A bucket's name is written out at {bucket.source}. "
            "Read it from a variable, and give that ${buckets.media} for a value."
        )
    media = settings.assigned.get("MEDIA_ROOT")
    storages = any("storages.backends" in text for item in settings.assigned.values() for text in item.strings)
    if media is not None and bucket is None and not storages:
        advice.warnings.append(
            f"Uploads go to MEDIA_ROOT ({media.source}), on the disk of one task, and end with it. "
            "Keep them in a bucket: django-storages, with ${buckets.media} for its name."
        )
