"""A workflow's steps run here in dry form: bash is real, and programs that would act note how they were called.

What they were called with is then held against the real opsctl, make and manage.py, which know what they take.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer
import yaml
from typer.main import get_command

from opsctl.cli.app import build

# Notes how it was called, then answers as the test wants, by program and first word; writes what --out asks for.
_STAND_IN = """#!{python}
import json, os, sys
from pathlib import Path
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
answers = json.loads(os.environ["ANSWERS"])
code, text = answers.get(" ".join([Path(sys.argv[0]).name, *sys.argv[1:2]]), [0, ""])
for option, following in zip(sys.argv, sys.argv[1:]):
    if option == "--out":
        Path(following).write_text(json.dumps({{"plan": {{"id": "0123abcd"}}}}))
print(text)
sys.exit(code)
"""


@dataclass(frozen=True)
class Step:
    """One `run:` of a workflow, with what surrounds it."""

    job: str
    name: str
    script: str
    folder: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Ran:
    """What a step left: its exit code, the calls it made, what it gave to later steps and what it showed."""

    code: int
    calls: list[list[str]]
    outputs: str
    summary: str
    text: str


def steps(workflow: Path) -> Iterator[Step]:
    """Every step of a workflow that runs a script."""
    content = yaml.safe_load(workflow.read_text())
    for name, job in content["jobs"].items():
        for number, step in enumerate(job["steps"]):
            if "run" in step:
                given = {**content.get("env", {}), **job.get("env", {}), **step.get("env", {})}
                yield Step(
                    name,
                    str(step.get("id") or step.get("name") or number),
                    step["run"],
                    step.get("working-directory", "."),
                    {key: _settled(str(value)) for key, value in given.items()},
                )


def _settled(value: str) -> str:
    """A value with something in place of each expression."""
    return re.sub(r"\$\{\{.+?\}\}", "7", value)


def run(step: Step, folder: Path, answers: Mapping[str, tuple[int, str]] | None = None, **variables: str) -> Ran:
    """Run one step in `folder`, a checkout whose programs are stand-ins. `answers`: exit code and text, by program and
    first word.
    """
    programs = folder.parent / "programs"
    _stand_in(programs, ("make", "gh", "sudo", "opsctl"))
    _stand_in(folder / ".venv" / "bin", ("opsctl", "python"))
    kept = {name: folder.parent / name for name in ("CALLS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    for path in kept.values():
        path.write_text("")
    (folder / step.folder).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step.script],
        cwd=folder / step.folder,
        env={
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "GITHUB_REF_NAME": "main",
            "RUNNER_TEMP": str(folder.parent),
            "ANSWERS": json.dumps(answers or {}),
            **{name: str(path) for name, path in kept.items()},
            **step.variables,
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    calls = [json.loads(line) for line in kept["CALLS"].read_text().splitlines()]
    return Ran(
        done.returncode,
        calls,
        kept["GITHUB_OUTPUT"].read_text(),
        kept["GITHUB_STEP_SUMMARY"].read_text(),
        done.stdout + done.stderr,
    )


def _stand_in(folder: Path, names: tuple[str, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        if not path.exists():
            path.write_text(_STAND_IN.format(python=sys.executable))
            path.chmod(0o755)


def misunderstood(call: list[str], root: Path) -> str:
    """Why the real program would not take this call; empty when it would."""
    program, *words = call
    check: dict[str, Any] = {"opsctl": _opsctl, "make": _make, "python": _manage, "sudo": _sudo}
    return str(check[program](words, root)) if program in check else ""


@cache
def _tree() -> Any:
    return get_command(build())


def _opsctl(words: list[str], _: Path) -> str:
    command, context = _tree(), None
    try:
        while True:
            context = command.make_context(command.name, list(words), parent=context)
            if not hasattr(command, "commands"):
                return ""
            _, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    except typer.TyperException as error:
        return f"opsctl {' '.join(words)}: {error.format_message()}"


def _make(words: list[str], root: Path) -> str:
    done = subprocess.run(["make", "--dry-run", *words], cwd=root, capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""


def _manage(words: list[str], root: Path) -> str:
    """A command of the service with its options, as Django's own parser sees it."""
    program = (
        "import sys, django; django.setup()\n"
        "from django.core.management import get_commands, load_command_class\n"
        "name = sys.argv[2]\n"
        "app = get_commands()[name]\n"
        "load_command_class(app, name).create_parser('manage.py', name).parse_args(sys.argv[3:])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DEPLOY_ENV": "local"}
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=root / "service", env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stderr if done.returncode else ""


def _sudo(words: list[str], root: Path) -> str:
    *before, shell, script = words
    if before[:1] != ["env"] or not any(word.startswith("PATH=") for word in before):
        return "sudo takes PATH from its own settings (secure_path); env PATH=… gives the one that steps before made"
    done = subprocess.run([shell, "-n", str(root / script)], capture_output=True, text=True, check=False)
    return done.stderr if done.returncode else ""
