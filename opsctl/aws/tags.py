"""A tag beside what was built here: whoever may push can have taken it first, and tags never move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from opsctl.errors import ExitCode, OpsctlError


class TagTakenError(OpsctlError):
    """A registry holds another image under a tag than the one that was built here."""

    code = "tag-taken"
    exit_code = ExitCode.AWS_REFUSED


@dataclass(frozen=True, slots=True)
class BuiltHere:
    """An image of this checkout. `reproducible`: the same content always has this digest."""

    digest: str
    reproducible: bool


def with_digest(tag: str, digest: str) -> str:
    """`TAG-DIGEST12`: what an image is called where another one has its tag."""
    return f"{tag}-{digest.removeprefix('sha256:')[:12]}"


def settled(
    ask: Callable[[str], str | None], repository: str, tag: str, ours: BuiltHere | None, *, exact: bool = False
) -> tuple[str, str | None]:
    """The tag for what was built here, and what the registry has under it; `ask` asks the registry what a tag names.

    A container engine gives the same content another digest each time. Where the tag of such an image is taken, it gets
    one that ends in its digest. Raises TagTakenError for a taken tag where the content decides the digest, and with
    `exact`: somebody named this tag.
    """
    there = ask(tag)
    if ours is None or there is None or there == ours.digest:
        return tag, there
    if not ours.reproducible and not exact:
        return settled(ask, repository, with_digest(tag, ours.digest), ours, exact=True)
    why = "Another platform, base image, opsctl or zlib gives" if ours.reproducible else "An engine gives each build of"
    raise TagTakenError(
        f"{repository}:{tag} is {there} in the registry, and the image that was built here is {ours.digest}: a tag "
        "never moves, and whoever may push to the repository could have taken this one.",
        hint=f"{why} the same content another digest. To run what is there, set images.verify, which wants it signed, "
        "or remove .opsctl/images; to run yours, give it a tag of its own (`opsctl image build --tag …`, push and "
        "deploy that). If nobody of yours pushed what is there, remove the tag.",
    )
