"""opsctl beside skopeo and podman: the same image into the same registry, in one run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from opsctl.aws.tags import TagTakenError
from opsctl.images.oci.push import push
from opsctl.images.oci.store import ImageStore
from tests.functional.cli import ROOT, opsctl
from tests.functional.images.engines import Engines, engines
from tests.functional.images.faulty import Fault, Line, between
from tests.functional.images.samples import image, index, new_store
from tests.functional.images.servers import Registry, run

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines(tmp_path_factory.mktemp("engines") / "state") as made:
        yield made


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder in which the command line finds a configuration and one built image, `v1` of 30 MB."""
    shutil.copyfile(ROOT / "environments.yaml", tmp_path / "environments.yaml")
    store = ImageStore(tmp_path / ".opsctl" / "images")
    store.name("v1", image(store, seed=7, layers=3, size=10 * MEGABYTE), engine="native")
    return tmp_path


def sent(line: Line) -> int:
    return sum(size for method, _, size in line.seen if method in {"POST", "PATCH", "PUT"})


def pushing(project: Path, port: int, name: str) -> list[str]:
    """The command that pushes `v1`; the password comes by stdin."""
    return [
        "image", "push", "--env", "local", "--tag", "v1", "--repository", f"127.0.0.1:{port}/{name}",
        "--username", "tester", "--password-stdin", "--json",
    ]  # fmt: skip


def test_the_same_image_goes_by_three_clients_into_one_registry(
    project: Path, protected: Registry, tools: Engines, capsys: pytest.CaptureFixture[str]
) -> None:
    """opsctl sends no byte more than the others, each in its own repository."""
    layout = f"oci:{project}/.opsctl/images:v1"
    login = ["--creds", protected.credentials]
    figures: dict[str, tuple[float, int, int]] = {}
    with between(protected.port) as line:
        started = time.monotonic()
        ran = opsctl(*pushing(project, line.port, "three/opsctl"), cwd=project, stdin="a-password-of-tests\n")
        assert ran.code == 0, ran.err
        figures["opsctl"] = (time.monotonic() - started, sent(line), len(line.seen))
    with between(protected.port) as line:
        started = time.monotonic()
        target = f"docker://127.0.0.1:{line.port}/three/skopeo:v1"
        tools.run("skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", protected.credentials, layout, target)
        figures["skopeo"] = (time.monotonic() - started, sent(line), len(line.seen))
    tools.run("skopeo", "copy", layout, "containers-storage:localhost/sample:v1")
    with between(protected.port) as line:
        started = time.monotonic()
        target = f"127.0.0.1:{line.port}/three/podman:v1"
        tools.run("podman", "push", "--tls-verify=false", *login, "localhost/sample:v1", target)
        figures["podman"] = (time.monotonic() - started, sent(line), len(line.seen))
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{name}: {s:.2f} s, {size:,} bytes, {count} requests"
                                 for name, (s, size, count) in figures.items()) + "\n")  # fmt: skip
    assert figures["opsctl"][1] <= figures["skopeo"][1] * 1.001
    inspected = tools.run(
        "skopeo", "inspect", "--tls-verify=false", *login, f"docker://{protected.host}/three/opsctl:v1"
    )
    assert json.loads(inspected.stdout)["Digest"] == ran.json["digest"]


def test_a_second_push_sends_nothing(project: Path, protected: Registry) -> None:
    for expected in (4, 0):
        with between(protected.port) as line:
            ran = opsctl(*pushing(project, line.port, "twice"), cwd=project, stdin="a-password-of-tests\n")
        assert (ran.code, ran.json["sent"]) == (0, expected), ran.err
    assert sent(line) == 0
    assert len(line.seen) <= 8


def test_a_new_tag_of_known_layers_sends_the_manifest_alone(protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store)
    push(store, made, protected.repository("retag"), "v1")
    with between(protected.port) as line:
        again = push(store, made, protected.repository("retag", port=line.port), "v2")
    assert again.sent == 0
    assert sent(line) < 2000


