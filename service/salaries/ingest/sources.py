"""The list of sources, checked before anything is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from salaries.ingest.errors import IngestError
from salaries.ingest.mapping import Mapping
from salaries.ingest.mapping_keys import MAPPING_KEYS, mapping_of
from salaries.ingest.records import ENCODINGS
from salaries.ingest.workspace import name_trouble

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KEYS = {"name", "url", "dest", "headers", "sha256", "enabled", "encoding", *MAPPING_KEYS}
_SCHEMES = ("https", "http", "file", "s3")
_SUFFIXES = (".csv", ".csv.gz", ".tsv", ".txt", ".xlsx")


@dataclass(frozen=True)
class Source:
    """One dataset to fetch. `dest` is a relative path under `raw/`; a relative `url` is a path beside the list."""

    name: str
    url: str
    dest: str
    headers: dict[str, str]
    sha256: str | None
    enabled: bool
    encoding: str
    mapping: Mapping | None = None


def read_sources(path: Path) -> list[Source]:
    """Return the sources listed in `path`.

    Raises:
        IngestError: the file is missing or no list of sources, or two sources would write the same file.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IngestError(f"The list of sources {path} can't be read: {error}.") from error
    entries = document.get("sources") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise IngestError(f'{path.name} must hold {{"sources": [...]}}.')
    sources = [_source(entry, number) for number, entry in enumerate(entries, 1)]
    for what in ("name", "dest"):
        values = [getattr(source, what) for source in sources]
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise IngestError(f"{path.name} uses the {what} {twice[0]!r} twice; every source needs its own.")
    return sources


@dataclass(frozen=True)
class Declared:
    """What the list of sources says of raw files: encodings and mappings by destination."""

    encodings: dict[str, str] = field(default_factory=dict)
    mappings: dict[str, Mapping] = field(default_factory=dict)

    def encoding(self, name: str) -> str:
        """Return the encoding of a raw file, UTF-8 unless declared."""
        return self.encodings.get(self._source(name, self.encodings), "utf-8")

    def is_declared(self, name: str) -> bool:
        """Tell whether a source names this raw file."""
        return name in self.encodings or name in self.mappings

    def mapping(self, name: str) -> Mapping | None:
        """Return the mapping of a raw file, if it has one."""
        return self.mappings.get(self._source(name, self.mappings))

    @staticmethod
    def _source(name: str, known: Collection[str]) -> str:
        """Return the destination that `name` belongs to: an archive of several files becomes a folder."""
        folder = PurePosixPath(name).parent
        return name if name in known else next((dest for dest in known if several_folder(dest) == folder), name)


def several_folder(dest: str) -> PurePosixPath:
    """Return the folder where the files of an archive go whose source has this destination."""
    path = PurePosixPath(dest)
    return path.with_name(path.name.partition(".")[0])


def declared(path: Path) -> Declared:
    """Return what the list of sources says of raw files; nothing when there is none."""
    if not path.is_file():
        return Declared()
    sources = read_sources(path)
    return Declared(
        encodings={source.dest: source.encoding for source in sources},
        mappings={source.dest: source.mapping for source in sources if source.mapping},
    )


def _source(entry: Any, number: int) -> Source:
    if not isinstance(entry, dict):
        raise IngestError(f"Source {number} is not an object.")
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise IngestError(f"Source {number} needs a 'name' of letters, digits, dots, dashes and underscores.")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise IngestError(f"Source {name!r} has the unknown key {unknown[0]!r}; known: {', '.join(sorted(_KEYS))}.")
    headers = entry.get("headers", {})
    if not isinstance(headers, dict) or not all(isinstance(value, str) for value in headers.values()):
        raise IngestError(f"The 'headers' of source {name!r} must map names to texts.")
    encoding = encoding_of(entry.get("encoding", "utf-8"), name)
    sha256 = entry.get("sha256")
    if sha256 is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", str(sha256)):
        raise IngestError(f"The 'sha256' of source {name!r} must be 64 hexadecimal digits.")
    return Source(
        name=name,
        url=_url(entry.get("url"), name),
        dest=_dest(str(entry.get("dest") or f"{name}.csv"), name),
        headers=headers,
        sha256=str(sha256).lower() if sha256 else None,
        enabled=entry.get("enabled", True) is True,
        encoding=encoding,
        mapping=mapping_of(entry, name),
    )


def _url(url: Any, name: str) -> str:
    if not isinstance(url, str) or not url.strip():
        raise IngestError(f"Source {name!r} needs a 'url'.")
    scheme = urlsplit(url).scheme
    if scheme and scheme not in _SCHEMES:
        raise IngestError(f"Source {name!r} uses {scheme!r}; known: https, http, file, s3, or a relative path.")
    return url.strip()


def _dest(dest: str, name: str) -> str:
    path = PurePosixPath(dest.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or any(part.startswith(".") for part in path.parts) or ":" in dest:
        raise IngestError(f"The 'dest' {dest!r} of source {name!r} must be a plain path under raw/.")
    if trouble := name_trouble(dest):
        raise IngestError(f"The 'dest' {dest!a} of source {name!r} {trouble}.")
    if not path.name.lower().endswith(_SUFFIXES):
        raise IngestError(f"The 'dest' {dest!r} of source {name!r} must end in one of {', '.join(_SUFFIXES)}.")
    return path.as_posix()


def encoding_of(told: Any, name: str) -> str:
    """Return the encoding that source `name` declares.

    Raises:
        IngestError: it is none that is known.
    """
    encoding = str(told).lower()
    if encoding not in ENCODINGS:
        raise IngestError(f"Source {name!r} declares the encoding {encoding!r}; known: {', '.join(ENCODINGS)}.")
    return encoding
