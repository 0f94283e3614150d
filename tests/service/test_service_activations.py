"""The history of activations: what a rollback undoes, and that what was rolled back from stays away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from salaries.models import ActiveRelease, DatasetActivation, DatasetRelease
from salaries.services.releases import LoadRefusedError, RolledBackError, release_rollback

from tests.service.datasets import ROWS, write_canonical
from tests.service.test_service_load import active, load


def history() -> list[tuple[int, str, int | None]]:
    """Number, how, and what it took the place of, of each activation, oldest first."""
    return list(DatasetActivation.objects.order_by("id").values_list("release_number", "how", "left_number"))


def test_a_load_of_what_was_rolled_back_from_is_refused_until_it_is_allowed(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS[:50])
    bad, _ = load(data_dir, ROWS)
    release_rollback()
    with pytest.raises(RolledBackError, match=f"those of release r{bad}, which was rolled back from on 20"):
        load(data_dir, list(reversed(ROWS)))
    with pytest.raises(RolledBackError):
        load(data_dir, ROWS[50:], append=True)
    assert (active(), DatasetRelease.objects.count()) == (first, 2)
    again, created = load(data_dir, ROWS, allow_rolled_back=True)
    assert (again > bad, created) == (True, True)
    load(data_dir, ROWS[:50])
    assert load(data_dir, ROWS)[1], "what was allowed once is not refused the next night"


def test_rows_stay_refused_after_their_release_is_gone(database: str, data_dir: Path) -> None:
    load(data_dir, ROWS[:30])
    bad, _ = load(data_dir, ROWS[:59])
    release_rollback()
    for size in range(31, 41):
        load(data_dir, ROWS[:size])
    assert not DatasetRelease.objects.filter(id=bad).exists()
    with pytest.raises(RolledBackError):
        load(data_dir, ROWS[:59])


def test_a_release_that_was_made_active_again_by_its_number_is_not_refused(database: str, data_dir: Path) -> None:
    load(data_dir, ROWS[:40])
    second, _ = load(data_dir, ROWS[:50])
    release_rollback()
    release_rollback(to=second)
    load(data_dir, ROWS)
    assert load(data_dir, ROWS[:50])[1]


def test_a_rollback_undoes_the_last_activation_and_not_the_next_lower_number(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS[:40])
    second, _ = load(data_dir, ROWS[:50])
    release_rollback()
    third, _ = load(data_dir, ROWS)
    assert release_rollback().id == first, f"r{second} was rolled back from"
    with pytest.raises(LoadRefusedError, match=rf"not rolled back from; kept releases: {third}, {second}, {first}\."):
        release_rollback()
    assert release_rollback(to=third).id == third
    assert release_rollback().id == first
    assert history() == [
        (first, "load", None), (second, "load", first), (first, "rollback", second), (third, "load", first),
        (first, "rollback", third), (third, "rollback", first), (first, "rollback", third),
    ]  # fmt: skip


def test_a_rollback_without_a_number_never_goes_to_what_was_rolled_back_from(database: str, data_dir: Path) -> None:
    numbers = [load(data_dir, ROWS[:size])[0] for size in (40, 42, 44, 46)]
    for number in (numbers[1], numbers[3], numbers[2]):
        release_rollback(to=number)
    assert release_rollback().id == numbers[1], "the fourth was active just before, and was rolled back from"


def test_the_release_that_a_rollback_would_go_to_is_kept(database: str, data_dir: Path) -> None:
    numbers = [load(data_dir, ROWS[:size])[0] for size in (40, 42, 44, 46)]
    release_rollback(to=numbers[0])
    load(data_dir, ROWS[:48])
    assert release_rollback().id == numbers[0]


def test_a_rollback_to_the_active_release_is_no_activation(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS)
    release_rollback(to=first)
    assert history() == [(first, "load", None)]


def test_the_list_tells_the_history_and_what_was_rolled_back_from(
    database: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for rows in (ROWS[:50], ROWS):
        load(data_dir, rows)
    release_rollback()
    call_command("salary_releases", json=True)
    told = json.loads(capsys.readouterr().out)
    assert [(item["release"], item["rolled_back"]) for item in told["releases"]] == [(2, True), (1, False)]
    assert [(flip["release"], flip["how"], flip["instead_of"]) for flip in told["activations"]] == [
        (1, "rollback", 2), (2, "load", 1), (1, "load", None)
    ]  # fmt: skip
    call_command("salary_releases")
    assert "rolled back from" in capsys.readouterr().out.splitlines()[0]


def test_the_command_ends_with_an_exit_code_of_its_own(database: str, data_dir: Path) -> None:
    for rows in (ROWS[:50], ROWS):
        load(data_dir, rows)
    release_rollback()
    write_canonical(data_dir / "salaries.csv", ROWS)
    with pytest.raises(CommandError, match="--allow-rolled-back") as caught:
        call_command("load_salary_dataset")
    assert caught.value.returncode == 6
    call_command("load_salary_dataset", allow_rolled_back=True)
    assert active() == 3


def test_a_database_of_before_gets_the_history_that_its_pointer_tells(database: str, data_dir: Path) -> None:
    numbers = [load(data_dir, ROWS[:size])[0] for size in (40, 50, 60)]
    DatasetActivation.objects.all().delete()
    ActiveRelease.objects.update(release_id=numbers[1])
    from importlib import import_module

    with connection.schema_editor() as editor:
        import_module("salaries.migrations.0002_activations").begin_history(apps, editor)
    assert history() == [
        (1, "load", None), (2, "load", 1), (3, "load", 2), (2, "rollback", 3)
    ]  # fmt: skip
    with pytest.raises(RolledBackError):
        load(data_dir, ROWS[:60])
