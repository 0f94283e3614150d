"""Write opsctl/deploy/planning/create_only.json: which properties replace a resource, for the types in templates/.

The facts come from the public CloudFormation resource schemas that cfn-lint carries. Run after a template uses a new
resource type; `--check` says whether the file is up to date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from opsctl.deploy.planning.compare import parse
from scripts.rendered import settle

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "opsctl" / "deploy" / "planning" / "create_only.json"


def used_types() -> list[str]:
    """Resource types in all committed templates."""
    types = set()
    for path in sorted((ROOT / "templates").rglob("*.yaml")):
        types |= {item["Type"] for item in parse(path.read_text(encoding="utf-8"))["Resources"].values()}
    return sorted(name for name in types if name.startswith("AWS::"))


def entry(resource_type: str) -> dict[str, list[str]]:
    """Dotted paths of create-only and conditionally create-only properties of one type."""
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    names = {"create_only": "createOnlyProperties", "conditional": "conditionalCreateOnlyProperties"}
    return {
        key: paths
        for key, source in names.items()
        if (paths := sorted(_dotted(path) for path in schema.get(source, [])))
    }


def _dotted(pointer: str) -> str:
    return ".".join(part for part in pointer.split("/")[2:] if part != "*")


def main() -> int:
    """Write or check the file; returns the exit code."""
    text = json.dumps({name: found for name in used_types() if (found := entry(name))}, indent=1) + "\n"
    return settle(TARGET, "opsctl/deploy/planning/create_only.json", text)


if __name__ == "__main__":
    sys.exit(main())
