"""The content key covers the files and the builder itself."""

from __future__ import annotations

import re
from pathlib import Path

import opsctl.images
from opsctl.images.build import content

PACKAGE = Path(opsctl.images.__file__).parent


def sources() -> set[str]:
    """`build/native` for each module of the package."""
    return {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py")}


def imported_by(name: str) -> set[str]:
    """Modules of the package that a module imports."""
    text = (PACKAGE / f"{name}.py").read_text(encoding="utf-8")
    found = set[str]()
    for module, names in re.findall(r"^ *from opsctl\.images\.?([\w.]*) import (.+)$", text, re.M):
        place = module.replace(".", "/")
        found |= {place, *(f"{place}/{each.strip()}".lstrip("/") for each in names.split(","))}
    return found & sources()


# What the builder uses and what can't change the bytes: names, ways to the registry, words for people, and what finds
# files and requirements, which are hashed themselves. A limit ends a build or changes nothing.
NEUTRAL = {
    "build/content",
    "caching",
    "checkout/git",
    "checkout/project",
    "checkout/source",
    "errors",
    "limits",
    "listener",
    "names",
    "python/lock",
    "registry/auth",
    "registry/refusals",
    "registry/repository",
    "registry/transport",
}


def test_every_module_that_the_builder_uses_is_hashed_or_can_not_change_an_image() -> None:
    reached, waiting = set[str](), ["build/native"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imported_by(name) - NEUTRAL
    assert reached - set(content.BUILDER) == set()
    assert set(content.BUILDER) <= sources()


def test_another_line_of_the_builder_makes_another_key(tmp_path: Path) -> None:
    for name in content.BUILDER:
        (tmp_path / f"{name}.py").parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.py").write_bytes((PACKAGE / f"{name}.py").read_bytes())
    before = content.builder_digest(tmp_path)
    assert before == content.builder_digest()
    for name in content.BUILDER:
        path = tmp_path / f"{name}.py"
        kept = path.read_bytes()
        path.write_bytes(kept + b"\n# another line\n")
        assert content.builder_digest(tmp_path) != before, name
        path.write_bytes(kept)
