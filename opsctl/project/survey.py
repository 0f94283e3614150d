"""The whole look at a project: every reader in its order, one result."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from opsctl.project import dockerfile, dynaconf, layout, platforms, requirements, settings
from opsctl.project.findings import Findings, Location, Told
from opsctl.project.reading import Reader, join

_GUNICORNS = re.compile(r".*gunicorn.*\.py|.*\.conf\.py")


def survey(reader: Reader, project: str | None = None) -> Findings:
    """Everything that is known of the project. Raises NoProjectError when it is not clear which one."""
    location = layout.locate(reader, project)
    gathered = platforms.gather(reader, location.manage, location.path)
    image = dockerfile.find(reader, location.path, gathered.dockerfile)
    if image is not None:
        if image.command is not None:
            gathered.serve(image.command.value, image.command.source)
        for name, fact in image.variables.items():
            gathered.variable(name, fact.value, fact.source)
    found = requirements.find(reader, location.path, dockerfile.requirements_file(reader, image))
    chosen = settings.find(reader, location.manage, gathered.settings)
    if (production := dynaconf.production(reader, chosen)) is not None:
        gathered.variable(dynaconf.SWITCH, production.value, production.source)
    told = gathered.told()
    return Findings(
        location=location,
        settings=chosen,
        dependencies=found,
        told=told,
        image=image,
        frontend=layout.frontend(reader, location.path),
        celery=layout.celery(reader, location.manage) if found.has("celery") else None,
        asgi=layout.asgi(chosen),
        oldest_python=requirements.least_python(reader, location.path),
        notes=tuple(reader.notes),
        script_with_port=_script_with_port(reader, location, told),
    )


def _script_with_port(reader: Reader, location: Location, told: Told) -> str:
    """The file of the project that the web is started by, if it asks for the port; "" if none does.

    gunicorn's own does by saying nothing of where to listen: then it is what `PORT` says, and without one this machine.
    """
    for word in told.web.command if told.web is not None else ():
        for name in dict.fromkeys(join(folder, word) for folder in (location.manage, location.path)):
            text = reader.text(name) or "" if reader.has(name) else ""
            if re.search(r"\$\{?PORT\b|[\"']PORT[\"']", text):
                return name
            if _GUNICORNS.fullmatch(PurePosixPath(name).name) and text and not re.search(r"^\s*bind\s*=", text, re.M):
                return name
    return ""
