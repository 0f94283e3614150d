"""An emulator that refuses what no policy allows."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from opsctl.aws.s3 import S3
from opsctl.stacks.access.documents import documents
from opsctl.stacks.parts.policies import Statement
from tests.ports import free_port
from tests.unit.stacks.access.judge import ACCOUNT

REGION = "us-east-1"


@dataclass(frozen=True)
class Emulator:
    """AWS with its policies in force."""

    url: str

    def client(self, service: str, key: str = ACCOUNT, signer: str = "x") -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=signer
        )

    def user(self, name: str, statements: Sequence[Statement]) -> S3:
        """A person who may do this, at S3."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        for number, document in enumerate(documents(statements)):
            iam.put_user_policy(UserName=name, PolicyName=f"deploy-{number}", PolicyDocument=json.dumps(document))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        return S3(self.client("s3", made["AccessKeyId"], made["SecretAccessKey"]), REGION)


@contextlib.contextmanager
def enforcing(folder: Path) -> Iterator[Emulator]:
    """Start it in a new folder, and stop it."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0", "AUTH": "true", "MINISTACK_ACCOUNT_ID": ACCOUNT,
    }  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"], env=environment, cwd=folder, stdout=log, stderr=log
        )
    found = Emulator(f"http://127.0.0.1:{port}")
    try:
        wait_ready(found, process, folder)
        yield found
    finally:
        process.terminate()
        process.wait(20)


def wait_ready(found: Emulator, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(200):
        assert process.poll() is None, (folder / "log").read_text()
        try:
            found.client("s3").list_buckets()
        except (BotoCoreError, ClientError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError((folder / "log").read_text())
