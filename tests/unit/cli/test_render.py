"""States and lists as people read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.cli.render import jobs_text, local_text, secrets_text
from opsctl.cli.render_images import images_text, pushed_text
from opsctl.cli.render_roles import status_text
from opsctl.images.oci.push import Pushed
from opsctl.local.report import LocalEndpoints, LocalListener, LocalStatus
from tests.unit.cli.terminal import Terminal


def secret(name: str, source: str, *, there: bool = False, changed: str = "", note: str = "") -> dict[str, Any]:
    return {"name": name, "source": source, "there": there, "changed": changed, "note": note}


def test_secrets_are_a_table_of_what_has_a_value_and_who_gives_it() -> None:
    found = [
        secret("SENTRY_DSN", "set"),
        secret("SALT", "generate", there=True, changed="2026-03-01T10:00:00.123456+00:00"),
        secret("OLD", "", there=True, note="environments.yaml does not name it"),
    ]
    assert secrets_text(found).splitlines() == [
        "SECRET      VALUE        CHANGED (UTC)        COMES FROM",
        "SENTRY_DSN  not set yet  -                    opsctl secret set SENTRY_DSN",
        "SALT        is there     2026-03-01 10:00:00  opsctl deploy makes it",
        "OLD         is there     -                    environments.yaml does not name it",
    ]
    assert secrets_text([]) == "The application names no secrets."


def test_jobs_are_a_table_with_commands_as_a_shell_takes_them() -> None:
    daily = {"name": "report", "schedule": "15 4 * * *", "timezone": "America/Sao_Paulo"}
    found = [
        {**daily, "command": ["sh", "-c", "exit 7"]},
        {"name": "x", "schedule": "", "timezone": "UTC", "command": ["a"]},
    ]
    assert jobs_text(found).splitlines() == [
        "JOB     SCHEDULE                        COMMAND",
        "report  15 4 * * * (America/Sao_Paulo)  sh -c 'exit 7'",
        "x       by hand                         a",
    ]
    assert jobs_text([]) == "The application has no jobs."


def test_what_only_records_is_wrapped_and_named_whole() -> None:
    kinds = [f"AWS::Service{number}::Resource: " + "nothing of it is done " * 4 for number in range(12)]
    ends = LocalEndpoints("http://127.0.0.1:4566", "1" * 12, "us-east-1", "127.0.0.1", 5432)
    text = local_text(LocalStatus(True, Path(), ends, 1, 2, (), (), 0.0, tuple(kinds), "processes", ()))
    assert max(len(line) for line in text.splitlines()) <= 80
    recorded = text.partition("without effect here:\n")[2]
    assert recorded.split() == " ".join(kinds).split()
    assert [line.split()[0] for line in recorded.splitlines() if line[2] != " "] == [each.split()[0] for each in kinds]


def test_local_status_says_whose_each_address_is() -> None:
    ends = LocalEndpoints("http://127.0.0.1:4566", "1" * 12, "us-east-1", "127.0.0.1", 5432)
    listeners = (
        LocalListener("load balancer", "http://127.0.0.1:20001/", "local", "shop"),
        LocalListener("load balancer", "http://127.0.0.1:20002/", "second", "shop"),
        LocalListener("distribution", "http://127.0.0.1:20003/", "", ""),
    )
    text = local_text(LocalStatus(True, Path(), ends, 1, 2, (), listeners, 0.0, (), "processes", ()))
    assert [line.split() for line in text.splitlines() if "2000" in line] == [
        ["load", "balancer", "http://127.0.0.1:20001/", "shop", "in", "local"],
        ["load", "balancer", "http://127.0.0.1:20002/", "shop", "in", "second"],
        ["distribution", "http://127.0.0.1:20003/"],
    ]


def test_the_size_of_a_manifest_is_not_told_as_an_images() -> None:
    row = {"tags": ["a"], "digest": "sha256:0123456789abcdef", "time": "2026-11-29T16:54:19+00:00"}
    shown = [images_text([{**row, "size": size}]).splitlines()[1] for size in (0, 1_200, 30_000_000)]
    assert shown == [
        "sha256:0123456789ab  -     2026-11-29 16:54:19  a",
        "sha256:0123456789ab  -     2026-11-29 16:54:19  a",
        "sha256:0123456789ab  30.0 MB  2026-11-29 16:54:19  a",
    ]


def test_an_image_of_many_releases_has_its_tags_on_a_line_of_their_own() -> None:
    row = {"digest": "sha256:0123456789abcdef", "time": "2026-11-29T16:54:19+00:00", "size": 0}
    many = ["content-34a21463c938", *(f"local-r{number}" for number in range(5))]
    assert images_text([{**row, "tags": ["a"]}, {**row, "tags": many}]).splitlines()[1:] == [
        "sha256:0123456789ab  -     2026-11-29 16:54:19  a",
        "sha256:0123456789ab  -     2026-11-29 16:54:19",
        f"    {', '.join(many)}",
    ]


def test_a_function_that_was_deployed_before_tells_nothing_of_what_is_left_open() -> None:
    report = {
        "database": "app", "database_owner": "app_owner", "server_version": "18.4", "master": "m", "roles": [],
        "schema_owners": {}, "default_privileges": [], "pending": [], "findings": [], "drifted": False,
    }  # fmt: skip
    assert "as configured" in status_text(report)
    assert "Left open: logins" in status_text({**report, "left_open": ["logins"]})


def test_at_a_terminal_what_is_said_of_roles_is_broken_at_blanks(monkeypatch: pytest.MonkeyPatch) -> None:
    report = {
        "database": "app", "database_owner": "app_owner", "server_version": "18.4", "master": "m", "roles": [],
        "schema_owners": {}, "default_privileges": [], "pending": [], "findings": [], "drifted": False,
        "left_open": ["Every login may " + "do so " * 20],
    }  # fmt: skip
    monkeypatch.setattr("sys.stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, status_text(report).splitlines())) <= 80


@pytest.mark.parametrize(("signed", "told"), [(True, "1.0 s. Its signature went along.\n"), (False, "1.0 s.\n")])
def test_a_push_tells_that_a_signature_went_along(signed: bool, told: str) -> None:
    pushed = Pushed("registry/app@sha256:1", "v1", "sha256:1", 2, 1, 3, 4, 1.0, signed)
    assert told in pushed_text(pushed)
