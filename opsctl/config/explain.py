"""Words for pydantic's findings: what is wrong, what to write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_args, get_origin

from opsctl.config.application import NEWEST_PYTHON, OLDEST_PYTHON
from opsctl.config.located import KeyPath
from opsctl.config.models import SET_BY_LOADER, Environment
from opsctl.config.nearest import closest, near, nearest
from opsctl.config.section import Section
from opsctl.config.suggest import suggestion

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_HOMES = 3
# By field name: what a value that does not match its pattern should look like.
SHAPES = {
    "add": "Write a list such as [gunicorn].",
    "account_id": "Write the 12 digits in quotes.",
    "alert_email": "Write one address such as oncall@example.com.",
    "availability_zones": "Write letters from a to f, such as [a, b].",
    "allow": "Write ranges such as 203.0.113.0/24.",
    "archive": "Write BUCKET/KEY, such as dataset/site/pages.zip.",
    "bucket_name": "Write 3 to 63 lower-case letters, digits, hyphens and dots.",
    "certificate_arn": "Write arn:aws:acm:REGION:ACCOUNT:certificate/ID.",
    "client": "Write lower-case letters, digits and single hyphens, from 2 characters on, a letter first.",
    "codes": "Write codes such as 200 or 200-399,401.",
    "command": "Write a list of words, such as [python, manage.py, refresh].",
    "commands": "Write commands as lists of words, such as [[python, manage.py, migrate]].",
    "count": "Write a number, or [lowest, highest].",
    "disk": "Write GiB from 21 to 200; 20 are there without.",
    "domains": "Write names such as [shop.example.org], in lower case.",
    "domain_name": "Write a name such as app.example.com, in lower case.",
    "engine_version": 'Write the major version in quotes, such as "18".',
    "hosted_zone_id": "Write the id that starts with Z, without /hostedzone/.",
    "hosted_zone_name": "Write the zone such as example.com, without a final dot.",
    "import_instance": "Write the identifier of an RDS instance, in lower case.",
    "snapshot_identifier": "Write a snapshot's name or ARN, as `aws rds describe-db-snapshots` lists them.",
    "instance_class": "Write a class such as db.t4g.micro.",
    "instance_type": "Write a type such as t3.micro.",
    "log_group_prefix": "Write a path such as /opsctl, not /aws/….",
    "name": "Call the environment in lower-case letters, digits and single hyphens, a letter first.",
    "extensions": "Write names such as [pg_trgm].",
    "files": "Write an absolute path as key, and the text as value.",
    "path": "Write a path such as /up for a health check, a folder below this file for the application.",
    "python": f'Write a version from "3.{OLDEST_PYTHON}" to "3.{NEWEST_PYTHON}", in quotes.',
    "reads": "Write bucket or bucket/prefix, without wildcards.",
    "requirements": "Write a file, a list of files, or uv.lock.",
    "scratch": "Write an absolute path such as /data.",
    "secrets": "Write names such as [SENTRY_DSN], or a map of names to generate or an ARN.",
    "settings": "Write a module such as config.settings.production.",
    "timeout": "Write seconds, or a time such as 90s, 30m or 2h.",
    "region": "Write a region such as us-east-1.",
    "release": "Write a command as a list of words, such as [python, manage.py, migrate], or several.",
    "repository_name": "Write lower-case letters and digits, with / . _ - between them.",
    "service": "Write lower-case letters, digits and single hyphens, from 2 characters on, a letter first.",
}
# By field name: what a block with names that people choose looks like.
BLOCKS = {
    "args": "NAME: value",
    "buckets": "media: {}",
    "environment": "NAME: value",
    "files": "/etc/shop.cfg: text",
    "jobs": "refresh: {command: [python, manage.py, refresh]}",
    "tags": "team: shop",
    "workers": "queue: {command: [celery, -A, shop, worker]}",
}
ROLE_SHAPE = (
    "Write lower-case letters, digits and _, at most 63, not starting with pg_ or rds, and not a reserved name."
)


def explain(detail: ErrorDetails, path: KeyPath, text: str | None = None) -> tuple[str, str]:
    """`(what, fix)` for one error; both are sentences without the key path. `text`: how the file spells the value."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        return "this key is not known", _known(path)
    if kind == "listed_twice":
        return detail["msg"], "Remove one."
    if kind == "missing":
        return "this is required", _shape(path) or "Add it."
    shown = _show(given) if text is None else text
    return _type(kind, given, shown, path) or _bounds(kind, shown, context) or _form(given, shown, context, path)


def _known(path: KeyPath) -> str:
    """The key that was meant, here or in another block; else all that are valid here."""
    key, here = str(path[-1]), _fields(path[:-1])
    if len(path) > 1 and key in _fields(()):
        return f"It belongs beside `{path[0]}`, not below it."
    if found := near(key, here):
        return found
    homes = [home for home, name in _everywhere(Environment, ()) if name == closest(key, [name], 0.9)]
    if homes and len(homes) <= _HOMES:
        return f"It belongs below `{'` or `'.join(homes)}`."
    return nearest(key, here)


