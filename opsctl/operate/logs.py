"""What an environment's processes write: which streams that is, and their lines for whoever shows them.

A task's stream is called `container/container/TASK`, those of the function DbInit as Lambda calls them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.config.nearest import near
from opsctl.deploy.events import Note
from opsctl.deploy.evidence.log_lines import entry
from opsctl.deploy.spans import spans as spans_of
from opsctl.deploy.tasks import how_it_ended
from opsctl.errors import OpsctlError, UsageError
from opsctl.operate import tailing
from opsctl.operate.deployed import require_outputs, state_of
from opsctl.operate.since import since
from opsctl.operate.tailing import Where
from opsctl.stacks.parts.tasks import container_name, log_group_output

if TYPE_CHECKING:
    from opsctl.aws.logs import LogEvent, Logs, LogStream
    from opsctl.deploy.events import Emit
    from opsctl.deploy.planning.state import RemoteState
    from opsctl.operate.target import Target

FUNCTION = "db-init"
_DEFAULT = "1h"
Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a process's log a person wants to see."""

    process: str = "web"
    since: str | None = None
    pattern: str | None = None
    task: str | None = None
    previous: bool = False
    release: int | None = None
    follow: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log of one task; of DbInit, of one of the function's instances."""

    time: datetime
    task: str
    process: str
    message: str

    def to_dict(self) -> dict[str, Any]:
        """`fields` are those of a line that is a JSON object."""
        fields = entry(self.message).fields
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "task": self.task,
            "process": self.process,
            "message": self.message,
            **({} if fields is None else {"fields": dict(fields)}),
        }


def read(target: Target, wanted: Wanted, emit: Emit) -> Iterator[list[Line]]:
    """The lines, oldest first, a page at a time; with `follow` without end, some pages empty. Raises UsageError
    before AWS is asked.
    """
    now = datetime.now(UTC)
    _check(target, wanted)
    matches = _matcher(wanted.pattern)
    start = _start(wanted, now)
    if target.reads_only and target.is_stopped and not wanted.follow and wanted.release is None:
        yield from _kept(target, wanted, emit, matches)
        return
    state = state_of(target)
    found = 0
    try:
        for lines in _read(target, state, wanted, emit, start, matches):
            found += len(lines)
            yield lines
    except AwsError as error:
        if error.aws_code != "ResourceNotFoundException" or "log group" not in error.message:
            raise  # a stream that went meanwhile is AWS's to tell
        raise OpsctlError(
            f"The log group of {wanted.process}, {_source(target, state, wanted.process).group}, is not there: it was "
            "deleted, and its lines with it.", code="no-log",
            hint=f"`opsctl drift platform --revert --env {target.env.name}` makes it anew; tasks can't start without.",
        ) from error  # fmt: skip
    if not found:
        who = wanted.process if wanted.task is None else f"A task `{_task_id(wanted.task)}…` of {wanted.process}"
        emit(Note(f"{who} wrote nothing {_span(wanted)}."))


def _kept(target: Target, wanted: Wanted, emit: Emit, matches: Matches) -> Iterator[list[Line]]:
    """What a local target that does not run kept of a log: all of it, unless told since when."""
    from opsctl.local.kept import KeptLogs

    kept, source = KeptLogs(target.local.state), _kept_source(target, wanted.process)
    where = Where(source.group, source.prefix + (_task_id(wanted.task) if wanted.task is not None else ""))
    streams = [stream for stream in kept.list_streams(source.group, source.prefix) if stream.last]
    if wanted.previous and streams:
        where = Where(source.group, streams=(max(streams, key=lambda stream: stream.last).name,))
    if wanted.since is not None:
        where = replace(where, start=round(since(wanted.since, datetime.now(UTC)).timestamp() * 1000))
    read = [_line(event, wanted.process) for page in tailing.lines(kept, where) for event in page]
    found = [line for line in read if matches(line.message)]
    if not found:
        _ = target.endpoints  # raises: it does not run, and there is nothing to read
    emit(Note(target.kept_note))
    yield found


