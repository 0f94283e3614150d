"""What a build says of the migrations that came since the image before."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.config.naming import MIGRATIONS_ANNOTATION, VERDICTS_ANNOTATION
from opsctl.images.build.native import notes_of
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.workshop import Workshop
from opsctl.migrations.verdict import from_text
from tests.unit.migrations.cases import NOTE

GONE = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("notes", "0001")]
    operations = [migrations.RemoveField("note", "maybe")]
"""


def shop(root: Path) -> Workshop:
    """As a command line would have it, reading what is there now."""
    return Workshop(Project(root, Application()))


def built(root: Path) -> None:
    """An image of the project as it is now."""
    made = shop(root)
    config = made.store.add_json({}, "application/vnd.oci.image.config.v1+json")
    made.store.name("v1", made.store.add_manifest(config, [], notes_of(made.project), "linux/amd64"), engine="native")


def test_a_build_warns_of_what_the_image_before_cant_live_with_once(tmp_path: Path) -> None:
    place = tmp_path / "notes" / "migrations"
    place.mkdir(parents=True)
    (place / "0001.py").write_text(NOTE)
    (place / "0002.py").write_text(GONE)
    assert shop(tmp_path).warnings() == []  # nothing is known of what was before
    (place / "0002.py").unlink()
    built(tmp_path)
    assert shop(tmp_path).warnings() == []
    (place / "0002.py").write_text(GONE)
    assert shop(tmp_path).warnings() == ["notes.0002 removes Note.maybe, which the release before still reads"]
    built(tmp_path)
    assert shop(tmp_path).warnings() == []


def test_an_image_notes_each_migration_with_its_verdict(tmp_path: Path) -> None:
    place = tmp_path / "notes" / "migrations"
    place.mkdir(parents=True)
    (place / "0001.py").write_text(NOTE)
    (place / "0002.py").write_text(GONE)
    noted = notes_of(shop(tmp_path).project)
    verdicts = from_text(noted[VERDICTS_ANNOTATION])
    assert [each.verdict for each in verdicts] == ["additive", "breaking"]
    assert noted[MIGRATIONS_ANNOTATION].split() == [each.id for each in verdicts]


def test_what_looks_like_a_secret_is_refused_before_a_lock_or_a_base_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object, **__: object) -> None:
        raise AssertionError("something was asked before")

    monkeypatch.setattr(Workshop, "_requirements", asked)
    monkeypatch.setattr(Workshop, "found_base", asked)
    (tmp_path / ".env").write_text("A=1")
    for words in (["init", "-q"], ["add", "--force", ".env"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    for ask in (shop(tmp_path).settle, shop(tmp_path).base):
        with pytest.raises(BuildError, match=r"\.env holds variables of an environment"):
            ask()