def _everywhere(section: type[Section], path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """`("rds", "port")` of every setting that has one place: not those of jobs and workers, which have names."""
    for field, info in section.model_fields.items():
        name = info.alias or field
        if path and field not in SET_BY_LOADER:
            yield ".".join(path), name
        inner = None if get_origin(info.annotation) is dict else _section_of(info.annotation)
        if inner is not None:
            yield from _everywhere(inner, (*path, name))


def _type(kind: str, given: object, shown: str, path: KeyPath) -> tuple[str, str] | None:
    name = str(path[-1])
    if given is None and kind.endswith("_type") and kind != "string_type":
        return "nothing stands below this key", SHAPES.get(name) or "Write its value, or remove the key."
    if kind in {"int_type", "int_from_float", "int_parsing"}:
        digits = (
            re.fullmatch(r"['\s]*(\d+)(\.\d+|\s*[A-Za-z]*)['\s]*", shown) if isinstance(given, str | float) else None
        )
        fix = f"Write {digits[1]}, without quotes and unit." if digits else "Write a number without quotes and unit."
        return f"{shown} is not a whole number", SHAPES.get(name) or fix
    if kind == "bool_type":
        return f"{shown} is neither true nor false", "Write true or false."
    if kind == "string_type":
        return f"{shown} is not text", _text(given, shown, path)
    if kind == "tuple_type":
        return f"{shown} is not a list", SHAPES.get(name) or "Write a list."
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        block = f"such as `{BLOCKS[name]}`" if name in BLOCKS else "of `key: value` lines"
        return f"{shown} is not a block", SHAPES.get(name) or f"Write a block below it, {block}."
    return None


def _text(given: object, shown: str, path: KeyPath) -> str:
    """How to write a text that YAML took for another kind."""
    named = len(path) > 1 and str(path[-2]) in BLOCKS
    if shape := "" if named else _shape(path):
        return shape
    if given is None:
        return 'Write "" for an empty text.'
    return "Write one text." if isinstance(given, tuple | dict) else f'Put it in quotes: "{shown}".'


def _bounds(kind: str, shown: str, context: dict[str, Any]) -> tuple[str, str] | None:
    if kind == "literal_error":
        return f"{shown} is not a choice here", f"Write {context.get('expected', '')}."
    if kind == "greater_than_equal":
        return f"{shown} is too small", f"Write {context['ge']} or more."
    if kind == "less_than_equal":
        return f"{shown} is too large", f"Write {context['le']} or less."
    if kind == "string_too_long":
        return f"{shown} is too long", f"Write at most {context['max_length']} characters."
    if kind == "too_short":
        return "the list is too short", f"Write at least {context['min_length']} items."
    if kind == "too_long":
        return "the list is too long", f"Write at most {context['max_length']} items."
    return None


def _form(given: object, shown: str, context: dict[str, Any], path: KeyPath) -> tuple[str, str]:
    """Of a text that does not match its pattern."""
    shape = _shape(path) or "See `opsctl env schema`."
    field = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
    if len(path) > 1 and path[-2] in {"jobs", "workers", "buckets", "roles"}:
        field = str(path[-2])
    meant = suggestion(field, given, str(context.get("pattern", r"(?!)")))
    what = f"{shown} has not the right form"
    if path == ("name",):
        what = f"an environment can't be called {shown}"
    if not meant:
        return what, shape
    return what, f"Write {_quoted(meant)}{f': {shape[6:]}' if shape.startswith('Write ') else f'. {shape}'}"


def _quoted(text: str) -> str:
    """As YAML takes it for text."""
    return f'"{text}"' if re.fullmatch(r"[\d.]+", text) else f"`{text}`"


def _shape(path: KeyPath) -> str:
    names = [str(part) for part in path if isinstance(part, str)]
    if "roles" in names or (names and names[-1] == "app_user"):
        return ROLE_SHAPE
    if names[-2:-1] == ["rds"] and names[-1] in {"database", "admin_user"}:
        return (
            f"Write lower-case letters, digits and _, a letter first, at most {63 if names[-1] == 'database' else 16}."
        )
    if names[-2:-1] in (["jobs"], ["workers"], ["buckets"]):
        return "Name it in lower-case letters, digits and single hyphens, a letter first."
    if names[-2:-1] == ["environment"]:
        return "Name it in letters, digits and _, no digit first."
    return next((SHAPES[name] for name in reversed(names[-2:]) if name in SHAPES), "") if names else ""


def _show(given: object) -> str:
    words = {True: "true", False: "false"}
    written = list(given) if isinstance(given, tuple) else given
    text = words[given] if isinstance(given, bool) else "null" if given is None else repr(written)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _fields(path: KeyPath) -> list[str]:
    """Field names of the section at `path`."""
    section: type[Section] = Environment
    keys = iter(path)
    for key in keys:
        field = next((each for name, each in section.model_fields.items() if (each.alias or name) == key), None)
        found = _section_of(field.annotation) if field else None
        if field is None or found is None:
            return []
        if get_origin(field.annotation) is dict:
            next(keys, None)  # a name that somebody chose stands between
        section = found
    hidden = {"name", *SET_BY_LOADER} if section is Environment else set()
    return [field.alias or name for name, field in section.model_fields.items() if name not in hidden]


def _section_of(annotation: Any) -> type[Section] | None:
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation if issubclass(annotation, Section) else None
    return next((found for option in get_args(annotation) if (found := _section_of(option)) is not None), None)
