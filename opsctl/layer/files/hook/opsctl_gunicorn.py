"""gunicorn's worker with threads, for clients that are slow: a thread gets a connection once a request is there.

gunicorn hands it over at once, and a thread then waits for the client: eight half-sent heads stop two workers. Here the
main loop collects what clients send. Nothing of gunicorn is replaced but the sockets and the selector that it uses, so
this holds for every version whose worker has them; any other serves as without this.
"""

from __future__ import annotations

import errno
import select
import selectors
import socket
import time
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker
from opsctl_clients import HEAD_SECONDS, REQUEST_BYTES, Client  # type: ignore[import-not-found]

# How long a client may take to close a connection, and to send a request while the worker stops.
LINGER_SECONDS = STOP_SECONDS = 2.0
LINGERING = 100
CHECK_SECONDS = 0.25
# What of gunicorn's worker this relies on, beside how it uses a selector.
PARTS = ("accept", "enqueue_req", "finish_request", "sockets", "alive")


class Listener:
    """gunicorn's listening socket, whose connections are Clients."""

    def __init__(self, listener: Any, intake: Intake) -> None:
        self._listener = listener
        self._intake = intake

    def accept(self) -> tuple[Client, Any]:
        """As a socket's."""
        connection, address = self._listener.accept()
        client = Client(fileno=connection.detach())
        client.held, client.intake = bytearray(), self._intake
        return client, address

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


