"""Names of single resources that somebody chose, where AWS has rules of its own: buckets and aliases of keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.config.problem import Problem

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
RESERVED_PREFIXES = ("xn--", "sthree-", "amzn-s3-demo-")
RESERVED_SUFFIXES = ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3", "-an")
LONGEST_ALIAS = 256
"""With `alias/` before it. [API KMS AliasNameType]"""


def bucket_names(env: Environment) -> Iterator[Problem]:
    """What S3 keeps for other kinds of buckets, or takes for an address."""
    name, path = env.site.bucket_name, ("dashboard", "bucket_name")
    if name is None:
        return
    why = _bucket_fault(name)
    if why is not None:
        yield Problem(path, f"`{name}` {why}", f"Write `{allowed_bucket(name)}`, or leave it out.")


def _bucket_fault(name: str) -> str | None:
    """Why S3 takes no bucket of this name, whose characters are right; None where it does."""
    if name.startswith(f"{naming.BOOTSTRAP_STACK}-"):
        return "begins as the account's artifact bucket does, which no environment owns"
    prefix = next((each for each in RESERVED_PREFIXES if name.startswith(each)), None)
    suffix = next((each for each in RESERVED_SUFFIXES if name.endswith(each)), None)
    if prefix is not None:
        return f"starts with `{prefix}`, which S3 keeps for itself"
    if suffix is not None:
        return f"ends with `{suffix}`, which S3 keeps for other kinds of buckets"
    if _is_address(name):
        return "looks like an IP address, which no bucket's name may"
    return "has two dots, which no bucket's name may" if ".." in name else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.IPv4Address(name)
    except ValueError:
        return False
    return True


def allowed_bucket(given: str) -> str:
    """The nearest name that S3 takes."""
    name = re.sub(r"[^a-z0-9.-]+", "-", given.lower())
    name = re.sub(r"\.\.+", ".", name)
    if _is_address(name):
        name = f"bucket-{name.replace('.', '-')}"
    for _ in range(3):
        for prefix in (*RESERVED_PREFIXES, f"{naming.BOOTSTRAP_STACK}-"):
            name = name.removeprefix(prefix)
        for suffix in RESERVED_SUFFIXES:
            name = name.removesuffix(suffix)
    name = name.strip(".-")[:63].strip(".-")
    return name if len(name) >= 3 else f"{name or 'my'}-bucket"


def kms_aliases(env: Environment) -> Iterator[Problem]:
    """Letters, digits and / _ -, not `aws/…`, and one key each. [API KMS CreateAlias]"""
    named: dict[str, str] = {}
    for purpose, given in env.security.kms_aliases:
        if given is None:
            continue
        path = ("security", "kms_aliases", purpose)
        name = _allowed_alias(given)
        if given.startswith("alias/"):
            yield Problem(path, "`alias/` goes without saying", f"Write `{name}`.")
        elif given.startswith("aws/"):
            yield Problem(path, "`aws/` is kept for AWS's own keys", f"Write `{name}`.")
        elif not re.fullmatch(r"[A-Za-z0-9/_-]+", given):
            yield Problem(path, f"{given!r} has characters that no alias may have", f"Write `{name}`.")
        elif len(given) + len("alias/") > LONGEST_ALIAS:
            yield Problem(path, f"an alias has at most {LONGEST_ALIAS} characters, this one more", "Shorten it.")
        elif given in named:
            yield Problem(
                path,
                f"`{given}` is also the alias of the key for {named[given]}, and an alias has one key",
                f"Write `{given}-{purpose}`, or leave it out.",
                (("security", "kms_aliases", named[given]),),
            )
        named.setdefault(given, purpose)


def _allowed_alias(given: str) -> str:
    name = re.sub(r"[^A-Za-z0-9/_-]+", "-", given.removeprefix("alias/"))
    while name.startswith("aws/"):
        name = name.removeprefix("aws/")
    return name.strip("-")[: LONGEST_ALIAS - 6] or "key"
