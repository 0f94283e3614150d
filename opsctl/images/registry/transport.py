"""HTTP to a registry: authentication as it asks for it, retries with backoff, redirects without credentials.

Credentials go to the registry's own origin and to the token service that may have them (realms.py): not to where it
redirects, not to where it has an upload sent, and never in the clear unless the registry is on this machine.

`once` is one try, which raises `TransientError` when another one may succeed; `request` tries again. Uploads use
`once`, because a layer whose answer was lost must not simply be sent again.
"""

from __future__ import annotations

import random
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3

from opsctl.images.errors import RegistryError
from opsctl.images.limits import ANSWER_LIMIT, TOKEN_LIMIT
from opsctl.images.names import is_loopback
from opsctl.images.registry.answer import Answer
from opsctl.images.registry.auth import Authenticator, Credentials
from opsctl.images.registry.pace import Pace, PacedBody, connections, reason
from opsctl.images.registry.realms import check_realm, check_way, origin

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

ATTEMPTS = 6
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LONGEST_WAIT = 20.0
_LONGEST_RETRY_AFTER = 60.0
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
# Bytes that a streamed body is read and written by; the 16 KiB that is the default halves the speed of a layer.
_BLOCK = 256 * 1024


class Stream(Protocol):
    """A body that is sent while it is read, from its start again when the registry first asks who we are."""

    def read(self, size: int = -1) -> bytes: ...
    def rewind(self) -> None: ...


Body = bytes | Stream | None


class TransientError(Exception):
    """This try failed in a way that may pass. `retry_after`: seconds that the registry asks to wait.

    `code` is that of the error which is raised when it did not pass.
    """

    code = "registry-unavailable"

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


@dataclass
class Backoff:
    """Waits between tries, longer each time and never in step with others; gives up after `attempts` in a row."""

    what: str
    attempts: int = ATTEMPTS
    sleep: Callable[[float], None] = time.sleep
    tried: int = 0

    def failed(self, failure: TransientError) -> None:
        """Wait for the next try. Raises RegistryError when there were enough."""
        self.tried += 1
        if self.tried >= self.attempts:
            raise RegistryError(
                f"{self.what} failed {self.tried} times in a row; the last time: {failure.reason.rstrip('.')}.",
                code=failure.code,
                hint="Run it again when the registry answers: what is there already is not sent twice.",
            ) from failure
        longest = min(0.5 * 2**self.tried, _LONGEST_WAIT)
        self.sleep(max(longest * random.uniform(0.5, 1.0), min(failure.retry_after or 0.0, _LONGEST_RETRY_AFTER)))

    def succeeded(self) -> None:
        """Something got through: the next failure is the first again."""
        self.tried = 0


