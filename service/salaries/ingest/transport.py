"""Bring the bytes of a source into a scratch file: over https, http, from S3, or from a file beside the list.

A source list is configuration, but what answers at its addresses is not trusted: every address, also of a redirect, is
resolved and checked before it is connected to, and the connection goes to the very address that was checked.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urljoin, urlsplit

from salaries.ingest.errors import IngestError

MIB = 1 << 20
_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECT_LIMIT = 5
_CHUNK = 1 << 16
# S3 says so of a missing key as well, to whoever may not list the bucket. (S3 API, GetObject)
_DENIED = (
    "; the object is not there, its owner lets no other account read it or use the KMS key that it is encrypted with, "
    "or, on AWS, its bucket is not listed under application.jobs.dataset.reads"
)
_METADATA = (ipaddress.ip_address("fd00:ec2::254"),)
# Whose last 32 bits are an IPv4 address: compatible, mapped, translated [RFC 2765], behind NAT64 [RFC 6052].
_LAST_BITS = tuple(map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96")))
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Limits:
    """What a source may cost, and what is allowed."""

    transfer_bytes: int = 100 * MIB
    seconds: float = 300
    connect_seconds: float = 20
    allow_http: bool = False
    allow_private: bool = False


@dataclass(frozen=True)
class Validators:
    """What the server said about the copy we hold: sent back, so that it can answer "not changed"."""

    etag: str = ""
    last_modified: str = ""


@dataclass(frozen=True)
class Received:
    """The outcome of a transfer; `changed` is False when our copy is still current."""

    changed: bool
    validators: Validators


Progress = Callable[[int, int | None], None]


class Transport:
    """Transfers one source after another under the same limits; `clock` counts seconds."""

    def __init__(
        self, *, base: Path, limits: Limits, s3: Callable[[], Any], clock: Callable[[], float] = time.monotonic
    ):
        self._base = base.resolve()
        self._limits = limits
        self._s3 = s3
        self._clock = clock

    def receive(
        self, url: str, *, headers: dict[str, str], known: Validators, target: Path, progress: Progress
    ) -> Received:
        """Write what `url` holds to `target`.

        Raises:
            IngestError: it is refused, unreachable, too large, too slow or cut short.
        """
        deadline = self._clock() + self._limits.seconds
        scheme = urlsplit(url).scheme
        try:
            with target.open("wb") as sink:
                if scheme in ("https", "http"):
                    return self._from_web(url, headers, known, sink, deadline, progress)
                if scheme == "s3":
                    return self._from_s3(url, known, sink, deadline, progress)
                return self._from_file(url, sink, deadline, progress)
        except (OSError, http.client.HTTPException) as error:
            self._check_time(deadline)
            raise IngestError(f"transfer failed: {error or type(error).__name__}") from error

    def _from_file(self, url: str, sink: IO[bytes], deadline: float, progress: Progress) -> Received:
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
            raise IngestError(f"file URL names the host {parts.netloc!r}; only local files can be read")
        path = (self._base / (unquote(parts.path) if parts.scheme == "file" else url)).resolve()
        if not path.is_relative_to(self._base):
            raise IngestError("the path leaves the folder of the source list")
        with path.open("rb") as handle:
            self._pump(handle.read, sink, expected=path.stat().st_size, deadline=deadline, progress=progress)
        return Received(True, Validators())

    def _from_s3(self, url: str, known: Validators, sink: IO[bytes], deadline: float, progress: Progress) -> Received:
        from botocore.exceptions import BotoCoreError, ClientError

        parts = urlsplit(url)
        request = {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
        if known.etag:
            request["IfNoneMatch"] = known.etag
        try:
            answer = self._s3().get_object(**request)
            expected = int(answer["ContentLength"])
            # A connection that is cut in the middle of an object is an error of botocore's as well.
            self._pump(answer["Body"].read, sink, expected=expected, deadline=deadline, progress=progress)
        except ClientError as error:
            if error.response["ResponseMetadata"].get("HTTPStatusCode") == 304:
                return Received(False, known)
            code = error.response["Error"].get("Code", "unknown")
            raise IngestError(f"S3 refused: {code}{_DENIED if code == 'AccessDenied' else ''}") from error
        except BotoCoreError as error:
            raise IngestError(f"S3 failed: {error}") from error
        return Received(True, Validators(etag=answer["ETag"]))

    def _from_web(
        self,
        url: str,
        headers: dict[str, str],
        known: Validators,
        sink: IO[bytes],
        deadline: float,
        progress: Progress,
    ) -> Received:
        conditions = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified}
        sent = {"User-Agent": "opsctl-dataset/1", "Accept-Encoding": "identity", **headers}
        sent |= {name: value for name, value in conditions.items() if value}
        for _ in range(_REDIRECT_LIMIT + 1):
            connection = self._connect(url)
            with _cut_off(connection, deadline - self._clock()):
                parts = urlsplit(url)
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                connection.request("GET", path, headers=sent)
                answer = connection.getresponse()
                if answer.status not in _REDIRECTS:
                    return self._take(answer, known, sink, deadline, progress)
                following = urljoin(url, answer.headers.get("Location", ""))
            if urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https":
                raise IngestError(f"redirect from https to {urlsplit(following).scheme!r} refused")
            if urlsplit(following).netloc != urlsplit(url).netloc:
                # Headers of the list may hold a token that is meant for the listed host only.
                sent = {name: value for name, value in sent.items() if name not in headers}
            url = following
        raise IngestError(f"more than {_REDIRECT_LIMIT} redirects")

    def _connect(self, url: str) -> http.client.HTTPConnection:
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise IngestError(f"redirect to {url[:80]!r} refused")
        if parts.scheme == "http" and not self._limits.allow_http:
            raise IngestError("plain http refused; allow it with --allow-http")
        if parts.username or parts.password:
            raise IngestError("credentials in a URL refused; use 'headers'")
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = self._checked_address(parts.hostname, port)
        raw = socket.create_connection((address, port), timeout=self._limits.connect_seconds)
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            connection = http.client.HTTPSConnection(parts.hostname, port)
            raw = ssl.create_default_context().wrap_socket(raw, server_hostname=parts.hostname)
        else:
            connection = http.client.HTTPConnection(parts.hostname, port)
        connection.sock = raw
        return connection

    def _checked_address(self, host: str, port: int) -> str:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        for address in found:
            if is_link_local(address):
                raise IngestError(f"{host} is at {address}, where clouds hand out credentials; refused")
            if not (is_public(address) or self._limits.allow_private):
                raise IngestError(
                    f"{host} is at {address}, which is not a public address; allow it with --allow-private"
                )
        return found[0]

    def _take(
        self,
        answer: http.client.HTTPResponse,
        known: Validators,
        sink: IO[bytes],
        deadline: float,
        progress: Progress,
    ) -> Received:
        self._check_time(deadline)
        if answer.status == 304:
            return Received(False, known)
        if answer.status != 200:
            raise IngestError(f"the server answered {answer.status} {answer.reason}".rstrip())
        kind = answer.headers.get_content_type()
        if kind in ("text/html", "application/xhtml+xml"):
            raise IngestError(f"the server answered {kind}, not a CSV")
        length = answer.headers.get("Content-Length", "")
        expected = int(length) if length.isdigit() else None
        self._pump(answer.read1, sink, expected=expected, deadline=deadline, progress=progress)
        return Received(True, Validators(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", "")))

    def _pump(
        self,
        read: Callable[[int], bytes],
        sink: IO[bytes],
        *,
        expected: int | None,
        deadline: float,
        progress: Progress,
    ) -> None:
        limit = self._limits.transfer_bytes
        if expected is not None and expected > limit:
            raise IngestError(f"{expected:,} bytes announced; the limit is {limit:,}")
        received = 0
        while chunk := read(_CHUNK):
            received += len(chunk)
            if received > limit:
                raise IngestError(f"more than {limit:,} bytes")
            self._check_time(deadline)
            sink.write(chunk)
            progress(received, expected)
        # A connection that was cut off looks like one that came to its end.
        self._check_time(deadline)
        if expected is not None and received != expected:
            raise IngestError(f"cut short: {received:,} of {expected:,} bytes")

    def _check_time(self, deadline: float) -> None:
        if self._clock() > deadline:
            raise IngestError(f"not done within {self._limits.seconds:g} seconds")


def is_public(address: str) -> bool:
    """Tell whether `address` is a public one; an IPv4 address inside an IPv6 one is looked at itself."""
    return all(
        each.is_global and not each.is_multicast and (each.version == 4 or each in _GLOBAL_UNICAST)
        for each in _meant(address)
    )


def is_link_local(address: str) -> bool:
    """Tell whether `address` is one that the machine's cloud answers at, such as 169.254.169.254 and fd00:ec2::254."""
    return any(each.is_link_local or each in _METADATA for each in _meant(address))


