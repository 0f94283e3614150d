"""The running environment, asked from outside as a visitor would, and from inside by what AWS sees of it."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opsctl.config.application import HEALTH_PATH
from opsctl.operate.doctor.finding import Check, Finding

if TYPE_CHECKING:
    from opsctl.operate.status.model import EnvironmentStatus
    from opsctl.operate.target import Target

_SECONDS = 10.0
_EXPIRY_DAYS = 20
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `ends` is the end of its certificate, in seconds since the epoch."""

    status: int
    location: str
    strict: bool
    ends: float | None = None


def inside(status: EnvironmentStatus) -> Iterator[Finding]:
    """What AWS sees: tasks, targets, database, alarms, certificates."""
    for each in status.problems:
        yield Finding("inside", "wrong", each, f"`opsctl status --env {status.environment}` shows the rest.")
    for unread in status.not_read:
        yield Finding("inside", "warning", f"{unread.part} was not read: {unread.reason}", read=False)
    if not status.problems and not status.not_read:
        tasks = sum(each.running for each in status.services)
        healthy = sum(each.state == "healthy" for each in status.targets)
        databases = ", ".join(f"{each.identifier} {each.status}" for each in status.databases)
        counts = f"{_count(tasks, 'task')}, {_count(healthy, 'healthy target')}"
        yield Finding("inside", "ok", f"{counts}, {databases or 'no database'}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def outside(target: Target, url: str) -> list[Check]:
    """Questions to the service's address, of which none needs a right."""
    if not url:
        return []
    web = target.env.application.web
    health = url.rstrip("/") + (web.health.path or HEALTH_PATH)
    found = [Check("health", lambda: answers(health, web.health.codes))]
    parts = urlsplit(url)
    if parts.scheme == "https":
        found.append(Check("TLS", lambda: certificate(url)))
        found.append(Check("redirect", lambda: redirects(f"http://{parts.hostname}/", url)))
    return found


def answers(url: str, codes: str) -> Iterator[Finding]:
    """The health path, as the load balancer asks it, only from here."""
    started = time.monotonic()
    try:
        answer = ask(url)
    except ssl.SSLError:
        return  # the look at TLS says it
    except (OSError, http.client.HTTPException) as error:
        yield Finding("health", "wrong", f"{url} does not answer: {said(error)}", _todo(error))
        return
    text = f"{url} answers {answer.status} in {(time.monotonic() - started) * 1000:.0f} ms"
    if is_healthy(answer.status, codes):
        yield Finding("health", "ok", text)
    else:
        yield Finding(
            "health", "wrong", f"{text}, and {codes} is healthy", "`opsctl logs` shows what the service says."
        )


def certificate(url: str, now: Callable[[], float] = time.time) -> Iterator[Finding]:
    """Whether this machine trusts the certificate, for how long, and whether browsers are told to stay with TLS."""
    try:
        answer = ask(url)
    except ssl.SSLError as error:
        todo = "See `certificate` above; a certificate of its own: web.certificate_arn."
        yield Finding("TLS", "wrong", f"{url} has no certificate to trust: {said(error)}", todo)
        return
    except (OSError, http.client.HTTPException):
        return  # the look at its health says it
    days = int(((answer.ends or now()) - now()) // 86_400)
    if days < _EXPIRY_DAYS:
        todo = "ACM renews while the record in DNS stands; renew one of your own."
        yield Finding("TLS", "warning", f"the certificate ends in {days} days", todo)
    else:
        yield Finding("TLS", "ok", f"trusted, for {days} more days")
    if not answer.strict:
        todo = "Set SECURE_HSTS_SECONDS in Django's settings."
        yield Finding("TLS", "warning", "no Strict-Transport-Security: a first visit by http may be read", todo)


def redirects(plain: str, url: str) -> Iterator[Finding]:
    """Port 80 only sends on to 443."""
    try:
        answer = ask(plain)
    except (OSError, http.client.HTTPException) as error:
        yield Finding("redirect", "warning", f"{plain} does not answer: {said(error)}", _todo(error))
        return
    if answer.status in _REDIRECTS and answer.location.startswith("https://"):
        yield Finding("redirect", "ok", f"{plain} sends on to https")
    else:
        todo = "`opsctl drift` shows whether the listener was changed by hand."
        yield Finding("redirect", "wrong", f"{plain} answers {answer.status} instead of sending on to {url}", todo)


def ask(url: str, context: ssl.SSLContext | None = None) -> Answer:
    """One GET without following anything. Raises OSError (ssl.SSLError of a certificate) and HTTPException."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=_SECONDS, context=context or ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=_SECONDS)
    try:
        connection.connect()
        ends = _ends(connection.sock)
        connection.request("GET", parts.path or "/", headers={"User-Agent": "opsctl-doctor"})
        response = connection.getresponse()
        strict = response.getheader("Strict-Transport-Security") is not None
        return Answer(response.status, response.getheader("Location", "") or "", strict, ends)
    finally:
        connection.close()


def _ends(sock: socket.socket) -> float | None:
    if not isinstance(sock, ssl.SSLSocket):
        return None
    found = (sock.getpeercert() or {}).get("notAfter")
    return ssl.cert_time_to_seconds(found) if isinstance(found, str) else None


def is_healthy(status: int, codes: str) -> bool:
    """Whether a load balancer with this matcher, such as `200,300-399`, takes it for healthy."""
    for part in codes.split(","):
        first, _, last = part.partition("-")
        if int(first) <= status <= int(last or first):
            return True
    return False


def said(error: Exception) -> str:
    """A failure in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, TimeoutError):
        return f"nothing within {_SECONDS:.0f} seconds"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _todo(error: Exception) -> str:
    if isinstance(error, socket.gaierror):
        return "The name is not in DNS as this machine sees it: see the delegation of the zone."
    return "`opsctl status` says whether tasks run and targets are healthy."
