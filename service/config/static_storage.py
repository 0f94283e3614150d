"""Static files under names that hold their hash, so that browsers may keep them for good."""

from __future__ import annotations

from typing import Any

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """WhiteNoise's storage without rewriting: none of our files refers to another by address.

    The vendored script ends in the name of a source map that is not shipped, which rewriting would fail on.
    """

    patterns: tuple[Any, ...] = ()
