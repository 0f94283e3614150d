"""Base of every block of `environments.yaml`, and the types that more than one block uses."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

SLUG = r"^[a-z](?:[a-z0-9]|-(?!-))*[a-z0-9]$"
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=40)]
ZoneLetter = Annotated[str, StringConstraints(pattern=r"^[a-f]$")]
AccountId = Annotated[str, StringConstraints(pattern=r"^\d{12}$")]
Region = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
HostedZoneId = Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{5,31}$")]
TOP_LEVEL_DOMAIN = r"([a-z]{2,63}|xn--[a-z0-9-]{1,58}[a-z0-9])"
"""Letters, or letters of another script in Punycode."""
DomainName = Annotated[
    str,
    StringConstraints(pattern=rf"^(?=.{{4,253}}$)([a-z0-9]([a-z0-9-]{{0,61}}[a-z0-9])?\.)+{TOP_LEVEL_DOMAIN}$"),
]
CertificateArn = Annotated[
    str, StringConstraints(pattern=r"^arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+$")
]
# PostgreSQL cuts a name at 63 bytes silently; it and RDS keep `pg_`, `rds` and some whole names for themselves.
RESERVED_ROLES = ("public", "none", "current_user", "current_role", "session_user", "postgres")
RoleName = Annotated[
    str, StringConstraints(pattern=rf"^(?!pg_|rds|({'|'.join(RESERVED_ROLES)})$)[a-z_][a-z0-9_]{{0,62}}$")
]
BucketName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
]
# A bucket of somebody else, and what of it: `bucket`, or `bucket/prefix`. No wildcards: it goes into policies.
SourceLocation = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9!_.()'=/-]{1,200})?$")
]
# One address as mail servers take it: no name beside it, no dots at the ends of its first part or side by side.
Email = Annotated[
    str,
    StringConstraints(
        pattern=r"^(?!\.)(?!.*\.\.)(?!.*\.@)[^@\s<>,;:\"()\[\]\\]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+"
        r"([A-Za-z]{2,63}|xn--[A-Za-z0-9-]{1,58}[A-Za-z0-9])$",
        max_length=254,
    ),
]


class Section(BaseModel):
    """Base of every block: frozen, typed strictly (no "yes" for true), unknown keys refused."""

    # python-re: the default engine has no look-ahead.
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", regex_engine="python-re")
