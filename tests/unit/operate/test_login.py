"""Who `opsctl db shell` logs in as, and with what."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from opsctl.aws.cloudformation import Stack
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate import login as logins

from .shop import SETTINGS, Shop

if TYPE_CHECKING:
    from opsctl.operate.target import Target

DATA = {"DatabaseHost": "db.example.com", "DatabasePort": "5432", "LoginSecretArn": "arn:login"}
HELD = '{"username": "app_user_b", "password": "p"}'


def shop(folder: Path, database: str, held: str | None = None) -> Target:
    """The shop with a database like this; `held` is what the application's secret holds."""
    made = Shop(folder, application=f"{SETTINGS}\n    database: {{{database}}}", without=", database_role: loader")
    made.stacks = [Stack("dev-shop-data-acme", "arn/data", "UPDATE_COMPLETE", outputs=DATA)]
    target = made.target
    target.aws.__dict__["secrets"] = SimpleNamespace(read={"arn:login": held}.get)
    target.aws.__dict__["rds"] = SimpleNamespace(login_token=lambda host, port, role: f"token of {role}")
    return target


@pytest.mark.parametrize("auth", ["password", "iam"])
def test_where_the_application_owns_the_database_its_login_reads_and_no_other_is_named(
    tmp_path: Path, auth: str
) -> None:
    target = shop(tmp_path, f"owner: true, auth: {auth}")
    reader = logins.login(target, "readonly", replica=False)
    assert (reader.role, reader.read_only) == ("app_user", True)
    writer = logins.login(target, "app_user", replica=False)
    assert (writer.role, writer.read_only) == ("app_user", False)
    with pytest.raises(UsageError, match=r"no role `migrator` that logs in; there are app_user\."):
        logins.login(target, "migrator", replica=False)


def test_where_it_does_not_there_is_a_role_that_only_reads(tmp_path: Path) -> None:
    reader = logins.login(shop(tmp_path, "owner: false"), "readonly", replica=False)
    assert (reader.role, reader.read_only) == ("app_readonly", False)


def test_a_login_with_a_password_is_the_one_that_the_secret_holds(tmp_path: Path) -> None:
    target = shop(tmp_path, "owner: true, auth: password", HELD)
    assert logins.credentials(target, logins.login(target, "user", replica=False)) == ("app_user_b", "p")
    iam = shop(tmp_path, "owner: true, auth: iam", HELD)
    assert logins.credentials(iam, logins.login(iam, "user", replica=False)) == ("app_user", "token of app_user")


@pytest.mark.parametrize("held", [None, "{}"])
def test_a_password_that_was_not_made_yet_is_told(tmp_path: Path, held: str | None) -> None:
    target = shop(tmp_path, "owner: true, auth: password", held)
    with pytest.raises(OpsctlError, match="no password yet"):
        logins.credentials(target, logins.login(target, "user", replica=False))


def test_a_token_to_read_is_none_that_writes(tmp_path: Path) -> None:
    owned = shop(tmp_path, "owner: true, auth: iam")
    with pytest.raises(UsageError, match="no role that only reads: with a token of its application's login") as refused:
        logins.make_token(owned, "readonly", replica=False)
    assert "--role user" in str(refused.value.hint)
    assert logins.make_token(owned, "user", replica=False)["token"] == "token of app_user"
    apart = shop(tmp_path, "owner: false")
    assert logins.make_token(apart, "readonly", replica=False)["token"] == "token of app_readonly"