@dataclass
class Transport:
    """One registry. Safe to use from several threads. `prove` raises OSError, before each request, where another one
    answers at its address.
    """

    url: str
    credentials: Credentials = lambda: None
    prove: Callable[[], None] | None = None
    sleep: Callable[[float], None] = time.sleep
    attempts: int = ATTEMPTS
    pace: Pace = field(default_factory=Pace)
    requests: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._pool = _pool(self.url)
        self._pool.pool_classes_by_scheme = connections(self.pace)
        self._auth = Authenticator(self.credentials, self._fetch_token)
        self._lock = threading.Lock()

    def backoff(self, what: str) -> Backoff:
        """A new row of tries."""
        return Backoff(what, self.attempts, self.sleep)

    def request(self, method: str, path: str, *, scope: str, what: str, **options: object) -> Answer:
        """Try until there is an answer that trying again would not change. Raises RegistryError."""
        return self._until_answered(what, lambda: self.once(method, path, scope=scope, **options))  # type: ignore[arg-type]

    def _until_answered(self, what: str, once: Callable[[], Answer]) -> Answer:
        backoff = self.backoff(what)
        while True:
            try:
                return once()
            except TransientError as failure:
                backoff.failed(failure)

    def once(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> Answer:
        """One try, and a second one when the registry wants to know (again) who asks."""
        with self.stream(method, path, scope=scope, headers=headers, body=body) as response:
            return _read(response, method, urljoin(self.url, path), "the registry", ANSWER_LIMIT)

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
    ) -> Iterator[BaseHTTPResponse]:
        """The answer with its body unread; statuses are the caller's to judge. Reading may raise urllib3's errors."""
        url = urljoin(self.url, path)
        own = origin(url) == origin(self.url)
        used = self._auth.header(scope) if own else None
        response = self._send(method, url, {**(headers or {}), **_authorization(used)}, body)
        # What another host asks for is no question of the registry's.
        if response.status == 401 and own:
            challenge = response.headers.get("WWW-Authenticate", "")
            _discard(response)
            renewed = self._auth.answer(challenge, scope, refused=used)
            if renewed is not None:
                if body is not None and not isinstance(body, bytes):
                    body.rewind()
                response = self._send(method, url, {**(headers or {}), **_authorization(renewed)}, body)
        for _ in range(5):
            if response.status not in _REDIRECTS or method not in {"GET", "HEAD"}:
                break
            url = urljoin(url, response.headers.get("Location", ""))
            _discard(response)
            again = {key: value for key, value in (headers or {}).items() if key.lower() != "authorization"}
            response = self._send(method, url, again, None)
        try:
            yield response
        finally:
            response.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> BaseHTTPResponse:
        check_way(self.url, url)
        with self._lock:
            self.requests += 1
        sent = body if body is None or isinstance(body, bytes) else PacedBody(body, self.pace)
        with transient(method):
            if self.prove is not None:
                self.prove()
            return self._pool.request(
                method, url, headers={"User-Agent": "opsctl", **headers}, body=cast("Any", sent), timeout=_TIMEOUT,
                retries=False, redirect=False, preload_content=False, decode_content=False,
            )  # fmt: skip

    def _fetch_token(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None) -> Answer:
        """A token service's answer: asked outside `request`, since it is not the registry that answers."""
        if headers or form is not None:
            check_realm(self.url, url)
        method, body = ("GET", None) if form is None else ("POST", urlencode(form).encode())
        sent = dict(headers) if form is None else {**headers, "Content-Type": "application/x-www-form-urlencoded"}

        def once() -> Answer:
            with closing(self._send(method, url, sent, body)) as response:
                return _read(response, method, url, "the token service", TOKEN_LIMIT)

        return self._until_answered("Asking for a token", once)


@contextmanager
def transient(method: str) -> Iterator[None]:
    """Turn urllib3's errors into TransientError; a certificate that does not fit never does."""
    try:
        yield
    except urllib3.exceptions.SSLError as error:
        raise RegistryError(
            f"The registry's certificate is not accepted: {error}.", hint="Check SSL_CERT_FILE and the clock."
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise TransientError(f"{method}: {reason(error)}") from error


def _read(response: BaseHTTPResponse, method: str, url: str, who: str, limit: int) -> Answer:
    """The whole answer. Raises TransientError for a status that may be another one in a moment."""
    with transient(method):
        data = response.read(limit + 1)
    if len(data) > limit:
        raise RegistryError(
            f"The answer of {who} is longer than {limit:,} bytes, so it was not read.", code="answer-too-long"
        )
    answer = Answer(response.status, _lower(response), data, response.geturl() or url)
    if answer.status in _RETRIED:
        raise TransientError(f"{who} answered {answer.status}", _retry_after(answer.headers))
    return answer


def _discard(response: BaseHTTPResponse) -> None:
    """Read what is left so that the line can be used again, unless that is long."""
    with transient("GET"):
        response.read(TOKEN_LIMIT)
    response.close()


def _authorization(header: str | None) -> dict[str, str]:
    return {"Authorization": header} if header else {}


def _lower(response: BaseHTTPResponse) -> dict[str, str]:
    return {key.lower(): value for key, value in response.headers.items()}


def _retry_after(headers: Mapping[str, str]) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() else None


def _pool(url: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = urllib.request.getproxies().get(parts.scheme)
    # Nobody else's loopback is meant, whatever NO_PROXY leaves out.
    if proxy and not is_loopback(host) and not urllib.request.proxy_bypass(host):
        return urllib3.ProxyManager(proxy, num_pools=4, maxsize=8, blocksize=_BLOCK)
    return urllib3.PoolManager(num_pools=4, maxsize=8, blocksize=_BLOCK)
