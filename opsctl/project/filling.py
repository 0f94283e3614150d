"""What each variable gets: a placeholder where its meaning is clear, else a secret, a value, a comment, or a question.

Meaning comes from the setting that the variable ends up in, and only then from its name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from opsctl.project.findings import Fact, Findings, Form, Settings, Source, Target, Variable

Way = Literal["value", "secret", "comment", "missing"]
ALWAYS_SET = frozenset({
    "DJANGO_SETTINGS_MODULE", "AWS_REGION", "AWS_DEFAULT_REGION", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE",
    "PGSSLMODE", "PGSSLROOTCERT", "PGAPPNAME", "PATH", "HOME", "USER", "HOSTNAME", "TMPDIR", "CI", "PYTHONPATH",
    "PORT", "VIRTUAL_ENV", "READ_DOT_ENV_FILE", "DJANGO_READ_DOT_ENV_FILE", "PYTEST_CURRENT_TEST",
})  # fmt: skip
_AWS_KEYS = re.compile(r"(?:DJANGO_)?AWS_(?:S3_)?(?:ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN|SESSION_PROFILE)")
_SECRET = re.compile(
    r"SECRET|TOKEN|PASSW|(^|_)PASS$|_KEY$|API_?KEY|DSN$|CREDENTIAL|PRIVATE|(^|_)SALT|WEBHOOK|LICEN[CS]E|"
    r"(REDIS|BROKER|CACHE|RABBIT\w*|AMQP|MONGO\w*|ELASTIC\w*|EMAIL|SMTP|CHANNELS|RESULT_BACKEND|MEMCACHED?|SEARCH)"
    r"(_\w+)?_UR[LI]$|CELERY_(BROKER|RESULT_BACKEND)$"
)
_NOT_SECRET = re.compile(
    r"PUBLIC|TOKEN_(LIFE|EXP|URL|AGE)|PASSWORD_(MIN|RESET|HASH|VALID)|_(TTL|EXPIRY|TIMEOUT|SECONDS)$"
)
_DATABASE = re.compile(
    r"(?!.*(?:REDIS|MONGO|MYSQL|MARIADB|CELERY|CLICKHOUSE|ELASTIC|LEGACY|TEST|MSSQL))"
    r"(?:[A-Z]+_)??(?:DB|DATABASE|POSTGRES|POSTGRESQL|PG|PSQL|SQL|RDS)_(HOSTNAME|HOST|SERVER|PORT|NAME|DBNAME|DB|DATABASE|"
    r"USERNAME|USER|PASSWORD|PASS|ENGINE|BACKEND|URL|URI|SSLMODE|SSL_MODE)"
)
_PARTS = {
    "HOSTNAME": "host", "HOST": "host", "SERVER": "host", "PORT": "port", "NAME": "name", "DBNAME": "name",
    "DB": "name", "DATABASE": "name", "USERNAME": "user", "USER": "user", "PASSWORD": "password", "PASS": "password",
    "URL": "url", "URI": "url", "SSLMODE": "sslmode", "SSL_MODE": "sslmode", "SSLROOTCERT": "ca",
}  # fmt: skip
_NAMES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(DJANGO_|APP_|WEB_)?SECRET_?KEY|DJANGO_SECRET|APP_SECRET"), "secret_key"),
    (re.compile(r"(\w+_)?ALLOWED_HOSTS?|DJANGO_HOSTS"), "web.hosts"),
    (re.compile(r"(\w+_)?CSRF_TRUSTED_ORIGINS?|TRUSTED_ORIGINS"), "web.origins"),
    (re.compile(r"PGPASSWORD"), "database.password"),
    (
        re.compile(r"((DJANGO|APP|WEB|PUBLIC)_)?(SITE|BASE|PUBLIC|APP|ROOT|WEBSITE|WAGTAILADMIN_BASE|EXTERNAL)_URL"),
        "web.url",
    ),
    (re.compile(r"((DJANGO|APP)_)?(SITE_|APP_|PUBLIC_)?(DOMAIN|DOMAIN_NAME|FQDN)"), "web.host"),
    (re.compile(r"([A-Z]+_)?SITE_(HOST|DOMAIN)"), "web.host"),
    (re.compile(r"(DJANGO_)?(SECURE_SSL_REDIRECT|SESSION_COOKIE_SECURE|CSRF_COOKIE_SECURE|SSL_REDIRECT)"), "web.tls"),
    (re.compile(r"(\w+_)?(AWS_STORAGE_BUCKET_NAME|AWS_MEDIA_BUCKET(_NAME)?|S3_BUCKET(_NAME)?|MEDIA_BUCKET(_NAME)?|"
                r"AWS_S3_BUCKET_NAME|AWS_BUCKET_NAME|S3_MEDIA_BUCKET(_NAME)?)"), "buckets.media"),
    (re.compile(r"(DJANGO_)?AWS_S3_REGION(_NAME)?|S3_REGION(_NAME)?"), "region"),
    (re.compile(r"SENTRY_ENVIRONMENT"), "environment"),
    (re.compile(r"(\w+_)??DEBUG"), "DEBUG"),
)  # fmt: skip
_SETTINGS = {
    "SECRET_KEY": "secret_key", "ALLOWED_HOSTS": "web.hosts", "CSRF_TRUSTED_ORIGINS": "web.origins", "DEBUG": "DEBUG",
    "SECURE_SSL_REDIRECT": "web.tls", "SESSION_COOKIE_SECURE": "web.tls", "CSRF_COOKIE_SECURE": "web.tls",
    "AWS_STORAGE_BUCKET_NAME": "buckets.media", "AWS_S3_REGION_NAME": "region", "WAGTAILADMIN_BASE_URL": "web.url",
}  # fmt: skip
_ZEROS = {"integer": "0", "number": "0", "truth": "False", "json": "null"}


@dataclass(frozen=True, slots=True)
class Fill:
    """One variable as it will be written. `note` says where it came from, or what is wanted."""

    name: str
    way: Way
    value: str = ""
    note: str = ""


def fills(findings: Findings) -> tuple[Fill, ...]:
    """Every variable that is read, told or exampled, each once, in that order."""
    found: dict[str, Fill] = {}
    database = reads_database(findings.settings)
    sqlite = is_sqlite_only(findings.settings)
    for variable in findings.settings.variables:
        fill = _of(variable, findings, without_database=sqlite)
        if fill is not None:
            found[variable.name] = fill
    for name, fact in findings.told.variables.items():
        if name not in found and name not in ALWAYS_SET and not _AWS_KEYS.fullmatch(name):
            found[name] = _told(name, fact)
    for fact in findings.told.secrets:
        if found.get(fact.value, _NONE).way in {"comment", "missing"} and not _AWS_KEYS.fullmatch(fact.value):
            value = _meant(fact.value, ())
            found[fact.value] = _placed(fact.value, value, fact.source) or Fill(
                fact.value, "secret", "", str(fact.source)
            )
    for name, fact in findings.told.examples.items():
        if name not in found and name not in ALWAYS_SET and not _AWS_KEYS.fullmatch(name):
            meant = _meant(name, ())
            if meant is None or not (database and meant.startswith("database")):
                found[name] = _placed(name, meant, fact.source) or Fill(
                    name, "comment", _shown(name, fact), str(fact.source)
                )
    return tuple(found.values())


_NONE = Fill("", "comment")


def reads_database(settings: Settings) -> bool:
    """Whether a variable says where the database is."""
    meanings = (_meant(each.name, each.targets) for each in settings.variables)
    return any(each is not None and each.startswith("database") for each in meanings)


def is_sqlite_only(settings: Settings) -> bool:
    """Whether SQLite is written into the settings, with no variable that could make it another database."""
    item = settings.assigned.get("DATABASES")
    if item is None or not any("sqlite3" in text for text in item.strings):
        return False
    others = any(re.search(r"postg|psycopg|mysql|DATABASE_URL", text) for text in item.strings)
    told = any(
        _meant(each.name, each.targets) in {"database.url", "ENGINE"} or each.kind == "url"
        for each in settings.variables
        if any(target.setting == "DATABASES" for target in each.targets) or _meant(each.name, ()) == "database.url"
    )
    return not others and not told


def _of(variable: Variable, findings: Findings, *, without_database: bool) -> Fill | None:
    name = variable.name
    if name in ALWAYS_SET:
        return None
    if _AWS_KEYS.fullmatch(name):
        note = f"the task's own role signs; read without a default at {variable.source}"
        return Fill(name, "value", "", note) if variable.required else None
    meant = _meant(name, variable.targets)
    if without_database and meant is not None and (meant == "ENGINE" or meant.startswith("database")):
        meant = None
    if meant == "buckets.media" and not _is_for_media(variable, findings):
        meant = None
    fill = _meaningful(variable, meant)
    if fill is not None:
        return fill
    told = findings.told.variables.get(name)
    if told is not None and told.value and not is_secret(name):
        return Fill(name, "value", escaped(told.value), f"from {told.source}")
    if not variable.required:
        return Fill(name, "comment", "" if is_secret(name) else escaped(variable.default or ""), str(variable.source))
    if is_secret(name):
        return Fill(name, "secret", "", str(variable.source))
    example = findings.told.examples.get(name)
    if example is not None and example.value:
        return Fill(name, "value", escaped(example.value), f"from {example.source}: is it right for a deployment?")
    zero = _ZEROS.get(variable.kind, "")
    return Fill(name, "missing", zero, f"write it: read without a default at {variable.source}")


def _is_for_media(variable: Variable, findings: Findings) -> bool:
    """Whether naming a bucket is right: not where it switches on what is not installed, nor for static files."""
    if not variable.required and not findings.dependencies.has("django-storages"):
        return False
    others = {each.name for each in findings.settings.variables if each.name != variable.name}
    return "MEDIA" in variable.name or not any("MEDIA" in name and "BUCKET" in name for name in others)


def _meaningful(variable: Variable, meant: str | None) -> Fill | None:
    if meant == "DEBUG":
        value = {"integer": "0", "flag": "", "json": "false"}.get(variable.kind, "False")
        return Fill(variable.name, "value", value, "" if value else "Python's bool() takes any text for true")
    if meant == "ENGINE":
        postgis = "postgis" in (variable.default or "")
        return Fill(
            variable.name,
            "value",
            f"django.{'contrib.gis.db' if postgis else 'db'}.backends.{'postgis' if postgis else 'postgresql'}",
        )
    if meant == "web.tls" and variable.kind not in {"text", "truth"}:
        return None
    if meant in {"web.hosts", "web.origins"}:
        form = _form(variable)
        if form == "one":
            meant, form = {"web.hosts": "web.host", "web.origins": "web.url"}[meant], "comma"
        return Fill(variable.name, "value", f"${{{meant}}}" if form == "comma" else f"${{{meant}/{form}}}")
    return Fill(variable.name, "value", f"${{{meant}}}") if meant else None


def _form(variable: Variable) -> Form:
    if variable.kind == "json":
        return "json"
    return next((each.form for each in variable.targets if each.setting in _SETTINGS), "comma")


def _meant(name: str, targets: tuple[Target, ...]) -> str | None:
    for target in targets:
        meant = _setting_meant(name, target)
        if meant is not None:
            return meant
    others = {each.setting for each in targets if each.setting.isupper()}
    if "CACHES" in others or "CHANNEL_LAYERS" in others:
        return None
    found = _DATABASE.fullmatch(name)
    if found:
        return f"database.{_PARTS[found[1]]}" if found[1] in _PARTS else "ENGINE"
    return next((meant for pattern, meant in _NAMES if pattern.fullmatch(name)), None)


def _setting_meant(name: str, target: Target) -> str | None:
    if target.setting == "DATABASES":
        alias = (target.keys or ("default",))[0]
        group = "database" if alias == "default" else "replica" if re.search("replica|read|follower", alias) else ""
        key = target.keys[-1].upper() if len(target.keys) > 1 else ""
        if not group:
            return None
        if key in {"ENGINE", "BACKEND"}:
            return "ENGINE"
        if not key:
            return f"{group}.url" if re.search(r"UR[LI]|DSN|DATABASE$|(^|_)DB$", name) else None
        return f"{group}.{_PARTS[key]}" if key in _PARTS else None
    if target.setting in {"STORAGES", "AWS_STORAGE_BUCKET_NAME"} and "STATIC" not in name:
        if target.setting != "STORAGES" or target.keys[-1:] == ("bucket_name",):
            return "buckets.media"
        return "region" if target.keys[-1:] == ("region_name",) else None
    return _SETTINGS.get(target.setting) if not target.keys else None


def _told(name: str, fact: Fact) -> Fill:
    placed = _placed(name, _meant(name, ()), fact.source)
    if placed is not None:
        return placed
    if is_secret(name):
        return Fill(name, "secret", "", str(fact.source))
    if not fact.value:
        return Fill(name, "comment", "", str(fact.source))
    return Fill(name, "value", escaped(fact.value), f"from {fact.source}")


def _placed(name: str, meant: str | None, source: Source) -> Fill | None:
    """A variable that no settings were seen to read, by its name alone."""
    return _meaningful(Variable(name, source, required=False), meant)


def _shown(name: str, fact: Fact) -> str:
    return "" if is_secret(name) else escaped(fact.value)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds what not everyone may see."""
    return bool(_SECRET.search(name.upper())) and not _NOT_SECRET.search(name.upper())


def escaped(value: str) -> str:
    """A value of somebody else's file: its dollars are dollars."""
    return value.replace("$", "$$")
