"""Reads the table of broken files, `broken_files.txt`.

A case begins with `== name` and, after ` | `, whether the JSON Schema refuses the file as well (`schema`), can't tell
(`rules`: what is wrong is between two values, or only AWS's), or is never asked (`syntax`: the file is no YAML).
Then the file: lines that start with `@` go below `dev` of the file that is right, `~ OLD => NEW` replaces in that file,
others are the whole file. What opsctl tells stands behind `> `, a line for each mistake; `# ` is for readers.
`<TAB>`, `<NBSP>` and the like are characters that nobody would see.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from opsctl.config.checked import Known
from opsctl.config.loader import load
from opsctl.errors import ConfigError

TABLE = Path(__file__).with_name("broken_files.txt")
RIGHT = """\
default_environment: dev
defaults:
  service: shop
  client: acme
  observability: {alert_email: oncall@example.com}
environments:
  dev:
    nat: {use_nat_instance: true}
    ecs: {manage_repository: true}
"""
KNOWN = Known(("us-east-1", "eu-west-1", "eu-central-1"), lambda: ("t3.micro", "t4g.micro", "c7gn.medium", "m5.large"))
UNSEEN = {
    "<TAB>": "\t", "<NBSP>": "\u00a0", "<ZWSP>": "\u200b", "<LS>": "\u2028", "<CR>": "\r", "<NUL>": "\0",
    "<BELL>": "\a", "<SHY>": "\u00ad", "<IDEO>": "\u3000",
}  # fmt: skip


class Case(NamedTuple):
    """One broken file and what is told of it."""

    name: str
    kind: str
    text: str
    told: tuple[str, ...]


def cases() -> Iterator[Case]:
    """Every case of the table."""
    for block in TABLE.read_text(encoding="utf-8").split("\n== ")[1:]:
        head, *lines = block.split("\n")
        name, _, kind = head.partition(" | ")
        told = tuple(line[2:] for line in lines if line.startswith("> "))
        yield Case(name, kind, _file([line for line in lines if line and line[:2] not in {"> ", "# "}]), told)


def _file(lines: list[str]) -> str:
    text = "\n".join(lines) + "\n"
    if lines and lines[0][:1] in {"@", "~"}:
        text = RIGHT
        for line in lines:
            if line.startswith("~ "):
                old, _, new = line[2:].partition(" =>")
                assert old in text, old
                text = text.replace(old, new.removeprefix(" ").replace("\\n", "\n"))
            else:
                text += f"    {line[1:]}\n"
    for name, char in UNSEEN.items():
        text = text.replace(name, char)
    return text


def told(path: Path) -> tuple[str, ...]:
    """What opsctl says of the file, a line for each mistake; nothing when it is right."""
    try:
        load(path, known=KNOWN)
    except ConfigError as error:
        lines = error.detail or (f"{error.message} {error.hint}",)
        return tuple(line.removeprefix(f"{path}:").removeprefix(f"{path}") for line in lines)
    return ()


def plain(text: str) -> object:
    """The file as an editor hands it to the schema: JSON's values, keys as they are spelled."""
    import yaml

    return json.loads(json.dumps(yaml.load(text, Loader=_Spelled), default=str))  # noqa: S506  a SafeLoader below


def _loader() -> type:
    import yaml

    class Spelled(yaml.SafeLoader):
        """Keys as text: `no:` is a name, not false."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
            return {str(key.value): self.construct_object(value, deep=True) for key, value in node.value}

    return Spelled


_Spelled = _loader()
