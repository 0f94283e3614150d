"""How a raw file would be read, told by the dataset task: the file lies in the dataset bucket as long as that takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opsctl.aws.s3 import file_sha256
from opsctl.deploy.events import Emit
from opsctl.errors import UsageError
from opsctl.operate.dataset import BUCKET, JOB, bucket_of, require_job, run_command
from opsctl.operate.deployed import state_of

if TYPE_CHECKING:
    from opsctl.operate.target import Target

PREFIX = "inspect/"
_COMMAND = "inspect_salary_file"


def read_keys(text: str | None, preset: str | None) -> dict[str, Any]:
    """Return the keys of a source that `--keys` and `--preset` name; a preset is one of them."""
    try:
        keys = json.loads(text) if text else {}
    except ValueError as error:
        raise UsageError(f"--keys is no JSON ({error}).", hint='Write such as {"period": "year"}.') from error
    if not isinstance(keys, dict):
        raise UsageError("--keys is no JSON object.", hint='Write such as {"period": "year"}.')
    return keys | ({"preset": preset} if preset else {})


def inspect_file(
    target: Target, path: Path, *, keys: dict[str, Any], encoding: str, strict: bool, emit: Emit
) -> dict[str, Any]:
    """Let the dataset task read a file of this machine aside from the dataset, and return what it told."""
    if not path.name.isprintable():
        raise UsageError(f"The name of {str(path)!a} holds a control character.", hint="Rename the file.")
    state = state_of(target)
    bucket = bucket_of(target, state, BUCKET)
    require_job(target, state, JOB)
    key = f"{PREFIX}{file_sha256(path)[:16]}/{path.name}"
    command = [_COMMAND, "--key", key, "--keys", json.dumps(keys), "--encoding", encoding]
    command += [*(["--strict"] if strict else []), "--", path.name]
    target.aws.s3.upload(bucket, key, path)
    try:
        _, log = run_command(
            target, state, command, emit, typed=f"opsctl dataset inspect {path.name}", text=f"inspect {path.name}",
            if_it_fails="Correct what the error names, then run the command again; the dataset is as it was.",
        )  # fmt: skip
    finally:
        target.aws.s3.delete(bucket, key)
    return {"environment": target.env.name, "file": str(path), "log": log}
