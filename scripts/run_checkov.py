"""Run checkov over the templates and hold its findings against the budget of each environment.

checkov has an environment of its own, .venv-checkov, because it brings 290 MB of packages that nothing else needs.
A failed check is an error. A skip must be in the budget, and used; both are counted in check ids, per environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from scripts.tools import tool

ROOT = Path(__file__).parent.parent
# Skips that a setting of the environment explains; docs/security.md has the reasons.
STRICT = {"CKV_AWS_260", "CKV_AWS_18"}
# `dev` of the budget; two and 103 only without a certificate, 174 without a dashboard domain.
CHEAP = STRICT | {f"CKV_AWS_{number}" for number in (65, 68, 86, 88, 115, 118, 136, 149, 157, 158, 173, 2, 103, 174)}
BUDGET = {"prd": STRICT, "hml": CHEAP, "dev": CHEAP}


def scan(environment: str) -> tuple[set[str], set[str], int]:
    """Failed ids, skipped ids and the number of passed checks of one environment."""
    command = [
        str(tool("checkov", "checkov")), "--framework", "cloudformation", "--skip-download",
        "--compact", "--output", "json", "--directory", f"templates/{environment}",
    ]  # fmt: skip
    # By relative path: checkov adds the file's path to each block of a template, and takes forty characters of an
    # absolute one without a dot or dash for an AWS secret key (CKV_AWS_45).
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"checkov gave no report:\n{done.stderr}")
    results = report["results"]
    failed = {f"{item['check_id']} {item['resource']} ({item['file_path']})" for item in results["failed_checks"]}
    skipped = {item["check_id"] for item in results["skipped_checks"]}
    return failed, skipped, report["summary"]["passed"]


def main() -> int:
    """Scan all environments; returns the exit code."""
    wrong = 0
    for environment, budget in BUDGET.items():
        failed, skipped, passed = scan(environment)
        over = skipped - budget
        print(
            f"checkov {environment}: {passed} passed, {len(failed)} failed, {len(skipped)} skipped ids of {len(budget)}"
        )
        for line in sorted(failed):
            print(f"  failed: {line}")
        for identifier in sorted(over):
            print(f"  skipped beyond the budget: {identifier}")
        wrong += len(failed) + len(over)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
