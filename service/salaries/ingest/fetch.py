"""Fetch every source into `raw/`, several at once; one that fails is reported and leaves its last good file alone."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from salaries.ingest.errors import IngestError
from salaries.ingest.sources import Source
from salaries.ingest.transport import Transport, Validators
from salaries.ingest.unpack import Unpacked, UnpackLimits, unpack
from salaries.ingest.workspace import exclusive, replace_file, scratch, sha256_of

STATE_NAME = ".fetch-state.json"
_AT_ONCE = 4
Outcome = Literal["fetched", "unchanged", "failed", "disabled"]
Observer = Callable[[str, int, int | None], None]


@dataclass(frozen=True)
class FetchResult:
    """What became of one source; `kept` tells of a failed one that what it brought before stays."""

    name: str
    outcome: Outcome
    size: int
    detail: str
    kept: bool = False


@dataclass(frozen=True)
class Held:
    """What the state file knows of the copy in `raw/`: which URL it came from, its validators, hash and files."""

    url: str
    etag: str
    last_modified: str
    sha256: str
    size: int
    files: tuple[str, ...]


def fetch_sources(
    *,
    sources: list[Source],
    data_dir: Path,
    transport: Transport,
    observer: Observer,
    limits: UnpackLimits | None = None,
) -> list[FetchResult]:
    """Fetch all enabled `sources`, four at once, and return what became of each, in the order of the list."""
    raw_dir = data_dir / "raw"
    raw_dir.mkdir(parents=True, exist_ok=True)
    with exclusive(data_dir / ".fetch.lock"), scratch(data_dir, "fetch") as folder:
        state = read_state(raw_dir)
        fetcher = _Fetcher(raw_dir, folder, transport, limits or UnpackLimits(), observer)
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            outcomes = list(pool.map(lambda source: fetcher.fetch(source, state.get(source.name)), sources))
        state |= {result.name: held for result, held in outcomes if held is not None}
        _write_state(raw_dir, folder, state)
    return [result for result, _ in outcomes]


def read_state(raw_dir: Path) -> dict[str, Held]:
    """Return what is known about fetched copies; a damaged state file only costs a fresh download."""
    try:
        document = json.loads((raw_dir / STATE_NAME).read_text(encoding="utf-8"))
        return {name: Held(**{**entry, "files": tuple(entry["files"])}) for name, entry in document.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write_state(raw_dir: Path, folder: Path, state: dict[str, Held]) -> None:
    written = folder / "state.json"
    document: dict[str, Any] = {name: {**vars(held), "files": list(held.files)} for name, held in sorted(state.items())}
    written.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    replace_file(written, raw_dir / STATE_NAME)


@dataclass(frozen=True)
class _Fetcher:
    raw_dir: Path
    folder: Path
    transport: Transport
    limits: UnpackLimits
    observer: Observer

    def fetch(self, source: Source, held: Held | None) -> tuple[FetchResult, Held | None]:
        if not source.enabled:
            return FetchResult(source.name, "disabled", 0, ""), None
        try:
            return self._fetch(source, held)
        except (IngestError, OSError) as error:
            kept = held is not None and self._is_whole(held)
            return FetchResult(source.name, "failed", 0, str(error), kept), None

    def _fetch(self, source: Source, held: Held | None) -> tuple[FetchResult, Held]:
        target = self._target(source)
        current = held if held and held.url == source.url and self._is_whole(held) else None
        known = Validators(current.etag, current.last_modified) if current else Validators()
        folder = self.folder / source.name
        folder.mkdir()
        body = folder / "received"
        answer = self.transport.receive(
            source.url,
            headers=source.headers,
            known=known,
            target=body,
            progress=lambda done, total: self.observer(source.name, done, total),
        )
        if not answer.changed and current:
            return FetchResult(source.name, "unchanged", current.size, "not changed, said the server"), current
        digest = sha256_of(body)
        if source.sha256 and digest != source.sha256:
            raise IngestError(f"wrong sha256: {digest[:12]}… instead of {source.sha256[:12]}…")
        size = body.stat().st_size
        fresh = Held(source.url, answer.validators.etag, answer.validators.last_modified, digest, size, ())
        if current and current.sha256 == digest:
            return FetchResult(source.name, "unchanged", size, "same content"), replace(fresh, files=current.files)
        unpacked = unpack(
            body, target=target, encoding=source.encoding, folder=folder, limits=self.limits, mapping=source.mapping
        )
        files = self._publish(unpacked, target)
        return FetchResult(source.name, "fetched", size, ", ".join(files)), replace(fresh, files=tuple(files))

    def _target(self, source: Source) -> Path:
        """Return the destination, refusing one that a link would lead out of `raw/`."""
        target = self.raw_dir / source.dest
        root = self.raw_dir.resolve()
        if target.is_symlink() or not target.parent.resolve().is_relative_to(root):
            raise IngestError(f"the destination {source.dest!r} is a link or lies behind one that leaves raw/")
        return target

    def _is_whole(self, held: Held) -> bool:
        return bool(held.files) and all((self.raw_dir / name).is_file() for name in held.files)

    def _publish(self, unpacked: Unpacked, target: Path) -> list[str]:
        target.parent.mkdir(parents=True, exist_ok=True)
        several = target.with_name(target.name.partition(".")[0])
        if list(unpacked.files) == [""]:
            replace_file(unpacked.files[""], target)
            if several.is_dir() and several != target.parent:
                shutil.rmtree(several)
            return [target.relative_to(self.raw_dir).as_posix()]
        # A folder can't be replaced in one step; hidden names are no raw files, so a build sees the old or the new one.
        fresh = several.with_name(f".{several.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        for place, path in unpacked.files.items():
            replace_file(path, fresh / place)
        with contextlib.suppress(FileNotFoundError):
            target.unlink()
        if several.exists():
            old = several.with_name(f".{several.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            several.rename(old)
            fresh.rename(several)
            shutil.rmtree(old)
        else:
            fresh.rename(several)
        return [(several / place).relative_to(self.raw_dir).as_posix() for place in sorted(unpacked.files)]
