"""The names of AWS's regions and of EC2's types, as the SDK ships them. No call, and no import of the SDK at the top:
every command reads the regions.
"""

from __future__ import annotations

import json
import os
import re
from importlib.util import find_spec
from pathlib import Path


def commercial_regions() -> frozenset[str]:
    """Regions of the partition `aws`. One that is newer than the installed botocore is not among them."""
    path = _data() / "partitions.json"
    if not path.is_file():
        return frozenset()
    partitions = {item["id"]: item["regions"] for item in json.loads(path.read_text(encoding="utf-8"))["partitions"]}
    return frozenset(name for name in partitions["aws"] if not name.endswith("-global"))


def own_region() -> str:
    """The region that AWS's variables or the profile name; "" where none does."""
    import botocore.session

    return os.environ.get("AWS_REGION") or botocore.session.Session().get_config_variable("region") or ""


def instance_types() -> frozenset[str]:
    """All types of EC2 instances in the newest of the installed botocore's models; none where it can't be read."""
    import gzip

    models = sorted(_data().glob("ec2/*/service-2.json.gz"))
    if not models:
        return frozenset()
    with gzip.open(models[-1]) as file:
        # A search takes 10 ms, and parsing the whole model four times as long.
        found = re.search(rb'"InstanceType":\{\s*"type":"string",\s*"enum":(\[[^]]*\])', file.read())
    return frozenset(json.loads(found[1])) if found else frozenset()


def _data() -> Path:
    found = find_spec("botocore")
    if found is None or not found.submodule_search_locations:
        return Path()
    return Path(found.submodule_search_locations[0], "data")
