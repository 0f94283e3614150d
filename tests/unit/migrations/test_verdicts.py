"""Verdicts on migrations, read from their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from opsctl.migrations.reading import read_migrations
from opsctl.migrations.verdict import Finding, Migration, from_text, in_the_way, to_text

from .cases import CASES, NOTE, Case

HEAD = "from django.db import migrations, models\n\n\nclass Migration(migrations.Migration):\n"


def read(folder: Path, **files: str) -> dict[str, Migration]:
    """Migrations of the app `notes` with these texts, by name."""
    place = folder / "notes" / "migrations"
    place.mkdir(parents=True, exist_ok=True)
    (place / "__init__.py").touch()
    for name, text in files.items():
        (place / f"{name}.py").write_text(text)
    listed = [(path.relative_to(folder).as_posix(), path) for path in sorted(folder.rglob("*.py"))]
    return {each.name.removeprefix("notes."): each for each in read_migrations(listed)}


def does(*operations: str, before: str = "0001", more: str = "") -> str:
    """A migration's text."""
    return f"{HEAD}    dependencies = [('notes', '{before}')]\n{more}    operations = [{', '.join(operations)}]\n"


def test_the_table_is_long_enough_to_tell_something() -> None:
    assert len(CASES) >= 80
    assert sum(case.run for case in CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.operation[:70])
def test_each_operation_has_the_verdict_that_a_person_gave_it(case: Case, tmp_path: Path) -> None:
    found = read(tmp_path, **{"0001": NOTE, "0002": does(case.operation)})
    assert found["0001"].verdict == "additive"
    assert found["0002"].verdict == case.verdict
    assert case.why in found["0002"].sentence()
    assert all(each.model in {"", "notes.Note", "notes.View"} for each in found["0002"].findings)


def test_what_happens_to_a_model_that_a_migration_makes_itself_is_nobodys_business(tmp_path: Path) -> None:
    text = does(
        'migrations.CreateModel("Tag", [("id", models.AutoField(primary_key=True))])',
        'migrations.AddField("tag", "note", models.ForeignKey("notes.Note", models.CASCADE))',
        'migrations.RemoveField("note", "maybe")',
    )
    found = read(tmp_path, **{"0001": NOTE, "0002": text})["0002"]
    assert [each.what for each in found.findings] == ["removes Note.maybe, which the release before still reads"]
    assert found.creates == ("notes.Tag",)


def test_an_author_may_say_that_what_code_does_only_adds(tmp_path: Path) -> None:
    marked = does(
        "migrations.RunSQL('select 1')", 'migrations.RemoveField("note", "maybe")', more="    additive = True\n"
    )
    found = read(tmp_path, **{"0001": NOTE, "0002": marked})["0002"]
    assert [each.verdict for each in found.findings] == ["breaking"]
    lies = does("migrations.RunSQL('select 1')", more="    additive = not False\n")
    assert read(tmp_path, **{"0002": lies})["0002"].verdict == "unknown"


def test_an_earlier_migration_counts_for_what_a_field_was(tmp_path: Path) -> None:
    """In the order of their dependencies, not of their names."""
    wider = 'migrations.AlterField("note", "text", models.CharField(max_length=50))'
    back = 'migrations.AlterField("note", "text", models.CharField(max_length=20))'
    found = read(tmp_path, **{"0001": NOTE, "0003_wider": does(wider), "0002_back": does(back, before="0003_wider")})
    assert (found["0003_wider"].verdict, found["0002_back"].verdict) == ("additive", "breaking")
    renamed = 'migrations.RenameModel("Note", "Memo")'
    later = 'migrations.AlterField("memo", "text", models.CharField(max_length=30))'
    found = read(tmp_path / "other", **{"0001": NOTE, "0002": does(renamed), "0003": does(later, before="0002")})
    assert found["0003"].verdict == "additive"


def test_a_relation_follows_a_model_that_is_renamed(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        **{
            "0001": NOTE,
            "0002": does('migrations.RenameModel("Author", "Writer")'),
            "0003": does(
                'migrations.AlterField("note", "author", models.ForeignKey("notes.Writer", models.PROTECT, null=True))',
                before="0002",
            ),
            "0004": does(
                'migrations.AlterField("note", "author", models.ForeignKey(USER, models.PROTECT, null=True))',
                before="0003",
            ),
        },
    )
    assert [found[name].verdict for name in ("0002", "0003", "0004")] == ["breaking", "additive", "unknown"]


def test_apps_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        read(tmp_path / folder, **{"0001": NOTE})
    listed = [(path.relative_to(tmp_path).as_posix(), path) for path in sorted(tmp_path.rglob("0*.py"))]
    assert [each.name for each in read_migrations(listed)] == ["one.notes.0001", "two.notes.0001"]


def test_a_squashed_migration_runs_nothing_where_those_ran_that_it_replaces(tmp_path: Path) -> None:
    squashed = does('migrations.RemoveField("note", "maybe")', more="    replaces = [('notes', '0001')]\n")
    assert read(tmp_path, **{"0001": NOTE, "0002": squashed})["0002"].verdict == "additive"


