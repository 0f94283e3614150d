"""Layers reach a registry like ECR, and one that goes on where the line was cut; no push runs in a circle."""

from __future__ import annotations

import pytest

from opsctl.images.errors import RegistryError
from opsctl.images.oci.push import push
from opsctl.images.oci.store import Descriptor, ImageStore
from tests.functional.images.ecr import EcrLike, ecr_like
from tests.functional.images.faulty import Fault, between
from tests.functional.images.samples import image, new_store
from tests.functional.images.servers import Registry

UPLOAD = r"/blobs/uploads/."
LAYER = 24 * 1024 * 1024


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ImageStore:
    return new_store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def made(store: ImageStore) -> Descriptor:
    """One layer of more than the 16 MiB that used to be one part."""
    return image(store, layers=1, size=LAYER)


def to_send(store: ImageStore, made: Descriptor) -> int:
    return sum(blob.size for blob in store.blobs(made))


def holds(server: EcrLike, store: ImageStore, made: Descriptor) -> bool:
    there = all(server.blobs.get(blob.digest) == store.blob(blob.digest).read_bytes() for blob in store.blobs(made))
    return there and server.manifests["v1"][0] == made.digest


def tell(capsys: pytest.CaptureFixture[str], registry: str, cuts: int, wanted: int, sent: int) -> None:
    """A row of the table that this file is run for."""
    with capsys.disabled():
        print(f"\n  {registry}, {cuts} cut: {wanted:,} bytes to send, {sent:,} sent ({sent / wanted:.2f})", end="")  # noqa: T201


@pytest.mark.parametrize("cuts", [0, 1, 5])
def test_ecr_gets_every_layer_although_it_forgets_what_was_cut(
    cuts: int, store: ImageStore, made: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    with ecr_like(cuts) as server:
        push(store, made, server.repository(), "v1")
        assert holds(server, store, made)
    wanted = to_send(store, made)
    tell(capsys, "like ECR", cuts, wanted, server.received)
    assert wanted <= server.received <= wanted * (1 + cuts / 2) + cuts
    assert all(request == "PATCH -" for request in server.requests), "a part was sent as if Range could be believed"


@pytest.mark.parametrize("cuts", [0, 1, 5])
def test_a_registry_that_keeps_uploads_gets_only_what_it_lacks(
    cuts: int, store: ImageStore, made: Descriptor, capsys: pytest.CaptureFixture[str]
) -> None:
    with ecr_like(cuts, keeps=True) as server:
        push(store, made, server.repository(), "v1")
        assert holds(server, store, made)
    tell(capsys, "keeps uploads", cuts, to_send(store, made), server.received)
    assert server.received == to_send(store, made)
    layers = [request for request in server.requests if request != "PATCH -"]
    assert len(layers) == cuts, "each cut is followed by the rest, and its place is said"


@pytest.mark.parametrize("cuts", [0, 1, 5])
def test_docker_registry_gets_every_layer_although_the_line_is_cut(
    cuts: int, store: ImageStore, made: Descriptor, protected: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real one forgets an upload whose first PATCH was cut, so that goes again from its start."""
    fault = Fault("PATCH", UPLOAD, "cut-inside", times=cuts, least=1_000_000)
    with between(protected.port, fault) as line:
        push(store, made, protected.repository(f"cuts/{cuts}", port=line.port), "v1")
        sent = sum(size for method, _, size in line.seen if method == "PATCH")
    assert fault.hit == cuts
    direct = protected.repository(f"cuts/{cuts}")
    assert all(direct.has_blob(blob.digest) for blob in store.blobs(made))
    tell(capsys, "docker-registry", cuts, to_send(store, made), sent)
    assert to_send(store, made) <= sent <= (cuts + 1) * to_send(store, made)


def test_a_line_that_is_always_cut_ends_in_a_sentence_after_a_few_tries(store: ImageStore, made: Descriptor) -> None:
    with ecr_like(cuts=1_000_000) as server:
        with pytest.raises(RegistryError, match="failed 6 times in a row") as caught:
            push(store, made, server.repository(), "v1")
        assert "not sent twice" in caught.value.hint
    assert server.received <= 6 * to_send(store, made)
    assert server.manifests == {}


def test_a_layer_that_is_refused_at_its_end_is_sent_once_and_the_reason_is_told(
    store: ImageStore, made: Descriptor
) -> None:
    with (
        ecr_like(refuses="the repository has reached its quota of layers") as server,
        pytest.raises(RegistryError, match="reached its quota of layers"),
    ):
        push(store, made, server.repository(), "v1")
    assert server.received <= to_send(store, made)


def test_a_registry_that_says_it_has_a_little_more_each_time_is_not_believed_for_ever(
    store: ImageStore, made: Descriptor, protected: Registry
) -> None:
    """Bytes that arrive one by one are no progress: the tries end."""
    offsets = iter(range(1, 10_000))

    class Crawling(Fault):
        """Answers GET of an upload with one byte more than before."""

        def takes(self, method: str, path: str, size: int) -> bool:
            if method == "GET" and "/uploads/" in path:
                self.kind, self.status = "answer", 204
                self.headers = {"Range": f"0-{next(offsets)}"}
                return True
            self.kind = "cut-before"
            return method == "PATCH"

    with between(protected.port, Crawling("PATCH", UPLOAD, "cut-before")) as line:
        repository = protected.repository("crawling", port=line.port)
        with pytest.raises(RegistryError, match="in a row"):
            push(store, made, repository, "v1")
        assert len([each for each in line.seen if each[0] == "PATCH"]) <= 12
