"""Dataset releases: load, append, refuse, roll back, prune; two loads at once; a killed load; readers meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from salaries.ingest.errors import IngestError
from salaries.ingest.rows import PreparedRows
from salaries.management.commands.load_salary_dataset import StepTimes
from salaries.models import ActiveRelease, DatasetRelease, SalaryFacet, SalaryObservation, SalaryRoleAggregate
from salaries.services.releases import LoadRefusedError, release_load, release_rollback

from tests.service.commands import command_environment, start_command
from tests.service.datasets import HEADER, ROWS, Row, write_canonical
from tests.service.mapped import build


def load(
    data_dir: Path,
    rows: list[Row],
    *,
    append: bool = False,
    allow_shrink: bool = False,
    allow_rolled_back: bool = False,
) -> tuple[int, bool]:
    """Load `rows`; return the active release's number and whether it is new."""
    canonical = write_canonical(data_dir / "salaries.csv", rows)
    result = release_load(
        canonical=canonical, append=append, allow_shrink=allow_shrink, allow_rolled_back=allow_rolled_back
    )
    return result.release_id, result.created


def active() -> int:
    """Return the number of the active release."""
    return ActiveRelease.objects.get().release_id


def stored_rows(release_id: int) -> set[tuple[object, ...]]:
    """Return a release's rows without their positions."""
    names = (*HEADER[:8], "base_min_cents", "base_max_cents", "total_cents")
    return set(SalaryObservation.objects.filter(release_id=release_id).values_list(*names))


def test_a_load_stores_every_row_of_the_file_in_cents(database: str, data_dir: Path) -> None:
    release, created = load(data_dir, ROWS)
    assert created
    assert active() == release
    cents = [round(float(value) * 100) for value in ROWS[0][8:11]]
    assert (*ROWS[0][:8], *cents) in stored_rows(release)
    assert SalaryObservation.objects.filter(release_id=release).count() == len(ROWS)
    assert SalaryObservation.objects.filter(release_id=release, observed_at__isnull=True).count() == 30
    stored = DatasetRelease.objects.get(id=release)
    assert (stored.row_count, sum(stored.sources.values()), stored.kind) == (len(ROWS), len(ROWS), "load")


def test_the_same_rows_again_make_no_new_release_but_fresh_aggregates(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS)
    SalaryRoleAggregate.objects.all().update(summary="stale")
    again, created = load(data_dir, list(reversed(ROWS)))
    assert (again, created) == (first, False)
    assert not SalaryRoleAggregate.objects.filter(summary="stale").exists()


def test_as_many_rows_of_the_same_sources_are_a_new_release_when_one_differs(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS)
    changed: list[Row] = [*ROWS[:-1], (*ROWS[-1][:-1], "1999-12-31")]
    second, created = load(data_dir, changed)
    assert (second > first, created) == (True, True)
    checksums = list(DatasetRelease.objects.values_list("checksum", flat=True))
    assert {len(checksum) for checksum in checksums} == {64}
    assert len(set(checksums)) == 2


