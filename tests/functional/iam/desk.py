"""A person's machine, from which `opsctl db` is used on an environment on AWS."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.functional.cli import ROOT, Ran, opsctl
from tests.functional.iam.aws_stub import AwsStub, serve_aws
from tests.functional.iam.site import REGION, IamSite
from tests.functional.iam.verifier import Identity

KEY, SECRET = "AKIAPERSON0000000001", "person-secret"


@dataclass(frozen=True)
class Desk:
    """A person's machine: a checkout, credentials, psql, and whatever `tools` holds before PATH."""

    site: IamSite
    folder: Path
    stub: AwsStub

    def opsctl(self, *arguments: str, stdin: str = "", path: str = "", **env: str) -> Ran:
        environment = {
            "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": self.stub.url,
            "PATH": os.pathsep.join(filter(None, [path, os.environ["PATH"]])), "PGHOST": "elsewhere.invalid",
            "OPSCTL_RDS_CERTIFICATES": str(self.folder / "rds.pem"), **env,
        }  # fmt: skip
        return opsctl("db", arguments[0], "--env", "dev", *arguments[1:], cwd=self.folder, stdin=stdin, env=environment)

    def shell(self, *arguments: str, stdin: str = "", **env: str) -> Ran:
        """With the plugin on PATH, through an instance."""
        return self.opsctl(
            "shell", "--via", "i-0123456789abcdef0", *arguments, stdin=stdin, path=str(self.folder / "tools"), **env
        )


@contextmanager
def open_desk(site: IamSite, folder: Path) -> Iterator[Desk]:
    """A checkout in `folder` whose environment dev is deployed, with `site` as its database."""
    configuration = (ROOT / "environments.yaml").read_text().replace("us-east-1", REGION)
    (folder / "environments.yaml").write_text(configuration)
    shutil.copyfile(site.authority.bundle, folder / "rds.pem")
    plugin = folder / "tools" / "session-manager-plugin"
    plugin.parent.mkdir()
    plugin.write_text(f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/functional/iam/forwarder.py "$@"\n')
    plugin.chmod(0o755)
    site.verifier.identities[KEY] = Identity(SECRET, frozenset({"app_readonly"}))
    data = {
        "DatabaseHost": "localhost",
        "DatabasePort": str(site.server.port),
        "MasterSecretArn": f"arn:aws:secretsmanager:{REGION}:123456789012:secret:master-AbCdEf",
    }
    functions = {"DbInitFunctionName": "dev-db-init"}
    with serve_aws({"dev-salaries-data-acme": data, "dev-salaries-functions-acme": functions}) as stub:
        yield Desk(site, folder, stub)
