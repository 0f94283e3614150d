"""What was changed by hand, and what putting it back would do, as text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opsctl.cli import output
from opsctl.deploy.drift import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opsctl.deploy.drift import DriftReport, StackDrift
    from opsctl.operate.reverting import StackRevert

_ACTIONS = {"Modify": "~", "Add": "+", "Remove": "-"}


def drift_text(report: DriftReport, *, hint: bool = True) -> str:
    """A line a stack, below it each resource that differs, property by property; last how to put it back."""
    lines = [output.one_line(line) for stack in report.stacks for line in _stack(stack)]
    count = sum(len(stack.drifted) for stack in report.stacks)
    if count:
        differ = "resource differs" if count == 1 else "resources differ"
        lines.append(f"{count} {differ} from what was deployed.")
        if hint:
            lines.append(f"`opsctl drift --env {report.environment} --revert` puts back what can be.")
    elif not report.stacks:
        lines.append("No stack is deployed.")
    else:
        lines.append("Nothing that can be compared was changed by hand.")
    return "\n".join(lines)


def revert_text(prepared: Sequence[StackRevert]) -> str:
    """What CloudFormation would do, as its change sets say."""
    lines = []
    for each in prepared:
        lines.append(f"{each.stack}: {each.refused or 'is put back'}")
        for change in () if each.refused else each.changes:
            how = " REPLACED" if change.replacement == "True" else ""
            how = how or (" perhaps replaced" if change.replacement == "Conditional" else "")
            how = " made anew, as it was deleted" if change.action == "Add" else how
            lines.append(f"  {_ACTIONS.get(change.action, '?')} {change.logical_id} {change.type}{how}")
    return "\n".join(output.one_line(line) for line in lines)


def _stack(stack: StackDrift) -> Iterator[str]:
    counts = [f"{stack.checked} compared"]
    if stack.drifted:
        counts.insert(0, f"{len(stack.drifted)} changed")
    if stack.not_checked:
        counts.append(f"{len(stack.not_checked)} can't be")
    if stack.by_aws:
        counts.append(f"{stack.by_aws} changed by AWS itself")
    yield f"{stack.stack:<10} {', '.join(counts) if stack.checked or not stack.reason else 'not compared'}"
    if stack.reason:
        yield f"  ! {stack.reason}"
    for resource in stack.drifted:
        if resource.status == "DELETED":
            yield f"  - {resource.logical_id} {resource.type}: deleted ({resource.physical_id})"
            continue
        yield f"  ~ {resource.logical_id} {resource.type}"
        for difference in resource.differences:
            yield f"      {words(difference)}"
