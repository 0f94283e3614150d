"""What a command says when the disk, a folder or the database fails it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from config.failures import failure_sentence
from django.db import connections
from salaries.ingest.engine import batches
from salaries.services.locks import BusyError, dataset_transaction

from tests.service.commands import SERVICE


@pytest.mark.parametrize(
    "arguments",
    [
        ("build_salary_dataset",),
        ("load_salary_dataset",),
        ("salary_releases",),
        ("export_dashboard", "--output-dir", "out"),
    ],
)
def test_a_data_dir_that_is_no_folder_is_one_sentence(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "data").write_text("a file")
    environment = {"DEPLOY_ENV": "local", "DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=SERVICE, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("CommandError: ")
    assert "--traceback" not in done.stderr, "nobody can give it there"


def test_what_fails_outside_is_said_and_a_fault_of_the_program_is_not_hidden() -> None:
    assert failure_sentence(OSError(28, "No space left on device")) == "[Errno 28] No space left on device"
    assert failure_sentence(duckdb.IOException("IO Error: disk\n{more}")) == "IO Error: disk"
    assert failure_sentence(sqlite3.OperationalError("database or disk is full")) == "database or disk is full"
    assert failure_sentence(KeyError("name")) is None


def test_a_query_that_fails_on_the_way_is_told_in_its_own_words() -> None:
    with duckdb.connect() as db:
        rows = db.sql("SELECT CASE WHEN i = 900000 THEN error('no room') ELSE i::VARCHAR END FROM range(1000000) t(i)")
        with pytest.raises(duckdb.Error, match=r"^Invalid Input Error: no room") as caught:
            for _ in batches(rows):
                pass
    assert failure_sentence(caught.value) == "Invalid Input Error: no room"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_sqlite_file_that_another_process_writes_for_too_long_is_busy(database: str) -> None:
    connection = connections["default"]
    connection.close()
    connection.settings_dict["OPTIONS"] = connection.settings_dict["OPTIONS"] | {"timeout": 0.1}
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(BusyError, match="Another process is writing"), dataset_transaction("default"):
        pass
    other.close()
    with dataset_transaction("default"):
        pass


def test_the_log_has_our_lines_and_not_those_of_libraries() -> None:
    code = (
        "import logging.config; from config.json_log import logging_config; "
        "logging.config.dictConfig(logging_config('INFO')); "
        "logging.getLogger('botocore.configprovider').info('Found endpoint'); "
        "logging.getLogger('urllib3.connectionpool').warning('Retrying'); "
        "logging.getLogger('salaries').info('ours')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=SERVICE, capture_output=True, text=True, check=True)
    (line,) = done.stderr.splitlines()
    assert '"ours"' in line
