"""A started local target with its clients."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from opsctl.local.procs import ProcessId
from opsctl.local.report import LocalEndpoints
from opsctl.local.settings import LocalSettings
from opsctl.local.target import LocalTarget


class Sandbox:
    """A started target with its clients."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.target = LocalTarget(root, settings=LocalSettings(region="us-east-1", lifetime_seconds=900))
        self.endpoints: LocalEndpoints = self.target.ensure_started()

    def kill(self, pid: int | None) -> None:
        """`kill -9`, and wait until the process is gone."""
        process = ProcessId.of(pid or 0)
        assert process
        os.kill(process.pid, signal.SIGKILL)
        while process.alive:
            time.sleep(0.01)

    def client(self, name: str) -> Any:
        return boto3.client(
            name,  # type: ignore[call-overload]
            endpoint_url=self.endpoints.endpoint_url,
            region_name=self.endpoints.region,
            aws_access_key_id=self.target.key.id,
            aws_secret_access_key=self.target.key.secret,
        )

    def signed(self, host: str, path: str, service: str) -> dict[str, str]:
        """Headers of a signed GET under this Host."""
        request = AWSRequest("GET", f"http://{host}{path}", headers={"Host": host})
        SigV4Auth(Credentials(self.target.key.id, self.target.key.secret), service, "us-east-1").add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}
