"""Applies each case's operation to PostgreSQL as Django does, then lets the models of before write and read.

A program of its own, as Django takes one configuration a process: it reads `{"dsn": …, "note": …, "cases": […]}` and
prints for each case what went wrong, "" where nothing did.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from django.conf import settings


def tried(base: str, operation: str) -> str:
    """The error of code that knows the models as `base` leaves them, on what `operation` makes of them; "" without."""
    from django.db import connection, migrations, models
    from django.db.migrations.state import ProjectState

    first: dict[str, Any] = {}
    exec(compile(base, "0001.py", "exec"), first)  # noqa: S102  our own text
    state = ProjectState()
    with connection.cursor() as cursor:
        cursor.execute("drop schema public cascade; create schema public")
    with connection.schema_editor(atomic=False) as editor:
        before = first["Migration"]("0001", "notes").apply(state, editor)
    old = before.clone().apps
    second: Any = type("Migration", (migrations.Migration,), {})("0002", "notes")
    second.operations = [eval(operation, {"migrations": migrations, "models": models})]  # noqa: S307
    with connection.schema_editor(atomic=False) as editor:
        second.apply(before, editor)
    try:
        use(lambda name: old.get_model("notes", name).objects)
    except Exception as error:  # whatever it is
        return f"{type(error).__name__}: {error}"
    return ""


def use(model: Callable[[str], Any]) -> None:
    """What the release before does all day, with values that its fields take."""
    notes, author = model("Note"), model("Author").create(name="a" * 20)
    full = {"text": "x" * 20, "long": "y" * 30, "price": "999999.99", "author": author}
    first = notes.create(**full, count=40_000)
    notes.create(**full, count=40_001, ready=-1, kept=3)
    for text in ("a", "b"):
        notes.create(text=text, maybe="m", count=0)
    first.readers.add(author)
    assert [each.text for each in author.reads.all()] == ["x" * 20]
    assert min(each.ready for each in notes.all()) == -1
    notes.filter(kept=3).update(text="z", price="1.50", maybe=None)
    assert notes.filter(long="y" * 30, born=None, author__name="a" * 20).count() == 2
    first.delete()


if __name__ == "__main__":
    given = json.load(sys.stdin)
    database = {"ENGINE": "django.db.backends.postgresql", **given["database"]}
    settings.configure(DATABASES={"default": database}, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField")
    import django

    django.setup()
    json.dump([tried(given["note"], each) for each in given["cases"]], sys.stdout)
