"""A PostgreSQL that asks for TLS and an IAM token, as RDS does, with the roles and the service's tables in it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.functional.dbroles.servers import Installation, installations, run_server
from tests.functional.iam.certificates import Authority
from tests.functional.iam.desk import Desk, open_desk
from tests.functional.iam.ldap import serve_binds
from tests.functional.iam.site import REGION, REPLICA, IamSite
from tests.functional.iam.verifier import Verifier


def _capable() -> Installation | None:
    """A PostgreSQL with TLS and LDAP: Debian's have both, those of wheels don't."""
    for found in installations():
        config = found.bin / "pg_config"
        if config.exists():
            said = subprocess.run([config, "--configure"], capture_output=True, text=True, check=False).stdout
            if "--with-ldap" in said and ("--with-openssl" in said or "--with-ssl" in said):
                return found
    return None


@pytest.fixture(scope="session")
def shared_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's own account can reach; pytest's are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="opsctl-iam-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def iam_site(shared_folder: Path) -> Iterator[IamSite]:
    """One server for all tests of this folder."""
    installation = _capable()
    if installation is None:
        pytest.skip("no PostgreSQL with TLS and LDAP here (Debian: apt-get install postgresql)")
    authority = Authority.create(shared_folder, "authority")
    certificate, key = authority.issue(shared_folder, "localhost", REPLICA)
    _give_to_postgres(key)
    verifier = Verifier(REGION, frozenset(), {}, now=time.time)
    with serve_binds(verifier) as ldap_port:
        hba = (
            "host all postgres 127.0.0.1/32 trust",
            "host all +test_masters 127.0.0.1/32 scram-sha-256",
            "hostssl all +rds_iam 127.0.0.1/32 ldap ldapserver=127.0.0.1 "
            f'ldapport={ldap_port} ldapprefix="cn=" ldapsuffix=",dc=rds"',
        )
        tls = ("ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}")
        with run_server(installation, hba, (*tls, f"listen_addresses=127.0.0.1,{REPLICA}")) as server:
            verifier.addresses = frozenset({f"localhost:{server.port}", f"{REPLICA}:{server.port}"})
            yield IamSite.create(server, verifier, authority, shared_folder)


@pytest.fixture
def desk(iam_site: IamSite, tmp_path: Path) -> Iterator[Desk]:
    """A person's machine, with `iam_site` as the database of dev."""
    with open_desk(iam_site, tmp_path) as opened:
        yield opened


def _give_to_postgres(key: Path) -> None:
    """Tests that run as root start PostgreSQL as another user, who has to read its key."""
    if os.geteuid() == 0:
        accounts = {entry.pw_name: entry for entry in pwd.getpwall()}
        account = accounts.get("postgres", accounts["nobody"])
        os.chown(key, account.pw_uid, account.pw_gid)
