"""A deploy's events on disk, one JSON object a line, for whoever asks in the morning what happened at night."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from opsctl import private
from opsctl.deploy.events import Event

KEEP = 50


class Journal:
    """Appends events to `.opsctl/journal/{environment}/{run}.ndjson`. A disk that refuses never stops a deploy."""

    def __init__(self, root: Path, environment: str, run_id: str) -> None:
        self.path = root / ".opsctl" / "journal" / environment / f"{run_id}.ndjson"

    def __call__(self, event: Event) -> None:
        line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **event.to_dict()})
        try:
            if not self.path.exists():
                private.make_folder(self.path.parent)
                self._prune()
            with private.open_file(self.path, "a") as file:
                file.write(f"{line}\n".encode())
        except OSError:
            return

    def _prune(self) -> None:
        for old in sorted(self.path.parent.glob("*.ndjson"))[:-KEEP]:
            old.unlink(missing_ok=True)
