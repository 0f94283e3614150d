"""A release's seconds on AWS, from `opsctl deploy` to all-new: what can be measured here, the rest by the model.

The model's parts are Fargate's own: an address and a machine for a task, and the network. They are estimates, published
by nobody for a task of this size.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from opsctl.config.loader import load
from opsctl.deploy.planning.durations import RELEASE_TASK_SECONDS, STACK_SECONDS
from opsctl.images.oci.layers import entries_of, write_layer
from opsctl.images.oci.store import ImageStore
from scripts.bench.measure import ROOT
from scripts.bench.site import SERVICE, serving, with_database

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_GOAL = 100.0
# Of the model: a network interface and a machine for a task; bytes a second from ECR; a laptop's way up.
_PROVISION_SECONDS, _PULL_RATE, _PUSH_RATE = 15.0, 40e6, 2.5e6
_IMAGE_BYTES = 105.8e6  # docs/proofs.md: the native image
_ROUNDS = 3
_SHIPPED = ("django", "duckdb", "botocore", "boto3", "psycopg2", "psycopg2_binary.libs", "gunicorn")


def release() -> list[str]:
    """A small service of one task; goal: 100 s to all-new."""
    code = _code_bytes()
    sizes, seconds = _unpacking()
    unpack = seconds["gzip"] * _IMAGE_BYTES / sizes["gzip"]
    cold, warm = _starts()
    health = load(ROOT / "environments.yaml").environments["dev"].application.web.health
    now = {
        "push: the code's layer alone": (code / _PUSH_RATE, "bytes measured"),
        "jobs stack: its image": (STACK_SECONDS, "model"),
        "release task": (0.0, "left out, as nothing is pending: saves what it takes"),
        "app stack: change set, task definition": (STACK_SECONDS, "model"),
        "new task: address and machine": (_PROVISION_SECONDS, "model"),
        "new task: pull": (_IMAGE_BYTES / _PULL_RATE, "model"),
        "new task: unpack": (unpack, "measured, scaled to the image"),
        "new task: start until it answers": (cold, "measured, files not in memory"),
        "health checks": (float(health.interval * health.threshold), "configuration"),
    }
    before = {
        **now,
        "release task": (RELEASE_TASK_SECONDS, "model"),
        "health checks": (30.0, "15 s, twice"),
        "old task: drain and end": (20.0 + 2.0, "the deploy waited for it"),
    }
    total, old = (sum(took for took, _ in steps.values()) for steps in (now, before))
    return [
        *(f"{name:<40} {took:5.1f} s  {how}" for name, (took, how) in now.items()),
        f"{'all-new':<40} {total:5.1f} s  {total / _GOAL:.2f} of the goal of {_GOAL:.0f} s; before {old:.1f} s",
        f"{'all-new, with migrations pending':<40} {total + RELEASE_TASK_SECONDS:5.1f} s",
        f"start: {cold:.2f} s from the disk, {warm:.2f} s from memory",
        *(
            f"unpack {name:<5} {sizes[name] / sizes['gzip']:.2f} of gzip's bytes, "
            f"{seconds[name] / seconds['gzip']:.2f} of its time"
            for name in sizes
        ),
    ]


def _code_bytes() -> int:
    """Compressed size of the layer that a change of the code makes anew."""
    with tempfile.TemporaryDirectory(prefix="bench-release-") as folder:
        files = [entry for entry in entries_of(SERVICE, "app") if "__pycache__" not in entry.path]
        return write_layer(ImageStore(Path(folder)), files).descriptor.size


def _unpacking() -> tuple[dict[str, int], dict[str, float]]:
    """Bytes and seconds, by compression, of the packages that the service's image holds."""
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name in _SHIPPED:
            folder = next(Path(entry, name) for entry in sys.path if Path(entry, name).exists())
            archive.add(folder, name)
    content = plain.getvalue()
    packed = {"gzip": zlib.compress(content, 6, wbits=31), "zstd": zstd.compress(content, 19)}
    ways: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda data: zlib.decompress(data, wbits=31),
        "zstd": zstd.decompress,
    }
    taken: dict[str, list[float]] = {name: [] for name in packed}
    for _ in range(_ROUNDS):
        for name, data in packed.items():
            with tempfile.TemporaryDirectory(prefix="bench-release-") as target:
                started = time.perf_counter()
                with tarfile.open(fileobj=io.BytesIO(ways[name](data))) as archive:
                    archive.extractall(target, filter="data")
                taken[name].append(time.perf_counter() - started)
    return {name: len(data) for name, data in packed.items()}, {
        name: statistics.median(values) for name, values in taken.items()
    }


def _starts() -> tuple[float, float]:
    """Seconds from the process to its first answer, with byte code: files dropped from memory, and in memory."""
    with tempfile.TemporaryDirectory(prefix="bench-release-") as name, with_database(Path(name)) as environment:
        taken: dict[bool, list[float]] = {True: [], False: []}
        _start(environment)  # writes the byte code
        for _ in range(_ROUNDS):
            for cold in (True, False):
                if cold:
                    _forget_files()
                taken[cold].append(_start(environment))
    return statistics.median(taken[True]), statistics.median(taken[False])


def _start(environment: dict[str, str]) -> float:
    started = time.perf_counter()
    with serving(environment | {"LOG_LEVEL": "WARNING"}):
        return time.perf_counter() - started


def _forget_files() -> None:
    """Drop the interpreter's, the packages' and the service's files from memory, as on a machine that just got them."""
    roots = {SERVICE, Path(sys.prefix), Path(sys.base_prefix, "lib")}
    for root in roots:
        for path in root.rglob("*"):
            if path.is_file() and not path.is_symlink():
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(handle)
