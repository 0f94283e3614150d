"""Migrations: none is missing, none breaks the release before it, one runs at a time."""

from __future__ import annotations

import threading
import time

import pytest
from django.core.management import CommandError, call_command
from django.db import Error, ProgrammingError, connection, connections, migrations, models
from django.db.migrations.operations.base import Operation
from django.db.migrations.recorder import MigrationRecorder
from salaries.migration_lint import migration_problems
from salaries.services import locks
from salaries.services.locks import BusyError, migration_lock

from tests.service.conftest import use_database


def problems(*operations: Operation, allowance: object = None) -> list[str]:
    """Return what the linter says about a migration of these operations."""
    migration = migrations.Migration("0002_next", "salaries")
    migration.operations = list(operations)  # type: ignore[misc]
    if allowance is not None:
        migration.backward_incompatible = allowance  # type: ignore[attr-defined]
    return migration_problems(migration)


def test_models_and_migrations_agree(database: str) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_every_migration_keeps_the_previous_release_working(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("lint_migrations")
    assert "keep the previous release working" in capsys.readouterr().out


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField("thing", "name"),
        migrations.RenameField("thing", "name", "title"),
        migrations.DeleteModel("thing"),
        migrations.RenameModel("thing", "item"),
        migrations.AlterModelTable("thing", "other"),
        migrations.AddField("thing", "size", models.IntegerField(default=1)),
        migrations.AlterField("thing", "size", models.IntegerField()),
        migrations.AddConstraint("thing", models.UniqueConstraint(fields=("size",), name="u")),
        migrations.RunSQL("DROP TABLE thing"),
        migrations.RunPython(lambda _apps, _editor: None),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField("thing", "name")]),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_an_operation_the_old_release_can_not_work_with_is_refused(operation: Operation) -> None:
    assert len(problems(operation)) == 1


@pytest.mark.parametrize(
    "operation",
    [
        migrations.AddField("thing", "size", models.IntegerField(null=True)),
        migrations.AddField("thing", "size", models.IntegerField(db_default=1)),
        migrations.AlterField("thing", "size", models.IntegerField(null=True)),
        migrations.CreateModel("other", [("id", models.BigAutoField(primary_key=True))]),
        migrations.AddIndex("thing", models.Index(fields=["size"], name="i")),
        migrations.RunPython(migrations.RunPython.noop, migrations.RunPython.noop),
    ],
    ids=lambda operation: type(operation).__name__,
)
def test_an_operation_that_only_adds_passes(operation: Operation) -> None:
    assert problems(operation) == []


def test_a_model_of_the_same_migration_may_be_shaped_freely() -> None:
    create = migrations.CreateModel("fresh", [("id", models.BigAutoField(primary_key=True))])
    assert problems(create, migrations.AddField("fresh", "size", models.IntegerField())) == []


def test_an_allowance_needs_a_reason() -> None:
    remove = migrations.RemoveField("thing", "name")
    assert problems(remove, allowance="unused since release 12 of the service") == []
    assert len(problems(remove, allowance="ok")) == len(problems(remove, allowance=True)) == 1


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_second_migration_waits_and_then_names_the_first(database: str) -> None:
    slept: list[float] = []
    with migration_lock("default"):
        # It lets its own process write what it applied.
        MigrationRecorder(connection).record_applied("app", "0001_initial")
        with (
            pytest.raises(BusyError, match=r"Another migration is running \(process \d+, user master"),
            migration_lock("default", sleep=slept.append, attempts=3),
        ):
            raise AssertionError
        assert slept == [1, 1]
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE relation = 'django_migrations'::regclass")
        assert cursor.fetchone() == (0,)


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_the_table_of_migrations_is_left_to_its_owner(database: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute('CREATE ROLE "Odd role"')
        cursor.execute('GRANT SELECT, INSERT, UPDATE ON django_migrations TO "Odd role", PUBLIC')
        call_command("migrate", verbosity=0)
        cursor.execute(
            "SELECT grantee, privilege_type FROM information_schema.role_table_grants "
            "WHERE table_name = 'django_migrations' AND grantee <> current_user ORDER BY 1"
        )
        assert cursor.fetchall() == [("Odd role", "SELECT"), ("PUBLIC", "SELECT")]
        cursor.execute('DROP OWNED BY "Odd role"')
        cursor.execute('DROP ROLE "Odd role"')


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_migration_that_cannot_ask_for_the_lock_fails_at_once(database: str) -> None:
    slept: list[float] = []
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE no_owner LOGIN")
        cursor.execute("GRANT SELECT ON django_migrations TO no_owner")
    outsider = {**connections.settings["default"], "USER": "no_owner"}
    with (
        use_database(outsider),
        pytest.raises(ProgrammingError, match="permission denied"),
        migration_lock("default", sleep=slept.append),
    ):
        raise AssertionError
    assert slept == []
    with connection.cursor() as cursor:
        cursor.execute("DROP OWNED BY no_owner")
        cursor.execute("DROP ROLE no_owner")


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_migration_that_loses_its_connection_while_it_waits_fails_at_once(database: str) -> None:
    slept: list[float] = []

    def cut(seconds: float) -> None:
        slept.append(seconds)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query = 'ROLLBACK'"
            )
            assert cursor.fetchall() == [(True,)]

    with (
        migration_lock("default"),
        pytest.raises(Error),
        migration_lock("default", sleep=cut),
    ):
        raise AssertionError
    assert slept == [1]


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_two_first_migrations_may_make_their_table_at_once(database: str) -> None:
    first, held = connections.create_connection("default"), threading.Event()

    def second() -> None:
        with migration_lock("default", attempts=1):
            held.set()
        connections.close_all()

    MigrationRecorder(connection).migration_qs.all().delete()
    with connection.cursor() as cursor, first.cursor() as maker:
        cursor.execute("ALTER TABLE django_migrations RENAME TO template")
        maker.execute("BEGIN")
        maker.execute("CREATE TABLE django_migrations (LIKE template INCLUDING ALL)")
        waiting = threading.Thread(target=second)
        waiting.start()
        while True:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted")
            if cursor.fetchone() == (1,):
                break
            assert waiting.is_alive()
            time.sleep(0.02)
        maker.execute("COMMIT")
    waiting.join(20)
    first.close()
    assert held.is_set()


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_load_that_waits_in_vain_names_the_one_that_runs(database: str) -> None:
    from django.db import transaction

    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE salaries_activerelease IN SHARE ROW EXCLUSIVE MODE")
        with pytest.raises(BusyError, match=r"Another load is running \(process \d+"), transaction.atomic():
            locks.lock_dataset("default", wait_seconds=1)
    finally:
        other.close()


def test_an_unknown_file_is_a_plain_error(database: str) -> None:
    with pytest.raises(CommandError, match="build_salary_dataset"):
        call_command("load_salary_dataset")
