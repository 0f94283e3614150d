"""Building and pushing the service's image, beside podman and skopeo in the same run.

A Debian base stands for python:3.13-slim, and the registry listens on loopback. Downloads of packages are in the first
builds of both.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.measure import ROOT, Timing
from tests.functional.images.faulty import between
from tests.functional.images.servers import PASSWORD, USER, registry
from tests.functional.images.sites import Site, new_site

_PROGRAMS = ("buildah", "docker-registry", "mmdebstrap", "podman", "skopeo")
_ROUNDS = 5
_CLIENTS = ("opsctl", "skopeo", "podman")


def images() -> list[str]:
    """Native build beside the Dockerfile's; one image pushed by three clients into one registry with a password."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        return [f"left out: {', '.join(missing)} is not installed"]
    with tempfile.TemporaryDirectory(prefix="opsctl-bench-") as folder, new_site(Path(folder, "site")) as site:
        return [*_builds(site), *_pushes(site, Path(folder))]


def _builds(site: Site) -> list[str]:
    lines = []
    podman: dict[str, float] = {}
    for name, engine in (("dockerfile", "podman"), ("native", "native")):
        site.checkout(name)
        for state in ("first", "unchanged", "code changed"):
            if state == "code changed":
                (site.checkout(name) / "service" / "manage.py").open("a", encoding="utf-8").write("# changed\n")
            started = time.perf_counter()
            built = site.build(name, "--tag", "v1", "--engine", engine, "--platform", "linux/amd64")
            seconds = time.perf_counter() - started
            peer = podman.setdefault(state, seconds)
            ratio = "" if engine == "podman" else f"  {seconds / peer:.2f} of podman's"
            lines.append(f"build {name:<10} {state:<12} {seconds:6.1f} s  {built['size']:>11,} bytes{ratio}")
    return lines


@dataclass(frozen=True)
class _Pusher:
    site: Site
    image: str

    def push(self, client: str, host: str) -> str:
        """Push with one client into its own repository; what it printed."""
        target, login = f"{host}/{client}", f"{USER}:{PASSWORD}"
        folder = self.site.checkout("native")
        commands = {
            "opsctl": [str(ROOT / ".venv" / "bin" / "opsctl"), "image", "push", "--env", "local", "--tag", "v1",
                       "--repository", target, "--username", USER, "--password-stdin", "--json"],
            "skopeo": ["skopeo", "copy", "--dest-tls-verify=false", "--dest-creds", login,
                       f"oci:{folder}/.opsctl/images:v1", f"docker://{target}:v1"],
            "podman": ["podman", "push", "--tls-verify=false", "--creds", login, self.image, f"{target}:v1"],
        }  # fmt: skip
        environment = {**self.site.engines.environment, "PYTHONDONTWRITEBYTECODE": ""}
        return subprocess.run(
            commands[client], cwd=folder, env=environment, input=f"{PASSWORD}\n", text=True, encoding="utf-8",
            check=True, capture_output=True,
        ).stdout  # fmt: skip


def _pushes(site: Site, folder: Path) -> list[str]:
    pusher = _Pusher(site, site.load("native", "v1"))
    taken: dict[str, list[float]] = {client: [] for client in _CLIENTS}
    transfers: list[float] = []
    for number in range(_ROUNDS + 1):
        with _fresh_registry(folder / f"round-{number}") as port:
            for client in _CLIENTS[number % 3 :] + _CLIENTS[: number % 3]:
                # podman knows the registry by another name: else it would link what skopeo has sent before.
                started = time.perf_counter()
                printed = pusher.push(client, f"{'localhost' if client == 'podman' else '127.0.0.1'}:{port}")
                if number:  # the first round warms up
                    taken[client].append(time.perf_counter() - started)
                    transfers += [json.loads(printed)["seconds"]] if client == "opsctl" else []
    times = {client: Timing(statistics.median(each), min(each), max(each)) for client, each in taken.items()}
    lines = []
    with _fresh_registry(folder / "counted") as port:
        for client, timing in times.items():
            lines.append(f"push {client:<7} {timing.text()}  {timing.median / times['skopeo'].median:.2f} of skopeo's")
            for which in ("first", "again"):
                size, requests = _counted(pusher, client, port)
                lines.append(f"  {which}: {size:,} bytes in {requests} requests")
    transfer = statistics.median(transfers)
    lines.append(
        f"of opsctl's, the push itself {transfer:.3f} s, {transfer / times['skopeo'].median:.2f} of all of skopeo's"
    )
    return lines


def _counted(pusher: _Pusher, client: str, port: int) -> tuple[int, int]:
    """Bytes sent and requests of a push, told by a proxy, which is too slow to be timed."""
    with between(port) as line:
        pusher.push(client, f"127.0.0.1:{line.port}")
    return sum(size for _, _, size in line.seen), len(line.seen)


@contextmanager
def _fresh_registry(folder: Path) -> Iterator[int]:
    with registry(folder) as running:
        yield running.port
    shutil.rmtree(folder)
