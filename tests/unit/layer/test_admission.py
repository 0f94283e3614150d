"""The thread that is kept: who gets in, who waits, who is told to come back."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from opsctl.layer.files.hook import opsctl_admission
from opsctl.layer.files.hook.opsctl_admission import Admission, Limited


class Site:
    """An application whose answers end when they are told to."""

    def __init__(self) -> None:
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/fails":
            raise LookupError
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/file":
            return environ["wsgi.file_wrapper"]()  # type: ignore[no-any-return]
        return Slow(self)


class Slow:
    def __init__(self, site: Site) -> None:
        self._site = site

    def __iter__(self) -> Iterator[bytes]:
        yield b"ok"

    def close(self) -> None:
        self._site.closed += 1


class File:
    """What a server sends by itself."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"file"


def ask(application: Limited, path: str = "/") -> tuple[str, Any]:
    """Status and answer, not closed yet."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    environ = {"PATH_INFO": path, "wsgi.file_wrapper": File}
    answer = application(environ, lambda status, headers: started.append((status, headers)))
    if started[0][0].startswith("503"):
        assert dict(started[0][1])["Retry-After"] == "2"
    return started[0][0], answer


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch) -> Limited:
    """Two places; nobody waits for long."""
    monkeypatch.setattr(opsctl_admission, "PATIENCE", 0.05)
    return Limited(Site(), Admission(2), lambda path: path == "/healthz")


def test_above_the_limit_is_503_until_an_answer_is_closed(limited: Limited, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [ask(limited)[1] for _ in range(2)]
    assert ask(limited)[0] == ask(limited)[0] == "503 Service Unavailable"
    assert ask(limited, "/healthz")[0] == "200 OK"
    assert list(answers[0]) == [b"ok"]
    answers[0].close()
    answers[0].close()
    assert (ask(limited)[0], ask(limited)[0]) == ("200 OK", "503 Service Unavailable")
    assert limited.application.closed == 2
    assert capsys.readouterr().err == ("opsctl: all 2 places for requests are taken and none ends: answering 503.\n")


def test_a_failing_request_and_a_file_that_the_server_sends_hold_no_place(limited: Limited) -> None:
    for _ in range(3):
        with pytest.raises(LookupError):
            ask(limited, "/fails")
        assert isinstance(ask(limited, "/file")[1], File)
    assert ask(limited)[0] == "200 OK"


def test_who_comes_on_top_waits_while_others_move_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opsctl_admission, "PATIENCE", 20.0)
    admission = Admission(1)
    assert admission.enter()
    found: list[bool] = []
    waiting = threading.Thread(target=lambda: found.append(admission.enter()))
    waiting.start()
    admission.leave()
    waiting.join(timeout=20)
    assert found == [True]


def test_once_nothing_moves_nobody_waits() -> None:
    """Each request that waited would hold the thread that is kept."""
    now = [0.0]
    admission = Admission(1, clock=lambda: now[0])
    assert admission.enter()
    now[0] += opsctl_admission.PATIENCE
    assert not admission.enter()


@pytest.mark.parametrize(("threads", "places"), [("", None), ("1", None), ("x", None), ("4", 3), ("2", 1)])
def test_the_number_of_threads_decides(threads: str, places: int | None) -> None:
    admission = Admission.of({"OPSCTL_THREADS": threads})
    assert (admission._limit if admission else None) == places
