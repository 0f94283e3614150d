"""A status as text for people: one screen, a paragraph a part, or the lines that differ from one look to the next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opsctl.cli import output
from opsctl.operate.status.judge import ABSENT, is_well

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opsctl.operate.status.model import EnvironmentStatus, ServiceStatus

_LABEL = 12


def status_text(status: EnvironmentStatus, width: int | None = None) -> str:
    """An environment on one screen, `width` characters wide; whole lines where that is None, as in a pipe."""
    if not status.running:
        return _stopped(status)
    lines = [_verdict(status)]
    for each in status.problems:
        lines += _wrapped(each, "  ! ", "    ", width)
    paragraphs = list(_paragraphs(status))
    # A worker may have a longer name than any of opsctl's own words.
    column = max([_LABEL, *(len(label) + 1 for label, _ in paragraphs)])
    for label, text in paragraphs:
        lines += _wrapped(text, f"{label:<{column}}", " " * (column + 2), width)
    return "\n".join(lines)


def _stopped(status: EnvironmentStatus) -> str:
    return f"The local target does not run. `opsctl deploy --env {status.environment}` starts it."


def status_lines(status: EnvironmentStatus) -> dict[str, str]:
    """The same, a line for each thing that can change by itself, by what it is of. Without ages, which always do."""
    if not status.running:
        return {"target": _stopped(status)}
    lines = {"environment": _verdict(status, moment=False)}
    lines |= {f"problem {each}": each for each in status.problems}
    lines |= {f"stack {each.stack}": f"stack {each.stack} is {each.status}" for each in status.stacks}
    for each in status.services:
        lines[f"service {each.process}"] = f"{each.process}: {_counts(each)}"
        for task in each.tasks:
            words = " ".join(word for word in (task.status, _known(task.health), _release(task.release)) if word)
            lines[f"task {task.id}"] = f"{each.process}: task {task.id[:8]} {words}"
    for target in status.targets:
        lines[f"target {target.address}"] = f"target {target.address} {_reasoned(target.state, target.reason)}"
    for database in status.databases:
        lines[f"database {database.identifier}"] = f"database {database.identifier} is {database.status}"
    if status.release is not None:
        lines["release"] = f"release {status.release.number} by {status.release.by}"
    lines["lock"] = f"operation: {_operation(status)}"
    lines |= {f"unread {each.part}": f"{each.part} can't be read: {each.reason}" for each in status.not_read}
    return {key: output.one_line(text) for key, text in lines.items()}


def clock(iso: str) -> str:
    """`2026-11-29 23:40:05 UTC` of an ISO time."""
    moment = _moment(iso)
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC") if moment else iso


def cell(iso: str) -> str:
    """The same below a header that names UTC; `-` without one."""
    return clock(iso).removesuffix(" UTC") or "-"


def _verdict(status: EnvironmentStatus, *, moment: bool = True) -> str:
    found = "is well" if status.is_well else "is not well"
    if status.is_well and status.not_read:
        found = "is well, as far as it can be read"
    return f"{status.environment} {found}{f', as of {clock(status.read_at)}' if moment else ''}."


def _paragraphs(status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    yield from _stacks(status)
    yield from _release_and_operation(status)
    for service in status.services:
        yield from _service(service, status)
    for target in status.targets:
        if target.state != "healthy":
            yield "", f"target {target.address} {_reasoned(target.state, target.reason, target.description)}"
    if status.targets:
        healthy = sum(target.state == "healthy" for target in status.targets)
        yield "targets", f"{healthy} of {len(status.targets)} healthy"
    yield from _databases(status)
    yield from _alarms(status)
    for each in status.certificates:
        ends = f", ends {clock(each.expires)[:10]} (in {each.days_left} days)" if each.expires else ""
        used = f"used by {len(each.used_by)}" if each.used_by else "used by nothing"
        yield "certificate", f"{each.domain} ({each.of}) {_reasoned(each.status, each.reason)}{ends}, {used}"
    if status.scan is not None:
        counts = ", ".join(f"{count} {name}" for name, count in status.scan.counts.items()) or "nothing found"
        said = counts if status.scan.status == "COMPLETE" else status.scan.status
        yield "image", f"{status.scan.digest[:19]}…, scan: {said}"
    if status.url:
        yield "url", status.url
    for index, part in enumerate(status.not_read):
        yield "" if index else "not read", f"{part.part}: {part.reason}"


def _stacks(status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    if not status.stacks:
        return
    well = [each for each in status.stacks if is_well(each, status)]
    # Of two within one second the later in the order of a deploy.
    last = max(reversed([each for each in status.stacks if each.updated]), key=lambda each: each.updated, default=None)
    changed = f", last changed {_ago(last.updated, status)} ({last.stack})" if last is not None else ""
    drifted = [each.stack for each in status.stacks if each.drift == "DRIFTED"]
    by_hand = f"; changed by hand when last checked: {', '.join(drifted)}" if drifted else ""
    yield "stacks", f"{len(well)} of {len(status.stacks)} well{changed}{by_hand}"
    for each in status.stacks:
        if each not in well and each.status != ABSENT:
            since = f" for {_age(each.updated, status.read_at)}" if each.updated else ""
            yield "", f"{each.stack} {_reasoned(each.status, each.reason)}{since}; next deploy: {each.next_deploy}"
        elif each in well and each.next_deploy.startswith("nothing"):
            yield "", f"{each.stack} is {each.reason}"


def _release_and_operation(status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    if (release := status.release) is not None:
        commit = f" of commit {release.commit[:12]}" if release.commit and release.commit[:7] not in release.tag else ""
        runs = "all tasks run it" if status.runs_release == release.number else _mixed(status)
        when = f"{_ago(release.at, status)} ({clock(release.at)})"
        yield "release", f"{release.number}, tag {release.tag}{commit}, {when} by {release.by}; {runs}"
    elif status.stacks:
        yield "release", "none yet"
    yield "operation", _operation(status)


def _mixed(status: EnvironmentStatus) -> str:
    if status.runs_release is not None:
        return f"tasks run release {status.runs_release}"
    found = {task.release for service in status.services for task in service.tasks if task.image}
    if not found:
        return "no task runs an image that is known"
    names = [f"release {number}" for number in sorted(number for number in found if number is not None)]
    return f"tasks run {' and '.join([*names, *(['an image of no known release'] if None in found else [])])}"


def _operation(status: EnvironmentStatus) -> str:
    lock = status.lock
    if lock is None:
        return "none runs"
    since = datetime.fromtimestamp(lock.acquired, UTC).isoformat()
    return f"{lock.owner} runs `{lock.command}` since {clock(since)}"


def _service(service: ServiceStatus, status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    yield service.process, _counts(service)
    for task in service.tasks:
        words = [task.id[:8], task.status, _known(task.health)]
        words += [f"for {_age(task.started, status.read_at)}" if task.started else "not started yet"]
        words.append(f"revision {task.revision.rpartition(':')[2]}")
        words.append(_release(task.release) or (f"image {task.image[:19]}…" if task.image else ""))
        yield "", "  ".join(word for word in words if word)


def _databases(status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    for each in status.databases:
        zones = ", two zones" if each.multi_az else ""
        size = f"{each.storage} GiB{zones}"
        yield "database", f"{each.status}, {each.engine} {each.version}, {each.instance_class}, {size}"
        if each.changes:
            yield "", f"waits to be changed: {', '.join(each.changes)}"
        for pending in each.maintenance or ():
            when = f"at {clock(pending.when)}" if pending.when else "when somebody chooses a time"
            forced = ", which can't be put off" if pending.forced else ""
            yield "", f"maintenance: {pending.action} ({pending.description}) {when}{forced}"


def _alarms(status: EnvironmentStatus) -> Iterator[tuple[str, str]]:
    if (alarms := status.alarms) is None:
        return
    counts = [
        f"{len(alarms.firing)} fire{'s' if len(alarms.firing) == 1 else ''}" if alarms.firing else "none fires",
        f"{alarms.ok} OK",
    ]
    yield "alarms", ", ".join([*counts, f"{alarms.insufficient_data} without enough data"])
    for each in alarms.firing:
        yield "", f"{each.name} for {_age(each.since, status.read_at)}: {each.reason} {each.description}".rstrip()


def _counts(service: ServiceStatus) -> str:
    pending = f", {service.pending} pending" if service.pending else ""
    rollout = service.rollout_state or "unknown"
    reason = service.rollout_reason if rollout != "COMPLETED" else ""
    more = service.running > service.desired  # while old and new tasks run side by side
    count = (
        f"{service.running} run, {service.desired} wanted" if more else f"{service.running} of {service.desired} run"
    )
    return f"{count}{pending}; rollout {_reasoned(rollout, reason)}"


def _reasoned(state: str, *reasons: str) -> str:
    said = ", ".join(each.rstrip(".") for each in reasons if each)
    return f"{state}: {said}" if said else state


def _known(health: str) -> str:
    return "" if health == "UNKNOWN" else health


def _release(number: int | None) -> str:
    return f"release {number}" if number is not None else ""


def _ago(iso: str, status: EnvironmentStatus) -> str:
    return f"{_age(iso, status.read_at)} ago"


def _age(iso: str, now: str) -> str:
    """From then to now in its largest unit: `40 s`, `5 min`, `2 h`, `3 d`."""
    then, until = _moment(iso), _moment(now)
    if then is None or until is None:
        return "?"
    seconds = max(0, round((until - then).total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (size != 60 and seconds >= size):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _moment(iso: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(iso)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _wrapped(text: str, first: str, rest: str, width: int | None) -> list[str]:
    clean = output.one_line(text)
    if width is None:
        return [f"{first}{clean}"]
    return output.filled(clean, width, first=first, indent=rest)
