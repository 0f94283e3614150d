"""All rows, in the order of the table."""

from __future__ import annotations

from tests.golden.controls.language import Control
from tests.golden.controls.table import access, database, endpoints, keys, network, service, site, storage

CONTROLS: tuple[Control, ...] = (
    *database.CONTROLS,
    *service.CONTROLS,
    *site.CONTROLS,
    *storage.CONTROLS,
    *network.CONTROLS,
    *endpoints.CONTROLS,
    *keys.CONTROLS,
    *access.CONTROLS,
)
