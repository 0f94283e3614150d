"""Physical names that people or policies type. Everything else is named by CloudFormation, so it can be replaced."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opsctl.config.models import Environment

BOOTSTRAP_STACK = "opsctl-bootstrap"
MIGRATIONS_ANNOTATION = "dev.opsctl.migrations"
"""Written by builds, read by deploys: which migrations an image brings."""


def stack_name(env: Environment, stack: str) -> str:
    """`{env}-{service}-{stack}-{client}`; the bootstrap stack belongs to account and region, not to an environment.

    CloudFormation allows `[a-zA-Z][-a-zA-Z0-9]*`, at most 128 characters.
    """
    if stack == "bootstrap":
        return BOOTSTRAP_STACK
    return f"{env.name}-{env.service}-{stack}-{env.client}"


def cluster_name(env: Environment) -> str:
    """The ECS cluster: `{env}-{service}-{client}`."""
    return f"{env.name}-{env.service}-{env.client}"


def service_name(env: Environment) -> str:
    """The ECS service: `{env}-{service}`."""
    return f"{env.name}-{env.service}"


def log_group(env: Environment, purpose: str) -> str:
    """`{prefix}/{env}/{service}/{purpose}`, such as `/opsctl/dev/salaries/service`."""
    return f"{env.security.log_group_prefix.rstrip('/')}/{env.name}/{env.service}/{purpose}"


def kms_alias(env: Environment, purpose: str) -> str:
    """`alias/…` of a customer key; `purpose` is data, logs or notifications."""
    given: str | None = getattr(env.security.kms_aliases, purpose)
    return f"alias/{given or f'{env.name}-{env.service}-{purpose}'}"


def role_mapping(env: Environment) -> dict[str, str | bool | int]:
    """The PostgreSQL roles by purpose, as the DbInit custom resource and `opsctl db init` take them."""
    return {
        **env.rds.roles.model_dump(),
        "user": env.rds.app_user,
        "user_writer": env.rds.app_user_writer,
        "user_connection_limit": env.rds.app_user_connection_limit,
    }
