"""Raw files listed and removed in the bucket and in the checkout; rejected rows read from the bucket."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.cli.commands.dataset import _rejects_text
from opsctl.cli.commands.raw import _removed_text
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate.bucket_files import chosen, list_raw, read_rejects, remove_raw
from tests.unit.deploy.fakes import FakeCloudFormation, template
from tests.unit.operate.shop import lasting
from tests.unit.operate.test_dataset import OUTPUTS, environment
from tests.unit.operate.test_raw_files import Store


class Bucket(Store):
    """A bucket that is read from and deleted in, too."""

    def get(self, bucket: str, key: str) -> StoredObject | None:
        return StoredObject(self.there[key], "") if key in self.there else None

    def delete(self, bucket: str, key: str) -> None:
        self.there.pop(key, None)


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """Files only there, only here, the same in both, and of the same name with other content."""
    folder = tmp_path / "data" / "raw"
    (folder / "sub").mkdir(parents=True)
    (folder / "here.csv").write_text("1")
    (folder / "same.csv").write_text("22")
    (folder / "sub" / "other.csv").write_text("333")
    store = Bucket()
    store.upload("data", "raw/same.csv", folder / "same.csv")
    state = json.dumps({"nightly": {"files": ["fetched/a.csv"]}}).encode()
    store.there |= {
        "raw/sub/other.csv": b"xxxx", "raw/fetched/a.csv": b"12345", "raw/.fetch-state.json": state,
        "runs/last/report.json": b"{}",
    }  # fmt: skip
    return store


@pytest.fixture
def target(tmp_path: Path, bucket: Bucket) -> Any:
    formation = FakeCloudFormation()
    for stack, values in OUTPUTS.items():
        formation.put(template(stack), "CREATE_COMPLETE", outputs=values)
    regional: Any = SimpleNamespace(s3=bucket, cloudformation=formation, in_region=lambda _: regional)
    return SimpleNamespace(
        aws=regional,
        env=environment("dev"),
        workspace=SimpleNamespace(root=tmp_path),
        templates=tuple(template(stack) for stack in OUTPUTS),
        unwanted=(),
        outlasting=lasting,
    )


def test_each_raw_file_is_listed_once_with_where_it_lies_and_what_brings_it(target: Any) -> None:
    files = [tuple(file.values()) for file in list_raw(target)["files"]]
    assert files == [
        ("fetched/a.csv", "bucket", "nightly", 5),
        ("here.csv", "here", None, 1),
        ("same.csv", "both", None, 2),
        ("sub/other.csv", "differs", None, 4),
    ]


def test_a_fetch_state_that_can_not_be_read_names_no_source(target: Any, bucket: Bucket) -> None:
    bucket.there["raw/.fetch-state.json"] = b"[1]"
    assert {file["source"] for file in list_raw(target)["files"]} == {None}


def test_what_is_removed_is_gone_from_both_and_the_rest_is_told(target: Any, bucket: Bucket, tmp_path: Path) -> None:
    listed = list_raw(target)
    result = remove_raw(target, listed, chosen(listed, ["sub/other.csv", "fetched/a.csv", "sub/other.csv"]))
    assert result["removed"] == ["sub/other.csv", "fetched/a.csv"]
    assert result["remaining"] == ["here.csv", "same.csv"]
    assert result["fetched_again"] == {"fetched/a.csv": "nightly"}
    assert sorted(bucket.there) == ["raw/.fetch-state.json", "raw/same.csv", "runs/last/report.json"]
    assert not (tmp_path / "data" / "raw" / "sub" / "other.csv").exists()
    assert (tmp_path / "data" / "raw" / "here.csv").exists()
    text = _removed_text(result)
    assert "What remains: here.csv, same.csv." in text
    assert "fetched/a.csv comes back with the next fetch" in text


@pytest.mark.parametrize("name", ["here", "../environments.yaml", ".fetch-state.json", ""])
def test_a_name_that_is_not_listed_removes_nothing(target: Any, bucket: Bucket, name: str) -> None:
    before = dict(bucket.there)
    with pytest.raises(UsageError, match="There is no raw file"):
        chosen(list_raw(target), ["here.csv", name])
    assert bucket.there == before


REJECTS = (
    'file,line,reason,value\na.csv,3,not a number,"x, y"\na.csv,9,role is missing,\nb.csv,2,not a number,\x1b[31m\n'
)


def test_rejects_are_those_of_the_last_build_or_of_a_release(target: Any, bucket: Bucket) -> None:
    bucket.there["runs/last/rejects.csv.gz"] = gzip.compress(REJECTS.encode())
    bucket.there["runs/r7/rejects.csv.gz"] = gzip.compress(b"file,line,reason,value\n")
    last = read_rejects(target, None, None)
    assert (last["rejected"], last["reasons"]) == (3, {"not a number": 2, "role is missing": 1})
    assert last["rows"][0] == {"file": "a.csv", "line": 3, "reason": "not a number", "value": "x, y"}
    text = _rejects_text(last)
    assert "The last build rejected 3 rows.\n  2 × not a number\n" in text
    assert "\x1b" not in text
    assert _rejects_text(read_rejects(target, 7, None)) == "The build of release 7 rejected 0 rows."


def test_all_of_them_go_to_a_file_as_they_are(target: Any, bucket: Bucket, tmp_path: Path) -> None:
    bucket.there["runs/last/rejects.csv.gz"] = gzip.compress(REJECTS.encode())
    result = read_rejects(target, None, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == REJECTS.encode()
    assert "rows" not in result
    assert _rejects_text(result).endswith(f"All of them: {tmp_path / 'out.csv'}")


def test_only_the_first_thousand_fill_the_screen(target: Any, bucket: Bucket) -> None:
    lines = "".join(f"a.csv,{number},not a number,x\n" for number in range(1500))
    bucket.there["runs/last/rejects.csv.gz"] = gzip.compress(f"file,line,reason,value\n{lines}".encode())
    text = _rejects_text(read_rejects(target, None, None))
    assert text.startswith("The last build rejected 1,500 rows.")
    assert text.endswith("… and 500 more; --out FILE writes all of them.")


def test_rejects_that_nobody_kept_are_told_with_a_next_step(target: Any) -> None:
    with pytest.raises(OpsctlError, match="of what release 3 rejected") as caught:
        read_rejects(target, 3, None)
    assert "opsctl dataset releases --env dev" in caught.value.hint


def test_a_list_of_rejects_that_unpacks_to_too_much_is_given_up(target: Any, bucket: Bucket) -> None:
    bucket.there["runs/last/rejects.csv.gz"] = gzip.compress(bytes(80 * 1024 * 1024))
    with pytest.raises(OpsctlError, match="holds more than 67,108,864 bytes"):
        read_rejects(target, None, None)
