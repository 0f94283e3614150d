"""docs/security.md, written from the same rows and templates that the tests hold."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tests.golden.controls.language import EVERYWHERE, Control, EnvironmentName
from tests.golden.controls.markdown import table
from tests.golden.controls.rendered import ROOT, templates
from tests.golden.controls.rights import section
from tests.golden.controls.table.access import MANAGED_POLICIES, ON_EVERYTHING
from tests.golden.controls.table.all import CONTROLS
from tests.golden.controls.table.rows import ACCOUNT_LEVEL, ROWS

PATH: Path = ROOT / "docs" / "security.md"

INTRODUCTION = """\
# Security controls

What every environment's templates show, by control. This page is written from the rows in `tests/golden/controls`,
which the tests hold against the rendered templates: each property below is asserted in the column of its environment,
and a mutator removes each one, and sets it wrong, to see that the assertion notices.
`python -m tests.golden.controls` writes it again. What the controls are for: [threats.md](threats.md).

Ids without a prefix are AWS Foundational Security Best Practices; `CIS` is the AWS benchmark of the Center for Internet
Security, version 5.0; `CKV` is checkov; `own` is a rule of opsctl's. The columns describe `environments.yaml` as it is
committed. `local` rehearses on one machine and is not held to this table.
"""

PILLARS = """\
## Well-Architected pillars

Each row has one: Security (TLS, IAM, keys, networks), Reliability (zones, standby, backups, what outlives a stack) or
Operations (logs, metrics, messages). Cost is the dev column: what is off there is what is billed by the hour or volume.
"""


@dataclass(frozen=True, order=True)
class Skip:
    """A checkov check that a resource leaves out."""

    check: str
    stack: str
    resource: str
    reason: str


def skips(name: EnvironmentName) -> list[Skip]:
    """All of an environment, in order."""
    found = [
        Skip(each.get("id", ""), stack, resource, each.get("comment", ""))
        for stack, template in templates(name).items()
        for resource, body in template["Resources"].items()
        for each in body.get("Metadata", {}).get("checkov", {}).get("skip", [])
    ]
    return sorted(found)


def render() -> str:
    """The page."""
    sections = [INTRODUCTION, _controls(), PILLARS, section.render(), _skips(), _exceptions(), _account()]
    return "\n".join(sections)


def _controls() -> str:
    head = ["Control", "Pillar", "What the templates show", *EVERYWHERE]
    return "## Controls\n\n" + table(head, (_row(control) for control in CONTROLS))


def _row(control: Control) -> list[str]:
    names = ", ".join(spelled(one_id) for one_id in ROWS[control.key].split())
    return [names, control.pillar, control.what, *(control.column(name) for name in EVERYWHERE)]


def spelled(one_id: str) -> str:
    """`CIS 2.2.1` instead of `CIS-2.2.1`, `own: headers` instead of `own:headers`."""
    return one_id.replace("CIS-", "CIS ").replace("own:", "own: ")


def _skips() -> str:
    """By check and reason: where, in which environments."""
    places: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
    for name in EVERYWHERE:
        for skip in skips(name):
            reason = skip.reason.replace(f" in {name}.", ".")
            places[skip.check, reason].setdefault(f"{skip.stack}: {_without_hash(skip.resource)}", []).append(name)
    rows = []
    for (check, reason), found in sorted(places.items(), key=lambda item: (int(item[0][0].split("_")[-1]), item[0][1])):
        names = [name for name in EVERYWHERE if any(name in where for where in found.values())]
        rows.append([check, ", ".join(names), ", ".join(found), reason])
    numbers = ", ".join(f"{name} {len({skip.check for skip in skips(name)})}" for name in EVERYWHERE)
    text = (
        "## Checks that are skipped\n\n"
        "Each stands in the template, on the resource that would fail, with its reason. "
        f"Different checks: {numbers}. `scripts/run_checkov.py` holds them against a budget.\n\n"
    )
    return text + table(["Check", "Environments", "Where", "Why"], rows)


def _without_hash(resource: str) -> str:
    return "NatInstance" if resource.startswith("NatInstance") else resource


def _exceptions() -> str:
    text = "## Exceptions in IAM\n\nNo role has a `*` in an action. All resources are named, but for:\n\n"
    actions = table(["Action on `*`", "Why"], ([f"`{action}`", why] for action, why in ON_EVERYTHING.items()))
    managed = table(["Policy that AWS writes", "Why"], ([f"`{name}`", why] for name, why in MANAGED_POLICIES.items()))
    return f"{text}{actions}\n{managed}"


def _account() -> str:
    text = "## What belongs to the account\n\nNot in any stack, and not checked here:\n\n"
    return text + table(["Control", "What"], ([one_id, what] for one_id, what in ACCOUNT_LEVEL.items()))
