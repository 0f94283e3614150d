"""Containers of images from the store, run by stand-ins for docker and podman."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from opsctl.images.build.containers import Container, ContainerRunner, find_runner, write_archive
from opsctl.images.errors import BuildError
from opsctl.images.oci.store import ImageStore
from tests.functional.images.samples import image
from tests.unit.images.programs import Heard, engine

REMEMBER = "open('calls', 'a').write(' '.join(argv) + '\\n')\n"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageStore:
    monkeypatch.chdir(tmp_path)
    return ImageStore(tmp_path / "images")


def container(store: ImageStore) -> Container:
    config, *layers = store.blobs(image(store, layers=2, size=1000))
    return Container(store.json(config.digest), tuple(layers))


def verbs() -> list[str]:
    return [line.split()[0] for line in Path("calls").read_text().splitlines()]


def test_the_first_engine_that_works_runs_containers() -> None:
    assert find_runner("native", lambda name: name == "podman") == "podman"
    assert find_runner("docker", lambda name: True) == "docker"
    assert find_runner("podman", lambda name: True) == "podman"


def test_without_an_engine_that_works_the_way_out_is_named() -> None:
    with pytest.raises(BuildError, match="No docker or podman works on this machine") as caught:
        find_runner("buildah", lambda name: False)
    assert "without --test" in caught.value.hint


def test_an_archive_holds_the_layers_as_they_are_in_the_store(store: ImageStore) -> None:
    made = container(store)
    write_archive(store, made, "localhost/x:y", Path("image.tar"))
    with tarfile.open("image.tar") as archive:
        read = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    (listed,) = json.loads(read["manifest.json"])
    assert listed["RepoTags"] == ["localhost/x:y"]
    assert json.loads(read[listed["Config"]]) == made.config
    assert [read[name] for name in listed["Layers"]] == [store.read(layer.digest) for layer in made.layers]


def test_a_container_is_locked_down_and_nothing_of_it_is_left(store: ImageStore, tmp_path: Path) -> None:
    heard = Heard()
    program = engine(tmp_path, REMEMBER + "print(argv[0])\nsys.exit(3 if argv[0] == 'run' else 0)")
    assert ContainerRunner(store, program, heard).run(container(store), "it") == (3, ("run",))
    assert verbs() == ["load", "run", "rm", "rmi"]
    assert heard.lines == ["load", "run"]
    ran = Path("calls").read_text().splitlines()[1]
    for option in ("--rm", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges", "--network none"):
        assert option in ran


@pytest.mark.parametrize(("verb", "code"), [("load", 1), ("run", 126)])
def test_an_engine_that_fails_is_told_from_a_program_that_fails(
    store: ImageStore, tmp_path: Path, verb: str, code: int
) -> None:
    body = f"if argv[0] == {verb!r}:\n    print('no space left')\n    sys.exit({code})"
    with pytest.raises(BuildError, match=f"{verb}` failed with {code}") as caught:
        ContainerRunner(store, engine(tmp_path, REMEMBER + body)).run(container(store), "it")
    assert caught.value.detail == ("no space left",)
    assert verbs()[-2:] == ["rm", "rmi"]
