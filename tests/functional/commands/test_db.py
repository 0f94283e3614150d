"""`opsctl db init|status --dsn`: any server, by its address, and what is told when that can't be used."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from opsctl.dbroles.apply import ADVISORY_LOCK
from tests.functional.cli import ROOT, Ran, opsctl
from tests.functional.dbroles.servers import Server, installations, run_server
from tests.ports import free_port

pytestmark = pytest.mark.postgres

MASTER, PASSWORD = "anyones_master", "Tr0ub4dor-and-3"  # on loopback only


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server(installations()[-1]) as running:
        running.run(
            f"CREATE ROLE {MASTER} LOGIN CREATEROLE PASSWORD '{PASSWORD}'",
            f"GRANT test_masters TO {MASTER}",
            *([f"GRANT rds_iam TO {MASTER} WITH ADMIN OPTION"] if running.major >= 16 else []),
            f"CREATE DATABASE elsewhere OWNER {MASTER}",
        )
        yield running


def db(*arguments: str, password: str = "") -> Ran:
    """`opsctl db …` of dev, an environment on AWS: a server that is named needs neither its account nor a network."""
    return opsctl("db", *arguments, "--env", "dev", cwd=ROOT, env={"PGPASSWORD": password, "PGPASSFILE": "/nowhere"})


def test_it_checks_then_makes_then_finds_nothing_to_do(server: Server) -> None:
    dsn = f"postgresql://{MASTER}:{PASSWORD}@127.0.0.1:{server.port}/elsewhere"
    checked = db("init", "--check", "--dsn", dsn)
    assert checked.code == 3
    assert checked.out.startswith("would create role app_owner, without login\n")
    made = db("init", "--json", "--dsn", dsn)
    assert made.code == 0, made.err
    assert [f"would {change}" for change in made.json["changes"]] == checked.out.splitlines()
    again = db("init", "--check", "--dsn", dsn)
    assert (again.code, again.out) == (0, "The roles are as configured; nothing changed.\n")
    assert db("status", "--json", "--dsn", dsn).json["drifted"] is False


def test_it_says_that_nothing_changed_beside_what_others_made(server: Server) -> None:
    dsn = f"postgresql://{MASTER}@127.0.0.1:{server.port}/elsewhere"
    db("init", "--dsn", dsn, password=PASSWORD)
    server.run("CREATE ROLE somebody", "GRANT app_reader TO somebody", database="elsewhere")
    ran = db("init", "--dsn", dsn, password=PASSWORD)
    assert ran.out.splitlines() == [
        "The roles are as configured; nothing changed.",
        "note: somebody is a member of app_reader; opsctl did not grant that.",
    ]
    # What the server does not let this master forbid: the same at every run, so only the status and the reports tell.
    status = db("status", "--dsn", dsn, password=PASSWORD)
    assert "Left open: Every login may fill the disk by lo_creat, lo_create" in status.out
    reports = [db(name, "--json", "--dsn", dsn, password=PASSWORD) for name in ("init", "status")]
    assert [len(report.json["left_open"]) for report in reports] == [2, 2]
    server.run("DROP ROLE somebody")


@pytest.mark.parametrize(
    ("dsn", "code", "said"),
    [
        ("", 2, "names no host"),
        ("nonsense", 2, "can't be read"),
        ("postgresql://u:hush@127.0.0.1:99999/d", 2, "The port is 99999"),
        ("postgresql://u:hush@127.0.0.1/" + "d" * 64, 2, "too long"),
        ("postgresql://u:hush%00@127.0.0.1/d", 2, "can't be read"),
        ("host=127.0.0.1 dbname=d\x1b user=u password=hush", 2, "control characters"),
        ("host=127.0.0.1 dbname=d user=u password=hush service=x", 2, "sets service"),
        ("postgresql://u:hush@127.0.0.1:{free}/d", 1, "refused the connection"),
        (f"postgresql://{MASTER}:hush@127.0.0.1:{{port}}/elsewhere", 1, "password authentication failed"),
        ("postgresql://postgres:hush@127.0.0.1:{port}/nothing", 1, "has no database nothing"),
        ("postgresql://u:hush@127.0.0.1:{port}/elsewhere?sslmode=require", 1, "did not pass the TLS check"),
    ],
)
def test_a_server_that_can_not_be_used_is_told_in_one_sentence(server: Server, dsn: str, code: int, said: str) -> None:
    ran = db("init", "--json", "--dsn", dsn.format(port=server.port, free=free_port()))
    assert ran.code == code
    error, following = ran.err.splitlines()
    assert error.startswith("Error: ")
    assert said in error
    assert following.startswith("Next: ")
    assert "secret" not in following
    assert "hush" not in ran.err + ran.out
    assert ran.json["error"]["message"] in error


def test_ctrl_c_ends_it_while_the_server_keeps_it_waiting(server: Server) -> None:
    dsn = f"postgresql://{MASTER}:{PASSWORD}@127.0.0.1:{server.port}/elsewhere"
    waiting = "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with closing(server.connect(database="elsewhere")) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [ADVISORY_LOCK])
        command = [sys.executable, "-m", "opsctl", "db", "init", "--env", "dev", "--dsn", dsn]
        process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        cursor.execute(waiting)
        while not cursor.rowcount:
            assert process.poll() is None, process.communicate()[1]
            cursor.execute(waiting)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == "Error: Interrupted. Nothing was changed in AWS.\n"
        assert process.returncode == 130
        cursor.execute(waiting)
        assert cursor.rowcount == 1, "it waited until the server gave up"


def test_status_refuses_it_alike() -> None:
    assert db("status", "--dsn", "nonsense").code == 2


def test_without_psql_the_shell_says_what_to_install() -> None:
    ran = opsctl("db", "shell", "--env", "local", cwd=ROOT, env={"PATH": "/nowhere"})
    assert ran.code == 1
    assert ran.err.splitlines()[0] == "Error: psql is not installed here."


def test_a_replica_that_is_not_configured_is_wrong_usage_before_anything_is_asked() -> None:
    ran = opsctl("db", "token", "--env", "dev", "--replica", cwd=ROOT, env={"AWS_ACCESS_KEY_ID": ""})
    assert ran.code == 2
    assert ran.err.splitlines()[0] == "Error: dev has no replica."
