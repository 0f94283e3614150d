"""GuardDuty: whether the account and region has a detector already (there can be one)."""

from __future__ import annotations

from typing import Any

from opsctl.aws.translation import translated


class GuardDuty:
    """Calls of one region. Every method raises AwsError."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def has_detector(self) -> bool:
        """Whether there is one."""
        with translated():
            return bool(self._client.list_detectors()["DetectorIds"])
