"""Connection settings: what is refused before any connection, and that a password shows up nowhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.dbroles.errors import BadEventError, BadSettingsError
from opsctl.dbroles.settings import ConnectionSettings

PROPERTIES = {
    "MasterSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:m",
    "Host": "db.example",
    "Port": "5433",
    "Database": "appdb",
    "Auth": "trust",
}


def test_it_reads_the_properties_of_the_resource(tmp_path: Path) -> None:
    settings = ConnectionSettings.from_properties(PROPERTIES, {}, tmp_path)
    assert (settings.host, settings.port, settings.database) == ("db.example", 5433, "appdb")
    assert (settings.sslmode, settings.ssl_root_cert) == ("prefer", None)
    assert settings.secret_arn == PROPERTIES["MasterSecretArn"]


def test_it_verifies_the_server_when_the_bundle_has_a_ca(tmp_path: Path) -> None:
    (tmp_path / "certs").mkdir()
    (tmp_path / "certs" / "rds.pem").write_text("pem")
    environ = {"DB_SSL_ROOT_CERT": "certs/rds.pem"}
    settings = ConnectionSettings.from_properties({**PROPERTIES, "Auth": "iam"}, environ, tmp_path)
    assert (settings.sslmode, settings.ssl_root_cert) == ("verify-full", str(tmp_path / "certs" / "rds.pem"))


def test_with_passwords_it_names_the_secret_of_the_login(tmp_path: Path) -> None:
    (tmp_path / "rds.pem").write_text("pem")
    environ, properties = {"DB_SSL_ROOT_CERT": "rds.pem"}, {**PROPERTIES, "Auth": "password"}
    with pytest.raises(BadEventError, match="no usable property LoginSecretArn"):
        ConnectionSettings.from_properties(properties, environ, tmp_path)
    settings = ConnectionSettings.from_properties({**properties, "LoginSecretArn": "arn:x"}, environ, tmp_path)
    assert (settings.auth, settings.login_secret_arn, settings.sslmode) == ("password", "arn:x", "verify-full")
    with pytest.raises(BadSettingsError, match="Auth is password, but DB_SSL_ROOT_CERT names no CA bundle"):
        ConnectionSettings.from_properties({**properties, "LoginSecretArn": "arn:x"}, {}, tmp_path)
    unused = ConnectionSettings.from_properties({**PROPERTIES, "LoginSecretArn": "arn:x"}, {}, tmp_path)
    assert unused.login_secret_arn is None


def test_it_sends_no_password_to_a_server_that_it_can_not_verify(tmp_path: Path) -> None:
    with pytest.raises(BadSettingsError, match="names no CA bundle"):
        ConnectionSettings.from_properties({**PROPERTIES, "Auth": "iam"}, {}, tmp_path)
    with pytest.raises(BadSettingsError, match="not in the bundle"):
        ConnectionSettings.from_properties(PROPERTIES, {"DB_SSL_ROOT_CERT": "certs/rds.pem"}, tmp_path)


@pytest.mark.parametrize("key", sorted(PROPERTIES))
@pytest.mark.parametrize("value", [None, "", True, ["x"]])
def test_it_names_a_property_that_is_missing(key: str, value: object, tmp_path: Path) -> None:
    with pytest.raises(BadEventError, match=f"property {key}"):
        ConnectionSettings.from_properties({**PROPERTIES, key: value}, {}, tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Host", "a\0b"),
        ("Host", "h" * 256),
        ("Database", "d" * 64),
        ("Database", "a\nb"),
        ("Port", "0"),
        ("Port", "65536"),
        ("Port", "5٣"),
        ("Port", "-1"),
        ("Auth", "password"),
    ],
)
def test_it_refuses_a_bad_value(key: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSettingsError):
        ConnectionSettings.from_properties({**PROPERTIES, key: value}, {}, tmp_path)


def test_it_reads_a_connection_string() -> None:
    settings = ConnectionSettings.from_dsn("postgresql://me:hush@localhost:5433/appdb?sslmode=require")
    assert settings == ConnectionSettings("localhost", 5433, "appdb", user="me", password="hush", sslmode="require")
    assert ConnectionSettings.from_dsn("host=h dbname=d user=u").port == 5432


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://me:hush@/appdb",
        "postgresql://me:hush@localhost:x/appdb",
        "host=h password=hush dbname=d",
        "host=h password=hush user=u",
        "host=h password=hush user=u dbname=d sslmode=maybe",
        "host=h password=hush user=u dbname=d options=-cx=y",
        "password='hush",
        "nonsense hush",
    ],
)
def test_it_refuses_a_connection_string_without_showing_it(dsn: str) -> None:
    with pytest.raises(BadSettingsError) as caught:
        ConnectionSettings.from_dsn(dsn)
    assert "hush" not in str(caught.value)


def test_it_says_what_a_connection_string_lacks() -> None:
    with pytest.raises(BadSettingsError, match="names no dbname"):
        ConnectionSettings.from_dsn("postgresql://me@localhost")


def test_it_shows_no_password() -> None:
    assert "hush" not in repr(ConnectionSettings("h", 5432, "d", user="u", password="hush"))


def test_it_needs_someone_to_log_in_as() -> None:
    with pytest.raises(BadSettingsError, match="neither a secret nor a user"):
        ConnectionSettings("h", 5432, "d")
