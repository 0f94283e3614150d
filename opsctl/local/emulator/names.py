"""Host names for which the emulator answers: loopback's own, and those that it has issued.

A name that an attacker points at 127.0.0.1 (DNS rebinding) makes a page in this user's browser one of the same origin,
so no other name is good, under whatever domain it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from opsctl.local.emulator.seams import Modules


class IssuedNames:
    """Names of load balancers, distributions, their certificates, buckets, and of the registry of images."""

    def __init__(self, modules: Modules, account: str, region: str) -> None:
        self._modules = modules
        self._registry = f"{account}.dkr.ecr.{region}.amazonaws.com"

    def answers(self, host: str) -> bool:
        """Whether a request with this Host may be answered."""
        name = host_name(host)
        return is_loopback(name) or any(fnmatchcase(name, each) for each in self._issued())

    def _issued(self) -> Iterator[str]:
        yield self._registry
        for _key, balancer in list(self._modules.alb._lbs.all_items()):
            yield balancer["DNSName"].lower()
        for distribution in list(self._modules.cloudfront._distributions._data.values()):
            yield distribution["DomainName"].lower()
        for _key, certificate in list(self._modules.acm._certificates.all_items()):
            names = (certificate["DomainName"], *certificate.get("SubjectAlternativeNames", ()))
            yield from (name.lower() for name in names)
        for _account, bucket in list(self._modules.s3._buckets._data):
            yield from (f"{bucket}.s3.amazonaws.com", f"{bucket}.s3.*.amazonaws.com")


def host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    return (host if host.endswith("]") else host.rsplit(":", 1)[0]).lower()


def is_loopback(name: str) -> bool:
    """Whether a name is this machine for everybody who asks."""
    parts = name.split(".")
    return name in ("localhost", "[::1]") or (len(parts) == 4 and parts[0] == "127" and all(map(str.isdigit, parts)))
