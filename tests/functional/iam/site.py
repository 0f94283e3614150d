"""The server with its roles and the service's tables, and the environment of a service that uses it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from opsctl.dbroles.model import RoleModel
from opsctl.dbroles.service import initialize
from opsctl.dbroles.settings import ConnectionSettings
from tests.functional.cli import ROOT
from tests.functional.dbroles.servers import Server
from tests.functional.iam.certificates import Authority
from tests.functional.iam.verifier import Identity, Verifier

REGION = "eu-west-1"
DATABASE = "salaries"
REPLICA = "127.0.0.2"
"""Another address of the same server, for what asks for the replica's."""

MASTER, MASTER_PASSWORD = "opsctl_master", "Tr0ub4dor-and-3"  # on loopback only, for as long as the tests run
SERVICE_KEY = "AKIASERVICE000000001"
SERVICE = Identity("service-secret", frozenset({"app_user", "app_migrator"}))


@dataclass(frozen=True)
class IamSite:
    """Everything around one server. `authority` signed its certificate, which is for `localhost`."""

    server: Server
    verifier: Verifier
    authority: Authority
    folder: Path

    @classmethod
    def create(cls, server: Server, verifier: Verifier, authority: Authority, folder: Path) -> IamSite:
        """Make master, database, roles and, as the migrator with a token of its own, the service's tables."""
        verifier.identities[SERVICE_KEY] = SERVICE
        server.run(
            f"CREATE ROLE {MASTER} LOGIN CREATEROLE CREATEDB PASSWORD '{MASTER_PASSWORD}'",
            f"GRANT test_masters TO {MASTER}",
            *([f"GRANT rds_iam TO {MASTER} WITH ADMIN OPTION"] if server.major >= 16 else []),
            f"CREATE DATABASE {DATABASE} OWNER {MASTER}",
        )
        made = cls(server, verifier, authority, folder)
        initialize(made.master, RoleModel())
        ran = made.manage("migrate", "--no-input", DB_USER="app_migrator")
        assert ran.returncode == 0, ran.stderr
        return made

    @property
    def master(self) -> ConnectionSettings:
        """The master's way in: by password, the server verified."""
        return ConnectionSettings(
            host="localhost", port=self.server.port, database=DATABASE, user=MASTER, password=MASTER_PASSWORD,
            auth="iam", sslmode="verify-full", ssl_root_cert=str(self.authority.bundle),
        )  # fmt: skip

    def environment(self, **changes: str) -> dict[str, str]:
        """Of a task of the service, as its task definition gives it."""
        return {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "service")]),
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DEPLOY_ENV": "dev",
            "DJANGO_SECRET_KEY": "k" * 50,
            "ALLOWED_HOSTS": "localhost",
            "TLS": "off",
            "DATA_DIR": str(self.folder),
            "DB_HOST": "localhost",
            "DB_PORT": str(self.server.port),
            "DB_NAME": DATABASE,
            "DB_USER": "app_user",
            "DB_AUTH": "iam",
            "DB_SSL_ROOT_CERT": str(self.authority.bundle),
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": SERVICE_KEY,
            "AWS_SECRET_ACCESS_KEY": SERVICE.secret,
            "AWS_EC2_METADATA_DISABLED": "true",
            **changes,
        }

    def manage(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """`manage.py` in the service's folder."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT / "service", env=self.environment(**changes),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def log_in(
        self, *, using: str = "default", token: str | None = None, options: dict[str, str] | None = None, **changes: str
    ) -> str:
        """What a probe of the service says: "ready", or the sentence that `serve` and `/readyz` give as the reason."""
        ran = subprocess.run(
            [sys.executable, "-m", "tests.functional.iam.django_login"], cwd=ROOT, env=self.environment(**changes),
            input=json.dumps({"using": using, "token": token, "options": options or {}}), capture_output=True,
            text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()
