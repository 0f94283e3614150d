"""The whole look at a project: every reader in its order, one result."""

from __future__ import annotations

import re

from opsctl.project import dockerfile, layout, platforms, requirements, settings
from opsctl.project.findings import Findings, Location, Told
from opsctl.project.reading import Reader, join


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
    told = gathered.told()
    found = requirements.find(reader, location.path, dockerfile.requirements_file(reader, image))
    chosen = settings.find(reader, location.manage, gathered.settings)
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
    """The script of the project that the web is started by, if it asks for the port; "" if none does."""
    for word in told.web.command if told.web is not None else ():
        for name in dict.fromkeys(join(folder, word) for folder in (location.manage, location.path)):
            if reader.has(name) and re.search(r"\$\{?PORT\b", reader.text(name) or ""):
                return name
    return ""
