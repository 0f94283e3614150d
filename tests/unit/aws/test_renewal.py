"""Who is waited for when credentials end."""

from __future__ import annotations

import sys
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from opsctl.aws.renewal import CredentialsEndedError, Renewal

ENDED = ClientError({"Error": {"Code": "ExpiredToken"}}, "DescribeStacks")


@pytest.mark.parametrize(("ci", "waits"), [("true", False), (None, True)])
def test_a_terminal_that_ci_gives_a_job_has_nobody_before_it(
    monkeypatch: pytest.MonkeyPatch, ci: str | None, waits: bool
) -> None:
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(isatty=lambda: True))
    monkeypatch.delenv("CI", raising=False)
    if ci is not None:
        monkeypatch.setenv("CI", ci)
    told: list[str] = []
    source: Any = SimpleNamespace(now=SimpleNamespace(method="env"))
    hours = count(step=3600.0)
    renewal = Renewal("us-east-1", source, tell=told.append, leaving=lambda: False, clock=lambda: next(hours))
    with pytest.raises(CredentialsEndedError) as ended:
        renewal.wait(ENDED, renewal.generation)
    assert bool(told) is waits
    assert ("No program gets others" in ended.value.message) is not waits
