"""Names that people or policies type: of resources, and of what lies in the artifact bucket. Everything else is named
by CloudFormation, so it can be replaced.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal, get_args

from opsctl.config.connections import user_connection_limit

if TYPE_CHECKING:
    from opsctl.config.models import Environment

StackName = Literal[
    "bootstrap", "platform", "network", "egress", "data", "functions", "front", "upkeep", "jobs", "app", "edge",
    "dashboard", "ci",
]  # fmt: skip
CI_STACK: StackName = "ci"
"""The roles of CI: an administrator's, and made when asked for only."""
STACKS: tuple[StackName, ...] = tuple(each for each in get_args(StackName) if each != CI_STACK)
"""Those of an environment, which a deploy makes."""
SITE_STACK: StackName = "dashboard"
"""The short name of the static site's stack, from the time when that was all it held."""
BOOTSTRAP_STACK = "opsctl-bootstrap"
ADMINISTRATORS = (f"{BOOTSTRAP_STACK}-", "opsctl-ci-")
"""How names begin of what an administrator's stacks hold, which no environment's may."""
MIGRATIONS_ANNOTATION = "dev.opsctl.migrations"
"""Written by builds, read by deploys: which migrations an image brings."""
VERDICTS_ANNOTATION = "dev.opsctl.migration-verdicts"
"""Likewise: which of them the release before can live with, as opsctl.migrations.verdict writes it."""


def signature_tag(digest: str) -> str:
    """The tag that a registry has an image's signature under. [sigstore/cosign, SIGNATURE_SPEC.md]"""
    return f"{digest.replace(':', '-')}.sig"


def stack_name(env: Environment, stack: str) -> str:
    """`{env}-{service}-{stack}-{client}`; the bootstrap stack belongs to account and region, not to an environment.
    What an administrator alone may write is called otherwise than what an environment's deployer may.

    CloudFormation allows `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
    """
    if stack == "bootstrap":
        return BOOTSTRAP_STACK
    if stack == CI_STACK:
        return f"opsctl-ci-{env.name}-{env.service}-{env.client}"
    return f"{env.name}-{env.service}-{stack}-{env.client}"


def own_tags(env: Environment) -> dict[str, str]:
    """What opsctl tags every stack of an environment with, unless `tags` say otherwise."""
    return {
        "managed-by": "opsctl",
        "environment": env.name,
        "service": env.service,
        "client": env.client,
        "confidentiality": env.confidentiality,
    }


# Environments of one account and region share one artifact bucket, those of other projects too. Every key names the
# folder of its environment in a place where a policy can hold it: who may write for one shall not write what another
# runs.


def artifact_folder(env: Environment) -> str:
    """What keys of an environment name: `{env}-{service}-{client}`, as two projects may both have a `dev`.

    It was the environment's name alone: records and a lock that lie there are read, and nothing is written there.
    """
    return cluster_name(env)


def bundle_key(folder: str, digest: str) -> str:
    """The DbInit function's zip, by the hash of what is in it."""
    return f"bundles/{folder}/{digest}.zip"


def template_key(folder: str, stack: StackName, digest: str) -> str:
    """A template by its hash. An administrator's lies where no environment's can: their names have no underscore."""
    return f"templates/{'_bootstrap' if stack in {'bootstrap', CI_STACK} else folder}/{digest}.yaml"


LOCKS = "locks/"


def lock_key(folder: str) -> str:
    """Who deploys the environment just now."""
    return f"{LOCKS}{folder}.json"


def release_key(folder: str, record: str = "current") -> str:
    """The record of a release by its number in six digits, or of the newest."""
    return f"releases/{folder}/{record}.json"


RUNS = "runs/"


def run_key(folder: str, run: str) -> str:
    """The record of a run, which is its journal."""
    return f"{RUNS}{folder}/{run}.ndjson"


def cluster_name(env: Environment) -> str:
    """The ECS cluster: `{env}-{service}-{client}`."""
    return f"{env.name}-{env.service}-{env.client}"


def service_name(env: Environment) -> str:
    """The ECS service: `{env}-{service}`."""
    return f"{env.name}-{env.service}"


