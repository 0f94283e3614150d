"""Tasks as real containers: the images they run, and what the engine is asked for.

What a task definition says that an engine can do is passed on: user, read-only root, dropped capabilities, memory,
tmpfs, volumes, command, environment. The network is the machine's, where each task has a loopback address of its own:
so the emulator, PostgreSQL and the load balancer are on loopback for containers as they are for processes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from opsctl.local.tasks.container import Invocation, Launch, task_environment
from opsctl.local.tasks.container_engine import ContainerEngine
from opsctl.local.tasks.processes import FoundImage

# docker hands the proxies of its own configuration to every container; the emulator is not behind them.
_DIRECTLY = dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost")
_ECR = re.compile(r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")


def options_of(definition: Mapping[str, Any], container: Mapping[str, Any]) -> tuple[str, ...]:
    """Options of `docker run` for a container of a task definition, which are podman's as well."""
    linux = container.get("linuxParameters") or {}
    options = ["--user", str(container["user"])] if container.get("user") else []
    if container.get("entryPoint"):
        options += ["--entrypoint", str(container["entryPoint"][0])]
    if str(container.get("readonlyRootFilesystem", "")).lower() == "true":
        options.append("--read-only")
    for capability in (linux.get("capabilities") or {}).get("drop") or []:
        options += ["--cap-drop", str(capability)]
    for each in linux.get("tmpfs") or []:
        mount = [f"size={each['size']}m", *(each.get("mountOptions") or [])]
        options += ["--tmpfs", f"{each['containerPath']}:{','.join(mount)}"]
    for each in container.get("mountPoints") or []:
        options += ["--volume", str(each["containerPath"])]  # the engine makes one, and removes it with the container
    memory = container.get("memory") or definition.get("memory")
    return (*options, "--memory", f"{memory}m") if memory else tuple(options)


class ContainerImages:
    """See `engine.Images`. An ECR address leads to the emulator's registry on loopback, `registry`, which asks for
    `password`.
    """

    def __init__(
        self,
        engine: ContainerEngine,
        registry: str,
        password: str,
        *,
        digest_of_tag: Callable[[str], str],
        not_found: type[Exception],
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._password = password
        self._digest_of_tag = digest_of_tag
        self._not_found = not_found

    def local_name(self, name: str) -> str:
        """Under which the engine gets the image."""
        return _ECR.sub(f"{self._registry}/", name)

    def get(self, name: str) -> FoundImage:
        if not self._engine.has_image(self.local_name(name)):
            raise self._not_found(f"{name} has not been pulled")
        return self.get_registry_data(name)

    def pull(self, name: str, **_options: object) -> FoundImage:
        self.require(name)
        return self.get_registry_data(name)

    def get_registry_data(self, name: str, **_options: object) -> FoundImage:
        return FoundImage(name.split("@", 1)[1] if "@" in name else self._digest_of_tag(name))

    def require(self, name: str) -> None:
        """Pull it, unless it is there: a name with digest is always the same image."""
        local = self.local_name(name)
        if "@" not in name or not self._engine.has_image(local):
            if local != name:
                self._engine.log_in(self._registry, self._password)
            self._engine.pull(local)


class ContainerRunner:
    """See `container.Runner`."""

    def __init__(self, engine: ContainerEngine, images: ContainerImages) -> None:
        self._engine = engine
        self._images = images

    def require(self, image: str) -> None:
        self._images.require(image)

    def invocation(self, launch: Launch) -> Invocation:
        name = self._engine.name(f"{launch.name}-{launch.id[:8]}")
        command, environment = self._engine.run_command(
            name,
            launch.settings.options,
            self._images.local_name(launch.image),
            launch.command,
            {**_DIRECTLY, **task_environment(launch)},
        )
        return Invocation(command, environment, launch.directory, lambda: self._engine.end(name))
