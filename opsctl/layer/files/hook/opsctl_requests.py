"""What a load balancer says about a request, put where Django looks for it. Pure: a request in, the same one changed.

The load balancer appends the client's address to X-Forwarded-For and overwrites X-Forwarded-Proto. Everything else
that a request says about its own way here was written by the client.
"""

from __future__ import annotations

import ipaddress
import os
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

PROBE_AGENT = "ELB-HealthChecker/"
DEFAULT_PORTS = {"http": "80", "https": "443"}


class Options(NamedTuple):
    """What the environment asks for."""

    health: str = ""
    probe_path: str = ""
    probe_host: str = ""
    tls: bool = False
    proxy: bool = False
    static: bool = False
    static_root: str = ""

    @classmethod
    def read(cls, variables: Mapping[str, str] = os.environ) -> Options:
        """From OPSCTL_* variables; one that is missing or empty is off."""
        return cls(
            health=variables.get("OPSCTL_HEALTH", ""),
            probe_path=variables.get("OPSCTL_HEALTH_PATH", ""),
            probe_host=variables.get("OPSCTL_HEALTH_HOST", ""),
            tls=variables.get("OPSCTL_TLS") == "True",
            proxy=variables.get("OPSCTL_PROXY") == "1",
            static=variables.get("OPSCTL_STATIC") == "1",
            static_root=variables.get("OPSCTL_STATIC_ROOT", ""),
        )

    def is_health(self, method: str, path: str) -> bool:
        """Whether opsctl answers this itself."""
        return bool(self.health) and path == self.health and method in {"GET", "HEAD"}

    def is_probe(self, path: str, agent: str) -> bool:
        """Whether a load balancer asks for the project's own health path."""
        return bool(self.probe_host) and path == self.probe_path and agent.startswith(PROBE_AGENT)


def scheme_of(proto: str) -> str | None:
    """`http` or `https`; None for anything else, lists too: a load balancer sends one."""
    value = proto.strip().lower()
    return value if value in DEFAULT_PORTS else None


def client_of(forwarded_for: str) -> tuple[str, int] | None:
    """Address and port (0 when it isn't told) of the last element, the only one that no client can write."""
    text = forwarded_for.rpartition(",")[2].strip()
    port = ""
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        port = port.lstrip(":")
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
    try:
        address = str(ipaddress.ip_address(text))
    except ValueError:
        return None
    # A zone could hold any text, and no client comes from a link-local network.
    return None if "%" in address else (address, int(port) if port.isdecimal() else 0)


def port_of(host: str, scheme: str) -> str:
    """The port that a client used: what Host names, else the scheme's own."""
    port = host.rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
    return port if port.isdecimal() else DEFAULT_PORTS[scheme]


def secure_value(secure: tuple[str, str], scheme: str) -> str | None:
    """What the header of SECURE_PROXY_SSL_HEADER has to say, or None when it should not be there."""
    if scheme == "https":
        return secure[1]
    return "http" if secure[0] == "HTTP_X_FORWARDED_PROTO" else None


def adjust_environ(environ: MutableMapping[str, Any], options: Options, secure: tuple[str, str] | None) -> None:
    """Change a WSGI request in place, so that a server's access log names the client too.

    `secure` is the project's SECURE_PROXY_SSL_HEADER: a name in environ, and the value that means https.
    """
    proto = environ.get("HTTP_X_FORWARDED_PROTO")
    if options.is_probe(environ.get("PATH_INFO", ""), environ.get("HTTP_USER_AGENT", "")):
        environ["HTTP_HOST"] = options.probe_host
        if options.tls and proto is None:
            _set_environ_scheme(environ, "https")
    if not options.proxy:
        return
    if proto is not None:
        scheme = scheme_of(proto)
        if scheme:
            _set_environ_scheme(environ, scheme)
    if secure and secure[0].startswith("HTTP_"):
        environ.pop(secure[0], None)
        value = None if proto is None else secure_value(secure, environ["wsgi.url_scheme"])
        if value is not None:
            environ[secure[0]] = value
    client = client_of(environ.get("HTTP_X_FORWARDED_FOR", ""))
    if client:
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
        environ.pop("REMOTE_HOST", None)


def _set_environ_scheme(environ: MutableMapping[str, Any], scheme: str) -> None:
    environ["wsgi.url_scheme"] = scheme
    environ["SERVER_PORT"] = port_of(environ.get("HTTP_HOST", ""), scheme)
    environ.pop("HTTPS", None)
    if scheme == "https":
        environ["HTTPS"] = "on"


def adjust_scope(scope: MutableMapping[str, Any], options: Options, secure: tuple[str, str] | None) -> None:
    """Change an ASGI connection in place; doing it twice is doing it once."""
    proto = scope_header(scope, b"x-forwarded-proto")
    if scope["type"] == "http" and options.is_probe(scope_path(scope), scope_header(scope, b"user-agent") or ""):
        _set_scope_header(scope, b"host", options.probe_host)
        if options.tls and proto is None:
            _set_scope_scheme(scope, "https")
    if not options.proxy:
        return
    if proto is not None:
        scheme = scheme_of(proto)
        if scheme:
            _set_scope_scheme(scope, scheme)
    if secure and secure[0].startswith("HTTP_") and "headers" in scope:
        name = secure[0][len("HTTP_") :].lower().replace("_", "-").encode("latin-1")
        scheme = "https" if scope.get("scheme") in {"https", "wss"} else "http"
        _set_scope_header(scope, name, None if proto is None else secure_value(secure, scheme))
    client = client_of(scope_header(scope, b"x-forwarded-for") or "")
    if client:
        scope["client"] = client


def scope_header(scope: Mapping[str, Any], name: bytes) -> str | None:
    """A header's values, joined as HTTP says, or None when it isn't there."""
    values = [value.decode("latin-1") for key, value in scope.get("headers", ()) if key.lower() == name]
    return ",".join(values) if values else None


def scope_path(scope: Mapping[str, Any]) -> str:
    """The path below the application's root, as WSGI's PATH_INFO."""
    path: str = scope.get("path", "")
    root = (scope.get("root_path") or "").rstrip("/")
    return path[len(root) :] if root and path.startswith(root + "/") else path


def _set_scope_scheme(scope: MutableMapping[str, Any], scheme: str) -> None:
    scope["scheme"] = scheme.replace("http", "ws") if scope["type"] == "websocket" else scheme
    if scope.get("server"):
        scope["server"] = (scope["server"][0], int(port_of(scope_header(scope, b"host") or "", scheme)))


def _set_scope_header(scope: MutableMapping[str, Any], name: bytes, value: str | None) -> None:
    # Django reads an underscore as a hyphen, so a client's header with underscores goes too.
    kept = [each for each in scope.get("headers", ()) if each[0].lower().replace(b"_", b"-") != name]
    scope["headers"] = kept if value is None else [*kept, (name, value.encode("latin-1"))]