def _kept_source(target: Target, process: str) -> _Source:
    """The same as `_source`, without an output: by the names that the templates give."""
    purpose, prefix = "db-init", ""
    if process != FUNCTION:
        output = log_group_output(dict(target.env.application.processes())[process])
        purpose = output.removesuffix("LogGroupName").lower()
        prefix = f"{container_name(process)}/{container_name(process)}/"
    return _Source(naming.log_group(target.env, purpose), prefix)


def _read(
    target: Target, state: RemoteState, wanted: Wanted, emit: Emit, start: datetime | None, matches: Matches
) -> Iterator[list[Line]]:
    where = _where(target, state, wanted, emit)
    if start is not None:
        where = replace(where, start=round(start.timestamp() * 1000))
    for page in _pages(target, where, emit, follow=wanted.follow):
        lines = [line for event in page if matches((line := _line(event, wanted.process)).message)]
        if lines or wanted.follow:
            yield lines


def _check(target: Target, wanted: Wanted) -> None:
    names = (*dict(target.env.application.processes()), FUNCTION)
    if wanted.process not in names:
        raise UsageError(
            f"{target.env.name} has no process `{wanted.process}`.",
            code="unknown-process",
            hint=f"{near(wanted.process, names)} There are {', '.join(names)}.".strip(),
        )
    chosen = [f"--{name}" for name in ("task", "previous", "release") if getattr(wanted, name) not in (None, False)]
    if len(chosen) > 1:
        raise UsageError(f"{' and '.join(chosen)} each choose tasks: give one of them.")
    if chosen and wanted.process == FUNCTION:
        raise UsageError(f"{FUNCTION} is a function and has no tasks.", hint=f"Leave {chosen[0]} out.")
    if wanted.task is not None:
        _task_id(wanted.task)
    if wanted.follow and chosen in (["--previous"], ["--release"]):
        raise UsageError(
            f"{chosen[0]} shows tasks of the past, which write no more.",
            hint="Leave out --follow, or " + chosen[0] + ".",
        )


def _matcher(pattern: str | None) -> Matches:
    """Judged here: CloudWatch's own patterns are another language. Looks at a line as it was written, and as shown."""
    if pattern is None:
        return lambda _: True
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"`{pattern}` is not a regular expression: {error}.",
            code="bad-pattern",
            hint="Put a backslash before what stands for itself, such as \\( or \\[.",
        ) from None
    return lambda message: bool(compiled.search(message)) or any(map(compiled.search, entry(message).lines))


def _start(wanted: Wanted, now: datetime) -> datetime | None:
    if wanted.since is not None:
        return since(wanted.since, now)
    named = wanted.task is not None or wanted.previous or wanted.release is not None
    return None if named else since(_DEFAULT, now)


