"""Three releases that fail, by opsctl and by the AWS CDK's command line, on one emulator: what each shows, and when.

CDK gets what it is made from: a cloud assembly that holds the stack as it is deployed; the image is its parameter. So
both start the same update of the same stack, and CDK's library has no part in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opsctl.deploy.planning.compare import parse
from opsctl.local.shell import aws_variables
from opsctl.local.target import LocalTarget
from scripts.bench.command_line import OPSCTL
from scripts.bench.measure import ROOT

CDK = "2.1148.1"
_PATIENCE_SECONDS = 1200
_STACK = "local-salaries-app-acme"
_SERVE = "service/salaries/management/commands/serve.py"
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CRASH = "raise RuntimeError('no such cache server')\n"
# A program that listens, and has no page at all.
_NO_PAGE = """\
import os, sys
from django.core.management.base import BaseCommand

class Command(BaseCommand):
    def handle(self, **_options):
        host, port = os.environ.get("BIND_HOST", "0.0.0.0"), os.environ.get("PORT", "8000")
        os.execv(sys.executable, [sys.executable, "-m", "http.server", "--bind", host, "-d", "/tmp", port])
"""


@dataclass(frozen=True, slots=True)
class Failure:
    """A release that fails. `serve` is the command that it starts with; None: an image tag that is not there."""

    name: str
    cause: str
    serve: str | None


FAILURES = (
    Failure("an image that is not there", r"no-such-tag|CannotPull|sha256:0{64}.*not found", None),
    Failure("a task that raises at its start", r"no such cache server", _CRASH),
    Failure("a health check that answers 404", r"\b404\b", _NO_PAGE),
)


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person saw of a command, and when it ended."""

    code: int
    seconds: float
    lines: Sequence[str]

    def text(self, cause: str) -> str:
        """`exit 1, 7.6 s, 55 lines; the cause is in line 45 and in the last three`."""
        found = [number for number, line in enumerate(self.lines, 1) if re.search(cause, line)]
        where = f"the cause first in line {found[0]}" if found else "the cause in no line"
        last = ", also in the last three" if found and found[-1] > len(self.lines) - 3 else ""
        return f"exit {self.code}, {self.seconds:5.1f} s, {len(self.lines):3} lines; {where}{last}"


def beside_cdk() -> list[str]:
    """One run of each; needs node and npm."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        return ["not measured: node and npm are not here, and the AWS CDK's command line needs them"]
    cdk = _installed()
    return [
        f"AWS CDK {CDK}, library not used; one run each",
        *(line for each in FAILURES for line in compared(cdk, each)),
    ]


def compared(cdk: Path, failure: Failure) -> list[str]:
    """Both, in an environment of their own: CDK tells of any task that stopped lately, so also of another failure's."""
    with tempfile.TemporaryDirectory(prefix="bench-cdk-") as folder, _project(Path(folder)) as project:
        _run([OPSCTL, "deploy", "--env", "local", "--yes"], project, {}, ok=True)
        image, ours = _with_opsctl(project, failure)
        theirs = _with_cdk(project, cdk, image)
    return [
        f"{failure.name:<34} opsctl {ours.text(failure.cause)}",
        f"{'':<34} CDK    {theirs.text(failure.cause)}",
    ]


def _installed() -> Path:
    """The CDK's command line of the pinned version, in the project's cache."""
    folder = ROOT / ".cache" / f"aws-cdk-{CDK}"
    program = folder / "node_modules" / ".bin" / "cdk"
    if not program.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--no-audit", "--no-fund", "--silent", "--prefix", str(folder), f"aws-cdk@{CDK}"]
        subprocess.run(install, cwd=folder, check=True)
    return program


@contextmanager
def _project(folder: Path) -> Iterator[Path]:
    """A copy of the service with a local target of its own."""
    for name in ("service", "data"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "raw"))
    shutil.copyfile(ROOT / "environments.yaml", folder / "environments.yaml")
    try:
        yield folder
    finally:
        LocalTarget(folder).reset()


