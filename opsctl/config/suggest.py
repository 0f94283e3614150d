"""The valid value that somebody meant who wrote another: `dev` for `Dev`, `a` for `us-east-1a`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from opsctl.config.resource_names import allowed_bucket

_NAME_LENGTH = 40


def slug(given: str) -> str:
    """Lower-case words between single hyphens, a letter first."""
    bare = unicodedata.normalize("NFKD", given)
    plain = "".join(sign for sign in bare if not unicodedata.combining(sign))  # `dev` for `dév`
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", "-", plain)
    name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    return name[:_NAME_LENGTH].rstrip("-")


def _environment(given: str) -> str:
    name = slug(given)
    return name if name[:1].isalpha() else f"env-{name}"


def _domain(given: str) -> str:
    name = re.sub(r"^[a-z]+://|[/:].*$", "", given.strip().lower()).rstrip(".")
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _digits(given: str) -> str:
    return re.sub(r"[\s_-]", "", given)


def _version(given: str) -> str:
    found = re.fullmatch(r"\D{0,12}(\d+(\.\d+)?)(\.\d+)*", given)
    return found[1] if found else ""


def _database_class(given: str) -> str:
    name = given.strip().lower().replace("_", ".")
    return name if name.startswith("db.") else f"db.{name}"


def _instance_type(given: str) -> str:
    return given.strip().lower().removeprefix("db.").replace("_", ".")


def _letter(given: str) -> str:
    return given.strip().lower()[-1:]


def _zone_id(given: str) -> str:
    return given.strip().rpartition("/")[2].upper()


def _repository(given: str) -> str:
    name = given.strip().lower().rpartition("amazonaws.com/")[2].partition(":")[0]
    return re.sub(r"[^a-z0-9._/-]+", "-", name).strip("-._/")


def _role(given: str) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", given.lower())
    return name if re.match(r"[a-z_]", name) else f"app_{name}"


def _email(given: str) -> str:
    found = re.search(r"<([^<>]+)>$", given.strip())
    return (found[1] if found else given).strip().removeprefix("mailto:")


_WAYS: dict[str, Callable[[str], str]] = {
    "account_id": _digits,
    "admin_user": _role,
    "alert_email": _email,
    "app_user": _role,
    "availability_zones": _letter,
    "bucket_name": allowed_bucket,
    "buckets": slug,
    "client": slug,
    "database": _role,
    "domain_name": _domain,
    "domains": _domain,
    "engine_version": _version,
    "hosted_zone_id": _zone_id,
    "hosted_zone_name": _domain,
    "instance_class": _database_class,
    "instance_type": _instance_type,
    "jobs": slug,
    "name": _environment,
    "promoted_from": slug,
    "python": _version,
    "region": lambda given: given.strip().lower().replace("_", "-"),
    "repository_name": _repository,
    "roles": _role,
    "service": slug,
    "workers": slug,
}


def suggestion(field: str, given: object, pattern: str, longest: int = 4000) -> str | None:
    """A value near `given` that `pattern` takes, for the setting called `field`; None when none is found."""
    if not isinstance(given, str) or field not in _WAYS:
        return None
    found = _WAYS[field](given)[:longest]
    return found if found != given and re.search(pattern, found) else None
