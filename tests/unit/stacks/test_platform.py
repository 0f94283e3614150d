"""The platform stack: what is left out or named otherwise by settings."""

from __future__ import annotations

from opsctl.stacks import platform
from tests.unit.stacks.reading import Stack, environment


def build(name: str, **settings: object) -> Stack:
    return Stack(platform.build(environment(name, **settings)))


def test_nobody_is_written_to_without_an_address() -> None:
    assert "AlarmEmail" not in build("dev", observability__alert_email=None).resources


def test_aliases_take_configured_names() -> None:
    stack = build("prd", security__kms_aliases__data="team/data")
    assert stack["DataKeyAlias"]["AliasName"] == "alias/team/data"
    assert stack["LogsKeyAlias"]["AliasName"] == "alias/prd-salaries-logs"