def _span(wanted: Wanted) -> str:
    what = f"that matches `{wanted.pattern}` " if wanted.pattern is not None else ""
    if _start(wanted, now := datetime.now(UTC)) is None:
        return f"{what}that is still kept"
    begin = _start(wanted, now) or now
    ask = "" if wanted.since else "; --since 1d goes back further"
    return f"{what}since {begin:%Y-%m-%dT%H:%M:%SZ}{ask}"


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a process writes; `family` is that of its task definitions."""

    group: str
    prefix: str
    cluster: str = ""
    family: str = ""


def _source(target: Target, state: RemoteState, process: str) -> _Source:
    if process == FUNCTION:
        return _Source(require_outputs(target, state, "platform", "FunctionLogGroupName")["FunctionLogGroupName"], "")
    group = log_group_output(dict(target.env.application.processes())[process])
    outputs = require_outputs(target, state, "platform", group, "ClusterName")
    container = container_name(process)
    return _Source(
        outputs[group], f"{container}/{container}/", outputs["ClusterName"],
        f"{naming.cluster_name(target.env)}-{container}",
    )  # fmt: skip


def _where(target: Target, state: RemoteState, wanted: Wanted, emit: Emit) -> Where:
    source = _source(target, state, wanted.process)
    if wanted.task is not None:
        return Where(source.group, source.prefix + _task_id(wanted.task))
    if wanted.previous:
        return Where(source.group, streams=(_previous(target, source, wanted.process, emit),))
    if wanted.release is not None:
        return Where(source.group, streams=_of_release(target, state, source, wanted, emit))
    return Where(source.group, source.prefix)


def _task_id(given: str) -> str:
    """An id, its beginning, or an ARN that ends in one."""
    found = given.rpartition("/")[2]
    if not re.fullmatch(r"[0-9a-zA-Z-]+", found):
        raise UsageError(f"`{given}` is no id of a task.", hint="Take it from the second column of `opsctl logs`.")
    return found


def _previous(target: Target, source: _Source, process: str, emit: Emit) -> str:
    """The stream of the task that stopped last.

    ECS forgets a task an hour after it stopped; then it is the stream that was written to last, of those whose tasks
    don't run.
    """
    tasks = target.aws.ecs.tasks_of(source.cluster, source.family)
    serves = process == "web" or process in target.env.application.workers
    streams = {stream.name.removeprefix(source.prefix): stream for stream in _streams(target, source)}
    # `opsctl run` may have used a service's task definition.
    stopped = next((task for task in tasks if task.status == "STOPPED" and bool(task.service) == serves), None)
    if stopped is not None:
        emit(Note(f"Task {stopped.id} stopped: {how_it_ended(stopped)}."))
        if stopped.id not in streams:
            raise OpsctlError(
                f"The task of {process} that stopped last, {stopped.id}, wrote nothing.", code="no-log",
                hint="It ended before its process began; the line above says why.",
            )  # fmt: skip
        return streams[stopped.id].name
    alive = {task.id for task in tasks}  # or known not to be it
    past = [stream for name, stream in streams.items() if name not in alive]
    if not past:
        raise OpsctlError(
            f"No task of {process} has stopped of which there is a log.", code="no-log",
            hint=f"`opsctl logs {process} --env {target.env.name}` shows those that run.",
        )  # fmt: skip
    return max(past, key=lambda stream: stream.last).name


def _streams(target: Target, source: _Source) -> list[LogStream]:
    return target.aws.logs.list_streams(source.group, source.prefix)


def _of_release(target: Target, state: RemoteState, source: _Source, wanted: Wanted, emit: Emit) -> tuple[str, ...]:
    """Streams of the tasks that ran a release's image.

    ECS says which image a task runs, until an hour after it stopped. Of older tasks there is only the time at
    which their streams were made: between the beginning of a deploy of this image and the beginning of the next deploy.
    """
    assert wanted.release is not None
    bucket = require_outputs(target, state, "bootstrap", "ArtifactBucketName")["ArtifactBucketName"]
    digest, spans = spans_of(target.aws.s3, bucket, target.env, wanted.release)
    known = {task.id: task for task in target.aws.ecs.tasks_of(source.cluster, source.family) if task.image}
    found, guessed = [], 0
    for stream in _streams(target, source):
        task = known.get(stream.name.removeprefix(source.prefix))
        if task is not None and task.image == digest:
            found.append(stream.name)
        elif task is None and any(span.holds(stream.made) for span in spans):
            found.append(stream.name)
            guessed += 1
    if not found:
        raise OpsctlError(
            f"No task of {wanted.process} that ran release {wanted.release} has left a log.", code="no-log",
            hint=f"Lines are kept for {target.env.observability.log_retention_days} days.",
        )  # fmt: skip
    if guessed:
        emit(
            Note(f"{guessed} of {len(found)} tasks are chosen by when they began, as ECS does not know them any more.")
        )
    return tuple(found)


def _pages(target: Target, where: Where, emit: Emit, *, follow: bool) -> Iterator[list[LogEvent]]:
    if not follow:
        return tailing.lines(target.aws.logs, where)
    clients: list[Logs] = [target.aws.logs]

    def connect() -> Logs:
        """The first is there already; another finds credentials that were renewed meanwhile."""
        return clients.pop() if clients else replace(target).aws.logs

    seconds = 0.3 if target.is_local else 2.0
    return tailing.Follower(connect, emit, clock=time.time, sleep=time.sleep, seconds=seconds).follow(where)


def _line(event: LogEvent, process: str) -> Line:
    task = event.stream.rpartition("/")[2].rpartition("]")[2]  # Lambda's end in `[$LATEST]…`
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event.time)
    return Line(moment, task, process, event.message.rstrip("\r\n"))
