"""IAM tokens: signed locally, one per endpoint, reused for ten minutes by all workers, asked for at each connection."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.session import Session
from config.db.postgres_iam.base import DatabaseWrapper
from config.db.postgres_iam.tokens import CredentialsMissingError, Endpoint, SessionSigner, TokenCache

PATIENCE = 30
"""Seconds after which a test that would hang fails instead."""

FORK = multiprocessing.get_context("fork")
HOME = Endpoint(host="db.example.com", port=5433, user="app_user", region="sa-east-1")


class Clock:
    """A clock that tests move by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class CountingSigner:
    """Makes tokens that say which one they are."""

    def __init__(self) -> None:
        self.signed: list[Endpoint] = []

    def __call__(self, endpoint: Endpoint) -> str:
        self.signed.append(endpoint)
        return f"token {len(self.signed)}"


def test_a_token_is_reused_for_ten_minutes_and_then_made_anew() -> None:
    clock, sign = Clock(), CountingSigner()
    cache = TokenCache(sign=sign, clock=clock)
    assert cache.token(HOME) == "token 1"
    clock.now += 599
    assert cache.token(HOME) == "token 1"
    clock.now += 1
    assert cache.token(HOME) == "token 2"


def test_each_host_port_and_user_has_its_own_token() -> None:
    sign = CountingSigner()
    cache = TokenCache(sign=sign, clock=Clock())
    others = [Endpoint("replica.example.com", 5433, "app_user", "sa-east-1"), Endpoint("db.example.com", 1, "u", "x")]
    assert len({cache.token(endpoint) for endpoint in (HOME, *others)}) == 3


def test_a_token_from_the_future_is_made_anew() -> None:
    """The clock was wrong when it was signed, and has been set back."""
    clock, sign = Clock(), CountingSigner()
    cache = TokenCache(sign=sign, clock=clock)
    assert cache.token(HOME) == "token 1"
    clock.now -= 1
    assert cache.token(HOME) == "token 2"


def test_a_half_written_token_is_made_anew() -> None:
    sign = CountingSigner()
    cache = TokenCache(sign=sign, clock=Clock())
    cache.token(HOME)
    os.ftruncate(cache._memory, os.fstat(cache._memory).st_size - 1)
    assert cache.token(HOME) == "token 2"


def _forked(work: Callable[[], str]) -> tuple[Any, Connection]:
    """A worker as gunicorn makes them, and where the result of its work comes out."""
    reader, writer = FORK.Pipe(duplex=False)
    process = FORK.Process(target=lambda: writer.send(work()), daemon=True)
    process.start()
    return process, reader


def _received(reader: Connection) -> Any:
    assert reader.poll(PATIENCE), "the worker still waits for the lock"
    return reader.recv()


def test_workers_that_ask_at_once_get_one_token() -> None:
    def sign(_: Endpoint) -> str:
        time.sleep(0.3)  # long enough for the others to sign as well, if they did not wait
        return f"token of {os.getpid()}"

    cache, together = TokenCache(sign=sign, clock=Clock()), FORK.Barrier(4)

    def ask() -> str:
        together.wait(PATIENCE)
        return cache.token(HOME)

    workers = [_forked(ask) for _ in range(4)]
    received = {_received(reader) for _, reader in workers}
    assert received == {cache.token(HOME)}


def test_a_worker_killed_while_it_signs_keeps_nobody_waiting() -> None:
    signing = FORK.Event()

    def hang(_: Endpoint) -> str:
        signing.set()
        time.sleep(PATIENCE)
        return "never"

    cache = TokenCache(sign=hang, clock=Clock())
    worker, _ = _forked(lambda: cache.token(HOME))
    assert signing.wait(PATIENCE)
    cache._sign = CountingSigner()
    _, reader = _forked(lambda: cache.token(HOME))
    assert not reader.poll(0.3), "the lock was not held"
    worker.kill()
    assert _received(reader) == "token 1"


def test_a_process_forked_while_a_thread_signs_waits_for_its_token() -> None:
    signing, go_on = FORK.Event(), FORK.Event()

    def sign(_: Endpoint) -> str:
        signing.set()
        go_on.wait(PATIENCE)
        return f"token of {os.getpid()}"

    cache = TokenCache(sign=sign, clock=Clock())
    with ThreadPoolExecutor(1) as pool:
        ours = pool.submit(cache.token, HOME)
        assert signing.wait(PATIENCE)
        _, reader = _forked(lambda: cache.token(HOME))
        go_on.set()
        assert _received(reader) == ours.result() == f"token of {os.getpid()}"


def _session(monkeypatch: pytest.MonkeyPatch) -> Session:
    session = Session()
    session.set_credentials("AKIDEXAMPLE", "secret", "session-token")
    return session


def test_the_token_is_the_one_boto3_would_make(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    token = SessionSigner(lambda: _session(monkeypatch))(HOME)
    client = boto3.client("rds", region_name="sa-east-1", aws_access_key_id="AKIDEXAMPLE",
                          aws_secret_access_key="secret", aws_session_token="session-token")  # fmt: skip
    theirs = client.generate_db_auth_token(DBHostname=HOME.host, Port=HOME.port, DBUsername=HOME.user)
    ours_query, theirs_query = (parse_qs(urlsplit("https://" + text).query) for text in (token, theirs))
    for volatile in ("X-Amz-Date", "X-Amz-Signature"):
        ours_query.pop(volatile), theirs_query.pop(volatile)
    assert ours_query == theirs_query
    assert token.startswith("db.example.com:5433/?Action=connect&DBUser=app_user&")


def test_missing_credentials_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nobody:
        def get_credentials(self) -> None:
            return None

    with pytest.raises(CredentialsMissingError, match="No AWS credentials"):
        SessionSigner(Nobody)(HOME)  # type: ignore[arg-type]


@pytest.mark.postgres
def test_the_backend_sends_a_token_as_password_and_keeps_none(postgres_server: Any) -> None:
    from django.db import connections

    config = postgres_server.new_database()
    config |= {"ENGINE": "config.db.postgres_iam", "OPTIONS": {"aws_region": "sa-east-1", "connect_timeout": 5}}
    full = connections.configure_settings({"default": config})["default"]
    sign = CountingSigner()
    wrapper = DatabaseWrapper(full, "default")
    wrapper.tokens = TokenCache(sign=sign, clock=Clock())
    parameters = wrapper.get_connection_params()
    assert "password" not in parameters
    assert "aws_region" not in parameters
    connection = wrapper.get_new_connection(parameters)
    connection.close()
    assert [endpoint.host for endpoint in sign.signed] == ["127.0.0.1"]
