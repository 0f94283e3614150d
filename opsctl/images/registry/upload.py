"""Sending one blob: in one streamed PATCH, as docker and skopeo send it, and resumed only where a registry can.

A registry that keeps an upload after a cut line tells how much of it it has, and the rest is sent. ECR does not: it
answers 404 for the upload, and its `Range` stands still after the first part, so nothing is made of what a PATCH
answers. There the blob is sent again from its start. [aws/containers-roadmap#2831; OCI distribution spec, pushing a
blob in chunks]
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import urljoin

from opsctl.images.errors import ImageError, RegistryError
from opsctl.images.registry.answer import Answer
from opsctl.images.registry.refusals import refusal, reported
from opsctl.images.registry.repository import Repository
from opsctl.images.registry.transport import TransientError

# A try that brought the registry less than this further does not count as progress: tries are bounded by it.
_PROGRESS = 1024 * 1024
# What a registry calls it when it has lost an upload, or part of it; all else that it answers 400 to is a refusal.
_LOST = {"BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "SIZE_INVALID"}


class _LostError(TransientError):
    """The registry does not know this upload any more, or what it has is not ours: begin again."""

    code = "upload-lost"


class StoppedError(ImageError):
    """Another transfer failed, so this one was given up."""

    code = "stopped"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file to send."""

    digest: str
    size: int
    path: Path


class Piece:
    """A file from `start` to its end, as the body of a request that may have to be sent twice.

    `count` is told of the bytes as they go out, and of those taken back by `rewind`. Raises StoppedError in the middle
    once `stop` is set.
    """

    def __init__(self, blob: Blob, start: int, count: Callable[[int], None], stop: threading.Event) -> None:
        self.size = blob.size - start
        self.sent = 0
        self._start = start
        self._count = count
        self._stop = stop
        self._stream = blob.path.open("rb")

    def __enter__(self) -> Piece:
        self.rewind()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stream.close()

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        if self._stop.is_set():
            raise StoppedError("Stopped, because another layer failed.")
        data = self._stream.read(size)
        self.sent += len(data)
        self._count(len(data))
        return data

    def rewind(self) -> None:
        """Begin again."""
        self._count(-self.sent)
        self.sent = 0
        self._stream.seek(self._start)


@dataclass
class _Upload:
    """One upload of the registry: where it goes on, and how many bytes the registry has said that it holds."""

    location: str
    offset: int = 0


@dataclass
class Uploader:
    """Sends blobs to one repository; `count` gets the bytes that went through, `stop` ends it in the middle."""

    repository: Repository
    count: Callable[[int], None]
    stop: threading.Event

    def send(self, blob: Blob) -> None:
        """Upload a blob that the repository does not have. Raises RegistryError.

        Tries are bounded: only one that got the registry at least a mebibyte further than any before counts as
        progress, and begins a new row of tries.
        """
        label = f"Sending {blob.digest[:19]}"
        backoff = self.repository.transport.backoff(label)
        upload: _Upload | None = None
        furthest = 0
        while True:
            counted = _Counted(self.count)
            try:
                upload = upload or self._start(label)
                counted.add(upload.offset)
                self._patch(upload, blob, counted)
                self._finish(upload, blob, label)
                return
            except TransientError as failure:
                counted.take_back()
                if isinstance(failure, _LostError) and self.repository.has_blob(blob.digest):
                    self.count(blob.size)
                    return
                upload = None if isinstance(failure, _LostError) or upload is None else self._resumed(upload, blob)
                if upload is not None and upload.offset >= furthest + _PROGRESS:
                    furthest = upload.offset
                    backoff.succeeded()
                backoff.failed(failure)

    def _start(self, label: str) -> _Upload:
        answer = self.repository.request("POST", "/blobs/uploads/", label, headers={"Content-Length": "0"})
        if answer.status != 202:
            raise refusal(answer, self.repository.name, "starting an upload")
        if not answer.headers.get("location"):
            raise RegistryError("The registry opened an upload without saying where it is.")
        return _Upload(urljoin(answer.url, answer.headers["location"]))

    def _patch(self, upload: _Upload, blob: Blob, counted: _Counted) -> None:
        """Send all that is missing; an upload that goes on says from where, one that begins says nothing."""
        if upload.offset == blob.size and blob.size:
            return
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(blob.size - upload.offset)}
        if upload.offset:
            headers["Content-Range"] = f"{upload.offset}-{blob.size - 1}"
        with Piece(blob, upload.offset, counted.add, self.stop) as piece:
            answer = self.repository.once("PATCH", upload.location, headers=headers, body=piece)
        if answer.status in {404, 416}:
            raise _LostError(f"the registry answered {answer.status} to a layer")
        if answer.status not in {200, 201, 202, 204}:
            raise refusal(answer, self.repository.name, "sending a layer")
        upload.location = _location(answer, upload.location)

    def _resumed(self, upload: _Upload, blob: Blob) -> _Upload | None:
        """The upload from where the registry says that it is; None where it does not know it any more."""
        try:
            answer = self.repository.once("GET", upload.location)
        except TransientError:
            return None
        found = re.fullmatch(r"(?:bytes=)?0-(\d+)", answer.headers.get("range", ""))
        if answer.status != 204 or found is None:
            return None
        # `Range: 0-N` names the last byte; an upload without any is `0-0` too, so one byte counts as none.
        has = int(found[1]) + 1 if int(found[1]) else 0
        return _Upload(_location(answer, upload.location), has) if has <= blob.size else None

    def _finish(self, upload: _Upload, blob: Blob, label: str) -> None:
        """Close the upload. A repeated PUT whose first answer was lost finds no upload: then the blob is there."""
        separator = "&" if "?" in upload.location else "?"
        place = f"{upload.location}{separator}digest={blob.digest}"
        answer = self.repository.request("PUT", place, label, headers={"Content-Length": "0"})
        codes, words = reported(answer)
        if answer.status in {404, 416} or (answer.status == 400 and (not codes or codes & _LOST)):
            said = f": {words}" if words else ""
            raise _LostError(f"the registry answered {answer.status} to the end of the upload{said}")
        if answer.status != 201:
            raise refusal(answer, self.repository.name, "finishing a layer")
        said = answer.headers.get("docker-content-digest", blob.digest)
        if said != blob.digest:
            raise _LostError(f"the registry says that the layer has the digest {said}")


def _location(answer: Answer, before: str) -> str:
    said = answer.headers.get("location", "")
    return urljoin(answer.url, said) if said else before


@dataclass
class _Counted:
    """What one try has told the counter, so that a failed one can be taken back."""

    count: Callable[[int], None]
    told: int = 0

    def add(self, size: int) -> None:
        self.told += size
        self.count(size)

    def take_back(self) -> None:
        self.add(-self.told)
