"""What a registry's refusal means, and what to do about it."""

from __future__ import annotations

import json

from opsctl.images.errors import RegistryError, RegistryRefusedError
from opsctl.images.names import ImageName
from opsctl.images.registry.answer import Answer
from opsctl.images.registry.logins import login_trouble


def refusal(answer: Answer, name: ImageName, doing: str) -> RegistryError:
    """The error for an answer that trying again would not change; the registry's own words are in it."""
    codes, words = reported(answer)
    said = f" It says: {words}" if words else ""
    where = f"{name.registry}/{name.repository}"
    if "immutable" in words.lower() or ("TAG_INVALID" in codes and "already exists" in words):
        return RegistryError(
            f"The tag is taken and tags of {where} never move.{said}",
            code="tag-immutable",
            hint="Push under another --tag; without one, the commit is the tag.",
        )
    if answer.status == 401:
        trouble = "" if ".dkr.ecr." in name.registry else login_trouble(name.registry)
        hint = "Sign in again; for ECR that is your AWS credentials, for others --username and --password-stdin."
        return RegistryRefusedError(
            f"{where} does not accept these credentials ({doing}).{said}", hint=f"{trouble} {hint}".lstrip()
        )
    if answer.status == 403:
        return RegistryRefusedError(
            f"These credentials may not do this in {where} ({doing}).{said}",
            hint="ECR needs ecr:BatchCheckLayerAvailability, InitiateLayerUpload, UploadLayerPart, CompleteLayerUpload "
            "and PutImage on the repository.",
        )
    if answer.status == 405 or "UNSUPPORTED" in codes:
        return RegistryError(
            f"{where} is read-only ({doing}: {answer.status}).{said}",
            code="registry-read-only",
            hint="Push to another registry, or wait until its maintenance is over.",
        )
    if answer.status == 404:
        return RegistryError(
            f"{where} is not there ({doing}).{said}",
            code="repository-missing",
            hint="The environment that manages the repository makes it: `opsctl deploy --env ENV platform`.",
        )
    return RegistryError(f"{where} refused ({doing}: {answer.status}).{said}")


def reported(answer: Answer) -> tuple[set[str], str]:
    """Codes and words of a registry's error body; the start of anything else that it wrote."""
    try:
        errors = json.loads(answer.body)["errors"]
        codes = {str(error.get("code", "")) for error in errors}
        words = "; ".join(str(error.get("message") or error.get("code", "")) for error in errors)
        return codes, words
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        text = answer.body[:200].decode(errors="replace").strip()
        return set(), "" if text.startswith("<") else text
