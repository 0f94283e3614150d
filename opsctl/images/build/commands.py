"""What a build runs: the commands that the application names, and programs that its packages announce."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import opsctl.layer
from opsctl.config.application import Application
from opsctl.images.build import contract
from opsctl.images.checkout.project import Project
from opsctl.images.errors import BuildError, last_words
from opsctl.images.oci.layers import Entry
from opsctl.images.python.harmless import build_environment, machine_environment

COLLECT = Path(opsctl.layer.__file__).parent / "files" / "collect.py"
"""What collects static files by default."""
_SCRIPT = """#!/venv/bin/python
import sys
from {module} import {first}
if __name__ == "__main__":
    sys.exit({call}())
"""
_LACKS = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")
_SECONDS = 900
_TARGET = re.compile(r"([\w.]+)\s*:\s*([\w.]+)")


def build_commands(application: Application) -> tuple[tuple[str, ...], ...]:
    """Arguments of the image's Python for each build command; collecting static files when none are configured.

    Raises BuildError for a command of another program.
    """
    commands = application.build.commands
    if commands is None:
        return ((str(COLLECT),),)
    strange = [command[0] for command in commands if command[0] not in {"python", "python3"}]
    if strange:
        raise BuildError(
            f"The build command `{strange[0]}` is no Python, and the native engine runs nothing else.",
            code="build-command",
            hint="Run it before (CI, make) and name what it makes in application.include; or build with a Dockerfile.",
        )
    return tuple(command[1:] for command in commands)


def scripts(site: Path) -> list[Entry]:
    """Programs in /venv/bin that the packages of a site announce, such as gunicorn or celery."""
    found: dict[str, Entry] = {}
    for path in sorted(site.glob("*.dist-info/entry_points.txt")):
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their case
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (configparser.Error, UnicodeDecodeError):
            continue
        for name, target in parser.items("console_scripts") if parser.has_section("console_scripts") else ():
            match = _TARGET.match(target)
            if match is not None and "/" not in name:
                text = _SCRIPT.format(module=match[1], first=match[2].partition(".")[0], call=match[2])
                found[name] = Entry(f"venv/bin/{name}", 0o755, data=text.encode())
    return list(found.values())


def run_commands(
    project: Project, folder: Path, tell: Callable[[str], None], run: Callable[[list[str], Path, dict[str, str]], None]
) -> None:
    """Let `run` run each build command: arguments of Python, working folder, variables.

    `folder` stands for /app, so that what is collected lies in the image where it is looked for.
    """
    static = folder / PurePosixPath(contract.STATIC_ROOT).relative_to("/app")
    variables = {**build_environment(project.application), "OPSCTL_STATIC_ROOT": str(static)}
    for command in build_commands(project.application):
        tell(f"running {shlex.join(command)}"[:200])
        run(list(command), folder / project.manage, variables)


def run_here(project: Project, python: Path, folder: Path, tell: Callable[[str], None]) -> None:
    """Run the build commands with an environment of this machine in `folder`, a copy of the project's files.

    Raises BuildError with the last lines of the one that failed.
    """
    own = {
        **machine_environment(),
        "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', '/usr/bin:/bin')}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }

    def run(arguments: list[str], cwd: Path, variables: dict[str, str]) -> None:
        done = subprocess.run(
            [str(python), *arguments], cwd=cwd, env=own | variables, capture_output=True, text=True,
            encoding="utf-8", errors="replace", check=False, stdin=subprocess.DEVNULL, timeout=_SECONDS,
        )  # fmt: skip
        if done.returncode:
            raise failed(arguments, done.returncode, done.stdout + done.stderr)

    run_commands(project, folder, tell, run)


def failed(command: Sequence[str], code: int, output: str) -> BuildError:
    """A build command's failure, with its last lines and, where the reason is known, what to do."""
    lines = [line for line in output.splitlines() if line.strip()]
    lacks = _LACKS.match(lines[-1]) if lines else None
    hint = (
        f"If a package brings {lacks[1]}, name it among what the project requires, or in application.add; if it is the "
        "project's own, `git add` it, since only what git tracks is shipped."
        if lacks
        else "Build commands get a harmless value for every variable of application.environment and "
        "application.secrets: name what is missing there, or under application.build.environment, which is for them "
        "alone. application.build.commands: [] runs none."
    )
    return BuildError(
        f"The build command `python {shlex.join(command[:3])}` failed with {code}{last_words(lines)}.",
        code="build-command",
        hint=hint,
        detail=tuple(lines[-15:]),
    )
