"""What lies in the dataset bucket and is read or removed without a task: raw files, and the rejected rows of builds."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from opsctl.config.nearest import nearest
from opsctl.errors import OpsctlError, UsageError
from opsctl.images.limits import gunzipped
from opsctl.operate.dataset import BUCKET, bucket_of, raw_folder
from opsctl.operate.deployed import state_of
from opsctl.operate.raw_files import PREFIX, is_nobodys, is_same, raw_files
from opsctl.paths import portable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opsctl.aws.s3 import S3
    from opsctl.operate.target import Target

_FETCHED = PREFIX + ".fetch-state.json"
Place = Literal["both", "bucket", "here", "differs"]


def list_raw(target: Target) -> dict[str, Any]:
    """Raw files of the bucket and of this checkout by name: where each lies, its bytes, and which source brings it."""
    bucket, store = bucket_of(target, state_of(target), BUCKET), target.aws.s3
    folder = raw_folder(target)
    here = {portable(path, folder): path for path in raw_files(folder)}
    # Hidden names are the pipeline's own, but for data files that somebody put beside the others.
    sizes = {key.removeprefix(PREFIX): size for key, size in store.sizes(bucket, PREFIX).items()}
    there = {name: size for name, size in sizes.items() if not is_nobodys(name)}
    sources = _fetched(store, bucket)

    def place(name: str) -> Place:
        if name not in here:
            return "bucket"
        if name not in there:
            return "here"
        return "both" if is_same(store, bucket, PREFIX + name, there[name], here[name]) else "differs"

    files = [
        {"name": name, "place": place(name), "source": sources.get(name),
         "bytes": there[name] if name in there else here[name].stat().st_size}
        for name in sorted(here.keys() | there.keys())
    ]  # fmt: skip
    return {"environment": target.env.name, "bucket": bucket, "files": files}


def chosen(listed: dict[str, Any], names: Sequence[str]) -> list[dict[str, Any]]:
    """The files of these names. Raises UsageError for one that there is not."""
    files = {file["name"]: file for file in listed["files"]}
    for name in names:
        if name not in files:
            hint = nearest(name, files) if files else "There is none at all."
            raise UsageError(f"There is no raw file `{name}`.", code="unknown-raw-file", hint=hint)
    return [files[name] for name in dict.fromkeys(names)]


def remove_raw(target: Target, listed: dict[str, Any], files: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Remove raw files from the bucket and from this checkout; answers which are left."""
    folder = raw_folder(target)
    with target.outlasting():
        for file in files:
            target.aws.s3.delete(listed["bucket"], PREFIX + file["name"])
            if file["place"] != "bucket":
                (folder / file["name"]).unlink(missing_ok=True)
    removed = {file["name"] for file in files}
    return {
        "environment": target.env.name,
        "removed": [file["name"] for file in files],
        "remaining": [file["name"] for file in listed["files"] if file["name"] not in removed],
        "fetched_again": {file["name"]: file["source"] for file in files if file["source"]},
    }


def _fetched(store: S3, bucket: str) -> dict[str, str]:
    """The source of each file that was fetched, by what the task notes of it."""
    stored = store.get(bucket, _FETCHED)
    with suppress(ValueError, TypeError, KeyError, AttributeError):
        state = json.loads(stored.body if stored else b"{}")
        return {str(name): str(source) for source, held in state.items() for name in held["files"]}
    return {}


def read_rejects(target: Target, release: int | None, out: Path | None) -> dict[str, Any]:
    """The rows that the build of a release (None: the last build) rejected; `out` takes them as a CSV file instead."""
    bucket = bucket_of(target, state_of(target), BUCKET)
    whose = "the last build" if release is None else f"release {release}"
    stored = target.aws.s3.get(bucket, f"runs/{'last' if release is None else f'r{release}'}/rejects.csv.gz")
    if stored is None:
        raise OpsctlError(
            f"Nothing is kept in {target.env.name} of what {whose} rejected.",
            code="no-rejects",
            hint=f"`opsctl dataset releases --env {target.env.name}` lists the releases that are kept; "
            f"`opsctl dataset build --env {target.env.name}` builds from the raw files that are there.",
        )
    content = gunzipped(stored.body, "The list of rejected rows")
    rows = [{**row, "line": int(row["line"])} for row in csv.DictReader(io.StringIO(content.decode(), newline=""))]
    found = {
        "environment": target.env.name,
        "release": release,
        "rejected": len(rows),
        "reasons": dict(sorted(Counter(row["reason"] for row in rows).items())),
    }
    if out is None:
        return {**found, "rows": rows}
    out.write_bytes(content)
    return {**found, "file": str(out)}
