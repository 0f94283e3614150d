"""Layers have the same bytes every time, and images on disk are found, checked and forgotten."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opsctl.images.errors import ImageError
from opsctl.images.oci.layers import MTIME, Entry, compress, entries_of, with_parents, write_layer
from opsctl.images.oci.store import CREATED, Descriptor, ImageStore
from opsctl.images.registry.repository import MANIFEST
from tests.functional.images.samples import image, index


def members(store: ImageStore, digest: str) -> list[tarfile.TarInfo]:
    with tarfile.open(store.blob(digest)) as archive:
        return archive.getmembers()


def test_the_order_of_files_does_not_count(tmp_path: Path) -> None:
    entries = [Entry("b/two", data=b"2"), Entry("a", data=b"1"), Entry("b/one", 0o755, data=b"x" * 5000)]
    one = write_layer(ImageStore(tmp_path / "one"), entries)
    two = write_layer(ImageStore(tmp_path / "two"), reversed(entries))
    assert one == two


def test_owner_time_and_umask_do_not_count(tmp_path: Path) -> None:
    found = []
    for name, stamp, mode in (("one", 1, 0o600), ("two", 1_700_000_000, 0o664)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "file").write_text("same")
        (folder / "file").chmod(mode)
        os.utime(folder / "file", (stamp, stamp))
        found.append(write_layer(ImageStore(tmp_path / f"store-{name}"), entries_of(folder, "app")))
    assert found[0] == found[1]


def test_a_layer_holds_nothing_of_this_machine(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    layer = write_layer(store, [Entry("app/run", 0o755, data=b"x"), Entry("app/link", link="run")])
    found = members(store, layer.descriptor.digest)
    assert [(each.name, each.mode) for each in found] == [("app", 0o755), ("app/link", 0o644), ("app/run", 0o755)]
    assert {(each.uid, each.gid, each.uname, each.gname, each.mtime) for each in found} == {(0, 0, "", "", MTIME)}
    assert store.blob(layer.descriptor.digest).read_bytes()[4:8] == bytes(4), "gzip's own time"


def test_a_directory_of_another_owner_stays_so() -> None:
    found = with_parents([Entry("data", 0o755, directory=True, uid=10001), Entry("data/x", data=b"")])
    assert [(each.path, each.uid) for each in found] == [("data", 10001), ("data/x", 0)]


def test_the_diff_id_is_of_the_stream_before_compression(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    layer = write_layer(store, [Entry("a", data=b"1")])
    plain = gzip.decompress(store.blob(layer.descriptor.digest).read_bytes())
    assert compress(store, io.BytesIO(plain)) == layer


@given(
    st.dictionaries(st.from_regex(r"[a-z]{1,4}(/[a-z]{1,4}){0,3}", fullmatch=True), st.binary(max_size=20), max_size=8)
)
def test_every_parent_comes_once_and_before_what_it_holds(files: dict[str, bytes]) -> None:
    found = [entry.path for entry in with_parents(Entry(path, data=data) for path, data in files.items())]
    assert len(found) == len(set(found))
    for position, path in enumerate(found):
        parents = ["/".join(path.split("/")[:depth]) for depth in range(1, path.count("/") + 1)]
        assert set(parents) <= set(found[:position])


def test_an_image_is_found_by_its_tag(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    made = image(store)
    store.name("v1", made, engine="native", content="abc")
    found = store.find("v1")
    assert found is not None
    assert (found.digest, found.platform) == (made.digest, "linux/amd64")
    assert store.find("v2") is None


def test_a_tag_names_one_image(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    for seed in (1, 2):
        store.name("v1", image(store, seed), engine="native")
    assert len(store.images()) == 1


def test_the_ten_newest_names_are_kept(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    made = image(store)
    for number in range(12):
        store.name(f"v{number}", made, engine="native")
    assert len(store.images()) == 10
    assert store.find("v11") is not None


def test_a_name_forgets_old_blobs_of_nobody_and_keeps_young_ones(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    old, young = store.add(b"old", "x"), store.add(b"young", "x")
    past = time.time() - 7200
    os.utime(store.blob(old.digest), (past, past))
    both = index(store, [image(store, 1), image(store, 2, arch="arm64")])
    for blob in (tmp_path / "blobs" / "sha256").iterdir():
        if blob != store.blob(young.digest):
            os.utime(blob, (past, past))
    store.name("v1", both, engine="native")
    assert not store.blob(old.digest).exists()
    assert store.blob(young.digest).exists()
    assert [each.platform for each in store.platforms(both)] == ["linux/amd64", "linux/arm64"]
    for platform in store.platforms(both):
        assert all(store.blob(each.digest).is_file() for each in store.blobs(platform))


def test_a_changed_blob_is_noticed(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    made = store.add(b"{}", MANIFEST)
    store.blob(made.digest).write_bytes(b"[]")
    with pytest.raises(ImageError, match="was changed"):
        store.read(made.digest)


def test_a_missing_blob_is_told(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        ImageStore(tmp_path).read("sha256:" + "0" * 64)
    assert caught.value.code == "image-damaged"


def test_a_descriptor_survives_json() -> None:
    made = Descriptor(MANIFEST, "sha256:" + "0" * 64, 3, "linux/arm64", {CREATED: "2026"})
    assert Descriptor.from_dict(made.to_dict()) == made
