"""`opsctl db init|status` on AWS: the DbInit function does it, and its report is what a person sees."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.functional.dbroles.endpoints import SecretStore, secret_store
from tests.functional.iam.desk import Desk
from tests.functional.iam.site import MASTER, MASTER_PASSWORD

pytestmark = pytest.mark.postgres


@pytest.fixture
def secrets(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretStore]:
    """What the function has on AWS: the master's secret, and the authority's certificate in its bundle."""
    monkeypatch.setenv("DB_SSL_ROOT_CERT", str(desk.site.authority.bundle))
    with secret_store() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", store.url)
        store.stages["AWSCURRENT"] = json.dumps({"username": MASTER, "password": MASTER_PASSWORD})
        yield store


@pytest.mark.usefixtures("secrets")
def test_the_function_checks_then_makes_then_finds_nothing_to_do(desk: Desk) -> None:
    desk.opsctl("init")
    desk.site.server.run("ALTER ROLE app_user CONNECTION LIMIT 3")
    change = "give role app_user a limit of 42 connections\n"
    checked = desk.opsctl("init", "--check")
    assert (checked.code, checked.out) == (3, f"would {change}"), checked.err
    assert desk.opsctl("status", "--json").json["pending"] == [change.strip()]
    made = desk.opsctl("init")
    assert (made.code, made.out, made.err) == (0, change, "")
    again = desk.opsctl("init", "--check", "--json")
    assert (again.code, again.json["changes"], again.json["master"]) == (0, [], MASTER)
    status = desk.opsctl("status")
    assert "app_user      with a token  42     app_reader" in status.out
    assert status.out.endswith("The roles are as configured.\n")


def test_the_functions_failure_is_told_with_its_next_step(desk: Desk, secrets: SecretStore) -> None:
    secrets.stages["AWSCURRENT"] = f"password={MASTER_PASSWORD}"
    ran = desk.opsctl("init", "--json")
    assert ran.code == 1
    assert ran.json["error"]["code"] == "bad-secret"
    assert ran.err.splitlines() == [
        "Error: The master's secret (AWSCURRENT) is not a JSON object with the texts username and password.",
        "Next: Put the master's user name and password into the secret as JSON, then try again.",
    ]