def test_rows_that_can_not_be_read_to_the_end_leave_nothing(
    database: str, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = load(data_dir, ROWS)

    def failing(prepared: PreparedRows) -> Iterator[bytes]:
        yield b"1,web,dev,pleno,Recife,PE,Brazil,BRL,remoto,1,1,1,2024-01-01\n"
        raise duckdb.IOException("IO Error: no space left")

    monkeypatch.setattr(PreparedRows, "lines", failing)
    with pytest.raises(duckdb.IOException, match=r"^IO Error: no space left$"):
        load(data_dir, ROWS[1:])
    assert active() == first
    assert DatasetRelease.objects.count() == 1
    assert not SalaryObservation.objects.exclude(release_id=first).exists()


def test_texts_that_look_like_markers_of_the_copy_format_stay_texts(database: str, data_dir: Path) -> None:
    odd = ["\\N", '"', '""', "\\.", "a,b", "NULL", " lead", "x\\ny", "'", "\t", "é", "a\nb"]
    rows: list[Row] = [
        ("s", "dev", "pleno", text, "", "Brazil", "BRL", "remoto", "1.00", "1.00", "1.00", "") for text in odd
    ]
    release, _ = load(data_dir, rows)
    stored = SalaryObservation.objects.filter(release_id=release)
    assert set(stored.values_list("location", flat=True)) == {*odd[:-1], "a b"}
    assert set(stored.values_list("state", "observed_at")) == {("", None)}
    again, created = load(data_dir, rows, append=True)
    assert (again, created) == (release, False)


def test_an_append_adds_only_rows_that_are_new(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS[:40])
    same, created = load(data_dir, ROWS[10:20] + ROWS[10:20], append=True)
    assert (same, created) == (first, False)
    second, created = load(data_dir, ROWS[30:], append=True)
    assert created
    assert SalaryObservation.objects.filter(release_id=second).count() == len(ROWS)
    checksum = DatasetRelease.objects.get(id=second).checksum
    third, created = load(data_dir, ROWS)
    assert (third, created) == (second, False), "rows in another order are the same release"
    assert DatasetRelease.objects.get(id=third).checksum == checksum


def test_the_catalogue_tells_of_a_conversion_as_long_as_its_rows_are_there(
    database: str, data_dir: Path, client: Client
) -> None:
    rates = {"to": "BRL", "USD": {"2026-01-31": 5}}
    build(data_dir, "role,salary,currency\ndev,1000,USD\n", {"period": "month", "rates": rates})
    release_load(canonical=data_dir / "salaries.csv", append=False, allow_shrink=False)
    assert client.get("/api/salaries/catalogue/").json()["converted_to"] == ["BRL"]
    load(data_dir, ROWS, append=True)
    assert client.get("/api/salaries/catalogue/").json()["converted_to"] == ["BRL"]
    load(data_dir, ROWS, allow_shrink=True)
    assert client.get("/api/salaries/catalogue/").json()["converted_to"] == []


def test_a_load_that_would_shrink_the_data_is_refused(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS)
    with pytest.raises(LoadRefusedError, match="in all from 60 to 5 rows"):
        load(data_dir, ROWS[:5])
    without_one_source = [row for row in ROWS if row[0] != "çava"]
    with pytest.raises(LoadRefusedError, match="source 'çava' from 15 to 0 rows"):
        load(data_dir, without_one_source)
    assert active() == first
    assert load(data_dir, ROWS[:5], allow_shrink=True)[1]


def test_an_empty_or_broken_file_changes_nothing(database: str, data_dir: Path) -> None:
    first, _ = load(data_dir, ROWS)
    with pytest.raises(LoadRefusedError, match="no rows"):
        load(data_dir, [], allow_shrink=True)
    (data_dir / "salaries.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CommandError, match="lacks the columns"):
        call_command("load_salary_dataset")
    (data_dir / "salaries.csv").write_text(",".join(HEADER) + "\n" + ",".join(["x"] * 8) + ",NaN,1,1,\n")
    with pytest.raises(CommandError, match=r"salaries\.csv"):
        call_command("load_salary_dataset")
    assert active() == first
    assert DatasetRelease.objects.count() == 1
    assert not (data_dir / "tmp").exists()


def test_a_rollback_goes_to_the_release_before_or_to_a_named_one(database: str, data_dir: Path) -> None:
    numbers = [load(data_dir, ROWS[:size])[0] for size in (40, 50, 60)]
    assert release_rollback().id == numbers[1]
    assert active() == numbers[1]
    assert release_rollback(to=numbers[2]).id == numbers[2]
    with pytest.raises(LoadRefusedError, match="no release 999"):
        release_rollback(to=999)
    release_rollback(to=numbers[0])
    with pytest.raises(LoadRefusedError, match="There is no older release"):
        release_rollback()


def test_old_releases_are_removed_with_all_their_rows(database: str, data_dir: Path) -> None:
    for size in range(40, 60, 2):
        load(data_dir, ROWS[:size])
    kept = set(DatasetRelease.objects.values_list("id", flat=True))
    assert len(kept) == settings.DATASET_RELEASES_KEPT + 1
    for model in (SalaryObservation, SalaryFacet, SalaryRoleAggregate):
        assert set(model._base_manager.values_list("release_id", flat=True).distinct()) == kept


def test_a_new_release_is_seen_by_the_next_request(database: str, data_dir: Path, client: Client) -> None:
    load(data_dir, ROWS[:40])
    before = client.get("/api/salaries/", {"role": "sre"})
    load(data_dir, ROWS)
    after = client.get("/api/salaries/", {"role": "sre"})
    assert (before.json()["total_observations"], after.json()["total_observations"]) == (13, 20)
    assert before["ETag"] != after["ETag"]


def test_the_commands_list_releases_and_roll_back(
    database: str, data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("salary_releases")
    assert "no dataset release yet" in capsys.readouterr().out
    for size in (50, 60):
        write_canonical(data_dir / "salaries.csv", ROWS[:size])
        call_command("load_salary_dataset")
    call_command("rollback_salary_release")
    call_command("salary_releases")
    out = capsys.readouterr().out
    assert "release r2: loaded and active (60 rows, 3 roles" in out
    assert "release r1 is active again (50 rows)" in out
    assert "* r1" in out
    call_command("salary_releases", json=True)
    # On one line, as opsctl looks for it in a log.
    listed = json.loads(capsys.readouterr().out.splitlines()[0])["releases"]
    assert [(item["release"], item["active"], item["rows"]) for item in listed] == [(2, False, 60), (1, True, 50)]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_four_loads_at_once_make_one_release(database: str, data_dir: Path) -> None:
    write_canonical(data_dir / "salaries.csv", ROWS)
    environment = command_environment(data_dir)
    running = [start_command(environment, "load_salary_dataset") for _ in range(4)]
    outputs = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * 4, outputs
    assert DatasetRelease.objects.count() == 1
    assert SalaryObservation.objects.count() == len(ROWS)


def test_only_steps_worth_waiting_for_are_told() -> None:
    ticks = iter([0.0, 0.4, 3.0, 3.1])
    told: list[str] = []
    with StepTimes(told.append, clock=lambda: next(ticks)) as steps:
        for step in ("waiting", "reading", "copying"):
            steps(step)
    assert told == ["  reading: 2.6 s"]


def test_an_append_to_nothing_keeps_the_first_of_equal_rows_too(database: str, data_dir: Path) -> None:
    release, _ = load(data_dir, [*ROWS, ROWS[0]], append=True)
    assert SalaryObservation.objects.filter(release_id=release).count() == len(ROWS)


def test_a_nul_in_the_canonical_file_is_refused_on_every_database(database: str, data_dir: Path) -> None:
    with pytest.raises(IngestError, match="holds a NUL character"):
        load(data_dir, [("s", "de\0v", *ROWS[0][2:])])


@pytest.mark.parametrize("report", ["{broken", "[]"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_damaged_build_report_does_not_keep_the_rows_out(database: str, data_dir: Path, report: str) -> None:
    (data_dir / "salaries.build.json").write_text(report)
    release, _ = load(data_dir, ROWS)
    assert DatasetRelease.objects.get(id=release).build == {}
