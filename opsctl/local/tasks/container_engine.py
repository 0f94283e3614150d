"""Docker or podman on this machine, through its command line.

A container is held by a client in the foreground (`podman run`), a child of ours: what it prints is the container's
output, it ends with the container's exit code, and a signal sent to it reaches the container. So what watches, logs and
stops processes does the same to containers. Whatever is killed, a container of ours is found again by its label.

The engine keeps the configuration of who uses it: nothing is passed to it but options of the command line.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opsctl.errors import OpsctlError
from opsctl.local.state import StateDir

COMMANDS = ("docker", "podman")
LABEL = "opsctl.local"
"""Label of every container and volume of a target; its value is the state directory."""

VARIABLES = (
    "PATH", "HOME", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "CONTAINER_HOST",
    "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "CONTAINERS_REGISTRIES_CONF", "REGISTRY_AUTH_FILE",
)  # fmt: skip
"""What the programs read of their user's environment. Nothing else gets to them, so that no helper of an engine looks
like a process of the target (`procs.MARKER`)."""


class EngineError(OpsctlError):
    """The container engine refused, or isn't there."""

    code = "container-engine"


@dataclass(frozen=True)
class LocalContainer:
    """A container as `opsctl local status` shows it."""

    id: str
    name: str
    image: str
    status: str


def client_environment() -> dict[str, str]:
    """Of this process's environment what an engine's program may see."""
    return {name: os.environ[name] for name in VARIABLES if name in os.environ}


@dataclass(frozen=True)
class ContainerEngine:
    """One engine, as far as it serves the target in `state`."""

    command: str
    state: StateDir
    environment: Mapping[str, str] = field(default_factory=client_environment)

    def name(self, what: str) -> str:
        """The name of a container or volume of this target, which no other target has."""
        return f"opsctl-{hashlib.sha256(str(self.state.path).encode()).hexdigest()[:8]}-{what}"

    def run_command(
        self, name: str, options: Sequence[str], image: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of the client that runs a container in the foreground and removes it.

        It shares the machine's network, where a task has a loopback address of its own. Values get there through the
        client's environment: a command line can be read by everybody.
        """
        passed = [f"{key}={value}" if key in self.environment else key for key, value in environment.items()]
        return [
            self.command, "run", "--rm", "--pull", "never", "--name", name, "--label", self._label, "--network", "host",
            "--log-driver", "none", "--no-healthcheck",
            *(part for each in passed for part in ("--env", each)), *options, image, *command,
        ], {**environment, **self.environment}  # fmt: skip

    def answers(self) -> None:
        """Raises EngineError with the engine's own words when it doesn't."""
        self.call("ps", "--quiet")

    def containers(self) -> tuple[LocalContainer, ...]:
        """Every container of the target, running or not."""
        form = "{{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Status}}"
        lines = self.call("ps", "--all", "--filter", f"label={self._label}", "--format", form).splitlines()
        return tuple(LocalContainer(*line.split("\t", 3)) for line in sorted(lines))

    def end(self, *containers: str) -> None:
        """Kill and remove; those that are gone are no error."""
        if containers:
            self._run("kill", *containers)
            self._run("rm", "--force", "--volumes", *containers)

    def end_all(self) -> None:
        """Kill and remove every container of the target."""
        self.end(*(each.id for each in self.containers()))

    def make_volume(self, name: str) -> None:
        """A volume with this name, unless there is one."""
        if name not in self._volumes():
            self.call("volume", "create", "--label", self._label, name)

    def remove_volume(self, name: str) -> None:
        """It may be gone."""
        self._run("volume", "rm", "--force", name)

    def remove_all(self, registry: str) -> None:
        """Remove containers, volumes, the images that were pulled from `registry`, and the login there."""
        self.end_all()
        for name in self._volumes():
            self.call("volume", "rm", "--force", name)
        for name in self._pulled_from(registry):
            self.call("rmi", name)
        self._run("logout", registry)

    def forget(self, registry: str) -> None:
        """As `remove_all`, for the images and the login of a registry that has another address now.

        Another target may have the old address: what it runs the engine keeps, and it logs in before it pulls.
        """
        for name in self._pulled_from(registry):
            self._run("rmi", name)
        self._run("logout", registry)

    def _pulled_from(self, registry: str) -> set[str]:
        listed = self.call("images", "--digests", "--format", "{{.Repository}}@{{.Digest}}").splitlines()
        return {each for each in listed if each.startswith(f"{registry}/")}

    def has_image(self, name: str) -> bool:
        return self._run("image", "inspect", "--format", "{{.Id}}", name).returncode == 0

    def log_in(self, registry: str, password: str) -> None:
        """Log in as ECR has one do it; the engine keeps the login where it keeps its user's others."""
        self.call(
            "login", "--username", "AWS", "--password-stdin", *self._without_tls(registry), registry, stdin=password
        )

    def pull(self, name: str) -> None:
        """Fetch an image."""
        self.call("pull", "--quiet", *self._without_tls(name), name)

    def _without_tls(self, name: str) -> list[str]:
        """A registry on loopback is spoken to without TLS, as docker does by itself."""
        return ["--tls-verify=false"] if self.command != "docker" and name.startswith("127.") else []

    def call(self, *arguments: str, stdin: str = "") -> str:
        """Run the program to its end. Raises EngineError with what it said."""
        done = self._run(*arguments, stdin=stdin)
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"]
            raise EngineError(f"`{self.command} {arguments[0]}` failed: {said[-1]}", detail=tuple(said[:-1]))
        return done.stdout

    @property
    def _label(self) -> str:
        return f"{LABEL}={self.state.path}"

    def _volumes(self) -> list[str]:
        return self.call("volume", "ls", "--quiet", "--filter", f"label={self._label}").split()

    def _run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.command, *arguments], capture_output=True, text=True, encoding="utf-8", errors="replace",
                check=False, env=dict(self.environment), cwd="/", input=stdin, timeout=600,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            raise EngineError(f"`{self.command} {arguments[0]}` can't be run: {error}.") from error


def find_engine(state: StateDir) -> ContainerEngine:
    """The first of docker and podman that answers. Raises EngineError with what is wrong with each."""
    reasons = []
    for command in COMMANDS:
        if shutil.which(command) is None:
            reasons.append(f"{command} is not installed")
            continue
        engine = ContainerEngine(command, state)
        try:
            engine.answers()
        except EngineError as error:
            reasons.append(error.message.rstrip("."))
        else:
            return engine
    raise EngineError(
        f"No container engine answers on this machine ({'; '.join(reasons)}).",
        code="no-container-engine",
        hint="Start docker or install podman, or leave --runtime away: processes need no engine, "
        "and a command of application.web in place of the image's own.",
    )
