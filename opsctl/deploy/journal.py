"""A deploy's events on disk, one JSON object a line, for whoever asks in the morning what happened at night.

The journal of a run is its record: `opsctl explain` reads it here, or a copy in the artifact bucket. Nothing secret is
in it as far as that can be told, see `evidence/redaction.py`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from opsctl import private
from opsctl.deploy.events import Emit, Event, Note, RunFinished, RunStarted
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.errors import ExitCode, OpsctlError

KEEP = 50
# For which the end of a run waits until its record lies in the bucket.
_PATIENCE = 10.0


def folder(root: Path, environment: str) -> Path:
    """Where the journals of an environment lie, `RUN.ndjson` each."""
    return root / ".opsctl" / "journal" / environment


class Journal:
    """Appends events to `.opsctl/journal/{environment}/{run}.ndjson`. A disk that refuses never stops a deploy.

    `body` has all of them, also where the disk refused.
    """

    def __init__(self, root: Path, environment: str, run_id: str, redact: Redactor | None = None) -> None:
        self.path = folder(root, environment) / f"{run_id}.ndjson"
        self._redact = redact or Redactor()
        self._lines: list[str] = []

    def __call__(self, event: Event) -> None:
        found = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **event.to_dict()}
        line = json.dumps(self._redact.deep(found))
        self._lines.append(line)
        try:
            if not self.path.exists():
                private.make_folder(self.path.parent)
                self._prune()
            with private.open_file(self.path, "a") as file:
                file.write(f"{line}\n".encode())
        except OSError:
            return

    def body(self) -> bytes:
        """All lines, without what the redactor has learned to be secret since."""
        lines = [json.dumps(self._redact.deep(json.loads(line))) for line in list(self._lines)]
        return "".join(f"{line}\n" for line in lines).encode()

    def _prune(self) -> None:
        for old in sorted(self.path.parent.glob("*.ndjson"))[:-KEEP]:
            old.unlink(missing_ok=True)


@contextmanager
def recording(journal: Journal, started: RunStarted, keep: Callable[[Journal], None], emit: Emit) -> Iterator[None]:
    """Write down what was asked, and how the block ends; then `keep` puts the record where others find it.

    What `keep` raises is noted, and it is not waited for longer than some seconds.
    """
    journal(started)
    try:
        yield
    except OpsctlError as error:
        outcome = "interrupted" if error.exit_code == ExitCode.INTERRUPTED else "failed"
        journal(RunFinished(outcome, error.code, error.message, error.hint))  # type: ignore[arg-type]
        raise
    except KeyboardInterrupt:
        journal(RunFinished("interrupted", "interrupted", "Interrupted."))
        raise
    except Exception as error:
        journal(RunFinished("failed", "internal-error", f"{type(error).__name__}: {error}"))
        raise
    else:
        journal(RunFinished("done"))
    finally:
        _kept(journal, keep, emit)


def _kept(journal: Journal, keep: Callable[[Journal], None], emit: Emit) -> None:
    def put() -> None:
        try:
            keep(journal)
        except OpsctlError as error:
            said.append(error.message)
        except Exception as error:
            said.append(f"{type(error).__name__}: {error}")

    said: list[str] = []
    worker = threading.Thread(target=put, name="opsctl-record", daemon=True)
    worker.start()
    worker.join(_PATIENCE)
    if worker.is_alive():
        said.append(f"it took longer than {_PATIENCE:.0f} s")
    if said:
        emit(Note(f"The run's record is on this machine alone, not in the artifact bucket: {said[0]}"))
