"""The Lambda as CloudFormation and opsctl call it: real server, real boto3, every fault answered with its reason."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from threading import Event
from typing import Any

import pytest

from opsctl.dbroles import apply, connection, protocol
from opsctl.dbroles.errors import AnswerNotDeliveredError, PasswordRefusedError, UnreachableError
from opsctl.dbroles.handler import handle, handler
from tests.functional.dbroles.endpoints import response_address, secret_store
from tests.functional.dbroles.faults import ENDPOINT, FAULTS, Stage, on_schema_creation
from tests.functional.dbroles.site import PASSWORD, Site

pytestmark = pytest.mark.postgres

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:master-AbCdEf"


class FakeContext:
    """Lambda's context with that many seconds left."""

    def __init__(self, seconds: float = 120.0) -> None:
        self.seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self.seconds * 1000)


@pytest.fixture
def stage(one_site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    # The waits are as long as in `connection` and `apply`, made short here so that the faults don't take minutes.
    monkeypatch.setattr(PasswordRefusedError, "retry_seconds", 1.0)
    monkeypatch.setattr(UnreachableError, "retry_seconds", 1.0)
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(apply, "STATEMENT_SECONDS", 3)
    monkeypatch.setattr(apply, "LOCK_SECONDS", 1)
    monkeypatch.setattr(protocol, "_PAUSE_SECONDS", 0.01)
    monkeypatch.delenv("DB_SSL_ROOT_CERT", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with secret_store() as secrets, response_address() as address:
        monkeypatch.setenv(ENDPOINT, secrets.url)
        secrets.stages["AWSCURRENT"] = json.dumps({"username": one_site.master, "password": PASSWORD})
        made = Stage(one_site, secrets, address, monkeypatch)
        roles = {key: str(value).lower() for key, value in one_site.model.to_dict().items()}
        made.property(
            ServiceToken="arn:aws:lambda:eu-west-1:123456789012:function:db-init",
            ServiceTimeout="180",
            MasterSecretArn=ARN,
            Host="127.0.0.1",
            Port=str(one_site.server.port),
            Database=one_site.database,
            Roles=roles,
            Auth="trust",
            RolesHash=one_site.model.digest(),
        )
        yield made


@pytest.mark.parametrize("name", FAULTS)
def test_it_answers_every_fault_with_its_cause_and_the_next_step(
    name: str,
    stage: Stage,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG, "opsctl.dbroles")
    if name == "connection that breaks":
        stage.site.do(
            "postgres",
            "CREATE FUNCTION public.end_it() RETURNS void LANGUAGE sql SECURITY DEFINER AS "
            "'SELECT pg_terminate_backend(pg_backend_pid())'",
        )
    bring, cause, step = FAULTS[name]
    bring(stage, request)
    handler(stage.event(), FakeContext())
    answer = stage.address.answer
    assert answer["Status"] == "FAILED"
    assert cause in answer["Reason"]
    assert step in answer["Reason"]
    assert "\n" not in answer["Reason"]
    assert answer["PhysicalResourceId"] == protocol.PHYSICAL_ID
    shown = capfd.readouterr()
    for text in (json.dumps(answer), caplog.text, shown.out, shown.err):
        assert PASSWORD not in text
        assert "S1GNATURE" not in text
    assert stage.site.ask(f"SELECT count(*) FROM pg_roles WHERE rolname = '{stage.site.model.owner}'") == [(0,)]


def test_it_makes_the_roles_and_answers_once(stage: Stage) -> None:
    handler(stage.event(), FakeContext())
    answer = stage.address.answer
    assert answer["Status"] == "SUCCESS"
    assert answer["StackId"].endswith("stack/jobs/1")
    assert (answer["RequestId"], answer["LogicalResourceId"]) == ("request-1", "DbInit")
    assert answer["PhysicalResourceId"] == protocol.PHYSICAL_ID
    assert answer["Data"]["Digest"] == stage.site.model.digest()
    assert "changes made" in answer["Data"]["Summary"]
    assert stage.address.content_types == [""]
    assert stage.site.initialize(check=True).changes == ()


def test_it_repeats_an_event_without_changing_anything(stage: Stage) -> None:
    handler(stage.event(), FakeContext())
    stage.address.bodies.clear()
    handler({**stage.event("Update"), "PhysicalResourceId": "kept-from-before"}, FakeContext())
    assert stage.address.answer["Status"] == "SUCCESS"
    assert stage.address.answer["PhysicalResourceId"] == "kept-from-before"
    assert "all roles are as the model says" in stage.address.answer["Data"]["Summary"]


def test_it_answers_a_deletion_without_touching_anything(stage: Stage) -> None:
    handler(stage.event(), FakeContext())
    stage.address.bodies.clear()
    stage.secrets.stages.clear()
    stage.property(Host="", Port="x")
    handler({**stage.event("Delete"), "PhysicalResourceId": protocol.PHYSICAL_ID}, FakeContext())
    assert stage.address.answer["Status"] == "SUCCESS"
    assert stage.site.initialize(check=True).changes == ()


def test_it_tries_again_when_the_response_address_hiccups(stage: Stage) -> None:
    stage.address.statuses = [503, 500]
    handler(stage.event("Delete"), FakeContext())
    assert stage.address.answer["Status"] == "SUCCESS"


def test_it_fails_loudly_when_the_answer_is_refused(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.address.statuses = [403] * 10
    with pytest.raises(AnswerNotDeliveredError, match="status 403") as caught:
        handler(stage.event(), FakeContext())
    assert stage.address.statuses == [403] * 7
    assert "S1GNATURE" not in str(caught.value) + caplog.text


def test_it_gives_up_on_work_that_hangs(stage: Stage) -> None:
    released = Event()

    def hang(*_: object) -> dict[str, object]:
        released.wait(30)
        return {}

    handle(stage.event(), FakeContext(seconds=1), work=hang)
    released.set()
    assert stage.address.answer["Status"] == "FAILED"
    assert "were not done within" in stage.address.answer["Reason"]


def test_it_tells_the_kind_and_place_of_an_unforeseen_error_but_not_its_words(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: object) -> dict[str, object]:
        raise RuntimeError(PASSWORD)

    handle(stage.event(), FakeContext(), work=explode)
    assert "RuntimeError at test_handler.py:" in stage.address.answer["Reason"]
    assert PASSWORD not in stage.address.answer["Reason"] + caplog.text


def test_it_says_that_the_bundle_does_not_fit(stage: Stage) -> None:
    def miss(*_: object) -> dict[str, object]:
        raise ImportError("wrong ELF class", name="psycopg2._psycopg")

    handle(stage.event(), FakeContext(), work=miss)
    assert "bundle can't be loaded (ImportError of psycopg2._psycopg)" in stage.address.answer["Reason"]


@pytest.mark.parametrize("kind", ["Modify", None])
def test_it_answers_an_unknown_request(stage: Stage, kind: object) -> None:
    handler({**stage.event(), "RequestType": kind}, FakeContext())
    assert "RequestType" in stage.address.answer["Reason"]


def test_it_returns_its_report_when_it_is_called_directly(stage: Stage) -> None:
    def call(action: str) -> dict[str, Any]:
        return handler({"Action": action, "ResourceProperties": stage.properties}, FakeContext())

    checked = call("check")
    assert checked["changed"] is True
    assert checked["checked"] is True
    assert call("status")["drifted"] is True
    assert call("init")["changes"] == checked["changes"]
    assert call("status")["drifted"] is False
    assert call("check")["changed"] is False
    assert json.loads(json.dumps(call("status")))["roles"]
    assert stage.address.bodies == []


def test_it_returns_an_error_when_it_is_called_directly(stage: Stage) -> None:
    stage.property(Database="nowhere")
    reply = handler({"Action": "init", "ResourceProperties": stage.properties}, FakeContext())
    error = reply["error"]
    assert isinstance(error, dict)
    assert error["code"] == "unknown-database"
    assert sorted(error) == ["code", "hint", "message"]
    assert "bad-event" in str(handler({"Action": "drop", "ResourceProperties": {}}, FakeContext()))
    assert "bad-event" in str(handler({"Action": "init"}, FakeContext()))


def test_it_releases_everything_after_a_fault(stage: Stage, request: pytest.FixtureRequest) -> None:
    on_schema_creation(stage, "PERFORM pg_sleep(60);")
    handler(stage.event(), FakeContext())
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{stage.site.master}'"
    with closing(stage.site.server.connect()) as own, own.cursor() as cursor:
        for _ in range(200):
            cursor.execute(sessions)
            if cursor.fetchone() == (0,):
                break
            cursor.execute("SELECT pg_sleep(0.02)")
        cursor.execute(sessions)
        assert cursor.fetchone() == (0,)
