"""A tag beside what was built here: whoever may push can have taken it first, and tags never move."""

from __future__ import annotations

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


def settled(repository: str, tag: str, there: str | None, ours: BuiltHere | None) -> str:
    """The tag for what was built here, when the registry has `there` under the one that it should get.

    An engine's image has another digest each time, so it gets a tag that says which one it is. Raises TagTakenError
    where the content alone decides the digest.
    """
    if ours is None or there is None or there == ours.digest:
        return tag
    if not ours.reproducible:
        return f"{tag}-{ours.digest[7:19]}"
    raise TagTakenError(
        f"{repository}:{tag} is {there} in the registry, and the image that was built here is {ours.digest}: a tag "
        "never moves, and whoever may push to the repository could have taken this one.",
        hint="CloudTrail's PutImage says who pushed it. If nobody of yours did, remove the tag and push again; if it "
        "was a build with another zlib, push yours under another --tag and deploy that by --image-tag.",
    )
