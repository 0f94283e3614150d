"""Releases that were deployed, and records of them."""

from __future__ import annotations

from typing import Any

from opsctl.deploy.release import Release, numbered
from opsctl.migrations.verdict import Finding, Migration

from .world import ENV, SECOND, World

FIRST_MIGRATION = Migration("m1", "notes.0001")
ADDS = Migration("m2", "notes.0002")
BREAKS = Migration("m3", "notes.0003", (Finding("breaking", "removes Note.text", "notes.Note"),))
RUNS = Migration("m4", "notes.0004", (Finding("unknown", "runs SQL"),))
MAKES = Migration("m5", "tags.0001", (), ("tags.Tag",))
CHANGES = Migration("m6", "tags.0002", (Finding("breaking", "removes Tag.name", "tags.Tag"),))


def release(number: int, *migrations: Migration, **more: Any) -> Release:
    """A record with these migrations in its image and its database."""
    values: dict[str, Any] = {
        "digest": f"sha256:{number:064}", "tag": f"v{number}", "commit": f"{number}" * 40, "database": "db",
        "migrations": " ".join(each.id for each in migrations), "verdicts": migrations, "application": {"path": "."},
        "image": f"image-{number}", **more,
    }  # fmt: skip
    return Release(number, "dev", f"run{number}", "2026-11-29T10:00:00+00:00", "ann", **values)


def two_releases(**second: Any) -> World:
    """Two releases with other images, whose variable differs; the second as `second` says."""
    world = World(variables={"SAYS": "one"})
    world.image.verdicts = (FIRST_MIGRATION,)
    world.deploy()
    world.variables = {"SAYS": "two"}
    for name, value in {"digest": SECOND, "migrations": "m1 m2", "verdicts": (FIRST_MIGRATION, ADDS), **second}.items():
        setattr(world.image, name, value)
    world.deploy()
    return world


def record(world: World, number: int) -> Release:
    found = numbered(world.aws.s3, "artifacts", ENV, number)
    assert found is not None
    return found
