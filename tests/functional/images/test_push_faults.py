"""Thirty ways in which a registry fails during a push: each passes on a retry or is told, and no tag is ever half."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from opsctl.images.errors import RegistryError
from opsctl.images.oci.push import push
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.registry.repository import Repository
from tests.functional.images.faulty import Fault, between
from tests.functional.images.samples import image, new_store
from tests.functional.images.servers import Registry, registry

UPLOAD = r"/blobs/uploads/."
TAG = r"/manifests/v1$"
BLOB = r"/blobs/sha256:"


def body(code: str, message: str) -> bytes:
    """An error as registries write it."""
    return f'{{"errors": [{{"code": "{code}", "message": "{message}"}}]}}'.encode()


@dataclass(frozen=True)
class Case:
    """`told` is the code of the error that the push must end with; "" when it must succeed."""

    name: str
    fault: Fault
    told: str = ""
    words: str = ""


BASIC = {"WWW-Authenticate": 'Basic realm="tests"'}
CASES = [
    Case("401 to a layer, as a login runs out", Fault("PATCH", UPLOAD, "answer", status=401, headers=BASIC, skip=1)),
    Case("401 before the tag", Fault("PUT", TAG, "answer", status=401, headers=BASIC)),
    Case("401 for good", Fault("PATCH", UPLOAD, "answer", 99, status=401, headers=BASIC), "registry-refused"),
    Case(
        "403 to an upload",
        Fault("POST", "/uploads/", "answer", 99, status=403, body=body("DENIED", "may not push")),
        "registry-refused",
        "may not push",
    ),
    Case("403 to the tag", Fault("PUT", TAG, "answer", 99, status=403, body=body("DENIED", "no")), "registry-refused"),
    Case("429 to a HEAD", Fault("HEAD", BLOB, "answer", status=429, headers={"Retry-After": "1"})),
    Case("429 to a layer, three times", Fault("PATCH", UPLOAD, "answer", 3, status=429, headers={"Retry-After": "2"})),
    Case("429 to the tag", Fault("PUT", TAG, "answer", 2, status=429)),
    Case("429 for good", Fault("POST", "/uploads/", "answer", 99, status=429), "registry-unavailable", "429"),
    Case("500 to a layer", Fault("PATCH", UPLOAD, "answer", status=500, skip=1)),
    Case("502 to the start of an upload", Fault("POST", "/uploads/", "answer", 2, status=502)),
    Case("503 to the end of an upload", Fault("PUT", UPLOAD, "answer", 2, status=503)),
    Case("504 to the first question", Fault("HEAD", TAG, "answer", status=504)),
    Case("500 to the tag", Fault("PUT", TAG, "answer", status=500)),
    Case("503 for good", Fault("PUT", TAG, "answer", 99, status=503), "registry-unavailable", "503"),
    Case("line cut before a layer", Fault("PATCH", UPLOAD, "cut-before", 2)),
    Case("line cut inside a layer", Fault("PATCH", UPLOAD, "cut-inside", 2)),
    Case("line cut after a layer", Fault("PATCH", UPLOAD, "cut-after", 2)),
    Case("line cut at the start of an upload", Fault("POST", "/uploads/", "cut-after")),
    Case("line cut after the end of an upload", Fault("PUT", UPLOAD, "cut-after")),
    Case("line cut before the tag", Fault("PUT", TAG, "cut-before")),
    Case("line cut after the tag", Fault("PUT", TAG, "cut-after")),
    Case("line cut for good", Fault("PATCH", UPLOAD, "cut-before", 99), "registry-unavailable"),
    Case("a byte of a layer changed on the way", Fault("PATCH", UPLOAD, "spoil")),
    Case("every layer changed on the way", Fault("PATCH", UPLOAD, "spoil", 999), "upload-lost"),
    Case(
        "another digest of a layer",
        Fault("PUT", UPLOAD, "headers", headers={"docker-content-digest": "sha256:" + "0" * 64}),
    ),
    Case(
        "another digest of the image",
        Fault("PUT", TAG, "headers", headers={"docker-content-digest": "sha256:" + "0" * 64}),
        "registry-digest",
    ),
    Case("an upload that is forgotten", Fault("PATCH", UPLOAD, "answer", status=404, skip=1)),
    Case(
        "a tag that somebody else took first",
        Fault("PUT", TAG, "answer", status=400, body=body("TAG_INVALID", "The image tag 'v1' already exists in the "
              "'x' repository and cannot be overwritten because the repository is immutable.")),
        "tag-immutable",
        "already exists",
    ),
    Case(
        "a registry that turns read-only",
        Fault("POST", "/uploads/", "answer", 99, status=405, body=body("UNSUPPORTED", "The operation is unsupported.")),
        "registry-read-only",
    ),
]  # fmt: skip


def complete(repository: Repository, store: ImageStore, pushed: Descriptor) -> bool:
    """Whether the tag names the image and all of it is there, as told by the registry itself."""
    there = repository.digest("v1") == pushed.digest and repository.manifest("v1").digest == pushed.digest
    return there and all(repository.has_blob(blob.digest) for blob in store.blobs(pushed))


def test_there_are_thirty_faults() -> None:
    assert len(CASES) == 30
    assert len({case.name for case in CASES}) == 30


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_retried_or_told(case: Case, protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store)
    name = f"faults/{CASES.index(case)}"
    direct = protected.repository(name)
    fault = replace(case.fault)
    error: RegistryError | None = None
    with between(protected.port, fault) as line:
        try:
            push(store, made, protected.repository(name, port=line.port), "v1")
        except RegistryError as caught:
            error = caught
    assert fault.hit > 0, "the fault was never met"
    if not case.told:
        assert error is None, error
        assert complete(direct, store, made)
        return
    assert error is not None
    assert error.code == case.told
    assert case.words in str(error)
    assert error.hint
    # Whoever takes what the tag names gets all of it, or there is no such tag.
    assert direct.digest("v1") is None or complete(direct, store, made)


@pytest.mark.parametrize("case", [case for case in CASES if case.told], ids=lambda case: case.name)
def test_the_next_push_finishes_what_a_fault_stopped(case: Case, protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store, seed=2)
    name = f"again/{CASES.index(case)}"
    with between(protected.port, replace(case.fault)) as line, pytest.raises(RegistryError):
        push(store, made, protected.repository(name, port=line.port), "v1")
    direct = protected.repository(name)
    push(store, made, direct, "v1")
    assert complete(direct, store, made)


def test_a_read_only_registry_is_told_as_such(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store)
    with registry(tmp_path / "registry", protected=False, read_only=True) as running:
        with pytest.raises(RegistryError) as caught:
            push(store, made, running.repository("salaries"), "v1")
        assert caught.value.code == "registry-read-only"
        assert running.repository("salaries").tags() == []


def test_a_download_goes_on_where_the_line_was_cut(protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store, layers=1, size=3_000_000)
    push(store, made, protected.repository("fetch"), "v1")
    layer = store.blobs(made)[1]
    with between(protected.port, Fault("GET", BLOB, "half", times=2)) as line:
        target = tmp_path / "fetched"
        protected.repository("fetch", port=line.port).download(layer.digest, layer.size, target, lambda _: None)
        assert target.read_bytes() == store.blob(layer.digest).read_bytes()
        assert len([each for each in line.seen if each[0] == "GET" and "/blobs/" in each[1]]) == 3


def test_a_download_with_a_changed_byte_starts_again(protected: Registry, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store, layers=1)
    push(store, made, protected.repository("garbled"), "v1")
    layer = store.blobs(made)[1]
    with between(protected.port, Fault("GET", BLOB, "garble")) as line:
        target = tmp_path / "fetched"
        protected.repository("garbled", port=line.port).download(layer.digest, layer.size, target, lambda _: None)
        assert target.read_bytes() == store.blob(layer.digest).read_bytes()
