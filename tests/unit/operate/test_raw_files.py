"""Raw files go up when they differ, and nothing that is there is removed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from opsctl.deploy.events import Emit, Event, Progress, StepFinished
from opsctl.deploy.tasks import job_task
from opsctl.errors import OpsctlError
from opsctl.operate import raw_files as files
from opsctl.operate.raw_files import Synced, passed_over, raw_files, releases_in

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3


@dataclass
class Store:
    """A bucket: content by key, and the digests that uploads noted. Counts what it is asked."""

    there: dict[str, bytes] = field(default_factory=dict)
    noted: dict[str, str] = field(default_factory=dict)
    uploaded: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def sizes(self, bucket: str, prefix: str) -> dict[str, int]:
        return {key: len(body) for key, body in self.there.items() if key.startswith(prefix)}

    def digest(self, bucket: str, key: str) -> str:
        self.asked.append(key)
        return self.noted.get(key, "")

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.uploaded.append(key)
        self.there[key] = path.read_bytes()
        self.noted[key] = hashlib.sha256(self.there[key]).hexdigest()


def sync(store: Store, bucket: str, folder: Path, emit: Emit) -> Synced:
    return files.sync(cast("S3", store), bucket, folder, emit)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.csv").write_text("b")
    (folder / "a.csv.gz").write_bytes(b"a")
    (folder / "sub" / "c.zip").write_bytes(b"c")
    (folder / "notes.md").write_text("no raw file")
    return folder


def test_raw_files_are_found_below_the_folder_in_order(raw: Path) -> None:
    assert [path.name for path in raw_files(raw)] == ["a.csv.gz", "b.csv", "c.zip"]


def test_links_are_not_followed(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x")
    (raw / "link.csv").symlink_to(tmp_path / "secret.csv")
    assert "link.csv" not in [path.name for path in raw_files(raw)]


@pytest.mark.parametrize("name", ["z\nforged.csv", "z\x1b[2J.csv", "z\u2028.csv", "z\x7f/a.csv"])
def test_a_name_with_a_control_character_is_refused_before_anything_goes_up(raw: Path, name: str) -> None:
    (raw / name).parent.mkdir(exist_ok=True)
    (raw / name).write_text("z")
    store = Store()
    with pytest.raises(OpsctlError, match="holds a control character") as refused:
        sync(store, "b", raw, lambda event: None)
    assert refused.value.message.isprintable()
    assert store.uploaded == []


def test_a_folder_that_is_not_there_has_nothing_to_sync(tmp_path: Path) -> None:
    assert sync(Store(), "b", tmp_path / "nothing", lambda event: None) == Synced(0, 0)


def test_only_what_differs_goes_up_and_a_second_sync_uploads_nothing(raw: Path) -> None:
    store = Store()
    assert sync(store, "b", raw, lambda event: None) == Synced(3, 0)
    assert store.uploaded == ["raw/a.csv.gz", "raw/b.csv", "raw/sub/c.zip"]
    assert sync(store, "b", raw, lambda event: None) == Synced(0, 3)
    (raw / "b.csv").write_text("changed")
    assert sync(store, "b", raw, lambda event: None) == Synced(1, 2)
    assert store.uploaded[3:] == ["raw/b.csv"]


def test_what_was_fetched_on_aws_stays(raw: Path) -> None:
    store = Store({"raw/nightly.csv": b"1"})
    sync(store, "b", raw, lambda event: None)
    assert "raw/nightly.csv" in store.there


def test_only_objects_of_the_same_size_are_asked_for_their_digest(raw: Path) -> None:
    store = Store({"raw/b.csv": b"B", "raw/a.csv.gz": b"another size"})
    sync(store, "b", raw, lambda event: None)
    assert store.asked == ["raw/b.csv"]


def test_a_file_that_somebody_copied_there_by_other_means_goes_up_once(raw: Path) -> None:
    store = Store({"raw/b.csv": b"b"})
    sync(store, "b", raw, lambda event: None)
    assert "raw/b.csv" in store.uploaded
    assert sync(store, "b", raw, lambda event: None) == Synced(0, 3)


def test_progress_counts_files(raw: Path) -> None:
    events: list[Event] = []
    sync(Store(), "b", raw, events.append)
    assert [(event.done, event.total, event.unit) for event in events if isinstance(event, Progress)] == [
        (1, 3, "files"), (2, 3, "files"), (3, 3, "files")
    ]  # fmt: skip


def test_the_task_is_that_of_the_schedule_with_the_same_network() -> None:
    outputs = {
        "platform": {"ClusterName": "dev", "JobsLogGroupName": "jobs"},
        "network": {"PrivateSubnetIds": "s-1,s-2", "JobsSecurityGroupId": "g"},
        "app": {"DatasetTaskDefinitionArn": "dataset:1"},
    }
    request = job_task(outputs.__getitem__, "dataset", ("python", "x"))
    assert (request.task_definition, request.container, request.log_group) == ("dataset:1", "dataset", "jobs")
    assert (request.subnets, request.security_groups, request.command) == (("s-1", "s-2"), ("g",), ("python", "x"))


LISTED = '{"releases": [{"release": 2, "active": true}, {"release": 1, "active": false}]}'


@pytest.mark.parametrize(
    "log",
    [
        [LISTED],
        ['{"time": "now", "message": "something else"}', LISTED, "bye"],
        [LISTED[:40], LISTED[40:41], LISTED[41:]],  # cut by the log driver
    ],
)
def test_releases_are_found_in_a_log(log: list[str]) -> None:
    assert releases_in(log)["releases"] == [{"release": 2, "active": True}, {"release": 1, "active": False}]


def test_no_release_is_an_empty_list_and_a_service_of_before_has_no_history() -> None:
    assert releases_in(['{"releases": []}']) == {"releases": [], "activations": []}


@pytest.mark.parametrize("log", [[], ["hello"], [LISTED[:40]]])
def test_a_log_that_is_not_complete_is_no_empty_list(log: list[str]) -> None:
    with pytest.raises(OpsctlError, match="not in the log yet"):
        releases_in(log)


def test_what_is_left_here_is_named_and_an_upper_case_name_goes_up(raw: Path) -> None:
    (raw / ".fetched").mkdir()
    for name in ("REPORT.CSV", ".state.json", "._b.csv", ".fetched/a.csv"):
        (raw / name).write_text("x")
    (raw / ".kept").mkdir()
    (raw / ".kept" / "a.csv").write_text("x")
    (raw / "link.csv").symlink_to(raw / "b.csv")
    told: list[Event] = []
    store = Store()
    sync(store, "bucket", raw, told.append)
    assert passed_over(raw) == ["._b.csv", "link.csv", "notes.md"]
    ended = told[-1]
    assert isinstance(ended, StepFinished)
    assert ended.text.endswith("; left here, as links, hidden or of another kind: ._b.csv, link.csv, notes.md")
    assert "raw/._b.csv" not in store.uploaded
    assert raw / "REPORT.CSV" in raw_files(raw)
