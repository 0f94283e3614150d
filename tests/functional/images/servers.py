"""A real registry on loopback, and the programs that other people use with it. All come from Debian."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from opsctl.images.names import ImageName
from opsctl.images.registry.auth import RegistryLogin
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import Transport
from tests.ports import free_port

USER, PASSWORD = "tester", "a-password-of-tests"
# bcrypt of the password, the one form that docker-registry reads.
_HTPASSWD = "tester:$2y$04$tHjlPEcMFKCLY.YYmGnj9.zCT83FadJ1rDLTmjwxseNGf.aMx35zS"
_CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {folder}/data}}
{maintenance}
http: {{addr: "127.0.0.1:{port}"}}
{auth}
"""


def program(name: str) -> str:
    """A program's path; without it the test that needs it is skipped. CI installs all of them."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: docker-registry skopeo buildah podman runc mmdebstrap)")
    return found


@dataclass(frozen=True)
class Registry:
    """A running registry; `login` is None where anybody may write."""

    port: int
    login: RegistryLogin | None

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`."""
        return f"127.0.0.1:{self.port}"

    def repository(self, name: str, *, port: int | None = None, push: bool = True, attempts: int = 6) -> Repository:
        """A client of ours, by another port when something stands between; waits for nothing."""
        image = ImageName(f"127.0.0.1:{port or self.port}", name)
        transport = Transport(image.url, lambda: self.login, sleep=lambda _: None, attempts=attempts)
        return Repository(image, transport, push=push)

    @property
    def credentials(self) -> str:
        """`user:password`, as skopeo takes it."""
        return f"{self.login.user}:{self.login.password}" if self.login else ""

    def answers(self) -> bool:
        """Whether it is up."""
        request = urllib.request.Request(f"http://{self.host}/v2/")
        if self.login:
            request.add_header("Authorization", "Basic " + base64.b64encode(self.credentials.encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False


@contextmanager
def registry(folder: Path, *, protected: bool = True, read_only: bool = False) -> Iterator[Registry]:
    """Start docker-registry with its data in `folder`, and stop it."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    auth = ""
    if protected:
        (folder / "htpasswd").write_text(_HTPASSWD + "\n")
        auth = f"auth: {{htpasswd: {{realm: tests, path: {folder}/htpasswd}}}}"
    maintenance = "  maintenance: {readonly: {enabled: true}}" if read_only else ""
    file = folder / "config.yml"
    file.write_text(_CONFIG.format(folder=folder, port=port, auth=auth, maintenance=maintenance))
    # The server reads REGISTRY_AUTH_FILE, which is podman's, as a setting of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REGISTRY_")}
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(
            [program("docker-registry"), "serve", str(file)], stdout=log, stderr=log, env=environment
        )
    running = Registry(port, RegistryLogin(USER, PASSWORD) if protected else None)
    try:
        for _ in range(200):
            if running.answers():
                break
            assert child.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield running
    finally:
        child.terminate()
        child.wait(10)


def run(*command: str, env: dict[str, str] | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program; the test fails with what it printed."""
    done = subprocess.run(
        [program(command[0]), *command[1:]], capture_output=True, text=True, env=env, check=False, timeout=300
    )
    assert done.returncode == 0 or not check, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done
