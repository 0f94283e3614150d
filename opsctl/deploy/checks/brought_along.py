"""A database that comes from elsewhere, by `rds.snapshot_identifier` or `rds.import_instance`: whether it can, what it
brings, and that nobody takes either setting back later, which would make an empty database.

RDS is asked only before the stack of the database is made. A snapshot does not tell its database's name.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources-automatically.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from opsctl.config import naming, offered
from opsctl.deploy.checks.upgrade import version_number
from opsctl.deploy.planning import compare
from opsctl.deploy.review.effects import Interruption

if TYPE_CHECKING:
    from opsctl.aws.rds import Origin, Rds
    from opsctl.config.models import Environment

_DATABASE = "Database"
_KEPT = {"DBSnapshotIdentifier": "rds.snapshot_identifier", "DBInstanceIdentifier": "rds.import_instance"}


def kept_problems(deployed: str, wanted: str) -> tuple[str, ...]:
    """Why these settings can't change once the database is there: CloudFormation would make another one.

    In another case a name is the same one to RDS, but not to CloudFormation, which compares the text of templates and
    replaces what can't be changed. [aws-cloudformation/cfn-lint#1438; #196 of the RDS resource provider]
    """
    if deployed == wanted:
        return ()
    before, after = _properties(deployed), _properties(wanted)
    if before is None or after is None:
        return ()
    return tuple(
        _kept(setting, before.get(name), after.get(name))
        for name, setting in _KEPT.items()
        if before.get(name) != after.get(name)
    )


def _kept(setting: str, before: str | None, after: str | None) -> str:
    if before is None:
        return (
            f"{setting}: the database is there, and CloudFormation would replace it by {after}. Remove the setting; it "
            "is for an environment without a database."
        )
    now = f"{after} instead" if after is not None else "nothing"
    return f"{setting}: the database came by {before}, and with {now} CloudFormation would replace it. Write {before}."


def read(env: Environment, rds: Rds) -> Origin | None:
    """The snapshot or instance that is named; None when RDS has none. Raises AwsError."""
    if env.rds.snapshot_identifier is not None:
        return rds.snapshot_origin(env.rds.snapshot_identifier)
    return rds.instance_origin(str(env.rds.import_instance))


def problems(env: Environment, found: Origin | None, network: Mapping[str, str], account: str) -> tuple[str, ...]:
    """Why the database can't be restored, or taken over. `network` are the outputs of that stack, `account` is the
    number of ours.
    """
    if found is None:
        kind = "snapshot" if env.rds.snapshot_identifier is not None else "instance"
        what = f"{kind} {env.rds.snapshot_identifier or env.rds.import_instance}"
        return (f"{_setting(env)}: RDS has no {what} in {env.region}. Correct the name, or make it first.",)
    if env.rds.import_instance is None:
        return (*_of_both(env, found), *_of_snapshot(env, found, account))
    return (*_of_both(env, found), *_of_instance(env, found, network))


def notes(env: Environment, found: Origin) -> tuple[str, ...]:
    """What is going to happen to the data, in sentences."""
    what = f"PostgreSQL {found.version}, {found.storage} GiB, master {found.master}"
    roles = f"DbInit then gives what is in database {env.rds.database} to {env.rds.roles.owner}"
    if env.rds.snapshot_identifier is not None:
        version = _version(env, found)
        return (
            f"The database is restored from snapshot {env.rds.snapshot_identifier} ({what}); its master gets a new "
            f"password{f', and {version}' if version else ''}. {roles}. The snapshot stays.",
        )
    return (
        f"The running instance {env.rds.import_instance} ({what}) becomes the database of {env.name}; nothing is "
        f"copied, and no failure deletes it. Its master gets a new password. {roles}.",
        *(f"{env.rds.import_instance} loses {each}" for each in _losses(env, found)),
    )


def _version(env: Environment, found: Origin) -> str:
    """What becomes of its version, in words; "" where it stays for certain. RDS chooses the minor version that is not
    given. [API ModifyDBInstance, EngineVersion]
    """
    wanted = env.rds.engine_version
    if not env.rds.pins_minor_version:
        return f"its minor version goes up from {found.version} to RDS's default of {wanted} where that is higher"
    return f"its version goes from {found.version} to {wanted}" if found.version != wanted else ""


def _losses(env: Environment, found: Origin) -> Iterator[str]:
    """What an import takes away, as it brings every property to the template. [CFN DBInstance]"""
    wanted = env.rds
    if wanted.backup_days < found.backup_days:
        yield (
            f"backups of {found.backup_days} days, of which those of {wanted.backup_days} stay. Write "
            f"`rds.backup_days: {found.backup_days}` to keep them."
        )
    if found.multi_az and not wanted.multi_az:
        yield "its standby. Write `rds.multi_az: true` to keep it."
    if found.max_storage > (wanted.max_allocated_storage or 0):
        yield (
            f"storage that grows by itself up to {found.max_storage} GiB. Write "
            f"`rds.max_allocated_storage: {found.max_storage}` to keep it."
        )
    if found.managed_password:
        yield "the secret in which RDS keeps its master's password; opsctl's own takes its place."


def interruptions(env: Environment, found: Origin) -> tuple[Interruption, ...]:
    """What bringing a running instance to its template interrupts."""
    if env.rds.import_instance is None:
        return ()
    wanted = env.rds
    changes = [
        (found.port != wanted.port, f"its port changes from {found.port} to {wanted.port}"),
        (
            found.instance_class != wanted.instance_class,
            f"its class changes from {found.instance_class} to {wanted.instance_class}",
        ),
        (
            bool(found.backup_days) != bool(wanted.backup_days),
            f"automatic backups are switched {'on' if wanted.backup_days else 'off'}",
        ),
        (bool(_version(env, found)), _version(env, found)),
        (True, "it takes another parameter group, which needs a restart"),
    ]
    text = ", ".join(text for differs, text in changes if differs)
    return (Interruption(_DATABASE, "AWS::RDS::DBInstance", True, f"{env.rds.import_instance} restarts: {text}"),)


def _setting(env: Environment) -> str:
    return "rds.snapshot_identifier" if env.rds.snapshot_identifier is not None else "rds.import_instance"


def _of_both(env: Environment, found: Origin) -> Iterator[str]:
    """What can't be changed while it comes."""
    wanted, name = env.rds, env.rds.snapshot_identifier or env.rds.import_instance
    if found.engine != "postgres":
        yield f"{_setting(env)}: {name} is of {found.engine}, and opsctl runs PostgreSQL. Name another."
        return
    if found.status != "available":
        yield f"{_setting(env)}: {name} is {found.status}, not available. Wait for it, or start it."
    major = found.version.partition(".")[0]
    if env.target == "aws" and version_number(major) < (min(offered.ENGINE_VERSIONS),):
        # A restore without extended support, which opsctl declines, goes to another major version by itself, and so
        # past the parameter group. [API RestoreDBInstanceFromDBSnapshot, EngineLifecycleSupport]
        yield (
            f"{_setting(env)}: {name} has PostgreSQL {found.version}, which RDS supports no more. Upgrade the old "
            f"database to {min(offered.ENGINE_VERSIONS)} or later first"
            f"{', and name a snapshot of that.' if wanted.snapshot_identifier else '.'}"
        )
    elif major != wanted.major_version:
        yield (
            f'rds.engine_version: {name} has PostgreSQL {found.version}, and it comes as it is. Write "{major}"; '
            "the deploy after this one can upgrade it."
        )
    elif wanted.pins_minor_version and version_number(found.version) > version_number(wanted.engine_version):
        yield f"rds.engine_version: {name} has PostgreSQL {found.version}, and RDS has no way back. Write that."
    if found.master != wanted.admin_user:
        yield f"rds.admin_user: the master of {name} is {found.master}, and stays. Write that."
    if found.storage > wanted.allocated_storage:
        yield f"rds.allocated_storage: {name} has {found.storage} GiB, and storage never shrinks. Write that or more."
    if found.encrypted and not env.security.encryption_at_rest:
        yield f"security.encryption_at_rest: {name} is encrypted, and stays so. Set it to true."
    if env.security.encryption_at_rest and not found.encrypted:
        yield (
            f"security.encryption_at_rest: {name} is not encrypted, and only a copy of a snapshot can be: `aws rds "
            "copy-db-snapshot --kms-key-id alias/aws/rds`. Restore that copy, or set it to false."
        )


