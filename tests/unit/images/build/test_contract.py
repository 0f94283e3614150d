"""What an image is: the native engine's configuration and the Dockerfile say the same."""

from __future__ import annotations

import gzip
import hashlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from opsctl.config import naming
from opsctl.config.application import Application
from opsctl.images.build import contract
from opsctl.images.build.content import content_key, content_tag
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError
from opsctl.images.names import ImageName
from opsctl.images.oci.base import Base, pinned_base
from opsctl.images.oci.layers import Entry, write_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.layer import contents
from opsctl.stacks.parts.tasks import START, USER
from opsctl.stacks.parts.values import CA_BUNDLE
from tests.functional.cli import ROOT

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

DOCKERFILE = ROOT / "service" / "Dockerfile"
NAME = ImageName("docker.io", "library/python", "3.13-slim", "sha256:" + "a" * 64)


def base(folder: Path, *layers: list[Entry]) -> Base:
    """A base of these layers."""
    store = ImageStore(folder)
    stored = tuple(write_layer(store, each).descriptor for each in layers)
    return Base(NAME, "linux/amd64", "sha256:" + "b" * 64, {}, stored, store)


def python_base(folder: Path, *more: Entry) -> Base:
    """A base as python:3.13-slim looks."""
    packages = "usr/local/lib/python3.13/site-packages"
    return base(folder, [
        Entry("usr/local/bin/python3.13", 0o755, data=b"x"), Entry("etc/passwd", data=b"root:x:0:0::/root:/bin/sh\n"),
        Entry("etc/group", data=b"root:x:0:\n"), Entry(f"{packages}/pip/__init__.py", data=b""),
        Entry(f"{packages}/pip-25.3.dist-info/METADATA", data=b""), Entry("usr/local/bin/pip3", data=b""),
        Entry("usr/local/lib/python3.13/ensurepip/_bundled/pip.whl", data=b""), *more,
    ])  # fmt: skip


def test_a_base_compressed_with_zstd_is_read_like_one_of_gzip(tmp_path: Path) -> None:
    """Fargate takes both, and hardened images come as zstd."""
    plain = python_base(tmp_path)
    (layer,) = plain.layers
    content = gzip.decompress(plain.store.blob(layer.digest).read_bytes())
    packed = zstd.compress(content)
    digest = "sha256:" + hashlib.sha256(packed).hexdigest()
    plain.store.blob(digest).write_bytes(packed)
    layer = Descriptor("application/vnd.oci.image.layer.v1.tar+zstd", digest, len(packed))
    other = replace(plain, layers=(layer,))
    assert (other.paths, other.python, other.file("etc/group")) == (plain.paths, plain.python, plain.file("etc/group"))


def test_the_dockerfile_says_what_the_native_engine_does() -> None:
    text = DOCKERFILE.read_text()
    final = text.rpartition("\nFROM ")[2].replace("\\\n", " ")
    variables = dict(pair.split("=", 1) for pair in re.findall(r"^ENV (.*)$", final, re.MULTILINE)[0].split())
    assert variables.items() >= {**contract.ENVIRONMENT, "PATH": "/venv/bin:$PATH"}.items()
    assert f"USER {contract.USER_ID}:{contract.USER_ID}" in final


def test_task_definitions_and_the_image_agree() -> None:
    assert f"{contract.USER_ID}:{contract.USER_ID}" == USER
    assert f"/{contents.LAYER}" == naming.LAYER
    assert {f"/{entry.path}" for entry in contract.own_layer()} >= {CA_BUNDLE, START[1]}


def test_the_dockerfile_pins_its_base() -> None:
    name = pinned_base(DOCKERFILE)
    assert (name.registry, name.repository, name.tag) == ("docker.io", "library/python", "3.13-slim")


def test_a_base_without_a_digest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("ARG PYTHON_IMAGE=python:3.13-slim\nFROM ${PYTHON_IMAGE}\n")
    with pytest.raises(BuildError, match="does not pin"):
        pinned_base(tmp_path / "Dockerfile")


def test_the_interpreter_is_the_one_that_path_finds_first(tmp_path: Path) -> None:
    found = base(tmp_path, [Entry("usr/bin/python3.11", data=b""), Entry("usr/local/bin/python3.13", data=b"")])
    assert str(found.python) == "/usr/local/bin/python3.13"
    assert found.python_version == "3.13"


def test_a_base_without_python_is_told(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="holds no Python"):
        _ = base(tmp_path, [Entry("bin/sh", data=b"")]).python


def test_what_an_upper_layer_removes_is_gone(tmp_path: Path) -> None:
    lower = [Entry("usr/bin/python3.11", data=b""), Entry("etc/passwd", data=b"a"), Entry("opt/x/y", data=b"")]
    upper = [Entry("usr/bin/.wh.python3.11", data=b""), Entry("opt/x/.wh..wh..opq", data=b""),
             Entry("usr/bin/python3.13", data=b""), Entry("etc/passwd", data=b"b")]  # fmt: skip
    found = base(tmp_path, lower, upper)
    assert str(found.python) == "/usr/bin/python3.13"
    assert "opt/x/y" not in found.paths
    assert found.file("etc/passwd") == b"b"


