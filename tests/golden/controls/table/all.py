"""All rows, in the order of the table."""

from __future__ import annotations

from tests.golden.controls.language import Control
from tests.golden.controls.table import access, database, keys, network, service, site, storage

CONTROLS: tuple[Control, ...] = (
    *database.CONTROLS,
    *service.CONTROLS,
    *site.CONTROLS,
    *storage.CONTROLS,
    *network.CONTROLS,
    *keys.CONTROLS,
    *access.CONTROLS,
)
