"""A machine whose AWS settings a test writes: configuration files, helper programs, variables, an endpoint."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.credentials import SSOProvider
from botocore.tokens import SSOTokenProvider
from botocore.utils import ContainerMetadataFetcher

from opsctl.cli import app
from tests.functional.aws.endpoint import Endpoint, endpoint
from tests.functional.cli import Ran

ENVIRONMENTS = """\
default_environment: dev
environments:
  dev:
    service: salaries
    client: acme
    ecs:
      repository_name: salaries
      manage_repository: true
    nat:
      use_nat_instance: true
    observability:
      alert_email: oncall@example.com
"""


@dataclass
class Machine:
    """Where a test writes, and the command that it then runs."""

    home: Path
    aws: Endpoint
    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def set(self, **variables: str) -> None:
        """Set variables of the environment; `{url}`: the endpoint, `{tls}`: the same by https, `{home}`."""
        for name, value in variables.items():
            self.monkeypatch.setenv(name, self.fill(value))

    def fill(self, text: str) -> str:
        return (
            text.replace("{url}", self.aws.url)
            .replace("{tls}", self.aws.url.replace("http:", "https:"))
            .replace("{home}", str(self.home))
        )

    def write(self, name: str, text: str | bytes, mode: int = 0o600) -> Path:
        """A file below the home folder."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.fill(text).encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def opsctl(self, *arguments: str) -> Ran:
        """Run the command line in this process."""
        code = app.run(list(arguments))
        shown = self.capsys.readouterr()
        return Ran(code, shown.out, shown.err, arguments)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Machine]:
    """A user without any AWS settings, in a project; retries don't wait."""
    home = tmp_path / "home"
    project = tmp_path / "project"
    home.mkdir()
    project.mkdir()
    (project / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    for name in [each for each in os.environ if each.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(ContainerMetadataFetcher, "SLEEP_TIME", 0)
    for provider in (SSOProvider, SSOTokenProvider):  # they looked up the home folder when they were imported
        monkeypatch.setattr(provider, "_SSO_TOKEN_CACHE_DIR", str(home / ".aws" / "sso" / "cache"))
    with endpoint() as aws:
        yield Machine(home, aws, monkeypatch, capsys)
