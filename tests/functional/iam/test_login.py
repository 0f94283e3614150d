"""The service's database backend against a server that checks tokens and TLS as RDS does: who gets in, and the words
for who doesn't.
"""

from __future__ import annotations

import time

import boto3
import psycopg2
import pytest

from tests.functional.dbroles.servers import installations, run_server
from tests.functional.iam.certificates import Authority
from tests.functional.iam.site import DATABASE, REGION, REPLICA, SERVICE, SERVICE_KEY, IamSite
from tests.functional.iam.verifier import Identity

pytestmark = pytest.mark.postgres


def signed(site: IamSite, user: str, secret: str = SERVICE.secret, session_token: str | None = None) -> str:
    """boto3's own token, which the service's must be as good as."""
    client = boto3.client(
        "rds", region_name=REGION, aws_access_key_id=SERVICE_KEY, aws_secret_access_key=secret,
        aws_session_token=session_token,
    )  # fmt: skip
    token = client.generate_db_auth_token(DBHostname="localhost", Port=site.server.port, DBUsername=user)
    assert isinstance(token, str)
    return token


def test_a_token_that_the_service_signs_lets_it_in(iam_site: IamSite) -> None:
    assert iam_site.log_in() == "ready"


def test_boto3s_own_token_lets_it_in(iam_site: IamSite) -> None:
    assert iam_site.log_in(token=signed(iam_site, "app_user")) == "ready"


def test_a_long_token_of_temporary_credentials_lets_it_in(iam_site: IamSite) -> None:
    session_token = "FwoGZXIvYXdzE" + "Ab3/+=" * 200
    iam_site.verifier.identities["ASIATEMPORARY0000001"] = Identity("t3mp/secret", SERVICE.users, session_token)
    said = iam_site.log_in(
        AWS_ACCESS_KEY_ID="ASIATEMPORARY0000001", AWS_SECRET_ACCESS_KEY="t3mp/secret", AWS_SESSION_TOKEN=session_token
    )
    assert said == "ready"
    assert len(iam_site.verifier.accepted[-1][1]) > 1000


REFUSED = 'FATAL:  LDAP authentication failed for user "app_user"'


def test_the_replica_gets_a_token_signed_for_its_own_host(iam_site: IamSite) -> None:
    assert iam_site.log_in(using="replica", DB_REPLICA_HOST=REPLICA) == "ready"
    assert iam_site.verifier.accepted[-1][1].startswith(f"{REPLICA}:{iam_site.server.port}/?Action=connect&")


def test_another_users_token_is_refused(iam_site: IamSite) -> None:
    said = iam_site.log_in(token=signed(iam_site, "app_migrator"))
    assert said.startswith("database unreachable: ")
    assert said.endswith(REFUSED)
    assert iam_site.verifier.refused[-1] == ("app_user", "signed for another user")


def test_a_user_that_the_policy_does_not_name_is_refused(iam_site: IamSite) -> None:
    assert iam_site.log_in(DB_USER="app_loader").endswith('LDAP authentication failed for user "app_loader"')
    assert iam_site.verifier.refused[-1] == ("app_loader", "not allowed to be this user")


def test_a_bad_secret_is_refused(iam_site: IamSite) -> None:
    assert iam_site.log_in(AWS_SECRET_ACCESS_KEY="another").endswith(REFUSED)
    assert iam_site.verifier.refused[-1] == ("app_user", "wrong signature")


def test_a_token_of_sixteen_minutes_ago_is_refused(iam_site: IamSite, monkeypatch: pytest.MonkeyPatch) -> None:
    token = signed(iam_site, "app_user")
    assert iam_site.log_in(token=token) == "ready"
    monkeypatch.setattr(iam_site.verifier, "now", lambda: time.time() + 16 * 60)
    assert iam_site.log_in(token=token).endswith(REFUSED)
    assert iam_site.verifier.refused[-1] == ("app_user", "expired")


def test_a_static_password_is_refused(iam_site: IamSite) -> None:
    iam_site.server.run("ALTER ROLE app_user PASSWORD 'st4tic'")
    assert iam_site.log_in(token="st4tic").endswith(REFUSED)
    assert iam_site.verifier.refused[-1] == ("app_user", "no token")
    iam_site.server.run("ALTER ROLE app_user PASSWORD NULL")


def test_a_tampered_token_is_refused(iam_site: IamSite) -> None:
    token = signed(iam_site, "app_user").replace("X-Amz-Expires=900", "X-Amz-Expires=901")
    assert iam_site.log_in(token=token).endswith(REFUSED)
    assert iam_site.verifier.refused[-1] == ("app_user", "wrong signature")


def test_a_connection_without_tls_is_refused_by_the_server(iam_site: IamSite) -> None:
    said = iam_site.log_in(options={"sslmode": "disable"})
    assert 'no pg_hba.conf entry for host "127.0.0.1", user "app_user", database "salaries", no encryption' in said


def test_a_server_without_tls_is_refused_by_the_service(iam_site: IamSite) -> None:
    seen = len(iam_site.verifier.accepted) + len(iam_site.verifier.refused)
    with run_server(installations()[-1]) as plain:
        said = iam_site.log_in(DB_PORT=str(plain.port))
    assert said.endswith("server does not support SSL, but SSL was required")
    assert len(iam_site.verifier.accepted) + len(iam_site.verifier.refused) == seen


def test_a_server_of_another_authority_is_refused(iam_site: IamSite) -> None:
    other = Authority.create(iam_site.folder, "impostor")
    seen = len(iam_site.verifier.accepted) + len(iam_site.verifier.refused)
    said = iam_site.log_in(DB_SSL_ROOT_CERT=str(other.bundle))
    assert said.startswith("database unreachable: ")
    assert said.endswith("SSL error: certificate verify failed")
    assert len(iam_site.verifier.accepted) + len(iam_site.verifier.refused) == seen, "the token left the service"


def test_a_server_of_another_name_is_refused(iam_site: IamSite) -> None:
    seen = len(iam_site.verifier.accepted) + len(iam_site.verifier.refused)
    said = iam_site.log_in(DB_HOST="127.0.0.1")
    assert said.startswith("database unreachable: ")
    assert said.endswith('does not match host name "127.0.0.1"')
    assert len(iam_site.verifier.accepted) + len(iam_site.verifier.refused) == seen, "the token left the service"


def test_missing_credentials_are_named(iam_site: IamSite) -> None:
    said = iam_site.log_in(AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert said == "database login failed: No AWS credentials were found to sign a database token with (DB_AUTH=iam)."


def test_serve_does_not_start_and_says_why(iam_site: IamSite) -> None:
    ran = iam_site.manage("serve", AWS_SECRET_ACCESS_KEY="another")
    assert ran.returncode == 1
    said = [line for line in ran.stderr.splitlines() if not line.startswith("{")]  # the rest is the JSON log
    assert len(said) == 1
    assert said[0].startswith("CommandError: not starting: database unreachable: ")
    assert said[0].endswith(REFUSED)


def test_the_verifier_also_counts_for_the_roles_db_init_makes(iam_site: IamSite) -> None:
    """Every login role of the model asks for a token; the master alone keeps its password."""
    for role in ("app_user", "app_migrator", "app_loader", "app_readonly"):
        with pytest.raises(psycopg2.OperationalError, match="LDAP authentication failed"):
            psycopg2.connect(
                host="localhost", port=iam_site.server.port, user=role, dbname=DATABASE, password="x", sslmode="require"
            )
