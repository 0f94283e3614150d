"""The native engine and the Dockerfile: the same service, built from a real base, and run."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from opsctl.images.build.contract import USER_ID
from opsctl.images.build.service_tests import count_collected
from opsctl.images.oci.base import open_layer
from opsctl.stacks.parts.tasks import START
from tests.functional.cli import ROOT
from tests.functional.images.sites import Site, contents, new_site
from tests.ports import free_port
from tests.soak import WHOLE

LOCKED_DOWN = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with new_site(tmp_path_factory.mktemp("site")) as made:
        yield made


@pytest.fixture(scope="module")
def native(site: Site) -> dict[str, Any]:
    """Built for both platforms in one checkout."""
    return site.build("one", "--tag", "native", "--platform", "linux/amd64,linux/arm64")


@pytest.fixture(scope="module")
def from_dockerfile(site: Site) -> dict[str, Any]:
    """Built by podman from service/Dockerfile; tested where its tests are looked at."""
    return site.build("two", "--tag", "dockerfile", "--engine", "podman", *(["--test"] if WHOLE else []))


@pytest.mark.parametrize("platforms", ["linux/amd64", pytest.param("linux/amd64,linux/arm64", marks=pytest.mark.soak)])
def test_two_builds_have_one_digest(site: Site, native: dict[str, Any], platforms: str) -> None:
    """Same content in another folder, nothing cached: the same bytes."""
    again = site.build("other", "--tag", "again", "--platform", platforms)
    assert not again["unchanged"]
    store = site.store("one")
    image = store.find("native")
    assert image is not None
    assert again["digest"] == (native["digest"] if "," in platforms else store.platforms(image)[0].digest)


def test_unchanged_content_is_not_built_again(site: Site, native: dict[str, Any]) -> None:
    again = site.build("one", "--tag", "renamed", "--platform", "linux/amd64,linux/arm64")
    assert again["unchanged"]
    assert again["digest"] == native["digest"]


def test_the_image_for_arm64_holds_code_of_arm64(site: Site, native: dict[str, Any]) -> None:
    store = site.store("one")
    image = store.find("native")
    assert image is not None
    machines: dict[str, set[int]] = {}
    for manifest in store.platforms(image):
        found = machines.setdefault(manifest.platform, set())
        with open_layer(store, store.blobs(manifest)[-3]) as archive:
            for member in archive:
                stream = archive.extractfile(member) if ".so" in Path(member.name).name and member.isfile() else None
                if stream is not None:
                    found.add(int.from_bytes(stream.read(20)[18:20], "little"))
    # The machine's number in an ELF header: 62 is x86-64, 183 is AArch64.
    assert machines == {"linux/amd64": {62}, "linux/arm64": {183}}


def test_both_engines_ship_the_same_service(
    site: Site, native: dict[str, Any], from_dockerfile: dict[str, Any]
) -> None:
    one, two = site.store("one"), site.store("two")
    first, second = one.find("native"), two.find("dockerfile")
    assert first is not None
    assert second is not None
    mine, theirs = contents(one, one.platforms(first)[0], "app/"), contents(two, second, "app/")
    assert mine == theirs
    assert len(mine) > 100


def test_both_engines_describe_the_same_container(
    site: Site, native: dict[str, Any], from_dockerfile: dict[str, Any]
) -> None:
    one, two = site.store("one"), site.store("two")
    first, second = one.find("native"), two.find("dockerfile")
    assert first is not None
    assert second is not None
    configs = [
        one.json(one.blobs(one.platforms(first)[0])[0].digest)["config"],
        two.json(two.blobs(second)[0].digest)["config"],
    ]
    for key in ("User", "WorkingDir", "Volumes"):
        assert configs[0][key] == configs[1][key], key
    mine, theirs = ({each.partition("=")[0]: each for each in config["Env"]} for config in configs)
    for name in ("PATH", "PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"):
        assert mine[name] == theirs[name]
    assert configs[0]["Cmd"] == list(START)


def test_the_native_image_is_no_larger_than_the_dockerfiles(
    site: Site, native: dict[str, Any], from_dockerfile: dict[str, Any]
) -> None:
    """`make bench` tells both, and how long they take."""
    store = site.store("one")
    image = store.find("native")
    assert image is not None
    alone = sum(blob.size for blob in store.blobs(store.platforms(image)[0]))
    assert native["size"] > alone
    assert alone <= from_dockerfile["size"] * 1.05


@dataclass(frozen=True)
class Served:
    """What a running container answered."""

    health: int
    insights: Any
    page: int
    inside: str


INSIDE = (
    "import os, pathlib, subprocess, sys\n"
    "status = pathlib.Path('/proc/self/status').read_text()\n"
    "caps = [l.split()[1] for l in status.splitlines() if l.startswith(('CapEff', 'CapPrm'))]\n"
    "def refused(path):\n"
    "    try: pathlib.Path(path).write_text('x')\n"
    "    except OSError: return True\n"
    "    return False\n"
    "pip = subprocess.run([sys.executable, '-m', 'pip'], capture_output=True).returncode\n"
    "import shutil\n"
    "tools = [t for t in ('gcc', 'cc', 'make', 'pip', 'pip3') if shutil.which(t)]\n"
    "writable = [str(p) for p in pathlib.Path('/app').rglob('*') if p.owner() != 'root' or p.stat().st_mode & 0o022]\n"
    "print(os.getuid(), os.getgid(), set(caps), refused('/app/x'), refused('/x'), pip != 0, tools, writable)\n"
)


@contextmanager
def serving(site: Site, image: str, data: Path) -> Iterator[int]:
    """Migrate, load the sample, and serve from `image` with everything locked down; yields the port."""
    port = free_port()
    data.mkdir()
    os.chown(data, USER_ID, USER_ID)
    command = [
        "podman", "run", "--rm", "--name", data.name, *LOCKED_DOWN, "--volume", f"{data}:/data",
        "--env", "DEPLOY_ENV=local", "--env", "BIND_HOST=127.0.0.1", "--env", f"PORT={port}", "--env",
        "WEB_CONCURRENCY=1", "--env", "DJANGO_SETTINGS_MODULE=config.settings", "--env", "DATA_DIR=/data", image,
    ]  # fmt: skip
    site.engines.run(*command, "python", "manage.py", "migrate", "--no-input")
    site.engines.run(*command, "python", "manage.py", "refresh_salary_dataset")
    log = data.with_suffix(".log")
    with log.open("w") as stream:
        serve = [*command, "python", "manage.py", "serve"]
        child = subprocess.Popen(serve, env=site.engines.environment, stdout=stream, stderr=stream)
    try:
        for _ in range(300):
            if get(port, "healthz")[0] == 200:
                break
            assert child.poll() is None, log.read_text()
            time.sleep(0.1)
        yield port
    finally:
        site.engines.run("podman", "stop", "--time", "5", data.name, check=False)
        child.wait(30)


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body; 0 while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def test_both_images_serve_the_same_answers_locked_down(
    site: Site, native: dict[str, Any], from_dockerfile: dict[str, Any]
) -> None:
    """User 10001, no capabilities, root read-only, no pip, no compiler, nothing of /app writable."""
    answers = {}
    for name, tag in (("one", "alone"), ("two", "dockerfile")):
        if name == "one":
            site.build("one", "--tag", "alone", "--platform", "linux/amd64")
        image = site.load(name, tag)
        told = site.engines.run("podman", "run", "--rm", *LOCKED_DOWN, image, "python", "-c", INSIDE).stdout.strip()
        assert told == "10001 10001 {'0000000000000000'} True True True [] []"
        with serving(site, image, site.folder / f"data-{tag}") as port:
            role = json.loads(get(port, "api/salaries/?role=Data+Engineer")[1])
            answers[name] = [
                get(port, "healthz")[0],
                get(port, "")[0],
                get(port, "")[1].replace(f":{port}/".encode(), b"/"),  # its preview's address
                role,
            ]
    assert answers["one"] == answers["two"]
    assert answers["one"][:2] == [200, 200]


def test_byte_code_of_the_native_image_is_what_python_would_use(site: Site, native: dict[str, Any]) -> None:
    """With byte code that Python accepts nothing is compiled at the start."""
    site.build("one", "--tag", "alone", "--platform", "linux/amd64")
    image = site.load("one", "alone")
    code = "import sys, django.db, boto3; print(sys.version_info[:2], django.db.__cached__)"
    told = site.engines.run("podman", "run", "--rm", *LOCKED_DOWN, image, "python", "-v", "-c", code)
    assert "(3, 13) /venv/lib/python3.13/site-packages/django/db/__pycache__/__init__.cpython-313.pyc" in told.stdout
    lines = told.stderr.splitlines()
    assert not [line for line in lines if "code object from /venv/" in line]
    assert len([line for line in lines if "code object from" not in line and "/venv/" in line and ".pyc" in line]) > 100


def test_an_engines_failure_is_shown_in_full(site: Site) -> None:
    """A digest that nobody has: by one that the engine holds it would find the image under any name."""
    nobodys = site.base.partition("@")[0] + "@sha256:" + "0" * 64
    ran = site.try_build("two", "--tag", "broken", "--engine", "buildah", "--base", nobodys)
    assert ran.code == 1
    assert "0" * 64 in ran.err
    assert "manifest unknown" in ran.err or "name unknown" in ran.err


@contextmanager
def one_more_test(site: Site, body: str) -> Iterator[None]:
    """Another test in the first checkout."""
    file = site.checkout("one") / "tests" / "service" / "test_service_inside.py"
    file.write_text(f"import os, pathlib, pytest\ndef test_it():\n{body}")
    try:
        yield
    finally:
        file.unlink()


LOCKED = """
    assert os.getuid() == 10001
    assert os.statvfs("/").f_flag & os.ST_RDONLY
    assert not [line for line in pathlib.Path("/proc/self/status").open() if line.startswith("CapEff") and "1" in line]
    assert os.listdir("/sys/class/net") == ["lo"]
    assert pytest.__file__.startswith("/src/packages/")
