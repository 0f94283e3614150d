"""A command as a one-off task: whose task definition it gets, of what size, and which commands can't be run so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from opsctl.config.application_rules import nearest_size
from opsctl.deploy.events import silent
from opsctl.errors import ExitCode, OpsctlError, UsageError
from opsctl.operate.one_off import Command, run_interactively, run_once, task_size
from opsctl.operate.target import Target
from opsctl.stacks.parts.tasks import START

from .shop import OUTPUTS, SETTINGS, Shop


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.setattr(Target, "poll_seconds", 0.0)
    return Shop(tmp_path)


def run(shop: Shop, *words: str, **more: Any) -> dict[str, Any]:
    return run_once(shop.target, Command(words or ("manage.py", "check"), **more), silent)


def started(shop: Shop) -> dict[str, Any]:
    (how,) = shop.ran
    return how


def test_the_default_is_the_webs_role_and_what_the_running_web_has(shop: Shop) -> None:
    done = run(shop)
    assert (done["role"], done["process"], done["exit_code"]) == ("app_user", "web", 0)
    how = started(shop)
    assert how["task_definition"] == "dev-shop-acme/dev-shop:9"
    assert how["container"] == "service"
    assert how["command"] == ("python", "manage.py", "check")
    assert how["security_groups"] == ("sg-1",)
    assert not {"size", "environment"} & how.keys()


@pytest.mark.parametrize("role", ["migrator", "app_migrator"])
def test_a_role_is_had_by_the_process_that_logs_in_as_it(shop: Shop, role: str) -> None:
    assert run(shop, role=role)["process"] == "release"
    how = started(shop)
    assert (how["task_definition"], how["container"]) == (OUTPUTS["jobs"]["MigrateTaskDefinitionArn"], "migrate")


def test_with_one_role_for_all_it_is_the_release_whose_log_drops_no_line(shop: Shop) -> None:
    shop.application, shop.without = f"{SETTINGS}\n    database: {{owner: true}}", ", database_role: loader"
    assert run(shop)["process"] == "release"


def test_an_image_made_elsewhere_runs_commands_where_its_entry_point_is_replaced(shop: Shop) -> None:
    shop.application = "image: registry.example.com/shop"
    assert run(shop)["process"] == "mail"
    assert started(shop)["task_definition"] == "dev-shop-acme/dev-shop-mail:9"


def test_a_job_that_must_not_overlap_lends_its_task_definition_all_the_same(shop: Shop) -> None:
    assert run(shop, role="loader")["process"] == "tidy"
    how = started(shop)
    assert how["task_definition"] == OUTPUTS["app"]["TidyTaskDefinitionArn"]
    assert how["environment"] == {"OPSCTL_ALONE": ""}
    assert how["command"] == (*START, "python", "manage.py", "check")


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("writer", "There are migrator (release), user (web, mail), loader (tidy). A job with `database_role: writer`"),
        ("readonly", "(tidy). `opsctl db shell` logs in from here"),
        ("app_owner", "logs in as owner: a task may log in as the role of its own process alone"),
        ("app_usr", "Did you mean `app_user`? There are user, migrator"),
    ],
)
def test_a_role_that_no_process_has_is_refused_with_those_there_are(shop: Shop, role: str, words: str) -> None:
    with pytest.raises(UsageError) as raised:
        run(shop, role=role)
    assert words in str(raised.value)
    assert raised.value.exit_code == ExitCode.USAGE
    assert (shop.ran, shop.calls) == ([], [])


def test_the_exit_code_is_the_commands(shop: Shop) -> None:
    shop.exit_code = 7
    assert run(shop)["exit_code"] == 7


def test_a_size_takes_the_place_of_the_task_definitions(shop: Shop) -> None:
    run(shop, size="1024:2048")
    run(shop)
    assert shop.ran[0]["size"] == (1024, 2048)
    # Another size is another task, not one to be followed.
    assert shop.ran[0]["started_by"] != shop.ran[1]["started_by"]


@pytest.mark.parametrize("text", ["256:512", "256:2048", "512:1024", "1024:8192", "4096:30720", "16384:122880"])
def test_sizes_that_fargate_has(text: str) -> None:
    assert task_size(text) == tuple(map(int, text.split(":")))


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("256:4096", "512:4096"),
        ("1000:2000", "1024:2048"),
        ("1024:1024", "1024:2048"),
        ("1024:2500", "1024:3072"),
        ("1:1", "256:512"),
        ("8192:17000", "8192:20480"),
        ("99999:1", "16384:122880"),
    ],
)
def test_other_sizes_are_refused_with_the_nearest(text: str, near: str) -> None:
    with pytest.raises(UsageError) as raised:
        task_size(text)
    assert raised.value.hint == f"The nearest is --size {near}."
    assert nearest_size(*map(int, near.split(":"))) == tuple(map(int, near.split(":")))


@pytest.mark.parametrize("text", ["", "big", "1024", "1024:", "1024:2048:1", "-1024:2048", "1GB:2", "9999999999:1"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="no size"):
        task_size(text)


@pytest.mark.parametrize(
    "words",
    [
        "manage.py shell", "python manage.py shell", "python -u manage.py shell_plus --quiet", "manage.py dbshell",
        "manage.py createsuperuser --username a", "./manage.py changepassword a", "django-admin flush", "bash",
        "/bin/sh", "python", "python3.13", "ipython", "psql", "python -", "bash -s",
        "manage.py loaddata --format json -",
    ],
)  # fmt: skip
def test_a_command_that_reads_the_terminal_is_refused_with_what_to_do_instead(shop: Shop, words: str) -> None:
    with pytest.raises(UsageError, match="no terminal and no stdin") as raised:
        run(shop, *words.split())
    assert raised.value.hint
    assert "run -i" not in raised.value.hint  # which is for environments of this machine
    assert (shop.ran, shop.calls) == ([], [])


@pytest.mark.parametrize(
    "words",
    [
        "manage.py shell -c pass", "manage.py shell --command=pass", "manage.py shell -cpass",
        "manage.py dbshell -- -c x",
        "manage.py createsuperuser --noinput", "manage.py createsuperuser --no-input", "manage.py flush --noinput",
        "manage.py shell --help", "bash -c true", "python -c pass", "python shell.py", "manage.py check", "manage.py",
        "manage.py loaddata shell",
    ],
)  # fmt: skip
def test_a_command_that_reads_nothing_runs(shop: Shop, words: str) -> None:
    run(shop, *words.split())
    assert len(shop.ran) == 1


def test_a_terminal_and_a_size_are_for_different_places(shop: Shop) -> None:
    with pytest.raises(OpsctlError, match="ECS Exec"):
        run_interactively(shop.target, Command(("manage.py", "shell")))
