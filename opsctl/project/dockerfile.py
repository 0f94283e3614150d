"""A Dockerfile, read for how the project runs: Python, command, entry point, port, user, and what only it installs."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import PurePosixPath

from opsctl.project import shell
from opsctl.project.findings import Fact, Image, Source
from opsctl.project.reading import Reader, join

NAMES = (
    "Dockerfile", "docker/Dockerfile", "docker/production/Dockerfile", "docker/prod/Dockerfile",
    "compose/production/django/Dockerfile", "deploy/Dockerfile", "Dockerfile.prod", "Dockerfile.production",
)  # fmt: skip
_PYTHON = re.compile(r"^(?:\S*/)?python:(3\.\d{1,2})")
# System packages that only compiling needs, that wheels bring along, or that serving does without.
_HARMLESS = re.compile(
    r"lib.*-dev|.*-dev(el)?|gcc|g\+\+|build-essential|make|linux-headers|libpq5|postgresql-(client|libs)\S*|libpq|"
    r"libmariadb3|libjpeg\S*|libwebp\S*|zlib1?g?|libffi\S*|libssl\S*|libxml2|libxslt\S*|libpng\S*|libfreetype\S*|"
    r"libopenjp2\S*|liblcms2\S*|libtiff\S*|expat|libexpat\S*|pcre\d?|libpcre\S*|curl|wget|git|gnupg\d?|"
    r"ca-certificates|python3?|python3-(pip|venv|dev)|gettext|netcat\S*|bash|musl|wait-for-it|tini|dumb-init|locales|"
    r"tzdata|less|vim|nano|sudo|pkg-config|procps|openssh-client|unzip|zip|apt-utils|apt-transport-https"
)
_INSTALLS = re.compile(
    r"(?:apt-get|apt)\s+(?:-\S+\s+)*install|apk\s+(?:-\S+\s+)*add|(?:micro)?dnf\s+(?:-\S+\s+)*install"
)
# Variables that steer the tools of an image, not the project.
_TOOLS = re.compile(
    r"PATH|HOME|LANG|LC_ALL|TZ|PORT|DEBIAN_FRONTEND|(PYTHON(?!PATH)|PIP_|POETRY_|UV_|VIRTUAL_ENV|NODE_|NPM_|APP_HOME|"
    r"VIRTUALENV|PYSETUP|VENV|WORKDIR|GUNICORN_).*"
)


def find(reader: Reader, path: str, told: Fact | None) -> Image | None:
    """The Dockerfile that a platform was told of, or the one of the usual name, below `path`."""
    names = [join(path, told.value), join(told.value)] if told else []
    for name in (*names, *(join(path, each) for each in NAMES)):
        if reader.has(name) and (reader.text(name) or "").strip():
            return _read(reader, name)
    return None


def requirements_file(reader: Reader, image: Image | None) -> Fact | None:
    """The requirements file that the image installs from."""
    for number, line in _instructions(reader, image.file) if image else ():
        found = re.search(r"pip3? install.*?(?:-r|--requirement)[ =]?\s*(\S+\.txt)", line)
        if found and image:
            return Fact(str(PurePosixPath(found[1].strip("\"'").lstrip("/"))), Source(image.file, number))
    return None


def _read(reader: Reader, name: str) -> Image:
    found: dict[str, Fact] = {}
    command: Fact | None = None
    variables: dict[str, Fact] = {}
    needs: list[Fact] = []
    for number, line in _instructions(reader, name):
        keyword, _, rest = line.partition(" ")
        keyword, rest, source = keyword.upper(), rest.strip(), Source(name, number)
        if keyword == "FROM":
            # Only the last stage runs.
            command = None
            found.pop("entry", None)
            image = re.sub(r"^--platform=\S+\s+", "", rest)
            if version := _PYTHON.match(image):
                found["python"] = Fact(version[1], source)
            elif re.match(r"(?:\S*/)?(node|oven/bun)\b", image):
                needs.append(Fact("Node", source))
        elif keyword == "CMD":
            command = Fact(_line(rest), source) if _line(rest) else None
        elif keyword == "ENTRYPOINT":
            found["entry"] = Fact(_line(rest), source)
        elif keyword == "EXPOSE" and (port := re.match(r"(\d{2,5})\b", rest)):
            found.setdefault("port", Fact(port[1], source))
        elif keyword == "USER":
            found["user"] = Fact(rest, source)
        elif keyword == "ENV":
            variables.update(_variables(rest, source))
        elif keyword == "RUN":
            needs += [Fact(package, source) for package in _packages(rest)]
    text = reader.text(name) or ""
    return Image(
        file=name, python=found.get("python"), command=_started(found.get("entry"), command),
        entry_point=found.get("entry"),
        port=found.get("port"), user=found.get("user"), needs=needs[0] if needs else None, variables=variables,
        reads_port=bool(re.search(r"\$\{?PORT\b", text)),
    )  # fmt: skip


def _started(entry: Fact | None, command: Fact | None) -> Fact | None:
    """What the image starts: an entry point that is a server has the command as its arguments."""
    if entry is None or shell.server_in(shell.words(entry.value)) is None:
        return command
    return Fact(f"{entry.value} {command.value}", entry.source) if command else entry


def _instructions(reader: Reader, name: str) -> Iterator[tuple[int, str]]:
    """Instructions with continued lines joined, and the line each starts at."""
    held, start = "", 0
    for number, line in reader.lines(name):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        start = start if held else number
        if text.endswith("\\"):
            held += text[:-1].strip() + " "
            continue
        yield start, held + text
        held = ""
    if held:
        yield start, held


def _line(text: str) -> str:
    """The command line of an instruction, without the shell around it."""
    if not text.startswith("["):
        return text
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    words = [each for each in given if isinstance(each, str)] if isinstance(given, list) else []
    return words[2] if len(words) == 3 and words[1] == "-c" else shlex.join(words)


def _variables(text: str, source: Source) -> Iterator[tuple[str, Fact]]:
    pairs = re.findall(r"([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S*)", text)
    if not pairs and (old := re.fullmatch(r"([A-Za-z_]\w*)\s+(.+)", text)):
        pairs = [old.groups()]
    for name, value in pairs:
        if not _TOOLS.fullmatch(name) and "$" not in value:
            yield name, Fact(value.strip("\"'"), source)


def _packages(text: str) -> Iterator[str]:
    """System packages that running needs."""
    for part in re.split(r"&&|;|\|\|", text):
        found = _INSTALLS.search(part)
        for each in part[found.end() :].split() if found else ():
            name = each.partition("=")[0]
            if not name.startswith((".", "-", "$", "/")) and not _HARMLESS.fullmatch(name):
                yield name
