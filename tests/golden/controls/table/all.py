"""All rows, in the order of the table."""

from __future__ import annotations

from tests.golden.controls.language import Control
from tests.golden.controls.table import access, database, network, service, storage

CONTROLS: tuple[Control, ...] = (
    *database.CONTROLS,
    *service.CONTROLS,
    *storage.CONTROLS,
    *network.CONTROLS,
    *access.CONTROLS,
)
