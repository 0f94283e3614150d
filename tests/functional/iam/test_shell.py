"""`opsctl db token` and `opsctl db shell` as a person with credentials uses them, against a server that checks."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest

from tests.functional.iam.aws_stub import SESSION_SECRET
from tests.functional.iam.certificates import Authority
from tests.functional.iam.desk import Desk
from tests.functional.iam.site import DATABASE

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(shutil.which("psql") is None, reason="psql is not installed"),
]


def test_a_token_goes_to_stdout_alone_and_logs_in(desk: Desk) -> None:
    ran = desk.opsctl("token")
    assert ran.code == 0, ran.err
    token = ran.out.rstrip("\n")
    assert "\n" not in token
    assert token not in ran.err
    assert f"Logs app_readonly in at localhost:{desk.site.server.port} until " in ran.err
    connection = psycopg2.connect(
        host="localhost", port=desk.site.server.port, user="app_readonly", dbname=DATABASE, password=token,
        sslmode="verify-full", sslrootcert=str(desk.site.authority.bundle),
    )  # fmt: skip
    connection.close()


def test_a_token_as_data_says_where_and_until_when(desk: Desk) -> None:
    made = desk.opsctl("token", "--role", "app_user", "--json").json
    assert (made["role"], made["host"], made["database"]) == ("app_user", "localhost", "salaries")
    left = datetime.fromisoformat(made["expires"]) - datetime.now(UTC)
    assert timedelta(minutes=13) < left <= timedelta(minutes=15)


def test_a_role_that_does_not_log_in_is_refused_with_those_that_do(desk: Desk) -> None:
    ran = desk.opsctl("token", "--role", "app_owner")
    assert ran.code == 2
    assert "app_migrator, app_loader, app_user, app_readonly" in ran.err


def test_without_the_plugin_one_sentence_says_what_to_install(desk: Desk) -> None:
    ran = desk.opsctl("shell", "--via", "i-0123456789abcdef0", "--json")
    assert ran.code == 2  # a shell has no JSON form
    ran = desk.opsctl("shell", "--via", "i-0123456789abcdef0")
    assert ran.code == 1
    assert "session-manager-plugin, which leads to it, is not installed here" in ran.err
    assert "Install AWS's Session Manager plugin" in ran.err
    assert desk.stub.requests == []


def test_without_an_instance_it_says_which_one_will_do(desk: Desk) -> None:
    ran = desk.opsctl("shell", path=str(desk.folder / "tools"))
    assert ran.code == 1
    assert "--via i-" in ran.err
    assert "JobsSecurityGroupId" in ran.err


def test_an_old_plugin_is_refused_because_it_would_show_the_secret(desk: Desk) -> None:
    ran = desk.shell(FORWARDER_VERSION="1.2.497.0")
    assert ran.code == 1
    assert "1.2.497.0 would show the session's secret" in ran.err
    assert desk.stub.requests == []


def test_psql_runs_as_the_role_through_the_tunnel_with_a_verified_server(desk: Desk) -> None:
    query = "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    ran = desk.shell("--", "-XAt", "-c", query)
    assert (ran.code, ran.out, ran.err) == (0, "app_readonly|t\n", "")
    assert [name for name, _ in desk.stub.requests] == ["StartSession", "TerminateSession"]
    started = desk.stub.requests[0][1]
    assert started["Target"] == "i-0123456789abcdef0"
    assert started["DocumentName"] == "AWS-StartPortForwardingSessionToRemoteHost"
    assert json.loads(json.dumps(started["Parameters"]))["host"] == ["localhost"]
    assert desk.stub.requests[1][1] == {"SessionId": "alice-1"}


def test_psql_reads_what_is_piped_in_and_its_exit_code_is_kept(desk: Desk) -> None:
    ran = desk.shell("--", "-XAt", "-v", "ON_ERROR_STOP=1", stdin="SELECT 1;\nDELETE FROM app.django_migrations;\n")
    assert ran.code == 3  # psql's own for a script that failed
    assert ran.out == "1\n"
    assert "permission denied" in ran.err


def test_a_role_that_the_policy_does_not_name_is_refused_by_the_server(desk: Desk) -> None:
    ran = desk.shell("--role", "user", "--", "-c", "SELECT 1")
    assert ran.code == 2  # psql's own for a connection that failed
    assert 'authentication failed for user "app_user"' in ran.err


def test_a_server_that_is_not_rds_gets_no_token(desk: Desk) -> None:
    other = Authority.create(desk.folder, "impostor")
    shutil.copyfile(other.bundle, desk.folder / "rds.pem")
    ran = desk.shell("--", "-c", "SELECT 1")
    assert ran.code == 2
    assert "certificate verify failed" in ran.err


def test_a_tunnel_that_does_not_open_is_explained(desk: Desk) -> None:
    ran = desk.shell("--", "-c", "SELECT 1", FORWARDER_FAILS="1")
    assert ran.code == 1
    assert "the instance is not connected" in ran.err
    assert "No way through i-0123456789abcdef0 opened" in ran.err
    assert SESSION_SECRET not in ran.err
    assert [name for name, _ in desk.stub.requests] == ["StartSession", "TerminateSession"]
