"""`opsctl dataset inspect`: the file goes up, the task is started with its keys, and nothing of it stays."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from opsctl.deploy.events import silent
from opsctl.deploy.tasks import TaskFailedError
from opsctl.errors import UsageError
from opsctl.operate.inspection import inspect_file, read_keys
from tests.unit.operate.test_dataset import Account, Desk


@dataclass
class Shelf(Account):
    """An account whose bucket keeps what is put there, and all that ever was."""

    there: dict[str, bytes] = field(default_factory=dict)
    ever: list[str] = field(default_factory=list)

    def upload(self, bucket: str, key: str, path: Path) -> None:
        self.there[key] = path.read_bytes()
        self.ever.append(key)

    def delete(self, bucket: str, key: str) -> None:
        del self.there[key]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "-pay 2026.csv"
    path.write_text("title,pay\ndev,1\n")
    return path


def test_the_task_gets_key_keys_and_name_and_its_words_come_back(tmp_path: Path, file: Path) -> None:
    shelf = Shelf(lines=("-pay 2026.csv: 1 row, 2 columns",))
    keys = read_keys('{"period": "year"}', "levels")
    told = inspect_file(
        Desk(tmp_path, shelf).target, file, keys=keys, encoding="latin-1", strict=True, emit=silent
    )  # fmt: skip
    assert told["log"] == ["-pay 2026.csv: 1 row, 2 columns"]
    assert shelf.command is not None
    command = list(shelf.command)
    assert command[:3] == ["python", "manage.py", "inspect_salary_file"]
    assert command[command.index("--key") + 1] == shelf.ever[0]
    assert shelf.ever[0].startswith("inspect/")
    assert json.loads(command[command.index("--keys") + 1]) == {"period": "year", "preset": "levels"}
    assert command[-5:] == ["--encoding", "latin-1", "--strict", "--", "-pay 2026.csv"]
    assert shelf.there == {}


def test_nothing_stays_in_the_bucket_when_the_task_fails(tmp_path: Path, file: Path) -> None:
    shelf = Shelf(exit_code=1)
    with pytest.raises(TaskFailedError):
        inspect_file(Desk(tmp_path, shelf).target, file, keys={}, encoding="utf-8", strict=False, emit=silent)
    assert (len(shelf.ever), shelf.there) == (1, {})


@pytest.mark.parametrize("text", ["{", "[1]", "5"])
def test_keys_that_are_no_object_are_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match="--keys is no JSON"):
        read_keys(text, None)


def test_a_name_that_could_forge_lines_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a\nb.csv"
    path.write_text("x")
    with pytest.raises(UsageError, match="holds a control character"):
        inspect_file(Desk(tmp_path).target, path, keys={}, encoding="utf-8", strict=False, emit=silent)
