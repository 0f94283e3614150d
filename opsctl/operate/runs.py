"""The records of an environment's runs: those of this checkout, and those in the artifact bucket, which CI made too."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.deploy.evidence.record import Record
from opsctl.deploy.journal import folder
from opsctl.errors import UsageError

if TYPE_CHECKING:
    from opsctl.aws.s3 import S3
    from opsctl.operate.target import Target

# Of which the newest failed one is looked for, and how many are named to whoever asks for one that is not there.
_LOOKED_AT, _NAMED = 20, 5
_RUN = re.compile(r"[\w.-]{1,128}")


def record_of(target: Target, run: str | None, tell: Callable[[str], None]) -> Record:
    """The record of a run; by default of the newest that failed among the last, or else of the newest.

    `tell` gets what could not be looked at. Raises UsageError for a run that nobody knows, naming the last ones.
    """
    runs = _Runs(target, tell)
    if run is not None:
        found = runs.read(run) if _RUN.fullmatch(run) else None
        if found is None:
            raise UsageError(f"There is no record of a run {run} of {target.env.name}.", hint=_known(runs.names))
        return found
    newest: Record | None = None
    for name in runs.names[:_LOOKED_AT]:
        found = runs.read(name)
        if found is not None and found.outcome != "done":
            return found
        newest = newest or found
    if newest is None:
        raise UsageError(
            f"There is no record of a run of {target.env.name} yet.",
            hint="Deploys that change something leave one; it is kept for 90 days in the artifact bucket.",
        )
    return newest


def _known(names: list[str]) -> str:
    return f"The last ones: {', '.join(names[:_NAMED])}." if names else "There is none at all yet."


@dataclass
class _Runs:
    target: Target
    tell: Callable[[str], None]
    untold: bool = field(default=True)

    @property
    def _folder(self) -> Path:
        return folder(self.target.workspace.root, self.target.env.name)

    @cached_property
    def names(self) -> list[str]:
        """All runs, the newest first: a run's name begins with its time."""
        here = {path.stem for path in self._folder.glob("*.ndjson")} if self._folder.is_dir() else set()
        # The bucket of the local target has what is here, and asking it would start the target.
        there = set() if self.target.is_local and here else self._in_bucket()
        return sorted(here | there, reverse=True)

    def read(self, run: str) -> Record | None:
        """One record: that of the bucket only where there is none here."""
        try:
            return Record.parse(run, (self._folder / f"{run}.ndjson").read_bytes())
        except OSError:
            pass
        if self._bucket is None:
            return None
        try:
            stored = self._bucket[0].get(self._bucket[1], naming.run_key(naming.artifact_folder(self.target.env), run))
        except AwsError as error:
            self._told(error)
            return None
        return Record.parse(run, stored.body) if stored is not None else None

    @cached_property
    def _bucket(self) -> tuple[S3, str] | None:
        """Where the bucket is; None without one, or when nobody may say."""
        try:
            stack = self.target.aws.cloudformation.stack(naming.BOOTSTRAP_STACK)
            name = stack.outputs.get("ArtifactBucketName") if stack is not None else None
            return (self.target.aws.s3, name) if name else None
        except AwsError as error:
            self._told(error)
            return None

    def _in_bucket(self) -> set[str]:
        if self._bucket is None:
            return set()
        prefix = naming.run_key(naming.artifact_folder(self.target.env), "").removesuffix(".ndjson")
        try:
            keys = self._bucket[0].sizes(self._bucket[1], prefix)
        except AwsError as error:
            self._told(error)
            return set()
        names = {key.removeprefix(prefix).removesuffix(".ndjson") for key in keys if key.endswith(".ndjson")}
        # A key may be any text; this one becomes a path here.
        return {name for name in names if _RUN.fullmatch(name)}

    def _told(self, error: AwsError) -> None:
        if self.untold:
            self.untold = False
            self.tell(f"The records in the artifact bucket can't be read: {error.message}")
