"""The JSON Schema of `environments.yaml`, for editors."""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path
from typing import Any

from opsctl.config.models import SET_BY_LOADER, Environment

SCHEMA_FILE = "environments.schema.json"
"""What `opsctl init` calls it, beside environments.yaml and committed with it, so that editors of a clone find it."""
_NAMED = re.compile(r"# yaml-language-server: \$schema=([\w.-][^:\s]*)$", re.MULTILINE)


def schema_path(config: Path) -> Path:
    """The file that environments.yaml names as its schema, else the one beside it."""
    found = _NAMED.search(config.read_text(encoding="utf-8", errors="replace")) if config.is_file() else None
    return config.parent / (found[1] if found else SCHEMA_FILE)


@functools.cache
def schema_text() -> str:
    """The schema as committed: draft 2020-12, two blanks of indentation."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


_WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
# Keys that may be written shorter than what they become, by block.
_SHORT: dict[str, dict[str, dict[str, Any]]] = {
    "Application": {
        "requirements": {"type": "string"},
        "release": {"type": "array", "items": {"anyOf": [_WORDS, {"type": "string"}]}},
        "secrets": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
    "Web": {"health": {"type": "string", "pattern": "^/"}},
}


def _short_forms(definitions: dict[str, Any]) -> None:
    for block, keys in _SHORT.items():
        properties = definitions[block]["properties"]
        for key, short in keys.items():
            full = properties[key]
            described = {name: full.pop(name) for name in ("default", "description", "title") if name in full}
            properties[key] = {**described, "anyOf": [short, full]}
    named = definitions["Application"]["properties"]["buckets"]["patternProperties"]
    for pattern, block in named.items():
        named[pattern] = {"anyOf": [block, {"type": "null"}]}


def schema() -> dict[str, Any]:
    """Defaults and environments take the same keys; none is required in one place, as the other may hold it."""
    model = Environment.model_json_schema(mode="validation")
    definitions = model.pop("$defs")
    named = model["properties"].pop("name")
    for name in SET_BY_LOADER:
        model["properties"].pop(name, None)
    model.pop("required", None)
    model["title"] = "Environment"
    model["description"] = "Settings of one environment; what is left out comes from `defaults`, then from opsctl."
    definitions["Environment"] = model
    _short_forms(definitions)
    for definition in definitions.values():
        definition.pop("required", None)
        for item in definition["properties"].values() if "properties" in definition else ():
            if "patternProperties" in item:
                item["additionalProperties"] = False  # a name of another form is none
    reference = {"$ref": "#/$defs/Environment"}
    # `dev:` with nothing below it means the defaults as they are.
    block = {"anyOf": [reference, {"type": "null"}]}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "environments.yaml of opsctl",
        "type": "object",
        "additionalProperties": False,
        "required": ["environments"],
        "properties": {
            "default_environment": {"type": "string", "description": "The environment meant when none is named."},
            "defaults": {**block, "description": "Merged under every environment."},
            "environments": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {key: named[key] for key in ("pattern", "maxLength")},
                "additionalProperties": block,
            },
        },
        "$defs": definitions,
    }
