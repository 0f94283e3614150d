"""Templates as files: rendered, compared with a directory, written to it.

`render` and `compare` change nothing; `write` only writes. What to tell a person is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from opsctl.config.models import Environment
from opsctl.stacks import catalog

SUFFIX = ".yaml"


@dataclass(frozen=True, slots=True)
class SynthResult:
    """How a directory differs from what the configuration renders, by path relative to it: `dev/network.yaml`."""

    unchanged: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    stray: tuple[str, ...]

    @property
    def in_sync(self) -> bool:
        """Whether there is nothing to write and nothing to remove."""
        return not (self.changed or self.missing or self.stray)


def render(environments: Iterable[Environment]) -> dict[str, str]:
    """Relative path -> text of every template of these environments, in deploy order."""
    return {
        f"{env.name}/{template.stack}{SUFFIX}": template.body
        for env in environments
        for template in catalog.templates(env)
    }


def compare(rendered: Mapping[str, str], directory: Path, *, everything: bool) -> SynthResult:
    """What `write` would do. With `everything` files of environments that were not rendered are stray as well; without
    it only those in the rendered environments' own folders.
    """
    missing = tuple(name for name in rendered if not (directory / name).is_file())
    changed = tuple(
        name
        for name, text in rendered.items()
        if name not in missing and (directory / name).read_bytes() != text.encode()
    )
    stray = _existing(directory, None if everything else {name.split("/")[0] for name in rendered}) - set(rendered)
    unchanged = tuple(name for name in rendered if name not in missing and name not in changed)
    return SynthResult(unchanged, changed, missing, tuple(sorted(stray)))


def write(rendered: Mapping[str, str], directory: Path, *, everything: bool) -> SynthResult:
    """Make `directory` hold exactly what is rendered. Returns how it differed before; equal files stay untouched."""
    result = compare(rendered, directory, everything=everything)
    for name in (*result.changed, *result.missing):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rendered[name].encode())
    for name in result.stray:
        path = directory / name
        path.unlink()
        if path.parent != directory and not any(path.parent.iterdir()):
            path.parent.rmdir()
    return result


def _existing(directory: Path, folders: set[str] | None) -> set[str]:
    """Templates in `directory`, one level deep; other files are none of our business."""
    if not directory.is_dir():
        return set()
    found = (path.relative_to(directory).as_posix() for path in directory.glob(f"*/*{SUFFIX}"))
    return {name for name in found if folders is None or name.split("/")[0] in folders}