def _meant(address: str) -> tuple[_Address, ...]:
    """Return the address, or the IPv4 address that it leads to; several where only its network knows which.

    Where the bits lie behind a network's own NAT64 prefix is that network's choice [RFC 6052, 2.2; RFC 8215]; the
    prefix itself is nobody's on the internet, so it stays among them.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv4Address):
        return (parsed,)
    bits = int(parsed)
    if any(parsed in network for network in _LAST_BITS):
        return (_ipv4(bits),)
    if parsed in _LOCAL_NAT64:
        short = (bits >> 64) << 16 | bits >> 40 & 0xFFFF
        middle = (bits >> 64) << 24 | bits >> 32 & 0xFFFFFF
        return (parsed, _ipv4(short), _ipv4(middle), _ipv4(bits >> 24), _ipv4(bits))
    client = parsed.teredo[1] if parsed.teredo else None
    return (parsed.sixtofour or client or parsed,)


def _ipv4(bits: int) -> ipaddress.IPv4Address:
    return ipaddress.IPv4Address(bits & 0xFFFFFFFF)


@contextlib.contextmanager
def _cut_off(connection: http.client.HTTPConnection, seconds: float) -> Iterator[None]:
    """Cut the connection after `seconds`: a server that sends a byte now and then never lets a read time out."""
    timer = threading.Timer(max(seconds, 0), _shut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        connection.close()


def _shut(connection: http.client.HTTPConnection) -> None:
    with contextlib.suppress(OSError):
        connection.sock.shutdown(socket.SHUT_RDWR)
