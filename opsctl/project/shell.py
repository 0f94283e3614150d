"""Command lines of other platforms as lists of words, without a shell where none is needed."""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from pathlib import PurePosixPath

PORT = "8000"
_PORT = re.compile(r"\$\{PORT(:?-\d*)?\}|\$PORT\b")
_SHELL = re.compile(r"[|<>;&`()*?~\n]|\$")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
# Options of gunicorn that opsctl's own command sets, or that are how it behaves anyway.
_USUAL = {"--log-file": 1, "--access-logfile": 1, "--error-logfile": 1, "--bind": 1, "-b": 1, "--timeout": 1, "-t": 1}
_RUNNERS = (("poetry", "run"), ("uv", "run"), ("pipenv", "run"), ("exec",))
SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "waitress-serve", "granian", "uwsgi")


def commands(text: str) -> tuple[tuple[str, ...], ...]:
    """Each command of a line joined by `&&`; one through `sh -c` where a shell is needed for more than that."""
    parts = [part.strip() for part in re.split(r"&&|;(?=\s|$)", text)]
    parts = [part for part in parts if not re.fullmatch(r"set -\w+|", part)]  # how a shell should fail
    if all(_is_plain(part) for part in parts):
        return tuple(split for split in map(words, parts) if split)
    return (("sh", "-c", _PORT.sub(PORT, " ".join(text.split()))),)


def command(text: str) -> tuple[str, ...]:
    """One command: `sh -c` where the line holds more than one."""
    found = commands(text)
    if len(found) == 1:
        return found[0]
    return ("sh", "-c", _PORT.sub(PORT, " ".join(text.split()))) if found else ()


def without_shell(text: str) -> str:
    """The line that `sh -c` is given."""
    try:
        found = shlex.split(text)
    except ValueError:
        return text
    is_shell = len(found) == 3 and found[0].rpartition("/")[2] in {"sh", "bash", "ash"} and found[1] in {"-c", "-lc"}
    return found[2].strip() if is_shell else text


def words(text: str) -> tuple[str, ...]:
    """The words of a line that needs no shell; `$PORT` is the port that opsctl's load balancer asks."""
    try:
        return tidy(tuple(shlex.split(_PORT.sub(PORT, text), comments=False)))
    except ValueError:
        return ()


def tidy(given: tuple[str, ...]) -> tuple[str, ...]:
    """Without what starts it in a tool's environment, which the image has no need of.

    Variables before a command (`A=1 celery …`) are given by `env`, which needs no shell between ECS's signal and the
    process.
    """
    given = tuple(_PORT.sub(PORT, each) for each in given if each)
    if given and _ASSIGNMENT.fullmatch(given[0]):
        assigned = tuple(takewhile(_ASSIGNMENT.fullmatch, given))
        rest = tidy(given[len(assigned) :])
        return ("env", *assigned, *rest) if rest else ()
    for runner in _RUNNERS:
        if given[: len(runner)] == runner:
            return tidy(given[len(runner) :])
    if given and given[0] == "python3":
        return tidy(("python", *given[1:]))
    if given[:2] == ("python", "-m") and given[2:3] and given[2] in SERVERS:
        return given[2:]
    return given


def is_usual_gunicorn(given: tuple[str, ...], modules: tuple[str, ...]) -> bool:
    """Whether this is `gunicorn MODULE` with nothing that opsctl's own command would not do."""
    if not given or given[0] != "gunicorn":
        return False
    rest: list[str] = []
    position = 1
    while position < len(given):
        name, equals, _ = given[position].partition("=")
        if name in _USUAL:
            position += 1 if equals else 1 + _USUAL[name]
            continue
        rest.append(given[position])
        position += 1
    return len(rest) == 1 and rest[0].partition(":")[0] in modules


def server_in(given: tuple[str, ...]) -> int | None:
    """Where in a command the server's name stands: not first behind `env` or an agent such as `newrelic-admin`."""
    return next((at for at, word in enumerate(given) if PurePosixPath(word).name in SERVERS), None)


def reachable(given: tuple[str, ...]) -> tuple[str, ...]:
    """A server's command that listens for others: gunicorn, uvicorn and daphne listen for this machine alone."""
    at = server_in(given)
    if at is None:
        return given
    name, options = PurePosixPath(given[at]).name, " ".join(given[at:])
    if name == "gunicorn" and not re.search(r" (-b|--bind|-c|--config)", options):
        return (*given, "--bind", f"0.0.0.0:{PORT}")
    if name == "uvicorn" and "--host" not in options and "--uds" not in options:
        return (*given, "--host", "0.0.0.0", *(() if "--port" in options else ("--port", PORT)))  # noqa: S104
    if name == "daphne" and not re.search(r" (-b|--bind|-e|-u)\b", options):
        return (*given[: at + 1], "-b", "0.0.0.0", *given[at + 1 :])  # noqa: S104
    return given


def installed(given: tuple[str, ...]) -> tuple[str, ...]:
    """A command of somebody's image as opsctl's own has it: programs of packages by their names, wherever they lay.

    Empty for a script of that image, such as `/start`.
    """
    program = PurePosixPath(given[0])
    if not program.is_absolute() or program.parts[1:2] == ("bin",) or program.parts[1:3] == ("usr", "bin"):
        return given
    return tidy((program.name, *given[1:])) if program.parent.name == "bin" else ()


def is_server(given: tuple[str, ...]) -> bool:
    """Whether it serves as production does; `runserver` is for development."""
    joined = " ".join(given)
    return "runserver" not in joined and any(re.search(rf"(^|[\s/]){name}\b", joined) for name in SERVERS)


def serves_a_server(given: tuple[str, ...]) -> bool:
    """Whether it listens at a socket of files, or speaks uwsgi's own protocol: to nginx, not to a load balancer."""
    joined = " ".join(given)
    if re.search(r"\bunix:|--uds\b", joined):
        return True
    return given[0] == "uwsgi" and "http" not in joined and bool(re.search(r" (--(uwsgi-)?socket|-s)\b", joined))


def is_development(given: tuple[str, ...]) -> bool:
    """Whether it is for a developer's machine only: `runserver`, watchers, shells that wait."""
    return bool(re.search(r"\brunserver|\bwatch|\btail -f|\bsleep infinity|livereload|debugpy", " ".join(given)))


def _is_plain(text: str) -> bool:
    rest = _PORT.sub(PORT, text)
    if not rest or _SHELL.search(re.sub(r"'[^']*'", "", rest)):
        return False
    try:
        found = shlex.split(rest)
    except ValueError:
        return False
    builtin = {"cd", "export", "source", ".", "set", "if", "for", "while", "test", "["}
    started = next((each for each in found if not _ASSIGNMENT.fullmatch(each)), "")
    return bool(started) and started not in builtin