def test_a_squashed_migration_of_files_that_are_gone_is_read_where_those_did_not_all_run(tmp_path: Path) -> None:
    """Django runs it on a database that had none of them: two that were squashed before any release."""
    more = "    replaces = [('notes', '0002'), ('other', '0003')]\n"
    makes = 'migrations.CreateModel("Tag", [("id", models.AutoField(primary_key=True))])'
    squashed = does(makes, 'migrations.RemoveField("note", "maybe")', more=more)
    later = does('migrations.RemoveField("tag", "id")', before="0003_squashed")
    found = read(tmp_path, **{"0001": NOTE, "0003_squashed": squashed, "0004": later})
    assert found["0003_squashed"].replaces == ("notes.0002", "notes.0003")
    assert from_text(to_text(found.values())) == tuple(found.values())

    def way(*names: str) -> list[str]:
        had = [each.id for name, each in found.items() if f"notes.{name}" in names]
        return [each.name for each in in_the_way(found.values(), had, [f"notes.{name}" for name in names])]

    assert way("0001") == ["notes.0003_squashed"]
    assert way("0001", "0002") == ["notes.0003_squashed", "notes.0004"]
    assert way("0001", "0002", "0003") == ["notes.0004"]


_CLASS = HEAD.split("\n\n\n")[1]


@pytest.mark.parametrize(
    "text",
    [
        f"from django.db import migrations\nif True:\n    {_CLASS}        operations = []\n",
        "from notes.base import Migration\n",
        "from notes.base import *\n",
        "from notes import base\n\nMigration = base.make()\n",
        f"{HEAD}    operations = []\n\n\nMigration.operations.append(1)\n",
        f"{HEAD}    operations = []\n\n\nif True:\n    Migration.operations += [1]\n",
        f"{HEAD}    operations = []\n\n\nclass Migration(migrations.Migration):\n    operations = [1]\n",
        HEAD.replace("class ", "@more\nclass ") + "    operations = []\n",
        "from base import Base\n\n\nclass Migration(Base):\n    operations = []\n",
        f"from notes.ops import AddIndex\n{HEAD}    operations = [AddIndex('note', 1)]\n",
        f"from notes import ops\n{HEAD}    operations = [ops.AddIndex('note', 1)]\n",
        f"from django.db.migrations import RunSQL as AddIndex\n{HEAD}    operations = [AddIndex('drop table x')]\n",
        HEAD.replace("class ", "class AddIndex(migrations.RunSQL):\n    pass\n\n\nclass ")
        + "    operations = [migrations.SeparateDatabaseAndState([AddIndex('drop table x')])]\n",
    ],
)
def test_what_code_beside_the_operations_may_do_is_unknown(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, **{"0002": text})["0002"].verdict == "unknown"


def test_djangos_own_names_are_what_they_say_and_files_that_it_passes_over_nothing(tmp_path: Path) -> None:
    text = (
        "from django.db.migrations import AddIndex, Migration\nfrom django.contrib.postgres import operations as more\n"
        "class Migration(Migration):\n    operations = [AddIndex('note', 1), more.TrigramExtension()]\n"
    )
    found = read(tmp_path, **{"0002": text, "_shared": does('migrations.DeleteModel("Note")')})
    assert [found[name].verdict for name in ("0002", "_shared")] == ["additive", "additive"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (f"{HEAD}    operations = make()\n", "put together by code"),
        (f"{HEAD}    operations = []\n    operations += make()\n", "put together by code"),
        (f"{HEAD}    operations = []\n    if True:\n        operations.append(1)\n", "put together by code"),
        (f"{HEAD}    operations = [*OTHERS]\n", "only running it would tell"),
        ("from base import Base\n\n\nclass Migration(Base):\n    pass\n", "put together by code"),
        ("class Migration(:\n", "is no Python that can be read"),
        ("\0", "is no Python that can be read"),
    ],
)
def test_what_only_running_it_would_tell_is_unknown(text: str, why: str, tmp_path: Path) -> None:
    found = read(tmp_path, **{"0001": text})["0001"]
    assert (found.verdict, why in found.sentence()) == ("unknown", True), found


def test_nothing_of_a_project_is_run(tmp_path: Path) -> None:
    trap = f"open({str(tmp_path / 'sprung')!r}, 'w')\n{NOTE}"
    assert read(tmp_path, **{"0001": trap})["0001"].verdict == "additive"
    assert not (tmp_path / "sprung").exists()


def test_a_file_beside_migrations_that_is_none_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, helpers="def forwards(apps, editor):\n    pass\n")["helpers"].verdict == "additive"


def test_verdicts_come_back_as_they_were_noted() -> None:
    noted = (
        Migration("1" * 12, "notes.0001", (), ("notes.Note",)),
        Migration("2" * 12, "notes.0002", (Finding("breaking", "removes Note.text", "notes.Note"),)),
    )
    assert from_text(to_text(noted)) == noted


@pytest.mark.parametrize("text", ["", "{", "{}", "7", "[7]", '[{"id": 1}]', '[{"name": "a", "id": null}]'])
def test_what_somebody_else_noted_is_no_verdict(text: str) -> None:
    assert from_text(text) == ()


def test_what_a_terminal_would_act_on_is_not_said() -> None:
    forged = Migration("1", "notes.0001\x1b[2J", (Finding("breaking", "removes\x07\n all"),))
    assert forged.sentence() == "notes.0001?[2J removes?? all"


@pytest.mark.parametrize("findings", ['"x"', "[7]", '[{"verdict": "additive"}]', '[{"what": 1}]'])
def test_a_finding_that_cant_be_read_is_not_taken_for_none(findings: str) -> None:
    (found,) = from_text(f'[{{"id": "1", "name": "notes.0002", "findings": {findings}}}]')
    assert found.verdict == "unknown"
