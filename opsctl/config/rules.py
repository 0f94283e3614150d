"""Rules between settings that would otherwise fail a deploy, minutes in. Each returns problems; none raises.

A problem names the key path, what is wrong and what to write. Sources of limits stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opsctl.config import (
    address_rules,
    application_rules,
    database_rules,
    naming,
    network_rules,
    resource_names,
    tag_rules,
    variable_rules,
)
from opsctl.config.connections import connections
from opsctl.config.models import LOG_RETENTION_DAYS, Environment
from opsctl.config.problem import Problem

Rule = Callable[[Environment], Iterator[Problem]]


def image_tag(env: Environment) -> Iterator[Problem]:
    """Tags are immutable: one that moves can't be pushed twice, nor rolled back to."""
    if env.ecs.image_tag and env.ecs.image_tag.lower() == "latest":
        yield Problem(
            ("ecs", "image_tag"),
            "`latest` says nothing about what runs, and tags are immutable, so it could be pushed once only",
            "Leave image_tag out to deploy the commit, or write a version.",
        )
    if env.ecs.build_on_deploy and env.ecs.image_tag:
        yield Problem(
            ("ecs", "image_tag"),
            "build_on_deploy builds the checkout, a fixed tag deploys something else",
            "Remove image_tag, or set build_on_deploy to false.",
            (("ecs", "build_on_deploy"),),
        )


def observability(env: Environment) -> Iterator[Problem]:
    """CloudWatch Logs takes certain retentions only."""
    days = env.observability.log_retention_days
    if days not in LOG_RETENTION_DAYS:
        near = min(LOG_RETENTION_DAYS, key=lambda value: abs(value - days))
        yield Problem(
            ("observability", "log_retention_days"),
            f"CloudWatch Logs does not accept {days} days",
            f"Write {near}, the nearest it accepts.",
        )
    if env.target == "aws" and env.observability.alert_email is None:
        yield Problem(
            ("observability", "alert_email"),
            "alarms would reach nobody",
            "Write the address that is read at night.",
        )
    if env.observability.budget_alarm:
        for key in ("monthly_budget", "alert_email"):
            if getattr(env.observability, key) is None:
                yield Problem(
                    ("observability", key),
                    "the budget alarm needs it",
                    "Write it, or set budget_alarm to false.",
                    (("observability", "budget_alarm"),),
                )


def name_lengths(env: Environment) -> Iterator[Problem]:
    """Stack names have at most 128 characters, the tightest limit of the names that opsctl builds [API CreateStack]."""
    name = max((naming.stack_name(env, stack) for stack in naming.STACKS), key=len)
    if len(name) > 128:
        yield Problem(
            ("service",),
            f"a stack would be called {name}, {len(name)} of at most 128 characters",
            "Shorten service, client or the environment's name.",
            (("client",),),
        )


def images(env: Environment) -> Iterator[Problem]:
    """What is built on a deploy must be signed by it, and was never run elsewhere before."""
    if not env.ecs.build_on_deploy or env.target == "local":
        return
    if env.images.promoted_from is not None:
        yield Problem(
            ("images", "promoted_from"),
            f"what {env.name} builds on a deploy never ran in {env.images.promoted_from}",
            "Set ecs.build_on_deploy to false, or remove it.",
            (("ecs", "build_on_deploy"),),
        )
    if env.images.verify is not None and env.images.kms_key is None:
        yield Problem(
            ("images", "verify"),
            "a deploy that builds has to sign, and a public key can't",
            "Write a KMS key, or set ecs.build_on_deploy to false.",
            (("ecs", "build_on_deploy"),),
        )


def local_repository(env: Environment) -> Iterator[Problem]:
    """Each local target is an account of its own, in which nobody else could make the repository."""
    if env.target == "local" and not env.ecs.manage_repository:
        yield Problem(
            ("ecs", "manage_repository"),
            "nobody else makes the repository of a local environment, whose registry is its own",
            "Set it to true.",
        )


def administrators_names(env: Environment) -> Iterator[Problem]:
    """Policies tell an environment's resources by how their names begin, so none may begin as an administrator's stacks
    do.
    """
    made = f"{env.name}-{env.service}-"
    kept = next((each for each in naming.ADMINISTRATORS if made.startswith(each)), None)
    if kept is not None and env.target == "aws":
        yield Problem(
            ("service",),
            f"all that is {env.name}'s would be called `{made}…`, and `{kept}…` is kept for stacks of an administrator",
            "Call the environment or the service otherwise.",
        )


def local_name(env: Environment) -> Iterator[Problem]:
    """The bundled service takes default secrets, and logins without passwords, in an environment called `local`."""
    if env.name == "local" and env.target != "local":
        yield Problem(
            ("target",), "the name `local` is kept for this machine", "Write `target: local`, or call it otherwise."
        )


RULES: tuple[Rule, ...] = (
    network_rules.subnets_fit, network_rules.zones_are_distinct, network_rules.egress, image_tag,
    address_rules.https, address_rules.domains, address_rules.certificates, address_rules.visitors,
    address_rules.health, database_rules.database,
    database_rules.brought_along,
    database_rules.names, database_rules.sold_by_rds, connections, database_rules.role_names, observability,
    tag_rules.tags, resource_names.bucket_names, resource_names.kms_aliases, name_lengths, administrators_names,
    local_name, local_repository, images, *application_rules.RULES,
    variable_rules.placeholders, variable_rules.variables, variable_rules.sizes, variable_rules.files,
)  # fmt: skip
