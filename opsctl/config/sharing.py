"""Rules between environments: who owns a repository, and who may write to it."""

from __future__ import annotations

from collections.abc import Iterator

from opsctl.config.located import KeyPath
from opsctl.config.models import Environment
from opsctl.config.problem import Problem


def repositories(environments: dict[str, Environment]) -> Iterator[tuple[str, Problem]]:
    """Exactly one environment manages each repository; the local one is apart, in an account of its own."""
    users: dict[str, list[Environment]] = {}
    for env in environments.values():
        if env.target == "aws":
            users.setdefault(env.ecs.repository_name, []).append(env)
    for repository, envs in users.items():
        owners = [env.name for env in envs if env.ecs.manage_repository]
        if len(owners) == 1:
            yield from _foreign_builders(envs, environments[owners[0]])
            continue
        names = " and ".join(env.name for env in envs)
        if not owners:
            yield (
                envs[0].name,
                Problem(
                    ("ecs", "repository_name"),
                    f"no environment manages the repository `{repository}` of {names}",
                    "Set ecs.manage_repository to true in one of them.",
                ),
            )
        for name in owners[1:]:
            yield (
                name,
                Problem(
                    ("ecs", "manage_repository"),
                    f"`{repository}` is managed by {' and '.join(owners)}",
                    "Leave it true in one environment only.",
                ),
            )


def promotions(environments: dict[str, Environment]) -> Iterator[tuple[str, Problem]]:
    """An environment that takes another's releases can read its records, and finds their images."""
    path = ("images", "promoted_from")
    for env in environments.values():
        named = env.images.promoted_from
        if named is None or env.target == "local":
            continue
        other = environments.get(named)
        if other is None or other.target == "local" or other is env:
            others = [name for name, each in environments.items() if each.target == "aws" and each is not env]
            fix = f"Write one of {', '.join(others)}." if others else "Remove it: there is none."
            yield env.name, Problem(path, f"`{named}` is no other environment on AWS", fix)
        elif other.ecs.repository_name != env.ecs.repository_name:
            yield (
                env.name,
                Problem(
                    path,
                    f"{named} runs images of the repository `{other.ecs.repository_name}`, and {env.name} of "
                    f"`{env.ecs.repository_name}`",
                    "Give both the same ecs.repository_name.",
                ),
            )
        elif len({env.account_id, other.account_id} - {None}) == 2:
            yield (
                env.name,
                Problem(
                    path,
                    f"the release records of {named} lie in account {other.account_id}, where {env.name} reads nothing",
                    "Use images.verify: a signature is read across accounts.",
                ),
            )
        elif env.name in _before(env, environments):
            yield env.name, Problem(path, f"{env.name} and {named} wait for each other", "Remove it from the first.")


def names(environments: dict[str, Environment]) -> Iterator[tuple[str, Problem]]:
    """Names that can be taken once: a bucket's among all accounts, an alias or an instance in a region, a record in a
    zone.

    Said in `defaults`, one would be every environment's.
    """
    taken: dict[tuple[str, ...], str] = {}
    for env in environments.values():
        if env.target == "local":
            continue
        for path, what, key, fix in _taken_by(env):
            first = taken.setdefault(key, env.name)
            if first != env.name:
                yield env.name, Problem(path, f"{what} is {first}'s too, and there can be one of that name", fix)


def _taken_by(env: Environment) -> Iterator[tuple[KeyPath, str, tuple[str, ...], str]]:
    """Where a name is written, the name in words, what it is unique among, and what to write instead."""
    if env.site.enabled and env.site.bucket_name is not None:
        name = env.site.bucket_name
        yield ("dashboard", "bucket_name"), f"the bucket `{name}`", ("bucket", name), f"Write `{name}-{env.name}`."
    for purpose, alias in env.security.kms_aliases if env.security.customer_managed_keys else ():
        if alias is not None:
            yield (
                ("security", "kms_aliases", purpose),
                f"the alias `{alias}`",
                ("alias", alias, env.region, env.account_id or ""),
                f"Write `{alias}-{env.name}`, or leave it out.",
            )
    instance = env.rds.import_instance
    if instance is not None:
        yield (
            ("rds", "import_instance"),
            f"the instance `{instance}`",
            ("instance", instance, env.region, env.account_id or ""),
            "Remove it: one environment takes it over, another can restore a snapshot of it (rds.snapshot_identifier).",
        )
    web, site = env.application.web, env.site
    blocks: list[tuple[KeyPath, str | None, tuple[str, ...]]] = [
        (("application", "web", "domains"), web.hosted_zone_id, web.domains),
        (
            ("dashboard", "domain_name"),
            site.hosted_zone_id,
            (site.domain_name,) if site.enabled and site.domain_name else (),
        ),
    ]
    for path, zone, domains in blocks:
        for domain in domains if zone else ():
            yield path, f"the domain {domain}", ("record", str(zone), domain), f"Write one such as {env.name}.{domain}."


def _before(env: Environment, environments: dict[str, Environment]) -> set[str]:
    """The environments that have to run an image before this one may."""
    found, following = set[str](), env.images.promoted_from
    while following is not None and following not in found:
        found.add(following)
        following = environments[following].images.promoted_from if following in environments else None
    return found


def _foreign_builders(envs: list[Environment], owner: Environment) -> Iterator[tuple[str, Problem]]:
    """Whoever builds on deploy pushes, and the other accounts may only pull."""
    for env in envs:
        accounts = {env.account_id, owner.account_id} - {None}
        if env.ecs.build_on_deploy and len(accounts) == 2:
            yield (
                env.name,
                Problem(
                    ("ecs", "build_on_deploy"),
                    f"`{env.ecs.repository_name}` belongs to {owner.name}'s account {owner.account_id}, from which "
                    f"{env.name} may only pull",
                    "Set it to false and deploy what was published, or use a repository of its own.",
                ),
            )