class Intake(selectors.DefaultSelector):
    """A selector to which a Client is readable when a thread would not have to wait for it.

    Of requests that are too large to be collected, or whose end nobody knows, all threads but one may have one each.
    """

    def __init__(self, worker: Any) -> None:
        super().__init__()
        self._worker = worker
        self._seats = max(1, worker.cfg.threads - 1)
        self._waiting: dict[Client, None] = {}
        self._parked: dict[Client, selectors.SelectorKey] = {}
        self._seated: dict[Client, None] = {}
        self._lingering: dict[socket.socket, float] = {}
        self._checked = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As a selector's; a Client begins to wait for its next request.

        Threads of old versions call this while the main thread selects, which has the Client once it is registered.
        """
        if not isinstance(fileobj, Client):
            return super().register(fileobj, events, data)
        self._seated.pop(fileobj, None)
        fileobj.wait()
        if fileobj.held and fileobj.is_whole():
            # It came behind the one before, so nothing more may make the socket readable.
            events |= selectors.EVENT_WRITE
        self._waiting[fileobj] = None
        try:
            return super().register(fileobj, events, data)
        except Exception:
            self._waiting.pop(fileobj, None)
            raise

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As a selector's."""
        self._waiting.pop(fileobj, None)
        return self._parked.pop(fileobj, None) or super().unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As a selector's."""
        self._free_seats()
        ready = []
        for key, events in super().select(0 if any(map(self._may_go, list(self._parked))) else timeout):
            if not isinstance(key.fileobj, Client):
                ready.append((key, events))
            elif key.fileobj.collect():
                self._park(key.fileobj)
        self._check()
        for client, key in list(self._parked.items()):
            if self._may_go(client):
                if client.may_wait():
                    self._seated[client] = None
                client.release()
                ready.append((key, selectors.EVENT_READ))
        return ready

    def close(self) -> None:
        """As a selector's."""
        for connection in list(self._lingering):
            self._end(connection)
        super().close()

    def linger(self, client: Client) -> None:
        """Close when the client has, or in two seconds: with bytes unread, closing at once takes back the answer."""
        connection = socket.socket(fileno=client.detach())
        try:
            connection.setblocking(False)
            connection.shutdown(socket.SHUT_WR)
            self._lingering[connection] = time.monotonic() + LINGER_SECONDS
            super().register(connection, selectors.EVENT_READ, self._drain)
        except (OSError, ValueError):
            self._lingering.pop(connection, None)
            connection.close()
        if len(self._lingering) > LINGERING:
            self._end(next(iter(list(self._lingering))))

    def _park(self, client: Client) -> None:
        """Its request is as complete as it has to be, so what else comes is of no interest."""
        self._parked[client] = super().unregister(client)

    def _may_go(self, client: Client) -> bool:
        return len(self._seated) < self._seats or not client.may_wait()

    def _free_seats(self) -> None:
        for client in list(self._seated):
            if client.fileno() < 0:
                self._seated.pop(client, None)

    def _check(self) -> None:
        """Now and then: end what took too long."""
        now = time.monotonic()
        if now < self._checked + CHECK_SECONDS:
            return
        self._checked = now
        # gunicorn closes connections that it kept open by itself, and should be the first to do so.
        silence = self._worker.cfg.keepalive + HEAD_SECONDS if self._worker.alive else STOP_SECONDS
        for client in list(self._waiting):
            if client.is_late(now, silence):
                self._refuse(client)
        for connection, until in list(self._lingering.items()):
            if now > until:
                self._end(connection)

    def _refuse(self, client: Client) -> None:
        if client.begun:
            status = "503 Service Unavailable" if client in self._parked else "408 Request Timeout"
            client.refuse(status)
            self._worker.log.debug("opsctl: a slow client was answered %s", status)
        else:
            client.forget()
        if client not in self._parked:
            self._park(client)

    def _drain(self, connection: socket.socket) -> None:
        """Called as gunicorn calls what it registered."""
        try:
            data = connection.recv(REQUEST_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._end(connection)

    def _end(self, connection: socket.socket) -> None:
        # NOTE: threads of old versions close connections, so two may want this.
        if self._lingering.pop(connection, None) is not None:
            super().unregister(connection)
            connection.close()


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads, with an Intake in front of them."""

    poller: Any
    sockets: Any

    def run(self) -> None:
        """As gunicorn's."""
        hide_server()
        reason = why_not(self)
        if reason:
            self.log.warning("opsctl: a slow client can hold a thread of this server, since %s.", reason)
        else:
            self.poller.close()
            self.poller = Intake(self)
            self.sockets = [Listener(each, self.poller) for each in self.sockets]
        super().run()

    def enqueue_req(self, conn: Any) -> None:
        """gunicorn hands a connection to a thread; one whose request is not there yet goes to the Intake first."""
        if not isinstance(conn.sock, Client) or conn.sock.released:
            try:
                super().enqueue_req(conn)
            except OSError as error:
                # Closed by another thread since it was found readable: of nobody's concern, least of all the worker's.
                if error.errno != errno.EBADF:
                    raise
            return
        conn.sock.setblocking(False)
        self.poller.register(conn.sock, selectors.EVENT_READ, partial(self._enqueue_collected, conn))

    def _enqueue_collected(self, conn: Any, client: Client) -> None:
        self.poller.unregister(client)
        # Else newer versions look at the socket, from which everything was taken.
        conn.data_ready = True
        super().enqueue_req(conn)


def why_not(worker: Any) -> str | None:
    """Why this worker can't have an Intake."""
    known = isinstance(getattr(worker, "poller", None), selectors.BaseSelector) and hasattr(select, "poll")
    if not known or not all(hasattr(worker, name) for name in PARTS):
        return "its gunicorn is built otherwise than those known to opsctl"
    cfg = worker.cfg
    if cfg.is_ssl or getattr(cfg, "protocol", "http") != "http" or "h2" in getattr(cfg, "http_protocols", ()):
        return "it speaks TLS, HTTP/2 or uwsgi itself"
    return None


def hide_server() -> None:
    """Answer without naming the server."""
    headers_of = getattr(wsgi.Response, "default_headers", None)
    if headers_of is None:
        return

    def default_headers(self: Any) -> list[str]:
        return [line for line in headers_of(self) if not line.startswith("Server:")]

    wsgi.Response.default_headers = default_headers
