"""`python -m tests.functional.dbroles.attempts` writes its section of docs/database.md."""

from __future__ import annotations

from tests.functional.dbroles.attempts.document import PATH, replaced

if __name__ == "__main__":
    PATH.write_text(replaced(PATH.read_text()))