def test_pip_is_taken_away_and_the_user_added(tmp_path: Path) -> None:
    found = {entry.path: entry for entry in contract.system_entries(python_base(tmp_path))}
    packages = "usr/local/lib/python3.13/site-packages"
    assert {path for path in found if ".wh." in path} == {
        f"{packages}/.wh.pip", f"{packages}/.wh.pip-25.3.dist-info", "usr/local/bin/.wh.pip3",
        "usr/local/lib/python3.13/ensurepip/.wh._bundled",
    }  # fmt: skip
    passwd = (found["etc/passwd"].data or b"").decode().splitlines()
    assert passwd[0].startswith("root:")
    assert passwd[1].startswith("app:x:10001:10001:")
    assert found["data"].uid == contract.USER_ID


def test_the_configuration_keeps_the_bases_variables_and_its_time() -> None:
    given = {
        "architecture": "arm64", "os": "linux", "created": "2026-01-01T00:00:00Z",
        "config": {
            "Env": ["PATH=/usr/local/bin:/bin", "LANG=C.UTF-8", "PYTHONUNBUFFERED=0", "PYTHONPATH=/old"],
            "Entrypoint": ["/x"],
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:1"]}, "history": [{"created": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    made = contract.image_config(given, ["sha256:2", "sha256:3"], folder="site")
    assert made["config"]["Env"][0] == "PATH=/venv/bin:/usr/local/bin:/bin"
    assert "LANG=C.UTF-8" in made["config"]["Env"]
    assert "PYTHONUNBUFFERED=0" not in made["config"]["Env"]
    assert "PYTHONPATH=/opt/opsctl/hook:/old" in made["config"]["Env"]
    assert made["config"]["WorkingDir"] == "/app/site"
    assert "Entrypoint" not in made["config"]
    assert made["rootfs"]["diff_ids"] == ["sha256:1", "sha256:2", "sha256:3"]
    assert len(made["history"]) == 3
    assert made["architecture"] == "arm64"
    assert given["rootfs"] == {"type": "layers", "diff_ids": ["sha256:1"]}, "what was given stays as it is"


def project(folder: Path, **application: object) -> Project:
    """The least that an image is made of: a tracked file, one that is included, one beside the folder."""
    for name in ("service/manage.py", "service/made.js", "service/notes.txt", "data/list.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "service" / ".gitignore").write_text("made.js\n")
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    values = {"path": "service", "include": ("made.js", "../data/list.json"), "exclude": ("notes.txt", ".gitignore")}
    return Project(folder, Application.model_validate({**values, **application}))


def test_something_included_that_is_missing_is_told_with_the_remedy(tmp_path: Path) -> None:
    made = project(tmp_path)
    (tmp_path / "service" / "made.js").unlink()
    with pytest.raises(BuildError, match=r"service/made\.js is not there") as caught:
        _ = made.files
    assert "make setup" in caught.value.hint


def test_what_git_ignores_is_shipped_where_it_is_included(tmp_path: Path) -> None:
    assert [name for name, _ in project(tmp_path).files] == ["data/list.json", "made.js", "manage.py"]


def test_a_folder_of_manage_py_below_the_project_is_found(tmp_path: Path) -> None:
    made = project(tmp_path)
    assert made.manage == ""
    (tmp_path / "service" / "site").mkdir()
    (tmp_path / "service" / "manage.py").rename(tmp_path / "service" / "site" / "manage.py")
    assert Project(tmp_path, made.application).manage == "site"


def test_the_content_key_follows_what_is_in_the_image_and_nothing_else(tmp_path: Path) -> None:
    def key(platform: str = "linux/amd64", lock: str = "django==1", **application: object) -> str:
        return content_key(project(tmp_path, **application), lock, NAME, (platform,))

    before = key()
    (tmp_path / "README.md").write_text("new")
    assert key() == before
    assert key(jobs={"a": {"command": ("python", "a")}}) == before
    keys = {
        before,
        key("linux/arm64"),
        key(lock="django==2"),
        key(build={"commands": (("python", "x"),)}),
        key(environment={"A": "1"}),
        content_key(project(tmp_path), "django==1", NAME.at(digest="sha256:1"), ("linux/amd64",)),
    }
    made = project(tmp_path)
    (tmp_path / "service" / "manage.py").chmod(0o755)
    keys.add(content_key(made, "django==1", NAME, ("linux/amd64",)))
    (tmp_path / "service" / "manage.py").write_text("other")
    keys.add(content_key(made, "django==1", NAME, ("linux/amd64",)))
    assert len(keys) == 8
    assert re.fullmatch(r"content-[0-9a-f]{16}", content_tag(before))