def _with_opsctl(project: Path, failure: Failure) -> tuple[str, Shown]:
    """The image that fails, and what opsctl shows of deploying it."""
    deploy = [OPSCTL, "deploy", "--env", "local", "--yes"]
    if failure.serve is None:
        repository = _client(project, "ecr").describe_repositories()["repositories"][0]["repositoryUri"]
        tag = "no-such-tag"
        # The template takes no tag, so that what CDK is given is a digest of nothing.
        return f"{repository}@sha256:{64 * '0'}", _run([*deploy, "--image-tag", tag], project, {})
    serve = project / _SERVE
    before = serve.read_text(encoding="utf-8")
    serve.write_text(failure.serve, encoding="utf-8")
    try:
        shown = _run(deploy, project, {})
    finally:
        serve.write_text(before, encoding="utf-8")
    ecr = _client(project, "ecr")
    repository = ecr.describe_repositories()["repositories"][0]
    images = ecr.describe_images(repositoryName=repository["repositoryName"])["imageDetails"]
    newest = max(images, key=lambda each: each["imagePushedAt"])
    return f"{repository['repositoryUri']}@{newest['imageDigest']}", shown


def _with_cdk(project: Path, cdk: Path, image: str) -> Shown:
    """What `cdk deploy` shows of the same image in the same stack."""
    target = LocalTarget(project)
    ends = target.ensure_started()
    variables = aws_variables(ends, target.key) | {
        "CDK_DISABLE_CLI_TELEMETRY": "true", "CDK_DEFAULT_REGION": ends.region, "CI": "true",
    }  # fmt: skip
    assembly = _assembly(project, ends.region)
    command = [
        str(cdk), "deploy", _STACK, "--app", str(assembly), "--output", str(project / "cdk.out"), "--exclusively",
        "--require-approval", "never", "--parameters", f"{_STACK}:ImageUri={image}", "--no-notices",
        "--no-version-reporting",
    ]  # fmt: skip
    return _run(command, project, variables)


def _assembly(project: Path, region: str) -> Path:
    """A cloud assembly of the deployed stack alone."""
    api = _client(project, "cloudformation")
    body = api.get_template(StackName=_STACK)["TemplateBody"]
    template = parse(body) if isinstance(body, str) else dict(body)
    tags = {each["Key"]: each["Value"] for each in api.describe_stacks(StackName=_STACK)["Stacks"][0].get("Tags", [])}
    account = _client(project, "sts").get_caller_identity()["Account"]
    folder = project / "assembly"
    folder.mkdir(exist_ok=True)
    stack = {
        "type": "aws:cloudformation:stack",
        "environment": f"aws://{account}/{region}",
        "properties": {"templateFile": "stack.json", "stackName": _STACK, "validateOnSynth": False, "tags": tags},
        "displayName": _STACK,
    }
    (folder / "stack.json").write_text(json.dumps(template, default=str), encoding="utf-8")
    manifest = {"version": "36.0.0", "artifacts": {_STACK: stack}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def _client(project: Path, name: str) -> Any:
    import boto3

    target = LocalTarget(project)
    ends = target.ensure_started()
    return boto3.client(
        name,  # type: ignore[call-overload]
        endpoint_url=ends.endpoint_url, region_name=ends.region,
        aws_access_key_id=target.key.id, aws_secret_access_key=target.key.secret,
    )  # fmt: skip


def _run(
    command: Sequence[str | Path], folder: Path, variables: dict[str, str], *, ok: bool = False
) -> Shown:  # fmt: skip
    started = time.perf_counter()
    done = subprocess.run(
        [str(each) for each in command], cwd=folder, env={**os.environ, **variables}, encoding="utf-8", check=ok,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=_PATIENCE_SECONDS,
    )  # fmt: skip
    lines = _COLOURS.sub("", done.stdout).strip().splitlines()
    if kept := os.environ.get("BENCH_KEEP"):  # a folder for what was shown, for whoever looks at it
        with Path(kept, "shown.txt").open("a", encoding="utf-8") as file:
            file.write(f"\n$ {' '.join(map(str, command))}\n{done.stdout}\n")
    return Shown(done.returncode, time.perf_counter() - started, lines)
