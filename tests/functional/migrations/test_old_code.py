"""Each verdict, against PostgreSQL: code of the release before writes and reads after a migration, or fails."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.functional.dbroles.servers import installations, run_server
from tests.unit.migrations.cases import CASES, NOTE

pytestmark = pytest.mark.postgres


def test_old_code_goes_on_after_what_only_adds_and_fails_after_what_breaks() -> None:
    cases = [case for case in CASES if case.run]
    with run_server(installations()[-1]) as server:
        given = {
            "database": {"HOST": "127.0.0.1", "PORT": server.port, "NAME": "notes", "USER": "postgres"},
            "note": NOTE,
            "cases": ["migrations.RunSQL('')", *(case.operation for case in cases)],
        }
        server.run("create database notes")
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("old_code.py"))],
            input=json.dumps(given), capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    nothing, *errors = json.loads(done.stdout)
    assert nothing == ""  # without any change it works
    wrong = [
        (case.operation, case.verdict, error)
        for case, error in zip(cases, errors, strict=True)
        if (case.verdict == "additive") != (error == "")
    ]
    assert wrong == []
    assert sum(bool(error) for error in errors) >= 15
