"""What a management command says when the machine or the database fails it: one sentence, not a traceback."""

from __future__ import annotations

# By name, so that no command has to import what only another one uses.
_OUTSIDE = ("django.db.utils", "psycopg2", "sqlite3", "duckdb", "_duckdb", "config.db")


def failure_sentence(error: Exception) -> str | None:
    """Return what failed outside the program (a full disk, a missing database), or None for its own faults."""
    modules = [kind.__module__ for kind in type(error).__mro__]
    if isinstance(error, OSError) or any(module.startswith(_OUTSIDE) for module in modules):
        return first_line(error)
    return None


def first_line(error: Exception) -> str:
    """Return the first line of what an error says, or its kind where it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