def test_a_push_that_was_killed_completes_the_next_time(project: Path, protected: Registry) -> None:
    """Killed when the first chunks are through: the tag is not there, and the second push finishes."""
    with between(protected.port, Fault("PUT", "/blobs/uploads/", "answer", 99, status=503, skip=1)) as line:
        child = subprocess.Popen(
            [sys.executable, "-m", "opsctl", *pushing(project, line.port, "killed")], cwd=project,
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert child.stdin is not None
        child.stdin.write(b"a-password-of-tests\n")
        child.stdin.close()
        # One blob is in, the others can't be finished: the push is in its middle until it is killed.
        while sum(method == "PUT" for method, _, _ in line.seen) < 2:
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert protected.repository("killed").digest("v1") is None
    ran = opsctl(*pushing(project, protected.port, "killed"), cwd=project, stdin="a-password-of-tests\n")
    assert ran.code == 0, ran.err
    assert 0 < ran.json["sent"] < 4
    assert protected.repository("killed").digest("v1") == ran.json["digest"]


def test_what_skopeo_pushed_is_listed(project: Path, protected: Registry) -> None:
    layout = f"oci:{project}/.opsctl/images:v1"
    target = f"docker://{protected.host}/listed"
    for tag in ("one", "two"):
        run(
            "skopeo",
            "copy",
            "--dest-tls-verify=false",
            "--dest-creds",
            protected.credentials,
            layout,
            f"{target}:{tag}",
        )
    ran = opsctl(
        "image", "list", "--env", "local", "--repository", f"{protected.host}/listed", "--username", "tester",
        "--password-stdin", "--json", cwd=project, stdin="a-password-of-tests\n",
    )  # fmt: skip
    assert [row["tags"] for row in ran.json] == [["one", "two"]]


def test_an_index_is_pushed_whole(protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    both = index(store, [image(store, 1), image(store, 2, arch="arm64")])
    repository = protected.repository("both")
    pushed = push(store, both, repository, "v1")
    assert pushed.digest == repository.digest("v1")
    copied = run(
        "skopeo", "inspect", "--tls-verify=false", "--override-arch", "arm64", "--creds", protected.credentials,
        f"docker://{protected.host}/both:v1",
    )  # fmt: skip
    assert json.loads(copied.stdout)["Architecture"] == "arm64"


def test_a_tag_never_moves(protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    first, second = image(store, 1), image(store, 2)
    push(store, first, protected.repository("fixed"), "v1")
    with pytest.raises(Exception, match="never moves") as caught:
        push(store, second, protected.repository("fixed"), "v1")
    assert getattr(caught.value, "code", "") == "tag-taken"
    assert protected.repository("fixed").digest("v1") == first.digest


def test_what_an_engine_built_goes_under_a_tag_of_its_own_where_another_is_taken(
    protected: Registry, tmp_path: Path
) -> None:
    store = new_store(tmp_path)
    push(store, image(store, 1), protected.repository("engine"), "v1")
    made = store.name("v1", image(store, 2), engine="podman")
    for _ in range(2):
        pushed = push(store, made, protected.repository("engine"), "v1")
        assert (pushed.tag, pushed.digest) == (f"v1-{made.digest[7:19]}", made.digest)
    assert protected.repository("engine").digest(pushed.tag) == made.digest
    assert protected.repository("engine").digest("v1") != made.digest
    with pytest.raises(TagTakenError):
        push(store, made, protected.repository("engine"), "v1", exact=True)


def test_a_wrong_password_is_told_and_shows_nowhere(project: Path, protected: Registry) -> None:
    ran = opsctl(*pushing(project, protected.port, "secret"), cwd=project, stdin="not-the-password\n")
    assert ran.code == 5
    assert ran.json["error"]["code"] == "registry-refused"
    assert "not-the-password" not in ran.out + ran.err
