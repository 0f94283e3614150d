"""Rules of `rds`: what RDS refuses, or takes and regrets. Each returns problems; none raises."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config import offered
from opsctl.config.located import KeyPath
from opsctl.config.models import Environment
from opsctl.config.problem import Problem

# Words that PostgreSQL 18 reserves, also those that may be a function's or a type's name: RDS takes none as a name of a
# database or of the master user. [PostgreSQL, Appendix C; API CreateDBInstance DBName, MasterUsername]
RESERVED_WORDS = frozenset({
    "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "authorization", "binary", "both",
    "case", "cast", "check", "collate", "collation", "column", "concurrently", "constraint", "create", "cross",
    "current_catalog", "current_date", "current_role", "current_schema", "current_time", "current_timestamp",
    "current_user", "default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "false", "fetch", "for",
    "foreign", "freeze", "from", "full", "grant", "group", "having", "ilike", "in", "initially", "inner", "intersect",
    "into", "is", "isnull", "join", "lateral", "leading", "left", "like", "limit", "localtime", "localtimestamp",
    "natural", "not", "notnull", "null", "offset", "on", "only", "or", "order", "outer", "overlaps", "placing",
    "primary", "references", "returning", "right", "select", "session_user", "similar", "some", "symmetric",
    "system_user", "table", "tablesample", "then", "to", "trailing", "true", "union", "unique", "user", "using",
    "variadic", "verbose", "when", "where", "window", "with",
})  # fmt: skip
# Databases that are there before the first one is made. [PostgreSQL, 22.3; UG RDS PostgreSQL]
TAKEN_DATABASES = frozenset({"rdsadmin", "template0", "template1"})
# Names that RDS for PostgreSQL refuses as master user, besides those that start with "pg" or "rds".
RESERVED_MASTER_NAMES = frozenset({"admin", "postgres", "user", "public", "root", "master"})


def database(env: Environment) -> Iterator[Problem]:
    """Backups, ports and storage."""
    rds = env.rds
    if rds.enable_replica and rds.backup_days == 0:
        yield Problem(
            ("rds", "enable_replica"),
            "a read replica needs a source with automatic backups, and backup_days is 0",
            "Set rds.backup_days to 1 or more, or enable_replica to false.",
            (("rds", "backup_days"),),
        )
    if rds.port == 5432:
        yield Problem(("rds", "port"), "5432 is the port that scanners try first", "Write another, such as 5433.")
    # "At least 10 percent above": integers, so rounded up. [UG RDS USER_PIOPS.Autoscaling; API MaxAllocatedStorage]
    least = -(-rds.allocated_storage * 11 // 10)
    if rds.max_allocated_storage is not None and rds.max_allocated_storage < least:
        yield Problem(
            ("rds", "max_allocated_storage"),
            f"RDS wants 10 % more than the {rds.allocated_storage} GiB of allocated_storage, "
            f"and {rds.max_allocated_storage} is less",
            f"Write {least} or more, or remove it." if least <= 65536 else "Remove it: there is no more to grow to.",
            (("rds", "allocated_storage"),),
        )
    if rds.pins_minor_version and rds.enable_replica:
        # A replica has to go first, and CloudFormation changes what it reads from first. [UG RDS UpgradeDBInstance]
        yield Problem(
            ("rds", "engine_version"),
            f"{rds.engine_version} could never be raised: RDS wants the replica's minor version raised before its "
            "source's, and CloudFormation goes the other way",
            f'Write the major version, "{rds.major_version}", or set rds.enable_replica to false.',
            (("rds", "enable_replica"),),
        )


def brought_along(env: Environment) -> Iterator[Problem]:
    """A database that comes from elsewhere comes one way, from this region, with the key that it has."""
    rds = env.rds
    if rds.snapshot_identifier is not None and rds.import_instance is not None:
        yield Problem(
            ("rds", "import_instance"),
            "the database is either restored from a snapshot or a running one is taken over",
            "Remove this or rds.snapshot_identifier.",
            (("rds", "snapshot_identifier"),),
        )
    parts = (rds.snapshot_identifier or "").split(":")
    if parts[0] == "arn" and parts[3] != env.region:
        yield Problem(
            ("rds", "snapshot_identifier"),
            f"it is in {parts[3]}, and RDS restores a snapshot in its own region only",
            f"Copy it to {env.region} (`aws rds copy-db-snapshot --source-region {parts[3]}`) and name the copy.",
            (("region",),),
        )
    if rds.brought_along and env.security.customer_managed_keys and env.security.encryption_at_rest:
        key = "import_instance" if rds.import_instance is not None else "snapshot_identifier"
        yield Problem(
            ("rds", key),
            "the database keeps the KMS key that it has, whatever security.customer_managed_keys says",
            "For another key copy the snapshot with it, and restore the copy.",
            certain=False,
        )


def names(env: Environment) -> Iterator[Problem]:
    """Names of the database and its roles that PostgreSQL or RDS keeps for itself."""
    rds = env.rds
    if rds.database in TAKEN_DATABASES:
        yield Problem(
            ("rds", "database"), f"every PostgreSQL on RDS has a database `{rds.database}` already", _instead(env)
        )
    elif rds.database == "postgres":
        yield Problem(
            ("rds", "database"),
            "`postgres` is the database that RDS makes for maintenance, and other tools expect to be empty",
            _instead(env),
            certain=False,
        )
    elif rds.database in RESERVED_WORDS:
        yield Problem(("rds", "database"), f"`{rds.database}` is a word that PostgreSQL reserves", _instead(env))
    taken = rds.admin_user in RESERVED_MASTER_NAMES | RESERVED_WORDS or rds.admin_user.startswith(("pg", "rds"))
    if taken and not rds.brought_along:  # the master of one that is there has the name that RDS took once
        yield Problem(
            ("rds", "admin_user"),
            f"`{rds.admin_user}` is reserved, or the first name that attackers try",
            "Write another, such as opsctl_master.",
        )
    for path, name in _roles(env):
        if name in RESERVED_WORDS:
            yield Problem(path, f"`{name}` is a word that PostgreSQL reserves", f"Write another, such as app_{name}.")


def _instead(env: Environment) -> str:
    own = env.service.replace("-", "_")
    return f"Write another, such as {own if own not in RESERVED_WORDS else f'{own}_data'}."


def _roles(env: Environment) -> Iterator[tuple[KeyPath, str]]:
    yield ("rds", "app_user"), env.rds.app_user
    for purpose, name in env.rds.roles:
        yield ("rds", "roles", purpose), name


def role_names(env: Environment) -> Iterator[Problem]:
    """Eight roles, eight names."""
    named: dict[str, KeyPath] = {env.rds.admin_user: ("rds", "admin_user")}
    for path, name in _roles(env):
        if name in named:
            yield Problem(
                path,
                f"role name `{name}` is also {'.'.join(str(part) for part in named[name])}",
                "Write a name of its own.",
                (named[name],),
            )
        named.setdefault(name, path)


def sold_by_rds(env: Environment) -> Iterator[Problem]:
    """Class and version are such that RDS has them; what may be newer than opsctl is noted."""
    if env.target == "local":
        return
    rds = env.rds
    doubt = offered.engine_version(rds.engine_version)
    if doubt is not None and doubt.certain:
        yield Problem(
            ("rds", "engine_version"),
            f"RDS makes no database with PostgreSQL {rds.engine_version}",
            f'Write "{doubt.nearest}", the nearest that it has.',
        )
    elif doubt is not None:
        yield Problem(
            ("rds", "engine_version"),
            f"PostgreSQL {rds.engine_version} is newer than this opsctl knows",
            f'The deploy asks RDS; "{doubt.nearest}" is the nearest that is known.',
            certain=False,
        )
    doubt = offered.database_class(rds.instance_class)
    if doubt is not None:
        yield offered.problem(("rds", "instance_class"), "RDS", rds.instance_class, doubt)
