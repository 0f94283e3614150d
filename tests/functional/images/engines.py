"""podman and buildah with storage of their own, on machines that let containers do little."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.images.servers import program, run

# A machine without CAP_SYS_RESOURCE can't raise limits, which the engines ask for in every container.
_RUNTIME = """#!{python}
import json, os, sys
arguments = sys.argv[1:]
def without(path, *keys):
    with open(path) as stream:
        values = json.load(stream)
    process = values.get("process", values)
    for key in keys:
        process.pop(key, None)
    with open(path, "w") as stream:
        json.dump(values, stream)
if "create" in arguments or "run" in arguments:
    bundle = arguments[arguments.index("--bundle") + 1] if "--bundle" in arguments else os.getcwd()
    without(os.path.join(bundle, "config.json"), "rlimits", "oomScoreAdj")
if "exec" in arguments and "--process" in arguments:
    without(arguments[arguments.index("--process") + 1], "rlimits", "oomScoreAdj")
os.execv({runc!r}, ["runc", *arguments])
"""
_CONTAINERS = """
[containers]
netns = "host"
volumes = ["/etc/ssl/certs:/etc/ssl/certs:ro"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "tests"
events_logger = "file"
[engine.runtimes]
tests = ["{runtime}"]
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "{folder}/graph"
runroot = "{run}"
"""


@dataclass(frozen=True)
class Engines:
    """The environment under which the programs run."""

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman, buildah or skopeo."""
        return run(*command, env=self.environment, check=check)

    def trust(self, host: str) -> None:
        """Let the programs speak to a loopback registry without TLS."""
        file = self.folder / "registries.conf"
        file.write_text(f'{file.read_text()}[[registry]]\nlocation = "{host}"\ninsecure = true\n')

    def mirror(self, name: str, host: str) -> None:
        """Let a loopback registry stand for another one."""
        file = self.folder / "registries.conf"
        file.write_text(f'{file.read_text()}[[registry]]\nprefix = "{name}"\nlocation = "{host}"\ninsecure = true\n')

    def inspect(self, image: str) -> dict[str, object]:
        """podman's view of an image."""
        found = json.loads(self.run("podman", "image", "inspect", image).stdout)[0]
        assert isinstance(found, dict)
        return found


@contextmanager
def engines(folder: Path) -> Iterator[Engines]:
    """Storage and settings in `folder`, removed at the end."""
    folder.mkdir(parents=True)
    # NOTE: podman's own clean-up after a container refuses a path of more than 50 characters, and the one who waits for
    # the container waits 20 s for it.
    run_root = Path(tempfile.mkdtemp(prefix="podman-"))
    runtime = folder / "runtime"
    runtime.write_text(_RUNTIME.format(python=sys.executable, runc=program("runc")))
    runtime.chmod(0o755)
    (folder / "containers.conf").write_text(_CONTAINERS.format(runtime=runtime))
    (folder / "storage.conf").write_text(_STORAGE.format(folder=folder, run=run_root))
    (folder / "registries.conf").write_text("")
    (folder / "auth.json").write_text("{}")
    environment = {
        **os.environ, "CONTAINERS_CONF": str(folder / "containers.conf"), "BUILDAH_ISOLATION": "chroot",
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"), "REGISTRY_AUTH_FILE": str(folder / "auth.json"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
    }  # fmt: skip
    made = Engines(folder, environment)
    try:
        yield made
    finally:
        made.run("podman", "rm", "--all", "--force", check=False)
        subprocess.run(["umount", str(folder / "graph" / "overlay")], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(run_root, ignore_errors=True)
