"""Sending one blob: in chunks, resumed where the registry says it is after a cut connection, never sent twice.

A chunk whose answer got lost may have arrived whole, in part or not at all. So after each failure the registry is asked
how much it has. It forgets an upload now and then: then it starts again, a few times.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from opsctl.images.errors import ImageError, RegistryError
from opsctl.images.refusals import refusal
from opsctl.images.registry import Repository
from opsctl.images.transport import Answer, TransientError

CHUNK = 16 * 1024 * 1024
"""Bytes in one request. ECR refuses parts under 5 MiB, except the last one."""
_SESSIONS = 4


class _LostError(Exception):
    """The registry does not know this upload any more, or what it has is not ours."""


class StoppedError(ImageError):
    """Another transfer failed, so this one was given up."""

    code = "stopped"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file to send."""

    digest: str
    size: int
    path: Path


@dataclass
class Uploader:
    """Sends blobs to one repository; `count` gets the bytes that went through, `stop` ends it between chunks."""

    repository: Repository
    count: Callable[[int], None]
    stop: threading.Event
    chunk: int = CHUNK

    def send(self, blob: Blob) -> None:
        """Upload a blob that the repository does not have. Raises RegistryError."""
        label = f"Sending {blob.digest[:19]}"
        reason = ""
        for _ in range(_SESSIONS):
            sent = _Sent(self.count)
            try:
                self._session(blob, label, sent)
                return
            except _LostError as lost:
                reason = str(lost)
                sent.take_back()
                if self.repository.has_blob(blob.digest):
                    self.count(blob.size)
                    return
        raise RegistryError(
            f"{label} failed: {_SESSIONS} uploads in a row were lost ({reason}).",
            code="upload-lost",
            hint="Run it again; layers that arrived are not sent twice.",
        )

    def _session(self, blob: Blob, label: str, sent: _Sent) -> None:
        location = self._start(label)
        backoff = self.repository.transport.backoff(label)
        with blob.path.open("rb") as stream:
            while sent.offset < blob.size:
                self._check_stop()
                stream.seek(sent.offset)
                piece = stream.read(self.chunk)
                try:
                    answer = self._patch(location, sent.offset, piece)
                    self._accepted(answer)
                    location, reached = self._position(answer, location, sent.offset + len(piece))
                    backoff.succeeded()
                except TransientError as failure:
                    backoff.failed(failure)
                    location, reached = self._ask(location, label)
                if reached > blob.size:
                    raise _LostError(f"the registry has {reached} of {blob.size} bytes")
                sent.reached(reached)
        self._finish(location, blob, label)

    def _start(self, label: str) -> str:
        answer = self.repository.request("POST", "/blobs/uploads/", label, headers={"Content-Length": "0"})
        if answer.status != 202:
            raise refusal(answer, self.repository.name, "starting an upload")
        return self._location(answer, "")

    def _patch(self, location: str, offset: int, piece: bytes) -> Answer:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"{offset}-{offset + len(piece) - 1}",
        }
        return self.repository.once("PATCH", location, headers=headers, body=piece)

    def _accepted(self, answer: Answer) -> None:
        if answer.status == 416:
            raise TransientError("the registry has another part of the upload than we thought")
        if answer.status == 404:
            raise _LostError("the registry does not know the upload any more")
        if answer.status not in {201, 202, 204}:
            raise refusal(answer, self.repository.name, "sending a layer")

    def _ask(self, location: str, label: str) -> tuple[str, int]:
        """Where the upload goes on, and from which byte."""
        answer = self.repository.request("GET", location, label)
        if answer.status in {404, 400, 416}:
            raise _LostError("the registry does not know the upload any more")
        if answer.status != 204:
            raise refusal(answer, self.repository.name, "asking for an upload's state")
        return self._position(answer, location, 0)

    def _position(self, answer: Answer, location: str, assumed: int) -> tuple[str, int]:
        """`Range: 0-N` counts the last byte; an upload without any is `0-0` too, so one byte counts as none."""
        found = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("range", ""))
        reached = assumed if found is None else int(found[1]) + 1 if int(found[1]) else 0
        if assumed == 1 and reached == 0:
            reached = 1
        return self._location(answer, location), reached

    def _location(self, answer: Answer, before: str) -> str:
        said = answer.headers.get("location", "")
        if not said and not before:
            raise RegistryError("The registry opened an upload without saying where it is.")
        return urljoin(answer.url, said) if said else before

    def _finish(self, location: str, blob: Blob, label: str) -> None:
        """Close the upload. A repeated PUT whose first answer was lost finds no upload: then the blob is there."""
        separator = "&" if "?" in location else "?"
        answer = self.repository.request(
            "PUT", f"{location}{separator}digest={blob.digest}", label, headers={"Content-Length": "0"}
        )
        if answer.status in {404, 400, 416}:
            raise _LostError(f"the registry answered {answer.status} to the end of the upload")
        if answer.status != 201:
            raise refusal(answer, self.repository.name, "finishing a layer")
        said = answer.headers.get("docker-content-digest", blob.digest)
        if said != blob.digest:
            raise _LostError(f"the registry says that the layer has the digest {said}")

    def _check_stop(self) -> None:
        if self.stop.is_set():
            raise StoppedError("Stopped, because another layer failed.")


@dataclass
class _Sent:
    """How far one upload is, told to the counter."""

    count: Callable[[int], None]
    offset: int = 0

    def reached(self, offset: int) -> None:
        self.count(offset - self.offset)
        self.offset = offset

    def take_back(self) -> None:
        self.reached(0)
