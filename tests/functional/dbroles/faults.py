"""Faults that can be brought about around db init, and what the answer has to say about each."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import botocore
import pytest

from opsctl.dbroles import apply
from tests.functional.dbroles.endpoints import ResponseAddress, SecretStore
from tests.functional.dbroles.site import PASSWORD, Site
from tests.ports import free_port

ENDPOINT = "AWS_ENDPOINT_URL_SECRETS_MANAGER"


@dataclass
class Stage:
    """A site with a secret and a response address around it."""

    site: Site
    secrets: SecretStore
    address: ResponseAddress
    monkeypatch: pytest.MonkeyPatch
    properties: dict[str, Any] = field(default_factory=dict)

    def event(self, kind: str = "Create") -> dict[str, Any]:
        return {
            "RequestType": kind,
            "ResponseURL": self.address.url,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/jobs/1",
            "RequestId": "request-1",
            "LogicalResourceId": "DbInit",
            "ResourceType": "Custom::DbInit",
            "ResourceProperties": self.properties,
        }

    def property(self, **values: object) -> None:
        self.properties.update(values)

    def roles(self, **values: object) -> None:
        self.properties["Roles"] = {**self.properties["Roles"], **values}


def on_schema_creation(stage: Stage, body: str) -> None:
    """Let the server do something of its own when db init creates a schema."""
    stage.site.do(
        "postgres",
        f"CREATE FUNCTION public.fault() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        "CREATE EVENT TRIGGER fault ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION public.fault()",
    )


def silent_port(request: pytest.FixtureRequest) -> int:
    """A port that takes connections and never says a word."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)
    request.addfinalizer(listener.close)
    return int(listener.getsockname()[1])


def hold_lock(stage: Stage, request: pytest.FixtureRequest) -> None:
    holder = stage.site.server.connect(database=stage.site.database)
    request.addfinalizer(holder.close)
    with holder.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", (apply.ADVISORY_LOCK,))


Fault = Callable[[Stage, pytest.FixtureRequest], None]

FAULTS: dict[str, tuple[Fault, str, str]] = {
    "secret that is no JSON": (
        lambda stage, _: stage.secrets.stages.update(AWSCURRENT=f"password={PASSWORD}"),
        "not a JSON object with the texts username and password",
        "put the master's user name and password into the secret",
    ),
    "secret without password": (
        lambda stage, _: stage.secrets.stages.update(AWSCURRENT='{"username": "x"}'),
        "not a JSON object",
        "into the secret as JSON",
    ),
    "secret that is not there": (
        lambda stage, _: stage.secrets.stages.clear(),
        "refused to read the master's secret",
        "check that the secret exists",
    ),
    "secret that may not be read": (
        lambda stage, _: setattr(stage.secrets, "refusal", "AccessDeniedException"),
        "AccessDeniedException",
        "the caller's role may read it",
    ),
    "no Secrets Manager": (
        lambda stage, _: stage.monkeypatch.setenv(ENDPOINT, f"http://127.0.0.1:{free_port()}"),
        "Secrets Manager can't be asked",
        "through NAT or an interface endpoint",
    ),
    "no network": (
        lambda stage, _: stage.property(Port=str(free_port())),
        "refused the connection",
        "check the database's address and port, the security group",
    ),
    "network that swallows packets": (
        lambda stage, request: stage.property(Port=str(silent_port(request))),
        "did not answer in time",
        "the security group rule and the routes",
    ),
    "wrong password": (
        lambda stage, _: stage.secrets.stages.update(
            AWSCURRENT=json.dumps({"username": stage.site.master, "password": f"{PASSWORD}x"})
        ),
        "did not let the master user in",
        "a rotation that broke off leaves them apart",
    ),
    "unknown database": (
        lambda stage, _: stage.property(Database="nowhere"),
        "has no database nowhere",
        "check rds.database in the configuration",
    ),
    "lock held": (hold_lock, "has held the lock of db init", "wait for the other run to end"),
    "syntax error": (
        lambda stage, _: on_schema_creation(stage, "EXECUTE 'GRANT CONECT ON';"),
        "Could not create schema app",
        "this is a fault of opsctl",
    ),
    "time-out": (
        lambda stage, _: on_schema_creation(stage, "PERFORM pg_sleep(60);"),
        "canceling statement due to statement timeout",
        "see what keeps the server busy",
    ),
    "disk full": (
        lambda stage, _: on_schema_creation(
            stage, "RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';"
        ),
        "No space left on device",
        "enlarge the database's storage",
    ),
    "read-only server": (
        lambda stage, _: stage.site.do(
            "postgres", f"ALTER DATABASE {stage.site.database} SET default_transaction_read_only = on"
        ),
        "in a read-only transaction",
        "use the primary's endpoint",
    ),
    "missing privilege": (
        lambda stage, _: stage.site.do("postgres", f"ALTER ROLE {stage.site.master} NOCREATEROLE"),
        "may not create roles",
        "connect as the master user",
    ),
    "database of somebody else": (
        lambda stage, _: stage.site.do("postgres", f"ALTER DATABASE {stage.site.database} OWNER TO postgres"),
        "does not own the database",
        "run ALTER DATABASE",
    ),
    "connection that breaks": (
        lambda stage, _: on_schema_creation(
            stage, "PERFORM pg_catalog.set_config('statement_timeout', '0', true); PERFORM public.end_it();"
        ),
        "Could not create schema app",
        "try again",
    ),
    "no free connection": (
        lambda stage, _: stage.site.do("postgres", f"ALTER DATABASE {stage.site.database} CONNECTION LIMIT 0"),
        "has no free connection",
        "raise max_connections",
    ),
    "event without roles": (
        lambda stage, _: stage.properties.pop("Roles"),
        "no map Roles",
        "set Roles on the custom resource",
    ),
    "event without host": (
        lambda stage, _: stage.properties.pop("Host"),
        "no usable property Host",
        "set Host on the custom resource",
    ),
    "event with a bad port": (lambda stage, _: stage.property(Port="54x2"), "'54x2'", "from 1 to 65535"),
    "reserved role name": (lambda stage, _: stage.roles(user="pg_user"), "reserved", "not beginning with a digit"),
    "role name that would be cut": (lambda stage, _: stage.roles(user="u" * 64), "63 fit", "at most 63"),
    "no CA bundle under IAM": (
        lambda stage, _: stage.property(Auth="iam"),
        "names no CA bundle",
        "set DB_SSL_ROOT_CERT",
    ),
    "CA bundle that is not there": (
        lambda stage, _: stage.monkeypatch.setenv("DB_SSL_ROOT_CERT", "certs/none.pem"),
        "not in the bundle",
        "build the bundle anew",
    ),
    "server without TLS": (
        lambda stage, _: stage.monkeypatch.setenv(
            "DB_SSL_ROOT_CERT", str(Path(botocore.__file__).parent / "cacert.pem")
        ),
        "did not pass the TLS check",
        "check that the CA bundle is the one of RDS",
    ),
}
