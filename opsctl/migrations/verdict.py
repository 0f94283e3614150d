"""Whether the release before can live with a migration, and the form in which images and records keep that."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

PACKAGES = "packages"
"""The name of the entry that stands for all migrations of installed packages, which nobody reads."""
Verdict = Literal["additive", "breaking", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What of a migration an older release can't live with, or what nobody can tell about it.

    `what` completes the migration's name to a sentence: `removes Note.text, which older code still reads`. `model` is
    `app.Model`, "" where the finding is about none.
    """

    verdict: Literal["breaking", "unknown"]
    what: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class Migration:
    """A migration of a project: `id` by name and content, `name` such as `notes.0002_text`.

    `creates` are models, `app.Model`, that are not there before it: nothing that a later one does to them matters to a
    release that knows neither. `replaces` are migrations, `app.name`, that are not there any more, of a squashed one:
    where all of them were applied it does nothing.
    """

    id: str
    name: str
    findings: tuple[Finding, ...] = ()
    creates: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Breaking beats unknown; additive without any finding."""
        found = {each.verdict for each in self.findings}
        return "breaking" if "breaking" in found else "unknown" if found else "additive"

    def sentence(self) -> str:
        """`notes.0002_text removes Note.text, …` with every finding; for people."""
        return printable(f"{self.name} {'; '.join(each.what for each in self.findings) or 'only adds'}")

    def to_dict(self) -> dict[str, Any]:
        """As JSON; what is empty is left out, as an image's manifest has one for each migration."""
        return {name: value for name, value in asdict(self).items() if value}


def printable(text: str) -> str:
    """`text` without what a terminal would act on: images are noted by whoever may push them."""
    return "".join(each if each.isprintable() else "?" for each in text)


def in_the_way(migrations: Iterable[Migration], had: Collection[str], names: Collection[str] = ()) -> list[Migration]:
    """Those that code without them may not live with, each with the findings that say why.

    `had` are ids that the code brings itself; what has one of `names` is an edited file, which Django runs no second
    time. A model that is made by one of them is none of that code's business, whatever happens to it.
    """
    there = set(names)
    new = [
        each
        for each in migrations
        if each.id not in had and each.name not in there and not (each.replaces and there.issuperset(each.replaces))
    ]
    # Of a squashed one nobody knows what it makes, unless it is known that nothing of it was there.
    makes = [each for each in new if not each.replaces or (there and there.isdisjoint(each.replaces))]
    made = {model for each in makes for model in each.creates}
    told = [replace(each, findings=tuple(one for one in each.findings if one.model not in made)) for each in new]
    return sorted((each for each in told if each.findings), key=lambda each: each.name)


def to_text(migrations: Iterable[Migration]) -> str:
    """One line of JSON."""
    return json.dumps([each.to_dict() for each in migrations], separators=(",", ":"))


def from_text(text: str) -> tuple[Migration, ...]:
    """What `to_text` wrote; nothing of a text that is none, as whoever pushes an image may note what he likes."""
    try:
        return from_list(json.loads(text))
    except ValueError:
        return ()


def from_list(values: Any) -> tuple[Migration, ...]:
    """What stands in a record; entries that are none are left out."""
    entries = values if isinstance(values, list) else []
    return tuple(found for each in entries if isinstance(each, dict) and (found := _migration(each)) is not None)


def _migration(values: dict[str, Any]) -> Migration | None:
    identifier, name = values.get("id"), values.get("name")
    if not isinstance(identifier, str) or not isinstance(name, str):
        return None
    findings = values.get("findings", [])
    creates, replaces = values.get("creates", []), values.get("replaces", [])
    if not (isinstance(findings, list) and isinstance(creates, list) and isinstance(replaces, list)):
        findings, creates, replaces = [None], [], ["?"]
    return Migration(
        identifier,
        name,
        tuple(_finding(each) for each in findings),
        tuple(str(each) for each in creates),
        tuple(str(each) for each in replaces),
    )


def _finding(values: Any) -> Finding:
    """A finding that can't be read is one that nobody can tell anything about, never none."""
    if not isinstance(values, dict) or not isinstance(values.get("what"), str):
        return Finding("unknown", "was noted in a way that this opsctl can't read")
    breaking = values.get("verdict") == "breaking"
    return Finding("breaking" if breaking else "unknown", values["what"], str(values.get("model", "")))