def worker_name(env: Environment, worker: str) -> str:
    """The ECS service of a worker: `{env}-{service}-{worker}`."""
    return f"{service_name(env)}-{worker}"


def worker_service_id(worker: str) -> str:
    """The logical id of a worker's ECS service in the template of `app`; the web's is `Service`."""
    return f"{part_id(worker)}Service"


def log_group(env: Environment, purpose: str) -> str:
    """`{prefix}/{env}/{service}/{purpose}`, such as `/opsctl/dev/salaries/service`."""
    return f"{env.security.log_group_prefix.rstrip('/')}/{env.name}/{env.service}/{purpose}"


def rotation_function(env: Environment) -> str:
    """The function that rotates the master's password; Lambda takes 64 characters at most, so a long name ends in a
    hash instead. Named at all only because Lambda names its log group after it.
    """
    return _short(f"{env.name}-{env.service}-rotation-{env.client}", 64)


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def own_log_groups(env: Environment) -> dict[str, str]:
    """Groups to which AWS's services write under names of their own, by what writes them.

    The database's and its replica's start so: an identifier is CloudFormation's, which begins with the stack's name,
    cut at 24 characters at the earliest. [cloudformation-cli-java-plugin, IdentifierUtils.generateResourceIdentifier]
    """
    return {
        "rotation": f"/aws/lambda/{rotation_function(env)}",
        "container-insights": f"/aws/ecs/containerinsights/{cluster_name(env)}/performance",
        "database": f"/aws/rds/instance/{stack_name(env, 'data')[:24]}",
        "replica": f"/aws/rds/instance/{stack_name(env, 'upkeep')[:24]}",
    }


LAYER = "/opt/opsctl"
"""Where opsctl's own files are in every image."""


def part_id(name: str) -> str:
    """The logical id that a name of the application becomes: `MailQueue` of `mail-queue`."""
    return "".join(word.capitalize() for word in name.split("-"))


def secret_name(env: Environment, name: str) -> str:
    """Where the value of one of the application's secrets lies. The part before the name keeps it from ending in a
    hyphen and six characters, which would read as the suffix of an ARN. [API CreateSecret]
    """
    return f"opsctl/{env.name}/{env.service}/secrets/{name}"


def derived_secret(env: Environment, variable: str, text: str) -> str:
    """Where a value lies that a deploy puts together from secrets and text.

    Another text is another secret: tasks of the release before go on to read what they were deployed with.
    """
    return f"{derived_prefix(env)}{hashlib.sha256(text.encode()).hexdigest()[:8]}/{variable}"


def derived_prefix(env: Environment) -> str:
    """What the names of all of them begin with."""
    return f"opsctl/{env.name}/{env.service}/derived/"


def budget_name(env: Environment, mark: str) -> str:
    """AWS Budgets knows names of an account: 100 characters, so a longer one ends in a hash. [API Budget]"""
    return _short(f"{env.name}-{env.service}-budget-{env.client}-{mark}", 100)


def kms_alias(env: Environment, purpose: str) -> str:
    """`alias/…` of a customer key; `purpose` is data, logs or notifications."""
    given: str | None = getattr(env.security.kms_aliases, purpose)
    return f"alias/{given or f'{env.name}-{env.service}-{purpose}'}"


def imported_subnets(env: Environment) -> str:
    """The DB subnet group in which an instance must be that is taken over; it is taken over as well."""
    return stack_name(env, "data")


def role_mapping(env: Environment) -> dict[str, Any]:
    """The PostgreSQL roles by purpose, as the DbInit custom resource and `opsctl db init` take them."""
    given, database = env.rds.roles, env.application.database
    return {
        "owner": given.owner,
        "migrator": given.migrator,
        "writer": given.writer,
        "reader": given.reader,
        "loader": given.loader,
        "user": env.rds.app_user,
        "readonly": given.readonly,
        "user_writer": env.rds.app_user_writer,
        "user_connection_limit": user_connection_limit(env),
        **({"owner_login": True} if database.owner else {}),
        **({"adopts": True} if env.rds.brought_along else {}),
        **({"extensions": list(database.extensions)} if database.extensions else {}),
    }
