"""Rules between settings that would otherwise fail a deploy, minutes in. Each returns problems; none raises.

A problem names the key path, what is wrong and what to write. Sources of limits stand beside them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator

from opsctl.config import application_rules, naming
from opsctl.config.application import Web
from opsctl.config.connections import connections
from opsctl.config.located import KeyPath
from opsctl.config.models import LOG_RETENTION_DAYS, Environment, SiteAddress
from opsctl.config.problem import Problem

# Names that RDS for PostgreSQL refuses as master user, besides those that start with "pg".
RESERVED_MASTER_NAMES = {
    "admin",
    "postgres",
    "rdsadmin",
    "rds_superuser",
    "user",
    "public",
    "rds",
    "root",
    "master",
}


WEB: KeyPath = ("application", "web")
Rule = Callable[[Environment], Iterator[Problem]]


def subnets_fit(env: Environment) -> Iterator[Problem]:
    """One /22 per zone for private subnets, and one more that holds the /26 public ones."""
    path = ("vpc", "cidr")
    try:
        network = ipaddress.IPv4Network(env.vpc.cidr)
    except ValueError as error:
        hint = "Write a range such as 10.20.0.0/16."
        if "host bits" in str(error):
            hint = f"Write {ipaddress.IPv4Network(env.vpc.cidr, strict=False)}."
        yield Problem(path, f"{env.vpc.cidr!r} is not an IPv4 range", hint)
        return
    if not network.is_private:
        yield Problem(path, f"{network} is public address space", "Write a range inside 10.0.0.0/8.")
    if network.prefixlen < 16:
        yield Problem(path, f"{network} is larger than a VPC may be", "Write a /16 or smaller.")
        return
    zones = len(env.vpc.availability_zones)
    room = 2 ** max(0, 22 - network.prefixlen) if network.prefixlen <= 22 else 0
    if room < zones + 1:
        need = next(prefix for prefix in range(22, 15, -1) if 2 ** (22 - prefix) >= zones + 1)
        yield Problem(
            path,
            f"{network} has no room for the subnets of {zones} zones (a /22 private subnet each, and the public ones)",
            f"Write a /{need} or larger.",
            (("vpc", "availability_zones"),),
        )


def zones_are_distinct(env: Environment) -> Iterator[Problem]:
    """A zone listed twice would put two subnets into one zone."""
    zones = env.vpc.availability_zones
    if len(set(zones)) != len(zones):
        yield Problem(("vpc", "availability_zones"), "a zone is listed twice", "List each letter once.")


def egress(env: Environment) -> Iterator[Problem]:
    """Tasks in private subnets need exactly one way out."""
    gateways, instance = env.vpc.nat_gateways, env.nat.use_nat_instance
    also = (("nat", "use_nat_instance"), ("target",))
    path = ("vpc", "nat_gateways")
    if gateways and instance:
        yield Problem(
            path,
            "NAT gateways and the NAT instance exclude each other",
            "Set it to 0, or nat.use_nat_instance to false.",
            also,
        )
    elif not gateways and not instance and not env.vpc.interface_endpoints and env.target == "aws":
        yield Problem(
            path,
            "private subnets have no way to ECR, CloudWatch Logs and Secrets Manager",
            "Set nat_gateways to 1 or more, nat.use_nat_instance to true, or interface_endpoints to true.",
            also,
        )
    if gateways > len(env.vpc.availability_zones):
        yield Problem(
            path,
            f"{gateways} NAT gateways for {len(env.vpc.availability_zones)} zones",
            "Write at most one per zone.",
            (("vpc", "availability_zones"),),
        )


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


def https(env: Environment) -> Iterator[Problem]:
    """TLS needs a certificate, given or issued for a domain."""
    if env.security.enforce_tls and not env.serves_https and env.target == "aws":
        yield Problem(
            ("security", "enforce_tls"),
            "TLS is enforced, but the load balancer has neither certificate nor domain",
            "Set application.web.domains with their hosted zone, or certificate_arn; or set enforce_tls to false.",
            ((*WEB, "certificate_arn"), (*WEB, "domains"), ("target",)),
        )
    arn = env.application.web.certificate_arn
    if arn and arn.split(":")[3] != env.region:
        yield Problem(
            (*WEB, "certificate_arn"),
            f"the certificate is in {arn.split(':')[3]}, the load balancer in {env.region}",
            f"Use a certificate of {env.region}.",
            (("region",),),
        )
    arn = env.site.certificate_arn
    if arn and arn.split(":")[3] != "us-east-1":
        yield Problem(
            ("dashboard", "certificate_arn"),
            f"CloudFront takes certificates of us-east-1 only, this one is in {arn.split(':')[3]}",
            "Use a certificate of us-east-1, or leave it out to have one issued.",
        )
    if arn and not env.site.domain_name:
        yield Problem(
            ("dashboard", "certificate_arn"),
            "a certificate without a domain is never used",
            "Set dashboard.domain_name, or remove the certificate.",
        )


def domains(env: Environment) -> Iterator[Problem]:
    """A domain lies in its zone; both parts of the zone are needed to issue a certificate and a record."""
    web, site = env.application.web, env.site
    yield from _zone(WEB, "domains", tuple(each.removeprefix("*.") for each in web.domains), web)
    yield from _zone(("dashboard",), "domain_name", (site.domain_name,) if site.domain_name else (), site)
    if site.domain_name in web.domains:
        yield Problem(
            ("dashboard", "domain_name"),
            f"{site.domain_name} is the service's domain too",
            "Give the dashboard a name of its own.",
            ((*WEB, "domains"),),
        )


def _zone(path: KeyPath, key: str, names: tuple[str, ...], block: Web | SiteAddress) -> Iterator[Problem]:
    """Names and the zone they lie in. `key`: what the names are called in this block."""
    zone, zone_id, place = block.hosted_zone_name, block.hosted_zone_id, ".".join(str(part) for part in path)
    for domain in names:
        if zone and domain != zone and not domain.endswith(f".{zone}"):
            yield Problem(
                (*path, key),
                f"{domain} is not inside the hosted zone {zone}",
                f"Write a name that ends in .{zone}, or the zone of {domain}.",
                ((*path, "hosted_zone_name"),),
            )
    if bool(zone) != bool(zone_id):
        missing = "hosted_zone_id" if zone else "hosted_zone_name"
        present = "hosted_zone_name" if zone else "hosted_zone_id"
        yield Problem(
            (*path, present), f"{present} is set without {missing}", f"Set {place}.{missing} too.", ((*path, missing),)
        )
    if names and not zone_id and not block.certificate_arn:
        yield Problem(
            (*path, key),
            "a certificate for the domain can't be issued without its hosted zone",
            f"Set {place}.hosted_zone_id and hosted_zone_name, or {place}.certificate_arn.",
            ((*path, "hosted_zone_id"), (*path, "hosted_zone_name")),
        )
    if zone_id and not names:
        yield Problem(
            (*path, "hosted_zone_id"),
            f"a hosted zone without {key} is never used",
            f"Set {place}.{key}, or remove the zone.",
            ((*path, key),),
        )


def database(env: Environment) -> Iterator[Problem]:
    """What RDS refuses, or takes and regrets."""
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
    if rds.admin_user in RESERVED_MASTER_NAMES or rds.admin_user.startswith("pg"):
        yield Problem(
            ("rds", "admin_user"),
            f"`{rds.admin_user}` is reserved, or the first name that attackers try",
            "Write another, such as opsctl_master.",
        )
    # "At least 10 percent above": integers, so rounded up. [UG RDS USER_PIOPS.Autoscaling; API MaxAllocatedStorage]
    least = -(-rds.allocated_storage * 11 // 10)
    if rds.max_allocated_storage is not None and rds.max_allocated_storage < least:
        yield Problem(
            ("rds", "max_allocated_storage"),
            f"RDS wants 10 % more than the {rds.allocated_storage} GiB of allocated_storage, "
            f"and {rds.max_allocated_storage} is less",
            f"Write {least} or more, or remove it.",
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


def role_names(env: Environment) -> Iterator[Problem]:
    """Eight roles, eight names."""
    named: dict[str, KeyPath] = {
        env.rds.admin_user: ("rds", "admin_user"),
    }
    for path, name in [
        (("rds", "app_user"), env.rds.app_user),
        *(((("rds", "roles", field)), value) for field, value in env.rds.roles),
    ]:
        if name in named:
            yield Problem(
                path,
                f"role name `{name}` is also {'.'.join(str(part) for part in named[name])}",
                "Write a name of its own.",
                (named[name],),
            )
        named.setdefault(name, path)


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


def tags(env: Environment) -> Iterator[Problem]:
    """CloudFormation: at most 50 tags, keys up to 128, values up to 256 characters, no `aws:` prefix."""
    for stack in env.tag_overrides:
        if stack not in naming.STACKS:
            yield Problem(
                ("tag_overrides", stack), f"there is no stack `{stack}`", f"Write one of {', '.join(naming.STACKS)}."
            )
    groups: list[tuple[KeyPath, dict[str, str]]] = [(("tags",), env.tags)]
    groups += [(("tag_overrides", stack), values) for stack, values in env.tag_overrides.items()]
    for path, values in groups:
        for key, value in values.items():
            if key.lower().startswith("aws:"):
                yield Problem((*path, key), "tag names that start with `aws:` are reserved", "Use another name.")
            elif not 1 <= len(key) <= 128 or len(value) > 256:
                yield Problem(
                    (*path, key), "a tag's name has 1 to 128 characters, its value at most 256", "Shorten it."
                )
        if len(values) > 40:
            yield Problem(path, f"{len(values)} tags; AWS allows 50 with those that opsctl sets", "Write at most 40.")


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


def local_name(env: Environment) -> Iterator[Problem]:
    """The service allows default secrets and logins without a password when its environment is called `local`."""
    if env.name == "local" and env.target != "local":
        yield Problem(
            ("target",), "the name `local` is kept for this machine", "Write `target: local`, or call it otherwise."
        )


RULES: tuple[Rule, ...] = (
    subnets_fit, zones_are_distinct, egress, image_tag, https, domains, database, connections, role_names,
    observability, tags, name_lengths, local_name, local_repository, images, *application_rules.RULES,
)  # fmt: skip
