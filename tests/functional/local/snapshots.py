"""Local images of a folder, run by this interpreter and without a build."""

from __future__ import annotations

from pathlib import Path

from opsctl.config.application import Application
from opsctl.images.checkout.project import Project
from opsctl.local.tasks import images


def source(folder: Path) -> images.Source:
    """What is shipped of a folder."""
    return images.Source(Project(folder, Application()).files, "", lambda _: None)


def image_digest(folder: Path) -> str:
    """The digest that its image would have."""
    return images.image_digest(source(folder))


def snapshot_image(folder: Path, root: Path) -> str:
    """The digest of the image that was made."""
    return images.snapshot_image(source(folder), images.Start(), root)
