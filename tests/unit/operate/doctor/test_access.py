"""Whether AWS's front door opens, told in seconds."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from opsctl.operate.doctor.access import network


def test_where_it_does_not_open_it_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def closed(address: Any, timeout: float) -> Any:
        asked.append((address, timeout <= 5))
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", closed)
    found = network("eu-west-1")
    assert (found.verdict, "Name or service not known" in found.text) == ("wrong", True)
    assert network("cn-north-1").verdict == "wrong"
    assert asked == [(("sts.eu-west-1.amazonaws.com", 443), True), (("sts.cn-north-1.amazonaws.com.cn", 443), True)]
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    assert network("eu-west-1").verdict == "ok"
    assert len(asked) == 2
