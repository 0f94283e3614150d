"""A container that is about to be started."""

from __future__ import annotations

from pathlib import Path

from opsctl.local.tasks.container import LABEL, ContainerSettings, Launch

_LABELS = {
    f"{LABEL}task-arn": "arn:aws:ecs:sa-east-1:000000000000:task/c/1",
    f"{LABEL}task-definition-family": "app",
    f"{LABEL}container-name": "service",
}


def launch(
    environment: dict[str, str],
    *,
    image: str = "repository@sha256:1",
    ports: tuple[int, ...] = (8000,),
    options: tuple[str, ...] = (),
    volumes: tuple[str, ...] = ("/data",),
) -> Launch:
    """One of the family `app`, at 127.64.0.9."""
    return Launch(
        id="0123456789abcdef",
        image=image,
        command=("python", "manage.py", "serve"),
        environment=environment,
        labels=_LABELS,
        settings=ContainerSettings(ports=ports, options=options, volumes=volumes),
        address="127.64.0.9",
        directory=Path("/state/tasks/1"),
    )
