"""The commands that make requirements.txt of what only Poetry or Pipenv reads."""

from __future__ import annotations

from pathlib import Path

FILE = "requirements.txt"
# Poetry itself has no export; its plugin has, and locks first what is not locked. (python-poetry.org,
# poetry-plugin-export)
_POETRY = "uvx --with poetry-plugin-export poetry export --output {file}"
# Of what is not locked Pipenv writes nothing, and says nothing.
_LOCK = "uvx pipenv lock && "
_PIPENV = "uvx pipenv requirements --hash > {file}"


def poetry_export(file: str = FILE) -> str:
    """Poetry's."""
    return _POETRY.format(file=file)


def pipenv_export(file: str = FILE, *, locked: bool) -> str:
    """Pipenv's; `locked`: there is a Pipfile.lock."""
    return ("" if locked else _LOCK) + _PIPENV.format(file=file)


def export_for(path: Path) -> str:
    """The command that makes the file of what lies beside it; "" where that makes none."""
    if path.name != FILE:
        return ""
    try:
        if "[tool.poetry.dependencies]" in (path.parent / "pyproject.toml").read_text(encoding="utf-8"):
            return poetry_export()
    except (OSError, UnicodeDecodeError):
        pass
    if (path.parent / "Pipfile").is_file():
        return pipenv_export(locked=(path.parent / "Pipfile.lock").is_file())
    return ""
