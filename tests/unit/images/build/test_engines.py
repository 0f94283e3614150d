"""Building with container engines through their command line."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from opsctl.config.application import Application
from opsctl.images.build.engines import EngineBuilder, answers, find_command, import_archive
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.oci.store import ImageStore
from tests.unit.images.programs import Heard, engine

BASE = ImageName.parse("python:3.13-slim@sha256:" + "a" * 64)


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def saved(path: Path, architecture: str = "amd64", *, packed: bool = False, damaged: bool = False) -> Path:
    """What `docker save` writes; with containerd its layers are packed."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("file"), io.BytesIO(b""))
    config = {"os": "linux", "architecture": architecture, "rootfs": {"diff_ids": [digest_of(layer.getvalue())]}}
    parts = {
        "config.json": json.dumps(config).encode(),
        "layer.tar": gzip.compress(layer.getvalue(), 1) if packed else layer.getvalue() + b"\0" * damaged,
        "manifest.json": json.dumps([{"Config": "config.json", "Layers": ["layer.tar"]}]).encode(),
    }
    with tarfile.open(path, "w") as archive:
        for name, data in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def builder(folder: Path, command: str, heard: Heard) -> EngineBuilder:
    (folder / "Dockerfile").write_text("FROM scratch\n")
    return EngineBuilder(Project(folder, Application()), ImageStore(folder / "images"), command, BASE, heard)


def test_docker_means_any_program_that_takes_its_options() -> None:
    def only(name: str) -> str | None:
        return name if name == "podman" else None

    assert find_command("docker", only, lambda _: True) == "podman"
    with pytest.raises(BuildError, match="no buildah"):
        find_command("buildah", only)


def test_a_program_without_its_service_is_passed_over_for_one_that_works() -> None:
    assert find_command("docker", lambda name: name, lambda name: name == "podman") == "podman"


def test_when_none_works_the_first_one_tells_why() -> None:
    assert find_command("docker", lambda name: name, lambda name: False) == "docker"


def test_a_program_works_when_it_tells_about_itself(tmp_path: Path) -> None:
    assert answers(engine(tmp_path, "sys.exit(argv != ['info'])"))
    assert not answers(engine(tmp_path, "sys.exit(1)"))
    assert not answers(str(tmp_path / "nothing"))


def test_a_machine_without_an_engine_is_told_about_the_native_one() -> None:
    with pytest.raises(BuildError) as caught:
        find_command("docker", lambda name: None)
    assert "--engine native" in caught.value.hint


def test_an_image_is_taken_over_from_the_engine(tmp_path: Path) -> None:
    archive = saved(tmp_path / "saved.tar")
    program = engine(tmp_path, f"print('argv', *argv)\nif argv[0] == 'save': shutil.copy({str(archive)!r}, argv[2])")
    heard = Heard()
    made = builder(tmp_path, program, heard).build("linux/amd64")
    store = ImageStore(tmp_path / "images")
    assert [each.media_type for each in store.blobs(made)] == [
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ]
    assert heard.lines[0].startswith(
        "argv build --format docker --platform linux/amd64 --build-arg PYTHON_IMAGE=docker.io/"
    )
    assert "python@sha256:" in heard.lines[0], "engines differ in whether they take tag and digest together"


@pytest.mark.parametrize("configured", [True, False])
def test_an_engine_sees_exactly_what_is_shipped(tmp_path: Path, configured: bool) -> None:
    """A configured Dockerfile finds the project's folder, another one the repository."""
    archive, seen = saved(tmp_path / "saved.tar"), tmp_path / "seen"
    body = f"if argv[0] == 'build': shutil.copytree(argv[-1], {str(seen)!r})\n"
    program = engine(tmp_path, body + f"if argv[0] == 'save': shutil.copy({str(archive)!r}, argv[2])")
    root = tmp_path / "project"
    for name in ("shop/manage.py", "shop/Dockerfile", "shop/built/app.css", "data/a.csv", ".gitignore"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("built/\n.env\n")
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)
    for name in (".env", "shop/.env", "shop/id_rsa", "shop/new.py", "shop/.dockerignore"):
        (root / name).write_text("secret\n")
    block = {"path": "shop", "include": ("built", "../data")}
    block |= {"dockerfile": "shop/Dockerfile"} if configured else {}
    project = Project(root, Application.model_validate(block))
    EngineBuilder(project, ImageStore(tmp_path / "images"), program, BASE, Heard()).build("linux/amd64")
    found = {path.relative_to(seen).as_posix() for path in seen.rglob("*") if path.is_file()}
    shop = {"manage.py", "Dockerfile", "built/app.css"}
    wanted = {*shop, ".dockerignore"} if configured else {f"shop/{name}" for name in shop}
    assert found == {*wanted, "data/a.csv"}


def test_a_layer_is_the_same_whether_the_engine_packed_it_or_not(tmp_path: Path) -> None:
    archives = (saved(tmp_path / "plain.tar"), saved(tmp_path / "packed.tar", packed=True))
    made = [import_archive(ImageStore(tmp_path / each.stem), each, "linux/amd64", {}) for each in archives]
    assert made[0] == made[1]


def test_a_layer_with_other_bytes_than_the_engine_says_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="a layer is sha256:"):
        import_archive(ImageStore(tmp_path / "images"), saved(tmp_path / "saved.tar", damaged=True), "linux/amd64", {})


def test_a_layer_that_is_here_is_not_compressed_again(tmp_path: Path) -> None:
    store, archive = ImageStore(tmp_path / "images"), saved(tmp_path / "saved.tar")
    first = import_archive(store, archive, "linux/amd64", {})
    assert store.layers_by_content() == {}, "nothing names the image yet, so nothing keeps its layers"
    store.name("v1", first, engine="podman")
    layer = store.blob(store.blobs(first)[1].digest)
    layer.write_bytes(b"as it was")
    assert import_archive(store, archive, "linux/amd64", {"note": "1"}).digest != first.digest
    assert layer.read_bytes() == b"as it was"
    layer.unlink()
    assert import_archive(store, archive, "linux/amd64", {}).digest == first.digest
    assert layer.is_file()


def test_what_an_engine_prints_before_it_fails_is_shown_in_full(tmp_path: Path) -> None:
    body = "print('STEP 3: it broke\\n' + 'more\\n' * 500, end='', flush=True)\n"
    program = engine(tmp_path, body + "print('why', file=sys.stderr)\nsys.exit(7)")
    heard = Heard()
    with pytest.raises(BuildError, match="failed with 7") as caught:
        builder(tmp_path, program, heard).build("linux/amd64")
    assert caught.value.detail == ("STEP 3: it broke", *["more"] * 500, "why")
    assert heard.lines == list(caught.value.detail)


def test_an_engine_that_builds_for_its_own_platform_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="linux/amd64 instead of linux/arm64"):
        import_archive(ImageStore(tmp_path / "images"), saved(tmp_path / "saved.tar"), "linux/arm64", {})


def test_an_archive_that_is_none_is_told(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "saved.tar", "w"):
        pass
    with pytest.raises(BuildError, match="can't be read"):
        import_archive(ImageStore(tmp_path / "images"), tmp_path / "saved.tar", "linux/amd64", {})


def test_an_engine_that_can_not_be_started_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="can't be started"):
        builder(tmp_path, str(tmp_path / "nothing"), Heard()).build("linux/amd64")
