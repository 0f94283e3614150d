"""RDS backed by a real PostgreSQL: master login, DbInit-like custom resource, rotation, deletion, kill -9."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import psycopg2
import pytest

from tests.functional.local.databases import app_login, connected, counted, instance_template, secret_of, template
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.stacks import deploy, outputs, reasons, settle

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def stack(sandbox: Sandbox) -> dict[str, str]:
    cloudformation = sandbox.client("cloudformation")
    status = deploy(cloudformation, "data", template())
    assert status == "CREATE_COMPLETE", reasons(cloudformation, "data")
    return outputs(cloudformation, "data")


def test_it_lets_a_custom_resource_connect_as_the_master(stack: dict[str, str]) -> None:
    assert stack["InitUser"] == "opsctl_admin"


def test_it_describes_the_real_address(sandbox: Sandbox, stack: dict[str, str]) -> None:
    described = sandbox.client("rds").describe_db_instances(DBInstanceIdentifier=stack["Db"])["DBInstances"][0]

    assert described["Endpoint"]["Address"] == stack["Host"] == "127.0.0.1"
    assert str(described["Endpoint"]["Port"]) == stack["Port"] == stack["ReplicaPort"]
    assert described["DbiResourceId"] == stack["ResourceId"]
    assert int(stack["Port"]) == sandbox.endpoints.postgres_port
    secret = secret_of(sandbox, stack)
    assert (secret["host"], str(secret["port"]), secret["dbname"]) == ("127.0.0.1", stack["Port"], "salaries")


def test_it_makes_the_master_as_rds_does(sandbox: Sandbox, stack: dict[str, str]) -> None:
    secret = secret_of(sandbox, stack)

    with connected(stack, user=secret["username"], password=secret["password"]) as cursor:
        cursor.execute("SHOW server_version_num")
        assert cursor.fetchone()[0].startswith("18")
        cursor.execute("SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, True, True)
        cursor.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()")
        assert cursor.fetchone() == ("opsctl_admin",)


@pytest.mark.parametrize("user", ["opsctl_admin", "opsctl_superuser"])
def test_it_asks_masters_and_the_superuser_for_a_password(stack: dict[str, str], user: str) -> None:
    with pytest.raises(psycopg2.OperationalError, match="password"), connected(stack, user=user):
        pass


def test_it_lets_in_a_role_without_a_password_by_the_one_that_opsctl_keeps(
    sandbox: Sandbox, stack: dict[str, str]
) -> None:
    with connected(stack, **app_login(sandbox, stack)) as cursor:
        cursor.execute("SELECT current_user")
        assert cursor.fetchone() == ("app_user",)


def test_it_keeps_the_password_in_step_with_modify_db_instance(sandbox: Sandbox, stack: dict[str, str]) -> None:
    old = secret_of(sandbox, stack)
    rds = sandbox.client("rds")

    rds.modify_db_instance(
        DBInstanceIdentifier=stack["Db"], MasterUserPassword="rotated-password-1", ApplyImmediately=True
    )
    try:
        with connected(stack, user=old["username"], password="rotated-password-1"):
            pass
        with pytest.raises(psycopg2.OperationalError), connected(stack, user=old["username"], password=old["password"]):
            pass
    finally:
        rds.modify_db_instance(
            DBInstanceIdentifier=stack["Db"], MasterUserPassword=old["password"], ApplyImmediately=True
        )


def test_it_takes_a_changed_secret_over_with_the_next_update(sandbox: Sandbox, stack: dict[str, str]) -> None:
    cloudformation = sandbox.client("cloudformation")
    secret = {**secret_of(sandbox, stack), "password": "changed-password-2"}
    sandbox.client("secretsmanager").put_secret_value(SecretId=stack["Secret"], SecretString=json.dumps(secret))

    changed = template()
    changed["Resources"]["Db"]["Properties"]["BackupRetentionPeriod"] = 2
    assert deploy(cloudformation, "data", changed) == "UPDATE_COMPLETE"

    assert outputs(cloudformation, "data") == stack
    with connected(stack, user=secret["username"], password="changed-password-2") as cursor:
        cursor.execute("SELECT 1")


def test_it_refuses_another_major_version(sandbox: Sandbox, stack: dict[str, str]) -> None:
    cloudformation = sandbox.client("cloudformation")
    db = {
        "Engine": "postgres",
        "EngineVersion": "15.4",
        "MasterUsername": "m",
        "MasterUserPassword": "x",
        "DBName": "d",
    }

    status = deploy(cloudformation, "old", {"Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "Properties": db}}})

    assert status == "ROLLBACK_COMPLETE"
    assert "PostgreSQL 18" in reasons(cloudformation, "old")[0]


def test_it_gives_a_second_instance_a_server_of_its_own(sandbox: Sandbox, stack: dict[str, str]) -> None:
    cloudformation = sandbox.client("cloudformation")
    db = {"Engine": "postgres", "MasterUsername": "opsctl_admin", "MasterUserPassword": "x", "DBName": "salaries"}
    body = {
        "Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "Properties": db}},
        "Outputs": {
            "Host": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Address"]}},
            "Port": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Port"]}},
        },
    }
    assert deploy(cloudformation, "second", body) == "CREATE_COMPLETE"
    second = outputs(cloudformation, "second")
    assert second["Port"] != stack["Port"]
    with connected(second, user="opsctl_admin", password="x") as cursor:
        cursor.execute("CREATE ROLE app_user LOGIN")
    sandbox.target.flush()

    sandbox.kill(sandbox.target.status().emulator_pid)
    sandbox.target.ensure_started()
    login = app_login(sandbox, second)
    with connected(second, **login) as cursor:
        cursor.execute("SELECT 1")
    cloudformation.delete_stack(StackName="second")

    assert settle(cloudformation, "second") in ("GONE", "DELETE_COMPLETE"), reasons(cloudformation, "second")
    with pytest.raises(psycopg2.OperationalError), connected(second, **login):
        pass
    assert not (sandbox.target.state.path / "postgres-2").exists()
    with connected(stack, **app_login(sandbox, stack)) as cursor:
        cursor.execute("SELECT 1")


def test_a_snapshot_is_restored_with_rows_and_roles_and_a_running_instance_is_taken_over_with_them(
    sandbox: Sandbox, stack: dict[str, str]
) -> None:
    cloudformation, rds = sandbox.client("cloudformation"), sandbox.client("rds")
    with connected(stack, user="opsctl_admin", password=secret_of(sandbox, stack)["password"]) as cursor:
        cursor.execute(
            "GRANT CREATE ON SCHEMA public TO app_user; GRANT app_user TO opsctl_admin; "
            "CREATE TABLE note AS SELECT n FROM generate_series(1, 1000) n; ALTER TABLE note OWNER TO app_user"
        )
    rds.create_db_snapshot(DBInstanceIdentifier=stack["Db"], DBSnapshotIdentifier="last-night")
    with connected(stack, user="opsctl_admin", password=secret_of(sandbox, stack)["password"]) as cursor:
        cursor.execute("INSERT INTO note VALUES (0)")  # after the snapshot, by a server that goes on

    body = instance_template(DBSnapshotIdentifier="last-night", MasterUserPassword="first")
    assert deploy(cloudformation, "restored", body) == "CREATE_COMPLETE", reasons(cloudformation, "restored")
    restored = outputs(cloudformation, "restored")
    assert (counted(restored, "first"), restored["Port"] != stack["Port"]) == ((1000, "app_user"), True)
    assert counted(stack, secret_of(sandbox, stack)["password"]) == (1001, "app_user")

    cloudformation.delete_stack(StackName="restored")
    settle(cloudformation, "restored")
    named = {"DBInstanceIdentifier": restored["Db"], "MasterUsername": "opsctl_admin", "MasterUserPassword": "second"}
    status = deploy(cloudformation, "taken", instance_template(**named), ImportExistingResources=True)
    assert status == "CREATE_COMPLETE", reasons(cloudformation, "taken")
    assert outputs(cloudformation, "taken") == restored
    assert counted(restored, "second") == (1000, "app_user")

    rds.modify_db_instance(DBInstanceIdentifier=restored["Db"], DeletionProtection=False)
    rds.delete_db_instance(DBInstanceIdentifier=restored["Db"], FinalDBSnapshotIdentifier="at-its-end")
    assert (sandbox.target.state.path / "snapshots" / "at-its-end" / "data" / "PG_VERSION").exists()
    assert not (sandbox.target.state.path / "postgres-2").exists()
    rds.delete_db_snapshot(DBSnapshotIdentifier="at-its-end")
    kept = [each.name for each in (sandbox.target.state.path / "snapshots").iterdir()]
    assert ("at-its-end" in kept, "last-night" in kept) == (False, True)
    cloudformation.delete_stack(StackName="taken")
    settle(cloudformation, "taken")


@pytest.mark.parametrize("victim", ["postgres", "emulator"])
def test_it_heals_with_data_intact_after_a_kill(sandbox: Sandbox, stack: dict[str, str], victim: str) -> None:
    secret = secret_of(sandbox, stack)
    login = {"user": secret["username"], "password": secret["password"]}
    with connected(stack, **login) as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS kept (at text)")
        cursor.execute("INSERT INTO kept VALUES (%s)", (victim,))
    sandbox.target.flush()
    status = sandbox.target.status()
    pid = status.postgres_pid if victim == "postgres" else status.emulator_pid

    sandbox.kill(pid)
    endpoints = sandbox.target.ensure_started()

    assert endpoints == sandbox.endpoints
    assert secret_of(sandbox, stack) == secret
    with connected(stack, **login) as cursor:
        cursor.execute("SELECT count(*) FROM kept WHERE at = %s", (victim,))
        assert cursor.fetchone() == (1,)
    assert outputs(sandbox.client("cloudformation"), "data") == stack


def test_a_port_that_another_program_took_is_a_change_that_stacks_and_secret_tell(
    sandbox: Sandbox, stack: dict[str, str]
) -> None:
    before = dict(stack)
    said: list[str] = []
    sandbox.target.stop()
    ports = (sandbox.endpoints.postgres_port, int(sandbox.endpoints.endpoint_url.rpartition(":")[2]))
    with ExitStack() as taken:
        for port in ports:
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        sandbox.endpoints = sandbox.target.ensure_started(said.append)

    moved = sandbox.endpoints.postgres_port
    assert moved not in ports
    assert f"Another program has port {ports[0]} of PostgreSQL now; it listens on {moved}." in said
    stack |= outputs(sandbox.client("cloudformation"), "data")
    assert stack == {**before, "Port": str(moved), "ReplicaPort": str(moved)}
    secret = secret_of(sandbox, stack)
    assert secret["port"] == moved
    with connected(stack, user=secret["username"], password=secret["password"]) as cursor:
        cursor.execute("SELECT count(*) FROM kept")
        assert cursor.fetchone() == (2,)
    # What was told once is not told again by the next start, which finds the ports free.
    version = sandbox.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])["VersionId"]
    sandbox.target.stop()
    assert sandbox.target.ensure_started() == sandbox.endpoints
    assert sandbox.client("secretsmanager").get_secret_value(SecretId=stack["Secret"])["VersionId"] == version


def test_it_drops_what_the_instance_made_and_nothing_else(sandbox: Sandbox, stack: dict[str, str]) -> None:
    cloudformation, rds = sandbox.client("cloudformation"), sandbox.client("rds")
    secret = secret_of(sandbox, stack)
    with connected(stack, user=secret["username"], password=secret["password"]) as cursor:
        cursor.execute("CREATE ROLE app_owner")
        cursor.execute("GRANT app_owner TO opsctl_admin")
        cursor.execute("CREATE SCHEMA made AUTHORIZATION app_owner")

    rds.delete_db_instance(DBInstanceIdentifier=stack["Db"], FinalDBSnapshotIdentifier="last")

    assert "last" in [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]]
    assert "PGPASSWORD" not in sandbox.target.database_login(int(stack["Port"]), "app_user")
    db = {"Engine": "postgres", "MasterUsername": "opsctl_admin", "MasterUserPassword": "x", "DBName": "salaries"}
    body = {
        "Resources": {"Db": {"Type": "AWS::RDS::DBInstance", "DeletionPolicy": "Snapshot", "Properties": db}},
        "Outputs": {"Port": {"Value": {"Fn::GetAtt": ["Db", "Endpoint.Port"]}}},
    }
    assert deploy(cloudformation, "next", body) == "CREATE_COMPLETE"
    assert outputs(cloudformation, "next")["Port"] == stack["Port"]
    with connected(stack, user="opsctl_admin", password="x") as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        assert [row[0] for row in cursor.fetchall()] == ["postgres", "salaries"]
        # As on RDS, what came with the server is the master's.
        cursor.execute("SELECT DISTINCT pg_get_userbyid(datdba) FROM pg_database WHERE datname <> 'template0'")
        assert cursor.fetchall() == [("opsctl_admin",)]
        cursor.execute("SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_' ORDER BY 1")
        assert [row[0] for row in cursor.fetchall()] == ["opsctl_admin", "opsctl_superuser"]
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 'made'")
        assert cursor.fetchone() == (0,)

    cloudformation.delete_stack(StackName="next")

    assert settle(cloudformation, "next") in ("GONE", "DELETE_COMPLETE"), reasons(cloudformation, "next")
    snapshots = [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]]
    assert any(each.startswith("next-") for each in snapshots)
