"""Whatever a client sends, the answer is one the OpenAPI document names: schemathesis against the running service."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from scripts.tools import tool
from tests.service.serving import serving
from tests.soak import SAMPLED, rounds

pytestmark = SAMPLED
# Three of the operations have parameters; the others have little to vary.
_OPERATIONS_WITH_PARAMETERS = 3


def test_no_request_breaks_the_service_or_its_schema(tmp_path: Path) -> None:
    cases = rounds(sample=300, whole=10_000)
    with serving(tmp_path) as served:
        options = ["--max-examples", str(cases // _OPERATIONS_WITH_PARAMETERS), "--continue-on-failure"]
        options += ["--phases", "coverage,fuzzing", "--suppress-health-check", "all", "--seed", "1"]
        command = [str(tool("schemathesis", "schemathesis")), "run", *options]
        done = subprocess.run(
            [*command, f"http://127.0.0.1:{served.port}/api/schema"],
            check=False, cwd=tmp_path, capture_output=True, text=True,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout
    counted = re.search(r"(\d+) generated, (\d+) passed", done.stdout)
    assert counted is not None, done.stdout
    assert counted[1] == counted[2]
    assert int(counted[1]) >= cases
