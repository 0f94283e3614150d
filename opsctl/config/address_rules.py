"""Rules of how visitors come in: domains, zones, certificates, whom the load balancer lets in and asks.

Each returns problems; none raises.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from opsctl.config.application import Web
from opsctl.config.located import KeyPath
from opsctl.config.models import Environment, SiteAddress
from opsctl.config.problem import Problem
from opsctl.config.regions import EDGE_REGION

WEB: KeyPath = ("application", "web")
LONGEST_FIRST_NAME = 64
"""Characters of a certificate's first name; the others may have 253. [API ACM RequestCertificate; RFC 5280]"""


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
    if arn and arn.split(":")[3] != EDGE_REGION:
        yield Problem(
            ("dashboard", "certificate_arn"),
            f"CloudFront takes certificates of {EDGE_REGION} only, this one is in {arn.split(':')[3]}",
            f"Use a certificate of {EDGE_REGION}, or leave it out to have one issued.",
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


def certificates(env: Environment) -> Iterator[Problem]:
    """The first name of a certificate that is issued becomes its common name, which is shorter than a domain may be."""
    web, site = env.application.web, env.site
    if web.domains and web.certificate_arn is None and len(web.domains[0]) > LONGEST_FIRST_NAME:
        short = next((name for name in web.domains if len(name) <= LONGEST_FIRST_NAME and name[0] != "*"), None)
        yield Problem(
            (*WEB, "domains", 0),
            f"{web.domains[0]} has {len(web.domains[0])} characters, a certificate's first has {LONGEST_FIRST_NAME}",
            f"Put {short} first." if short else "Put a shorter name of the zone first; this one may follow.",
        )
    if site.domain_name and site.certificate_arn is None and len(site.domain_name) > LONGEST_FIRST_NAME:
        yield Problem(
            ("dashboard", "domain_name"),
            f"{site.domain_name} has {len(site.domain_name)} characters, a certificate's has {LONGEST_FIRST_NAME}",
            "Write a shorter name, or set dashboard.certificate_arn.",
            (("dashboard", "certificate_arn"),),
        )


def health(env: Environment) -> Iterator[Problem]:
    """Codes that a load balancer takes for its checks. [API ELBv2 Matcher]"""
    for part in env.application.web.health.codes.split(","):
        first, _, last = part.partition("-")
        low, high = int(first), int(last or first)
        if not 200 <= low <= high <= 499:
            near = sorted(min(max(each, 200), 499) for each in (low, high))
            yield Problem(
                (*WEB, "health", "codes"),
                f"a load balancer takes codes from 200 to 499, and `{part}` is another",
                f'Write "{near[0]}-{near[1]}".' if last and near[0] != near[1] else f'Write "{near[0]}".',
            )


def visitors(env: Environment) -> Iterator[Problem]:
    """Ranges of addresses, and names that are there once."""
    for index, each in enumerate(env.application.web.allow):
        try:
            ipaddress.ip_network(each)
        except ValueError as error:
            fix = "Write a range such as 203.0.113.0/24."
            if "host bits" in str(error):
                fix = f"Write {ipaddress.ip_network(each, strict=False)}."
            yield Problem((*WEB, "allow", index), f"{each!r} is no range of IP addresses", fix)
    domains = env.application.web.domains
    if len(set(domains)) != len(domains):
        yield Problem((*WEB, "domains"), "a name is listed twice", "List each once.")
    if domains and domains[0].startswith("*."):
        yield Problem(
            (*WEB, "domains", 0),
            "the first name is the one that links lead to, and a wildcard is none",
            "Put a whole name first.",
        )
    if env.application.web.redirect and len(domains) < 2:
        yield Problem(
            (*WEB, "redirect"), "there is no second name to send visitors from", "Remove it.",
            ((*WEB, "domains"),),
        )  # fmt: skip
