"""What several platforms were told, put together: the first that says something counts."""

from __future__ import annotations

import re
import shlex

from opsctl.project import shell
from opsctl.project.findings import Fact, Process, Source, Told
from opsctl.project.reading import word

_SINGLE = re.compile(r"beat|clock|cron|scheduler")
# A person's or a platform's own matters, of which a deployment by opsctl knows nothing.
_PASSED_OVER = frozenset({"DJANGO_SETTINGS_MODULE", "PORT", "WEB_CONCURRENCY", "DISABLE_COLLECTSTATIC", "PYTHONPATH"})
_CREDENTIALS = re.compile(r"://[^/@\s]*:[^/@\s]*@")
_BACKING = re.compile(
    r"redis|valkey|rabbitmq|cloudamqp|memcached?|elasticsearch|opensearch|meilisearch|mongo|mysql|mariadb"
)
_SHOWN = {"redis": "Redis", "valkey": "Valkey", "rabbitmq": "RabbitMQ", "elasticsearch": "Elasticsearch"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Gathered:
    """Fills a Told. `manage` is the folder of manage.py, from which opsctl starts every process."""

    def __init__(self, manage: str, path: str) -> None:
        self._folders = tuple({each for each in (manage, manage.removeprefix(path).strip("/")) if each})
        self.web: Process | None = None
        self.release: tuple[Process, ...] = ()
        self.workers: dict[str, Process] = {}
        self.jobs: dict[str, Process] = {}
        self.variables: dict[str, Fact] = {}
        self.examples: dict[str, Fact] = {}
        self.secrets: dict[str, Fact] = {}
        self.settings: Fact | None = None
        self.health: Fact | None = None
        self.port: Fact | None = None
        self.dockerfile: Fact | None = None
        self.notes: list[str] = []
        self._backing: set[str] = set()

    def serve(self, given: object, source: Source) -> None:
        """The command that answers visitors. What stands before it in one line belongs to the release or the build."""
        parts = self._commands(given)
        if not parts or self.web is not None:
            return
        *before, server = parts
        if not shell.is_server(server):
            if not shell.is_development(server):
                self.web = Process("web", server, source)
            return
        if shell.serves_a_server(server):
            self.notes.append(
                f"{source} serves another server, such as nginx, and no visitors, so opsctl's own command does."
            )
        else:
            self.web = Process("web", shell.reachable(server), source)
        self._prepare([each for each in before if "manage.py" in " ".join(each)], source)

    def prepare(self, given: object, source: Source) -> None:
        """What runs before a release serves."""
        self._prepare(self._commands(given), source)

    def _prepare(self, parts: list[tuple[str, ...]], source: Source) -> None:
        # Static files are collected when the image is built.
        wanted = [each for each in parts if "collectstatic" not in each]
        if wanted and not self.release:
            self.release = tuple(Process("release", each, source) for each in wanted)

    def work(self, name: str, given: object, source: Source) -> None:
        """A process beside web, by its name."""
        parts, name = self._commands(given), part_name(name)
        if not parts or not name or name in self.workers:
            return
        if shell.is_development(parts[-1]) or len(parts) > 1:
            self.notes.append(f"{source} runs {name!r} in a way that is for a developer's machine; it was left out.")
            return
        command, single = _beat(parts[0]), bool(_SINGLE.search(name)) or " beat" in " ".join(parts[0])
        self.workers[name] = Process(name, command, source, singleton=single or "-B" in command)

    def schedule(self, name: str, given: object, when: str, source: Source) -> None:
        """A job, with its schedule."""
        parts, name = self._commands(given), part_name(name)
        if len(parts) == 1 and name and name not in self.jobs:
            self.jobs[name] = Process(name, parts[0], source, schedule=when)

    def backing(self, what: str, source: Source) -> None:
        """A server that the project uses beside its database, by an image's or an add-on's name."""
        found = _BACKING.search(what.lower())
        if found and found[0] not in self._backing:
            self._backing.add(found[0])
            self.notes.append(
                f"{source} runs {_SHOWN.get(found[0], found[0])}, which opsctl does not make: "
                "give its address by the variable that names it."
            )

    def variable(self, name: object, value: object, source: Source, *, example: bool = False) -> None:
        """A variable; its value is left out when it is, or may hold, a secret."""
        name, text = word(name), word(value)
        if name == "DJANGO_SETTINGS_MODULE" and text and not example and self.settings is None:
            self.settings = Fact(text, source)
        if not _NAME.fullmatch(name) or name in _PASSED_OVER or "\n" in text or len(text) > 500:
            return
        held = self.examples if example else self.variables
        held.setdefault(name, Fact("" if _CREDENTIALS.search(text) else text, source))

    def secret(self, name: object, source: Source) -> None:
        """A variable whose value the platform keeps."""
        if isinstance(name, str) and _NAME.fullmatch(name) and name not in _PASSED_OVER:
            self.secrets.setdefault(name, Fact(name, source))

    def told(self) -> Told:
        """Everything gathered."""
        return Told(
            self.web, self.release, tuple(self.workers.values()), tuple(self.jobs.values()), self.variables,
            self.examples, tuple(self.secrets.values()), self.health, self.port, self.dockerfile,
            tuple(self.notes),
        )  # fmt: skip

    def _commands(self, given: object) -> list[tuple[str, ...]]:
        """A command line, or a list of words, as commands that start in manage.py's folder."""
        text = shell.without_shell(
            shlex.join(word(each) for each in given) if isinstance(given, list) else word(given).strip()
        )
        for folder in self._folders:
            text = re.sub(rf"^cd (\./)?{re.escape(folder)}/?\s*&&\s*", "", text)
            text = re.sub(rf"(^|\s)(\./)?{re.escape(folder)}/manage\.py", r"\1manage.py", text)
            text = re.sub(rf"--(chdir|pythonpath)[ =](\./)?{re.escape(folder)}/?(?=\s|$)", "", text)
        return [each for each in shell.commands(text) if each] if text and "\0" not in text else []


def part_name(name: str) -> str:
    """A name as opsctl's processes have them: lower-case letters, digits and single hyphens."""
    text = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30].strip("-")
    return text if text[:1].isalpha() else ""


def _beat(command: tuple[str, ...]) -> tuple[str, ...]:
    """Celery's beat writes its schedule where it starts, and there it may not write."""
    options = (" -s", " --schedule", " -S", " --scheduler")
    joined = " ".join(command)
    if "celery" in joined and "beat" in command and not any(each in joined for each in options):
        return (*command, "-s", "/tmp/celerybeat-schedule")  # noqa: S108  a task's own disk
    return command