def _of_snapshot(env: Environment, found: Origin, account: str) -> Iterator[str]:
    """A snapshot that another account shares can be restored as it is only without encryption. [UG RDS,
    USER_ShareSnapshot]
    """
    name = str(env.rds.snapshot_identifier)
    if found.encrypted and name.startswith("arn:") and name.split(":")[4] != account:
        yield (
            f"rds.snapshot_identifier: {name} is another account's and encrypted, and RDS restores only a copy of such "
            f"a one: `aws rds copy-db-snapshot --source-db-snapshot-identifier {name} --target-db-snapshot-identifier "
            "NAME --kms-key-id alias/aws/rds`. Name that copy."
        )


def _of_instance(env: Environment, found: Origin, network: Mapping[str, str]) -> Iterator[str]:
    """What must be right of an instance before it is taken over, since a change would replace it or lose it."""
    name, group = env.rds.import_instance, naming.imported_subnets(env)
    if not found.database:
        yield (
            f"rds.import_instance: {name} was made without a first database, and CloudFormation would replace it by "
            "one that has it. Take a snapshot of it, and name that in rds.snapshot_identifier instead."
        )
    elif found.database != env.rds.database:
        yield f"rds.database: the database of {name} is called `{found.database}`, and stays so. Write that."
    if not found.protected:
        yield (
            f"rds.import_instance: {name} has no deletion protection. Switch it on first: `aws rds modify-db-instance "
            f"--db-instance-identifier {name} --deletion-protection --apply-immediately`."
        )
    if found.subnets == group:
        return
    if found.multi_az or found.replicas:
        why = f"read replicas ({', '.join(found.replicas)})" if found.replicas else "a standby"
        yield f"rds.import_instance: {name} has {why}, and RDS moves none such between networks. Remove it first."
    if not {"PrivateSubnetIds", "DatabaseSecurityGroupId"} <= network.keys():
        yield (
            f"rds.import_instance: {name} has to move into the network of {env.name} first, which is not there yet. "
            f"Deploy it alone: `opsctl deploy --env {env.name} platform network`."
        )
        return
    subnets = network["PrivateSubnetIds"].replace(",", " ")
    yield (
        f"rds.import_instance: {name} is in subnet group {found.subnets or '-'}, not in {group}. Move it into the "
        f"network of {env.name}, which takes minutes without it: `aws rds create-db-subnet-group "
        f"--db-subnet-group-name {group} --db-subnet-group-description database --subnet-ids {subnets}`, then `aws rds "
        f"modify-db-instance --db-instance-identifier {name} --db-subnet-group-name {group} "
        f"--vpc-security-group-ids {network['DatabaseSecurityGroupId']} --apply-immediately`."
    )


def _properties(body: str) -> dict[str, str] | None:
    resource = compare.resources_of(body).get(_DATABASE)
    return None if resource is None else resource.get("Properties", {})
