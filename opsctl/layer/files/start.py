"""The start program of an image: writes files, then becomes the command, or a web server that fits the project.

A job that runs already ends here, with exit code 75 (EX_TEMPFAIL).

    python /opt/opsctl/start.py [COMMAND...]

Standard library only, Python 3.8 and later. What it can't do is one sentence on stderr and exit code 78 (EX_CONFIG).
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import traceback
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

BUSY, WRONG_CONFIGURATION = 75, 78
NOT_EXECUTABLE, NOT_FOUND = 126, 127
FILES, FILES_VARIABLES = "OPSCTL_FILES", "OPSCTL_FILES_VARIABLES"
ALONE = "OPSCTL_ALONE"
SHARED_MEMORY = "/dev/shm"  # noqa: S108  gunicorn's heartbeat file on a disk can stop a worker for seconds
NUMBERS = {
    "PORT": 8000,
    "WEB_CONCURRENCY": 2,
    "OPSCTL_THREADS": 4,
    "OPSCTL_TIMEOUT": 60,
    # ECS kills after 30 seconds unless told otherwise; gunicorn should have ended by then.
    "OPSCTL_GRACEFUL_TIMEOUT": 25,
}
ASGI_PACKAGES = {"channels", "daphne"}


class StartError(Exception):
    """Why nothing was started, for people."""

    def __init__(self, message: str, code: int = WRONG_CONFIGURATION) -> None:
        super().__init__(message)
        self.code = code


def main(arguments: list[str]) -> NoReturn:
    """Write the files, then become the command."""
    try:
        write_files(os.environ)
        be_alone(os.environ)
        _import_from_here()
        execute(arguments or web_command(os.environ))
    except StartError as error:
        sys.stderr.write(f"opsctl: {error}\n")
        sys.exit(error.code)


def write_files(environ: MutableMapping[str, str]) -> None:
    """Write what OPSCTL_FILES holds, and take it and the variables that only it needs out of the environment."""
    text = environ.pop(FILES, "")
    names = [name.strip() for name in environ.pop(FILES_VARIABLES, "").split(",") if name.strip()]
    values = {name: environ.pop(name) for name in names if name in environ}
    missing = sorted(set(names) - set(values))
    if missing:
        raise StartError(f"{FILES_VARIABLES} names {', '.join(missing)}, which the environment does not hold.")
    for path, content in _parsed(text).items():
        _write(Path(path), fill(content, values))


def be_alone(environ: MutableMapping[str, str]) -> None:
    """End here when OPSCTL_ALONE is set and another task of this job still runs."""
    if environ.pop(ALONE, "") != "1":
        return
    import alone  # type: ignore[import-not-found]  # beside this program

    try:
        other = alone.other_task(environ)
    except alone.UnansweredError as error:
        raise StartError(
            f"ECS does not say whether this job runs already, so it was not started: {error}. "
            "With `overlap: true` it starts in any case.",
            BUSY,
        ) from None
    if other is not None:
        raise StartError(f"This job still runs as task {other.rpartition('/')[2]}, so it was not started again.", BUSY)


def _import_from_here() -> None:
    """What the project imports lies in the working directory, not beside this program."""
    if sys.path and Path(sys.path[0]).resolve() == Path(__file__).resolve().parent:
        del sys.path[0]
    sys.path.insert(0, str(Path.cwd()))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in place of their `${NAME}`; what else looks like one stays, and so does what a value holds."""
    return re.sub(r"\$\{(\w+)\}", lambda found: values.get(found.group(1), found.group()), text)


def _parsed(text: str) -> dict[str, str]:
    try:
        files = json.loads(text or "{}")
    except ValueError as error:
        # NOTE: the message of the JSON error holds a position only; the text itself may be secret.
        raise StartError(f"{FILES} is not JSON: {error}.") from None
    if not isinstance(files, dict) or not all(isinstance(each, str) for each in files.values()):
        raise StartError(f"{FILES} has to be an object of paths and texts.")
    return files


