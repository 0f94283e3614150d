"""What a registry answers is read up to a limit, and what others packed is unpacked up to one."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opsctl.errors import OpsctlError
from opsctl.images import limits
from opsctl.images.build import interpreter
from opsctl.images.build.engines import import_archive
from opsctl.images.limits import ANSWER_LIMIT, MIB, BombError
from opsctl.images.listener import Silent
from opsctl.images.oci.base import fetch_base, open_layer
from opsctl.images.oci.store import Descriptor, ImageStore
from opsctl.images.registry.repository import INDEX, MANIFEST, Repository
from tests.functional.images.hostile import REGISTRY, Host, Said, host
from tests.functional.images.samples import image, new_store

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

NOUGHT = "sha256:" + "0" * 64


@pytest.fixture
def registry() -> Iterator[Host]:
    with host(REGISTRY) as running:
        yield running


def endless(status: int = 200) -> Said:
    return Said(status, {"Content-Type": MANIFEST}, b"x" * 65536, endless=True)


ASKS: dict[str, Callable[[Repository], object]] = {
    "manifest": lambda repository: repository.manifest("v1"),
    "tags": lambda repository: repository.tags(),
    "short blob": lambda repository: repository.blob(NOUGHT, 5),
    "upload": lambda repository: repository.request("POST", "/blobs/uploads/", "asking"),
}


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("ask", ASKS)
def test_an_answer_without_an_end_is_given_up(ask: str, status: int, registry: Host) -> None:
    registry.answers("", endless(status))
    with pytest.raises(OpsctlError, match="longer than 4,194,304 bytes") as caught:
        ASKS[ask](registry.repository(None))
    assert caught.value.code == "answer-too-long"
    assert registry.sent < ANSWER_LIMIT + 16 * MIB  # the rest of it lies in the buffers between


def test_a_question_for_a_login_without_an_end_is_given_up(registry: Host) -> None:
    said = Said(401, {"WWW-Authenticate": "Basic"}, b"x" * 65536, endless=True)
    registry.answers("", lambda asked: Said(200, body=b"{}") if "authorization" in asked.headers else said)
    assert registry.repository().manifest("v1").json() == {}
    assert registry.sent < 32 * MIB


@pytest.mark.parametrize("body", [b"[]", b"7", b"[" * 100_000, b"\xff", b'{"tags": 7}', b'{"tags": [7, "v1"]}'])
def test_a_list_of_tags_may_hold_anything(body: bytes, registry: Host) -> None:
    registry.answers("", Said(200, body=body))
    try:
        assert registry.repository(None).tags() in ([], ["v1"])
    except OpsctlError as error:
        assert "no JSON object" in error.message  # noqa: PT017  (either is right, by what was sent)


def test_a_list_of_tags_in_a_circle_ends(registry: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opsctl.images.registry.repository._PAGES", 5)
    registry.answers("", Said(200, {"Link": '</v2/team/app/tags/list>; rel="next"'}, b'{"tags": ["v1"]}'))
    assert registry.repository(None).tags() == ["v1"]
    assert len(registry.asked) == 5


def test_a_layer_that_is_longer_than_it_was_said_to_be_is_cut(registry: Host, tmp_path: Path) -> None:
    registry.answers("", endless())
    with pytest.raises(OpsctlError, match="more of sha256:000000000000 than the 1,000 bytes"):
        registry.repository(None).download(NOUGHT, 1000, tmp_path / "blob", lambda _: None)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 1000


def test_a_layer_of_the_wrong_content_is_not_asked_for_again_and_again(registry: Host, tmp_path: Path) -> None:
    registry.answers("", Said(200, body=bytes(3 * MIB)))
    with pytest.raises(OpsctlError, match="failed 2 times in a row; the last time: the bytes have the digest"):
        registry.repository(None).download(NOUGHT, 3 * MIB, tmp_path / "blob", lambda _: None)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [-1, 10**15])
def test_a_layer_of_a_size_that_none_has_is_not_asked_for(size: int, registry: Host, tmp_path: Path) -> None:
    with pytest.raises(OpsctlError, match="are not fetched"):
        registry.repository(None).download(NOUGHT, size, tmp_path / "blob", lambda _: None)
    assert registry.asked == []


def test_a_short_blob_of_another_content_is_refused(registry: Host) -> None:
    registry.answers("", Said(200, body=b"other"))
    with pytest.raises(OpsctlError, match="5 bytes of digest sha256:d9298a10d1b0 for sha256:000000000000 of 5"):
        registry.repository(None).blob(NOUGHT, 5)


LAYER = {"mediaType": "x", "digest": NOUGHT, "size": 3}


@pytest.mark.parametrize("values", [
    {"config": LAYER}, {"config": LAYER, "layers": 7}, {"config": None, "layers": []}, {"config": {}, "layers": []},
    {"config": {**LAYER, "digest": "sha256:../../../outside"}, "layers": []},
    {"config": {**LAYER, "digest": "../outside"}, "layers": []},
    {"config": LAYER, "layers": [{**LAYER, "digest": "sha256:" + "0" * 63 + "/"}]},
    {"config": {**LAYER, "size": "many"}, "layers": []}, {"config": {**LAYER, "size": 10**9}, "layers": []},
    {"config": LAYER, "layers": [{**LAYER, "size": 9 * 2**30}] * 5},
    {"config": {**LAYER, "annotations": 7}, "layers": []}, {"config": {**LAYER, "platform": 7}, "layers": []},
], ids=str)  # fmt: skip
def test_a_manifest_of_another_shape_ends_in_a_sentence_and_writes_nothing(
    values: object, registry: Host, tmp_path: Path
) -> None:
    registry.answers("/manifests/", Said(200, {"Content-Type": MANIFEST}, json.dumps(values).encode()))
    repository = registry.repository(None)
    with pytest.raises(OpsctlError):
        fetch_base(new_store(tmp_path), repository.name, "linux/amd64", lambda _: repository, Silent())
    assert not [path for path in tmp_path.rglob("*") if "outside" in path.name]
    assert not [asked for asked in registry.asked if "/blobs/" in asked.path]


@pytest.mark.parametrize("listed", [None, 7, {}, [7], "x"])
def test_an_index_that_lists_no_images_ends_in_a_sentence(listed: object, registry: Host, tmp_path: Path) -> None:
    values = {} if listed is None else {"manifests": listed}
    registry.answers("/manifests/", Said(200, {"Content-Type": INDEX}, json.dumps(values).encode()))
    repository = registry.repository(None)
    with pytest.raises(OpsctlError, match="index that lists no images"):
        fetch_base(new_store(tmp_path), repository.name, "linux/amd64", lambda _: repository, Silent())


def tar(*members: tarfile.TarInfo, body: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(body) if member.isfile() else None)
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def stored(store: ImageStore, data: bytes, kind: str = "tar") -> Descriptor:
    return store.add(data, f"application/vnd.oci.image.layer.v1.{kind}")


def names(store: ImageStore, layer: Descriptor) -> list[str]:
    with open_layer(store, layer) as archive:
        return [each.name for each in archive]


BOMB = tar(member("usr/lib/zeros", size=80 * MIB), body=bytes(80 * MIB))


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress], ids=["gzip", "zstd"])
def test_a_layer_that_unpacks_to_too_much_is_given_up(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with pytest.raises(BombError, match="holds more than 67,108,864 bytes"):
        names(store, stored(store, pack(BOMB), "tar+zstd"))


def test_the_same_bytes_are_no_bomb_where_they_were_sent(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    assert names(store, stored(store, BOMB)) == ["usr/lib/zeros"]


def test_a_layer_has_a_size_of_its_own_that_it_may_not_exceed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits.Bounded.__init__, "__kwdefaults__", {"packed": 0, "limit": MIB})
    store = new_store(tmp_path)
    with pytest.raises(BombError, match="more than 1,048,576"):
        names(store, stored(store, tar(member("a", size=2 * MIB), body=bytes(2 * MIB))))


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b\x08garbage", gzip.compress(BOMB)[:200], b"\x28\xb5\x2f\xfdxx", b"x" * 512]
)
def test_a_layer_that_is_damaged_ends_in_a_sentence(data: bytes, tmp_path: Path) -> None:
    store = new_store(tmp_path)
    with pytest.raises(OpsctlError, match="can't be unpacked"):
        names(store, stored(store, data))


@pytest.mark.parametrize("bad", [
    member("/usr/lib/x"), member("../usr/lib/x"), member("usr/lib/../../../x"), member("usr/lib/.wh..."),
    member("usr/lib/.wh.."), member("usr/lib/.wh."),
    member("usr/lib/x", tarfile.SYMTYPE, "../../../etc/passwd"), member("usr/lib/x", tarfile.SYMTYPE, "/../../etc"),
    member("usr/lib/x", tarfile.LNKTYPE, "../../etc/passwd"), member("usr/lib/x", tarfile.LNKTYPE, "../outside"),
    member("usr/lib/x", tarfile.CHRTYPE), member("usr/lib/x", tarfile.BLKTYPE), member("usr/lib/x", tarfile.FIFOTYPE),
], ids=lambda each: f"{each.name} {each.type.decode()} {each.linkname}")  # fmt: skip
def test_a_base_writes_nothing_outside_and_makes_no_device(bad: tarfile.TarInfo, tmp_path: Path) -> None:
    root = tmp_path / "deep" / "root"
    root.mkdir(parents=True)
    (tmp_path / "deep" / "kept").write_text("kept")
    with (
        tarfile.open(fileobj=io.BytesIO(tar(member("usr/lib/ok"), bad))) as archive,
        pytest.raises(OpsctlError, match=r"leads out of it|a device or a pipe") as caught,
    ):
        interpreter._unpack(archive, root)
    assert caught.value.code == "image-unsafe"
    assert (root / "usr/lib/ok").is_file()
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["kept", "root"]
    assert [path.name for path in (root / "usr/lib").iterdir()] == ["ok"]


def test_a_base_may_link_within_itself(tmp_path: Path) -> None:
    data = tar(
        member("usr/lib/real"), member("usr/lib/a", tarfile.SYMTYPE, "/usr/lib/real"),
        member("usr/bin/b", tarfile.SYMTYPE, "../lib/real"), member("usr/lib/c", tarfile.LNKTYPE, "usr/lib/real"),
        member("dev/null", tarfile.CHRTYPE),
    )  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        interpreter._unpack(archive, tmp_path)
    assert {(tmp_path / name).resolve() for name in ("usr/lib/a", "usr/bin/b", "usr/lib/c")} == {
        (tmp_path / "usr/lib/real").resolve()
    }
    assert not (tmp_path / "dev").exists()


def saved(store: ImageStore, layer: bytes, content: str) -> Path:
    """What `docker save` writes, with one layer."""
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [content]}}).encode()
    listed = json.dumps([{"Config": "config", "Layers": ["layer"]}]).encode()
    path = store.root.parent / "image.tar"
    with tarfile.open(path, "w") as archive:
        for name, data in (("manifest.json", listed), ("config", config), ("layer", layer)):
            archive.addfile(member(name, size=len(data)), io.BytesIO(data))
    return path


def test_a_layer_that_an_engine_saved_is_no_bomb_either(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    store.root.mkdir()
    with pytest.raises(BombError, match="holds more than"):
        import_archive(store, saved(store, gzip.compress(BOMB), NOUGHT), "linux/amd64", {})


def test_what_was_built_here_is_far_from_every_limit(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    made = image(store, layers=2)
    assert [names(store, layer) for layer in store.blobs(made)[1:]] == [["file-0"], ["file-1"]]
