"""A stranger writes into the artifact bucket what a deploy is about to look for there."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from opsctl.config import naming
from opsctl.images.build.lambda_bundle import build_bundle

from .conftest import Project

pytestmark = [pytest.mark.emulator, pytest.mark.postgres]


def strangers_code(mark: Path) -> bytes:
    """A function under DbInit's name that shows that it ran."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("opsctl/__init__.py", "opsctl/dbroles/__init__.py"):
            archive.writestr(name, "")
        archive.writestr("opsctl/dbroles/handler.py", f"open({str(mark)!r}, 'w').close()\n")
    return made.getvalue()


def test_code_under_the_functions_key_does_not_run_as_master_of_the_database(
    new_project: Project, tmp_path: Path
) -> None:
    bucket = new_project.opsctl("bootstrap", "--env", "local", "--json").json["outputs"]["bootstrap"][
        "ArtifactBucketName"
    ]
    key = naming.bundle_key("local-salaries-acme", build_bundle(target="local", cache_dir=tmp_path).sha256)
    mark, store = tmp_path / "ran", new_project.client("s3")
    store.put_object(Bucket=bucket, Key=key, Body=strangers_code(mark))
    new_project.deploy()
    versions = store.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    assert len(versions) == 2  # it was that key
    assert not mark.exists()
    # And afterwards: what lies there now is nobody's business.
    store.put_object(Bucket=bucket, Key=key, Body=strangers_code(mark))
    assert new_project.deploy().json["changed"] is False
    assert new_project.opsctl("db", "status", "--env", "local", "--json").code == 0
    assert not mark.exists()