def _write(path: Path, content: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # mkstemp makes it 0600.
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as stream:
                stream.write(content)
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink()
            raise
    except (OSError, ValueError) as error:
        # NOTE: a ValueError of a text that is no UTF-8 would show it.
        reason = getattr(error, "strerror", None) or "its path or its text is not valid"
        raise StartError(
            f"The file {path} can't be written by user {os.getuid()}: {reason}. "
            "Choose a path that the image's user may write, below /tmp for example."
        ) from None


def web_command(environ: Mapping[str, str]) -> list[str]:
    """gunicorn with the worker that fits the project of DJANGO_SETTINGS_MODULE."""
    module = environ.get("DJANGO_SETTINGS_MODULE", "")
    if not module:
        raise StartError("DJANGO_SETTINGS_MODULE is not set, so there is no project to start: set `settings`.")
    if find_spec("gunicorn") is None:
        raise StartError("gunicorn is not installed: write `add: [gunicorn]`, or a `web.command` of the project's own.")
    settings = read_settings(module)
    asgi = is_asgi(settings, environ.get("OPSCTL_ASGI", ""))
    worker = uvicorn_worker() if asgi else threads_worker()
    options = [f"--worker-class={worker}", *server_options(environ, asgi)]
    return [sys.executable, "-m", "gunicorn", application(module, settings, asgi), *options]


def read_settings(module: str) -> Any:
    """The project's settings; their own error is shown with where it came from."""
    try:
        if os.environ.get("DJANGO_CONFIGURATION"):
            # Settings as a class (django-configurations) are a module once its importer knows of them.
            import_module("configurations.importer").install()
        from django.conf import settings

        settings.INSTALLED_APPS  # noqa: B018  settings are lazy: this imports them
    except Exception as error:
        traceback.print_exc()
        raise StartError(f"The settings {module} can't be read: {type(error).__name__}: {error}") from None
    return settings


def is_asgi(settings: Any, wish: str) -> bool:
    """What OPSCTL_ASGI says; else ASGI only on evidence, since a template's ASGI_APPLICATION is none."""
    if wish not in {"", "0", "1"}:
        raise StartError(f"OPSCTL_ASGI is {wish!r}; it may be 1 or 0.")
    if wish:
        return wish == "1"
    if not getattr(settings, "ASGI_APPLICATION", None):
        return False
    used = {each.partition(".")[0] for each in settings.INSTALLED_APPS}
    return bool(used & ASGI_PACKAGES) or not getattr(settings, "WSGI_APPLICATION", None)


def application(module: str, settings: Any, asgi: bool) -> str:
    """`package.wsgi:application`, as the project's settings name it or as `startproject` does."""
    kind = "asgi" if asgi else "wsgi"
    named = getattr(settings, f"{kind.upper()}_APPLICATION", None)
    if named:
        return str(named) if ":" in named else ":".join(named.rsplit(".", 1))
    package, dot, _ = module.partition(".")
    return f"{package}.{kind}:application" if dot else f"{kind}:application"


def uvicorn_worker() -> str:
    """The class of gunicorn's worker for ASGI."""
    if find_spec("uvicorn_worker") is not None:
        return "uvicorn_worker.UvicornWorker"
    if find_spec("uvicorn") is not None and find_spec("uvicorn.workers") is not None:
        return "uvicorn.workers.UvicornWorker"
    raise StartError("This is an ASGI project, and there is no worker for it: write `add: [gunicorn, uvicorn-worker]`.")


def threads_worker() -> str:
    """The class of gunicorn's worker for WSGI: the hook's, when the processes to come will find it."""
    return "opsctl_gunicorn.Worker" if find_spec("opsctl_gunicorn") is not None else "gthread"


def server_options(environ: Mapping[str, str], asgi: bool) -> list[str]:
    """gunicorn's options; GUNICORN_CMD_ARGS and a gunicorn.conf.py may add others."""
    number = {name: _number(environ, name, default) for name, default in NUMBERS.items()}
    options: dict[str, object] = {
        "--bind": f"{environ.get('BIND_HOST') or '0.0.0.0'}:{number['PORT']}",  # noqa: S104  a container's network
        "--workers": number["WEB_CONCURRENCY"],
        "--timeout": number["OPSCTL_TIMEOUT"],
        "--graceful-timeout": number["OPSCTL_GRACEFUL_TIMEOUT"],
        # Longer than a load balancer keeps a connection: else it sends a request into one that has just been closed.
        "--keep-alive": number["OPSCTL_TIMEOUT"] + 5,
        "--access-logfile": "-",
    }
    if not asgi:
        options["--threads"] = number["OPSCTL_THREADS"]
    if Path(SHARED_MEMORY).is_dir() and os.access(SHARED_MEMORY, os.W_OK | os.X_OK):
        options["--worker-tmp-dir"] = SHARED_MEMORY
    if environ.get("OPSCTL_PROXY") == "1":
        # The hook alone decides on the scheme; gunicorn would refuse a request whose other headers disagree.
        options["--forwarded-allow-ips"] = ""
    pairs = [f"{name}={value}" for name, value in options.items()]
    # Newer ones offer a socket to control them, below a home that the image's user may not have.
    return [*pairs, "--no-control-socket"] if find_spec("gunicorn.ctl") is not None else pairs


def _number(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not text.isdecimal() or int(text) < 1:
        raise StartError(f"{name} is {text!r}; it has to be a whole number above zero.")
    return int(text)


def execute(command: list[str]) -> NoReturn:
    """Become the command: it gets the signals, and its exit code counts."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(command[0], command)  # noqa: S606  there is no shell on purpose
    except FileNotFoundError:
        raise StartError(f"The command {command[0]} is not there.", NOT_FOUND) from None
    except OSError as error:
        raise StartError(f"The command {command[0]} can't be started: {error.strerror}.", NOT_EXECUTABLE) from None


if __name__ == "__main__":
    main(sys.argv[1:])