"""
LEFT_OUT = """
    if pathlib.Path("/src").exists():
        pytest.skip("not in a container")
"""


def test_the_services_tests_pass_inside_the_native_image(site: Site) -> None:
    """A sample of them, PostgreSQL included."""
    with one_more_test(site, LOCKED):
        built = site.build("one", "--tag", "tested", "--test")
        assert built["tested"] == count_collected(site.checkout("one")) > 50
    image = site.store("one").find("tested")
    assert image is not None
    assert contents(site.store("one"), image, "src/") == {}, "what is pushed holds no test"
    assert not site.engines.run("podman", "images", "--quiet", "--filter", "reference=*opsctl-test*").stdout


@pytest.mark.soak
def test_the_services_tests_pass_inside_the_dockerfiles_image(site: Site, from_dockerfile: dict[str, Any]) -> None:
    assert from_dockerfile["tested"] == count_collected(site.checkout("two")) > 50


def test_what_can_not_be_tested_here_is_told_before_anything_is_built(site: Site) -> None:
    elsewhere = site.try_build("never", "--test", "--platform", "linux/arm64")
    assert (elsewhere.code, "does not run on this machine" in elsewhere.err) == (2, True)
    without = site.try_build("never", "--test", path=str(site.folder))
    assert (without.code, without.json["error"]["code"]) == (1, "engine-missing")
    assert "No docker or podman works on this machine" in without.err
    assert not site.store("never").root.exists()


@pytest.mark.soak
@pytest.mark.parametrize("engine", ["native", "podman"])
def test_all_of_the_services_tests_pass_inside_the_image(site: Site, engine: str) -> None:
    checkout = site.checkout(f"whole-{engine}", all_tests=True)
    built = site.build(checkout.name, "--tag", "whole", "--engine", engine, "--test")
    assert built["tested"] == count_collected(checkout) > 300


@pytest.mark.soak
def test_an_image_in_which_a_test_is_left_out_gets_no_name(site: Site) -> None:
    with one_more_test(site, LEFT_OUT):
        ran = site.try_build("one", "--tag", "bad", "--test")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "image-tests"
    assert "1 skipped" in ran.err
    assert site.store("one").find("bad") is None


def test_the_bill_of_materials_names_what_is_inside(native: dict[str, Any]) -> None:
    bill = json.loads(Path(native["sbom"][0]).read_text())
    found = {component["purl"].partition("?")[0]: component for component in bill["components"]}
    lock = (ROOT / "service" / "requirements.txt").read_text().splitlines()
    locked = [line.split("==", 1) for line in lock if "==" in line]
    for name, rest in locked:
        if "win32" not in rest:
            assert f"pkg:pypi/{name}@{rest.split()[0]}" in found
    assert any(purl.startswith("pkg:deb/debian/libc6@") for purl in found)
    assert bill["metadata"]["component"]["version"].startswith("sha256:")
