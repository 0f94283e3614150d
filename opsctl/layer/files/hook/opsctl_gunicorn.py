"""gunicorn's worker with threads, for clients that are slow: a thread gets a connection once a request is there.

gunicorn hands it over at once, and a thread then waits for the client: eight half-sent heads stop two workers. Here the
main loop collects what clients send, and sends on what they are slow to read. Nothing of gunicorn is replaced but the
sockets and the selector that it uses, so this holds for every version whose worker has them; any other serves as
without this.
"""

from __future__ import annotations

import errno
import select
import selectors
import socket
import time
from contextlib import suppress
from functools import partial
from typing import Any

from gunicorn.http import wsgi
from gunicorn.workers.gthread import ThreadWorker
from opsctl_answers import Unsent  # type: ignore[import-not-found]
from opsctl_clients import CHECK_SECONDS, HEAD_SECONDS, REQUEST_BYTES, Client  # type: ignore[import-not-found]

# How long a client may take to close a connection, and to send a request while the worker stops.
LINGER_SECONDS = STOP_SECONDS = 2.0
LINGERING = 100
# How far behind a client may be with reading: no thread waits for it, and it may have driven into a tunnel.
READ_SECONDS = 30.0
# What is kept for one client beyond what the system keeps, and for all; a file counts as nothing.
UNSENT_BYTES, ALL_UNSENT_BYTES = 1 << 20, 32 << 20
# What of gunicorn's worker this relies on, beside how it uses a selector.
PARTS = ("accept", "enqueue_req", "finish_request", "sockets", "alive")


class Listener:
    """gunicorn's listening socket, whose connections are Clients."""

    def __init__(self, listener: Any, intake: Intake) -> None:
        self._listener = listener
        self._intake = intake

    def accept(self) -> tuple[Client, Any]:
        """As a socket's; with no file to open left, as if nobody were there: to gunicorn that is the worker's end."""
        try:
            connection, address = self._listener.accept()
        except OSError as error:
            if error.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            self._intake.free_file()
            raise BlockingIOError(errno.EAGAIN, "no file can be opened") from error
        client = Client(fileno=connection.detach())
        client.held, client.unsent, client.intake = bytearray(), Unsent(), self._intake
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
        # Who has not taken all of its answer: kept open for another request, and about to be closed.
        self._owed: dict[Client, None] = {}
        self._leaving: dict[socket.socket, Unsent] = {}
        self.room = UNSENT_BYTES
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
        if fileobj.unsent:
            events = selectors.EVENT_WRITE
            self._owed[fileobj] = None
        self._waiting[fileobj] = None
        try:
            return super().register(fileobj, events, data)
        except Exception:
            self._waiting.pop(fileobj, None)
            self._owed.pop(fileobj, None)
            raise

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As a selector's."""
        self._waiting.pop(fileobj, None)
        self._owed.pop(fileobj, None)
        return self._parked.pop(fileobj, None) or super().unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """As a selector's."""
        self._free_seats()
        ready = []
        for key, events in super().select(0 if any(map(self._may_go, list(self._parked))) else timeout):
            if not isinstance(key.fileobj, Client):
                ready.append((key, events))
            elif key.fileobj in self._owed:
                self._send_on(key)
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
        """As a selector's, when who is still reading had a moment to do so."""
        until = time.monotonic() + STOP_SECONDS
        while self._leaving and time.monotonic() < until:
            for connection in list(self._leaving):
                self._send_last(connection)
            time.sleep(0.02)
        for connection in [*self._lingering, *self._leaving]:
            self._end(connection)
        super().close()

    def linger(self, client: Client) -> None:
        """Close when the client has, or in two seconds: with bytes unread, closing at once takes back the answer."""
        unsent, client.unsent = client.unsent, Unsent()
        connection = socket.socket(fileno=client.detach())
        try:
            connection.setblocking(False)
            if unsent:
                self._leaving[connection] = unsent
                super().register(connection, selectors.EVENT_WRITE, self._send_last)
            else:
                connection.shutdown(socket.SHUT_WR)
                self._lingering[connection] = time.monotonic() + LINGER_SECONDS
                super().register(connection, selectors.EVENT_READ, self._drain)
        except (OSError, ValueError):
            self._lingering.pop(connection, None)
            self._leaving.pop(connection, None)
            unsent.clear()
            connection.close()
        # gunicorn counts neither any more, and each holds a file or two of those that a process may have.
        for group, most in ((self._lingering, LINGERING), (self._leaving, self._worker.cfg.worker_connections)):
            if len(group) > most:
                self._end(next(iter(list(group))))

    def free_file(self) -> None:
        """End who has had its answer longest, or else is longest with reading it."""
        for connection in [*self._lingering, *self._leaving][:1]:
            self._end(connection)
            return
        for client in list(self._owed)[:1]:
            self._give_up(client)

    def _send_on(self, key: selectors.SelectorKey) -> None:
        """Send more of an answer to a client; with the last of it, begin to wait for its next request."""
        client: Any = key.fileobj
        try:
            if not client.unsent.send(client):
                return
        except OSError:
            self._give_up(client)
            return
        self._owed.pop(client, None)
        client.since = time.monotonic()
        whole = client.held and client.is_whole()
        super().modify(client, selectors.EVENT_READ | (selectors.EVENT_WRITE if whole else 0), key.data)

    def _send_last(self, connection: socket.socket) -> None:
        """The same to one that is about to be closed; called as gunicorn calls what it registered."""
        unsent = self._leaving.get(connection)
        if unsent is None:  # ended since it was found writable
            return
        try:
            if not unsent.send(connection):
                return
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            self._end(connection)
            return
        self._leaving.pop(connection, None)
        self._lingering[connection] = time.monotonic() + LINGER_SECONDS
        super().modify(connection, selectors.EVENT_READ, self._drain)

    def _give_up(self, client: Client) -> None:
        """Let gunicorn close a client that reads too slowly, or has gone."""
        client.unsent.clear()
        client.forget()
        self._owed.pop(client, None)
        self._park(client)

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
            if client not in self._owed and client.is_late(now, silence):
                self._refuse(client)
        self._make_room()
        for connection, until in list(self._lingering.items()):
            if now > until:
                self._end(connection)

    def _make_room(self) -> None:
        """End who reads too slowly, and who does longest when too much is kept for all."""
        for client in list(self._owed):
            if client.unsent.is_late(READ_SECONDS):
                self._give_up(client)
        for connection, unsent in list(self._leaving.items()):
            if unsent.is_late(READ_SECONDS):
                self._end(connection)
        # NOTE: threads of old versions add to both meanwhile.
        kept = sum(each.unsent.held for each in list(self._owed)) + sum(
            each.held for each in list(self._leaving.values())
        )
        for connection, unsent in list(self._leaving.items()):
            if kept > ALL_UNSENT_BYTES:
                kept -= unsent.held
                self._end(connection)
        for client in list(self._owed):
            if kept > ALL_UNSENT_BYTES:
                kept -= client.unsent.held
                self._give_up(client)
        self.room = max(0, min(UNSENT_BYTES, ALL_UNSENT_BYTES - kept))

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
        unsent = self._leaving.pop(connection, None)
        if unsent is not None:
            unsent.clear()
        if self._lingering.pop(connection, None) is not None or unsent is not None:
            with suppress(KeyError, ValueError):  # not registered yet
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
