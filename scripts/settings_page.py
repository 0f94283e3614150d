"""Write docs/environments.md, every setting of environments.yaml, from the JSON Schema of the models.

`python -m scripts.settings_page`; with `--check` it says whether the file is up to date (exit 1 when not).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from opsctl.config.application import Process
from opsctl.config.schema import schema
from scripts.rendered import settle

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "environments.md"
Schema = dict[str, Any]
_HEAD = """# environments.yaml

Every setting, from the models that read the file (`python -m scripts.settings_page` writes this page). The blocks below
`environments` and the block `defaults` take the same keys; what neither says has the default of this page.
`opsctl env show --env E` prints one environment with all of them filled in, `opsctl env validate` every mistake at
once, with its line. What two settings say together is checked as well, and told there. Editors complete the file by
[its JSON Schema](environments.schema.json).

At the top of the file:

| key | what |
|---|---|
"""
# Blocks whose keys are those of a process, and more.
_PROCESSES = ("Web", "Release", "Worker", "Job")


def page() -> str:
    """The page as Markdown."""
    whole = schema()
    definitions: dict[str, Schema] = whole["$defs"]
    top = [f"| `{key}` | {item.get('description', 'One block an environment, by its name.')} |"
           for key, item in whole["properties"].items()]  # fmt: skip
    lines = [_HEAD + "\n".join(top), ""]
    for path, name in blocks(definitions):
        lines += [f"## {path}" if path else "## An environment", ""]
        if text := definitions[name].get("description"):
            lines += [text, ""]
        keys = _own(definitions, name)
        if name in _PROCESSES:
            lines += ["It takes what [every process](#every-process) takes; other defaults are told here.", ""]
        lines += [*_table(keys, path), ""]
        if not path:
            lines += [*_shared(definitions), ""]
    return "\n".join(lines).rstrip() + "\n"


def blocks(definitions: dict[str, Schema]) -> Iterator[tuple[str, str]]:
    """Dotted path and definition of each block, a block before those in it."""

    def below(path: str, name: str) -> Iterator[tuple[str, str]]:
        yield path, name
        for key, item in definitions[name]["properties"].items():
            for inner, wild in references(item):
                yield from below(".".join(part for part in (path, key, "NAME" if wild else "") if part), inner)

    yield from below("", "Environment")


def references(item: Schema) -> Iterator[tuple[str, bool]]:
    """Blocks that a key holds: its own, or (True) one for each name."""
    for each in (item, *item.get("anyOf", ())):
        if "$ref" in each:
            yield each["$ref"].rpartition("/")[2], False
        for named in each.get("patternProperties", {}).values():
            yield from ((name, True) for name, _ in references(named))


def _common(definitions: dict[str, Schema]) -> Schema:
    """Keys of all processes, as a job has them."""
    keys = Process.model_fields
    return {key: item for key, item in definitions["Job"]["properties"].items() if key in keys}


def _own(definitions: dict[str, Schema], name: str) -> Schema:
    """Keys of a block, of a process those that no other has and those with another default."""
    keys: Schema = definitions[name]["properties"]
    if name not in _PROCESSES:
        return keys
    common = _common(definitions)
    return {key: item for key, item in keys.items()
            if key not in common or item.get("default") != common[key].get("default")}  # fmt: skip


def _shared(definitions: dict[str, Schema]) -> list[str]:
    return [
        "## every process",
        "",
        "What web, release, a worker and a job take.",
        "",
        *_table(_common(definitions), ""),
    ]


def _table(keys: Schema, path: str) -> list[str]:
    rows = ["| key | value | default | what |", "|---|---|---|---|"]
    for key, item in keys.items():
        cells = (f"`{key}`", _kind(item), _default(item), item.get("description") or _pointer(item, path, key))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return rows


def _pointer(item: Schema, path: str, key: str) -> str:
    """Where the block stands that a key holds, by its heading."""
    heading = ".".join(part for part in (path, key, *("NAME" for _, wild in references(item) if wild)) if part)
    return f"[{heading}](#{heading.lower().replace('.', '')})"


def _kind(item: Schema) -> str:
    """What may be written, in words."""
    if "anyOf" in item:
        kinds = [_kind(each) for each in item["anyOf"] if each.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in item:
        return "block"
    if "const" in item:
        return f"`{item['const']}`"
    if "enum" in item:
        return ", ".join(f"`{each}`" for each in item["enum"])
    match item.get("type"):
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number":
            return _range(item)
        case "array":
            return f"list of {_kind(item.get('items', {}))}".replace("list of text", "list")
        case "object":
            named = next(iter(item.get("patternProperties", {}).values()), item.get("additionalProperties"))
            return "blocks by name" if isinstance(named, dict) and any(references(named)) else "map"
    return "text"


def _range(item: Schema) -> str:
    low, high = item.get("minimum", item.get("exclusiveMinimum")), item.get("maximum")
    if "exclusiveMinimum" in item:
        return f"number above {low:g}"
    if low is not None and high is not None and high < 1_000_000_000:
        return f"{low:,g} to {high:,}"
    return f"number from {low:g}" if low is not None else "number"


def _default(item: Schema) -> str:
    if any(references(item)) or item.get("type") == "object":
        return ""
    if "default" not in item:
        return "" if "anyOf" in item else "needed"
    value = item["default"]
    if value is None or value in ("", [], {}):
        return "–"
    return f"`{json.dumps(value, ensure_ascii=False)}`" if not isinstance(value, str) else f"`{value}`"


def main() -> int:
    """Write or check the page; returns the exit code."""
    text = page()
    return settle(PAGE, "docs/environments.md", text)


if __name__ == "__main__":
    sys.exit(main())
