"""How building, storing and moving images fails."""

from __future__ import annotations

from collections.abc import Sequence

from opsctl.errors import ExitCode, OpsctlError


class ImageError(OpsctlError):
    """An image can't be built, found or read."""

    code = "image"


class BuildError(ImageError):
    """The image could not be built."""

    code = "image-build"


class RegistryError(ImageError):
    """The registry refused, or did not answer in time."""

    code = "registry"


class RegistryRefusedError(RegistryError):
    """The registry does not accept these credentials, or they may not do this."""

    code = "registry-refused"
    exit_code = ExitCode.AWS_REFUSED


def last_words(lines: Sequence[str]) -> str:
    """The end of a sentence that ends with what a program said last; its full stop is the sentence's."""
    return f": {lines[-1].rstrip('.')}" if lines else ""
