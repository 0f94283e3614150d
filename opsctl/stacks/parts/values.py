"""Placeholders as values: intrinsic functions for a template, plain text for a deploy that knows the outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from troposphere import Join

from opsctl.config import naming
from opsctl.config.models import Environment
from opsctl.config.naming import StackName
from opsctl.config.placeholder import Part, Placeholder

CA_BUNDLE = f"{naming.LAYER}/rds.pem"


@dataclass(frozen=True)
class Source:
    """Where values come from: outputs by stack and name, the region, the image's digest without `sha256:`.

    `secret` gives the text of what is a secret; in a template nothing does.
    """

    env: Environment
    output: Callable[[StackName, str], Any]
    region: Callable[[], Any]
    digest: Callable[[], Any]
    secret: Callable[[Placeholder], str] | None = None


def rendered(source: Source, parts: tuple[Part, ...], user: str) -> Any:
    """A value put together. `user` is the database role of the process that gets it."""
    return joined([part if isinstance(part, str) else value(source, part, user) for part in parts])


def joined(values: list[Any]) -> Any:
    """Texts side by side as one; an intrinsic function only where there is one."""
    flat: list[Any] = []
    for each in _spread(values):
        if isinstance(each, str) and flat and isinstance(flat[-1], str):
            flat[-1] += each
        elif each != "":
            flat.append(each)
    return Join("", flat) if len(flat) > 1 else (flat[0] if flat else "")


def _spread(values: list[Any]) -> Iterator[Any]:
    """The values, with the parts of those that were joined before in their place."""
    for each in values:
        if isinstance(each, Join):
            yield from each.data["Fn::Join"][1]
        else:
            yield each


def value(source: Source, part: Placeholder, user: str) -> Any:
    """One placeholder, as text or as what CloudFormation makes text of."""
    env = source.env
    if part.group == "secrets" or part.name == "secret_key":
        return _secret(source, part)
    if part.group == "web":
        return _web(source, part)
    if part.group == "database":
        return _database(source, part, user, ("data", "DatabaseHost"))
    if part.group == "replica":
        return _database(source, part, user, ("upkeep", "ReplicaHost")) if env.rds.enable_replica else ""
    if part.group == "buckets":
        return source.output("platform", f"{naming.part_id(part.key)}BucketName")
    if part.name == "release":
        return source.digest()
    return source.region() if part.name == "region" else env.name


def host(source: Source) -> Any:
    """The first name under which the web is reached: a domain, or the load balancer's own."""
    domains = source.env.application.web.domains
    return domains[0] if domains else source.output("front", "LoadBalancerDnsName")


def _secret(source: Source, part: Placeholder) -> str:
    assert source.secret is not None, part.name
    return source.secret(part)


def _database(source: Source, part: Placeholder, user: str, address: tuple[StackName, str]) -> Any:
    on_aws = source.env.target == "aws"
    password = source.env.database_auth == "password"
    if part.key in {"user", "password"}:
        return _secret(source, part) if password else (user if part.key == "user" else "")
    simple = {"sslmode": "verify-full" if on_aws else "prefer", "ca": CA_BUNDLE if on_aws else ""}
    if part.key in simple:
        return simple[part.key]
    outputs: dict[str, tuple[StackName, str]] = {
        "host": address,
        "port": ("data", "DatabasePort"),
        "name": ("data", "DatabaseName"),
    }
    if part.key in outputs:
        return source.output(*outputs[part.key])
    login = [_secret(source, Placeholder("database.user")), ":", _secret(source, Placeholder("database.password"))] \
        if password else [user]  # fmt: skip
    tail = f"?sslmode=verify-full&sslrootcert={CA_BUNDLE}" if on_aws else ""
    where = [source.output(*outputs["host"]), ":", source.output(*outputs["port"])]
    return joined(["postgres://", *login, "@", *where, "/", source.output(*outputs["name"]), tail])


def _web(source: Source, part: Placeholder) -> Any:
    env = source.env
    scheme = "https://" if env.serves_https else "http://"
    names: list[Any] = list(env.application.web.domains) or [host(source)]
    # Locally the load balancer answers on loopback as well.
    local = ["localhost", "127.0.0.1"] if env.target == "local" else []
    if part.key == "host":
        return host(source)
    if part.key == "tls":
        return str(env.serves_https)
    if part.key == "url":
        return joined([scheme, host(source)])
    if part.key == "hosts":
        # Django writes all names below one with a leading dot.
        return _list([*local, *(_below(name) for name in names)], part.form)
    return _list([joined([scheme, name]) for name in [*local, *names]], part.form)


def _below(name: Any) -> Any:
    return name[1:] if isinstance(name, str) and name.startswith("*.") else name


def _list(values: list[Any], form: str) -> Any:
    if form == "json":
        return joined(["[", *_between([joined(['"', each, '"']) for each in values], ", "), "]"])
    return joined(_between(values, " " if form == "space" else ","))


def _between(values: list[Any], separator: str) -> list[Any]:
    return [part for each in values for part in (separator, each)][1:]
