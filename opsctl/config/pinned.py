"""Requirements at a commit of a Git repository: what they say, and why others from Git are refused.

Only a whole commit id names the same content for ever, and what an address holds is committed with the lock.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from opsctl.errors import OpsctlError

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_WRITTEN = re.compile(
    rf"(?:(?P<name>{_NAME})\s*(?:\[(?P<extras>[^]]*)\])?\s*@\s*)?git\+(?P<url>\S+?)(?:\s+;\s*(?P<marker>.+)|;?)"
)
_EGG = re.compile(rf"(?P<name>{_NAME})(?:\[(?P<extras>[^]]*)\])?")
_DECLARED = re.compile(rf"(?P<head>(?P<name>{_NAME})\s*(?:\[[^]]*\])?)[^;]*(?:;\s*(?P<marker>.+))?")
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_NAMELESS = re.compile(rf"^(\s*)(git\+\S+?[#&]egg=({_NAME}(?:\[[^]\s]*\])?))", re.MULTILINE)
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]\s*")
_COMMIT = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_SCHEMES = ("https", "ssh", "file")


class UnpinnedError(OpsctlError):
    """A requirement from Git that may name other code tomorrow, or can't be written down."""

    code = "requirement-git"


@dataclass(frozen=True, slots=True)
class PinnedRequirement:
    """A package at a commit. `name` is normalised, `address` is git's own, without the `git+`."""

    name: str
    address: str
    commit: str
    subdirectory: str = ""
    extras: tuple[str, ...] = ()
    marker: str = ""

    @property
    def place(self) -> str:
        """Where the code stands, as requirements write it."""
        below = f"#subdirectory={self.subdirectory}" if self.subdirectory else ""
        return f"git+{self.address}@{self.commit}{below}"


def pinned_in(text: str) -> list[PinnedRequirement]:
    """Every requirement from Git of a requirements file or a lock. Raises UnpinnedError for one that is refused."""
    lines = (_COMMENT.sub("", line).strip() for line in text.replace("\\\n", " ").splitlines())
    return [parse_pinned(line) for line in lines if "git+" in line and (line[0] != "-" or _EDITABLE.match(line))]


def with_names(text: str) -> str:
    """A requirements file in which every name stands before its address, not in its `#egg=` alone."""
    return _NAMELESS.sub(r"\1\3 @ \2", text)


def pinned_in_project(
    declared: dict[str, Any], groups: Sequence[str], extras: Sequence[str]
) -> list[PinnedRequirement]:
    """The same of a pyproject.toml, where `tool.uv.sources` may say that a package comes from Git."""
    sources = declared.get("tool", {}).get("uv", {}).get("sources", {})
    by_name = {normal_name(name): source for name, source in sources.items()}
    found = []
    for requirement in _declared(declared, groups, extras):
        if "git+" in requirement:
            found.append(parse_pinned(requirement))
        elif match := _DECLARED.fullmatch(requirement.strip()):
            given = by_name.get(normal_name(match["name"]), ())
            for source in given if isinstance(given, list) else (given,):
                if "git" in source:
                    marker = source.get("marker") or match["marker"]
                    found.append(
                        parse_pinned(f"{match['head']} @ {_place(source)}" + (f" ; {marker}" if marker else ""))
                    )
    return found


def at_one_commit(requirements: Iterable[PinnedRequirement]) -> list[PinnedRequirement]:
    """One of each package, with the extras of all. Raises UnpinnedError where two stand at different commits."""
    found: dict[str, PinnedRequirement] = {}
    for each in requirements:
        first = found.setdefault(each.name, each)
        if first.place != each.place:
            raise _refused(
                f"{each.name} is required at two places, {first.place} and {each.place}", "Keep one of them."
            )
        marker = f"({first.marker}) or ({each.marker})" if first.marker and each.marker else ""
        found[each.name] = PinnedRequirement(
            first.name, first.address, first.commit, first.subdirectory,
            tuple(sorted({*first.extras, *each.extras})), first.marker if first.marker == each.marker else marker,
        )  # fmt: skip
    return list(found.values())


