"""The names of AWS's regions, as the SDK ships them. No call, and no import of the SDK at the top: every command reads
them.
"""

from __future__ import annotations

import json
import os
from importlib.util import find_spec
from pathlib import Path


def commercial_regions() -> frozenset[str]:
    """Regions of the partition `aws`. One that is newer than the installed botocore is not among them."""
    found = find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        return frozenset()
    path = Path(found.submodule_search_locations[0], "data", "partitions.json")
    partitions = {item["id"]: item["regions"] for item in json.loads(path.read_text(encoding="utf-8"))["partitions"]}
    return frozenset(name for name in partitions["aws"] if not name.endswith("-global"))


def own_region() -> str:
    """The region that AWS's variables or the profile name; "" where none does."""
    import botocore.session

    return os.environ.get("AWS_REGION") or botocore.session.Session().get_config_variable("region") or ""