def parse_pinned(line: str) -> PinnedRequirement:
    """A requirement that holds `git+`. Raises UnpinnedError for one that is refused, and tells no secret address."""
    editable = _EDITABLE.match(line)
    written = _WRITTEN.fullmatch(line[editable.end() :] if editable else line)
    if written is None:
        raise _refused("A requirement from Git can't be read", "Write `name @ git+https://HOST/REPOSITORY@COMMIT`.")
    place, _, fragment = written["url"].partition("#")
    told = dict(parse_qsl(fragment))
    egg = _EGG.fullmatch(told.get("egg", ""))
    named = written if written["name"] else egg
    if named is None:
        raise _refused("A requirement from Git has no name", "Write `name @ git+https://HOST/REPOSITORY@COMMIT`.")
    name = normal_name(named["name"])
    address, commit = _address(name, place)
    subdirectory = told.get("subdirectory", "").strip("/")
    if ".." in subdirectory.split("/"):
        raise _refused(f"The subdirectory of {name} leads out of its repository", "Name a folder inside it.")
    if editable:
        raise _refused(
            f"{name} is required from Git as editable, and an image holds what was built",
            f"Write `{name} @ git+{address}@{commit or 'COMMIT'}`, without -e.",
        )
    _check_commit(name, address, commit)
    extras = tuple(sorted(normal_name(each) for each in (named["extras"] or "").split(",") if each.strip()))
    return PinnedRequirement(name, address, commit.lower(), subdirectory, extras, (written["marker"] or "").strip())


def _address(name: str, place: str) -> tuple[str, str]:
    """The repository and what follows its `@`."""
    scheme, separator, _ = place.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise _refused(
            f"The Git address of {name} is none that is read here",
            "Write it as git+https://HOST/REPOSITORY@COMMIT or git+ssh://git@HOST/REPOSITORY@COMMIT.",
        )
    url = urlsplit(place)
    # The user of SSH is no secret; over HTTPS it may be a token. A variable would be written out in the lock.
    user, _, password = url.netloc.rpartition("@")[0].partition(":")
    if password or url.query or "$" in place or (user and scheme != "ssh"):
        raise _refused(
            f"The Git address of {name} holds credentials, which would be committed with opsctl.lock",
            "Write it without them: git gets them from its credential helper, or use git+ssh:// with a key.",
        )
    path, at, commit = url.path.rpartition("@")
    return f"{scheme}://{url.netloc}{path if at else url.path}", commit if at else ""


def _check_commit(name: str, address: str, commit: str) -> None:
    if _COMMIT.fullmatch(commit):
        return
    if not commit:
        reason = "without a commit, and what its default branch names can move"
    elif re.fullmatch(r"[0-9a-f]{4,39}", commit):
        reason = f"at {commit}, and a part of a commit id can come to name another"
    else:
        reason = f"at {commit}, and a branch or tag can move"
    raise _refused(
        f"{name} is required from Git {reason}",
        f"Write `{name} @ git+{address}@` and the 40 digits of a commit; "
        f"`git ls-remote {address} {commit or 'HEAD'}` tells them.",
    )


def _declared(declared: dict[str, Any], groups: Sequence[str], extras: Sequence[str]) -> Iterator[str]:
    project = declared.get("project", {})
    yield from project.get("dependencies", ())
    for extra in extras:
        yield from project.get("optional-dependencies", {}).get(extra, ())
    known, waiting, seen = declared.get("dependency-groups", {}), list(groups), set[str]()
    while waiting:
        group = waiting.pop()
        if group in seen:
            continue
        seen.add(group)
        for each in known.get(group, ()):
            if isinstance(each, str):
                yield each
            else:
                waiting.append(each["include-group"])


def _place(source: dict[str, str]) -> str:
    commit = next((source[key] for key in ("rev", "tag", "branch") if key in source), "")
    below = f"#subdirectory={source['subdirectory']}" if "subdirectory" in source else ""
    return f"git+{source['git'].removeprefix('git+')}{'@' if commit else ''}{commit}{below}"


def _refused(what: str, fix: str) -> UnpinnedError:
    return UnpinnedError(f"{what}.", hint=fix)


def normal_name(name: str) -> str:
    """The name of a package as indexes compare it: `shop-tools` of `Shop_Tools`. [PyPA, Names and normalization]"""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()
