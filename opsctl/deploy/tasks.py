"""One-off tasks on ECS: start one, follow its log, tell how it ended."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from opsctl.aws.ecs import Task
from opsctl.aws.errors import AwsError
from opsctl.config import naming
from opsctl.deploy.events import Emit, LogLine, Note
from opsctl.deploy.evidence.causes import exception_of
from opsctl.deploy.evidence.known_causes import known
from opsctl.deploy.evidence.log_lines import readable_lines, settled
from opsctl.deploy.left_running import DetachedError
from opsctl.deploy.stackrun.stream import Patience
from opsctl.errors import ExitCode, OpsctlError

if TYPE_CHECKING:
    from opsctl.aws.ecs import Ecs
    from opsctl.aws.logs import Logs

# DescribeTasks may not know for this long what RunTask has just started, and its answers may go back a step.
# https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RunTask.html (eventual consistency)
_UNKNOWN_SECONDS = 60.0

REASON = "CommandError: "
"""How the line begins in which a management command says why it stopped."""
_STAYS = "what it changed before it failed stays."
# Outputs by stack.
Outputs = Callable[[str], Mapping[str, str]]


class TaskFailedError(OpsctlError):
    """The task did not succeed; `detail` holds the end of its log. A task that was busy ends opsctl as busy too."""

    code = "task-failed"
    ended: Task | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A task to run: where, what, and where it writes its log (`{container}/{container}/{task id}`).

    `if_it_fails` says what to do then; without it, to correct the cause and do the same again, and what it `left`.
    """

    name: str
    cluster: str
    task_definition: str
    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    log_group: str
    container: str
    command: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    size: tuple[int, int] | None = None
    if_it_fails: str = ""
    left: str = "nothing after it was changed, and a release that was running keeps serving."

    @property
    def started_by(self) -> str:
        """What ECS shows and finds it by; another command has another, so that nobody follows the wrong task."""
        words = "\0".join((*(self.command or ()), *map(str, self.size or ())))
        suffix = f"-{hashlib.sha256(words.encode()).hexdigest()[:8]}" if self.command else ""
        return f"opsctl-{self.name[:20]}{suffix}"


def _request(
    outputs: Outputs, name: str, task_definition: str, *, logs: str = "JobsLogGroupName", **more: Any
) -> TaskRequest:
    """`logs` is the output of the platform stack that names the log group."""
    platform, network = outputs("platform"), outputs("network")
    return TaskRequest(
        name=name,
        cluster=platform["ClusterName"],
        task_definition=task_definition,
        subnets=tuple(network["PrivateSubnetIds"].split(",")),
        security_groups=(network["JobsSecurityGroupId"],),
        log_group=platform[logs],
        **more,
    )


def release_task(outputs: Outputs) -> TaskRequest:
    """What runs before a release, from the stacks' outputs."""
    return _request(outputs, "migrate", outputs("jobs")["MigrateTaskDefinitionArn"], container="migrate")


def job_task(
    outputs: Outputs, job: str, command: tuple[str, ...] | None = None, *, if_it_fails: str | None = None
) -> TaskRequest:
    """A job's task, from the stacks' outputs; `command` replaces its own."""
    return _request(
        outputs, job, outputs("app")[f"{naming.part_id(job)}TaskDefinitionArn"], container=job, command=command,
        if_it_fails=if_it_fails or "", left=_STAYS,
    )  # fmt: skip


def command_task(outputs: Outputs, task_definition: str, container: str, *, logs: str, **more: Any) -> TaskRequest:
    """Any command, in place of that of a process's task definition. `logs` as `_request` has it."""
    return _request(outputs, "run", task_definition, container=container, logs=logs, left=_STAYS, **more)


@dataclass(slots=True)
class _Watch:
    """How far one task has been seen. `known` is when ECS last told of it."""

    request: TaskRequest
    stream: str
    task: Task
    known: float
    unread: bool = False
    token: str | None = None
    last_rounds: int = 0
    lines: list[str] = field(default_factory=list)


class TaskRunner:
    """Runs tasks to their end. One of the same name and definition that still runs is followed, not started twice."""

    def __init__(
        self,
        ecs: Ecs,
        logs: Logs,
        emit: Emit,
        *,
        poll_seconds: float,
        clock: Callable[[], float],
        detach: threading.Event,
        follow_by: str = "opsctl deploy",
    ) -> None:
        """`follow_by`: the command that finds a task again which nobody watches any more."""
        self._ecs = ecs
        self._logs = logs
        self._emit = emit
        self._poll = poll_seconds
        self._clock = clock
        self._detach = detach
        self._follow_by = follow_by

    def run(self, request: TaskRequest, *, token: str) -> Task:
        """Start (or rejoin) the task and follow it. Raises TaskFailedError with the log's tail."""
        running = [
            task
            for task in self._ecs.tasks(request.cluster, started_by=request.started_by)
            # One of another release would end well without having done this one's work.
            if task.task_definition == request.task_definition
        ]
        if running:
            self._emit(
                Note(f"{request.name}: task {running[0].id} still runs; following it instead of starting another.")
            )
        more: dict[str, Any] = {"size": request.size} if request.size else {}
        if request.environment:
            more["environment"] = dict(request.environment)
        task = running[0] if running else self._ecs.run_task(
            cluster=request.cluster,
            task_definition=request.task_definition,
            subnets=request.subnets,
            security_groups=request.security_groups,
            token=token[:64],
            command=request.command,
            container=request.container,
            started_by=request.started_by,
            **more,
        )  # fmt: skip
        ended, lines = self._follow(request, task)
        if not ended.succeeded:
            raise self._failure(request, ended, readable_lines(map(settled, lines)))
        return ended

    def _failure(self, request: TaskRequest, ended: Task, lines: Sequence[str]) -> TaskFailedError:
        """The cause first, then how it ended."""
        reason, how = _reason(lines), how_it_ended(ended)
        # Of one that never started ECS alone tells.
        found = known(how, "task") if ended.exit_code is None else None
        if found is not None:
            message = f"{request.name} failed: {found.sentence}."
            hint = f"{found.next} {request.if_it_fails or _sentence(request.left)}"
        else:
            told = f"{reason.rstrip('.')} ({how})" if reason else how
            message = f"{request.name} failed: {told}."
            again = f"Correct the cause, then run `{self._follow_by}` again; {request.left}"
            hint = request.if_it_fails or again
        failure = TaskFailedError(
            message,
            detail=tuple(lines[-20:]),
            hint=hint,
            brief=how,
            exit_code=ExitCode.BUSY if ended.exit_code == ExitCode.BUSY else None,
        )
        failure.ended, failure.reason = ended, reason
        return failure

    def _follow(self, request: TaskRequest, task: Task) -> tuple[Task, list[str]]:
        watch = _Watch(request, f"{request.container}/{request.container}/{task.id}", task, self._clock())
        patience = Patience(
            self._emit, self._clock, goes_on=f"The task {task.id} goes on", follow_by=self._follow_by
        )  # fmt: skip
        while True:
            with patience:
                if self._look(watch):
                    return watch.task, watch.lines
            if self._detach.wait(self._poll):
                raise DetachedError(
                    f"Detached; the task {task.id} goes on.",
                    hint=f"`{self._follow_by}` finds it again and goes on from there.",
                )

    def _look(self, watch: _Watch) -> bool:
        """One round: how the task is, and what it wrote; answers whether it ended and its log is read."""
        if watch.task.status != "STOPPED":
            found = self._ecs.task(watch.request.cluster, watch.task.arn)
            if found is not None:
                watch.task, watch.known = found, self._clock()
            elif self._clock() - watch.known >= _UNKNOWN_SECONDS:
                watch.task = Task(watch.task.arn, "STOPPED", "Forgotten", "ECS does not know it any more")
        fresh = self._read_if_possible(watch)
        if watch.task.status != "STOPPED":
            return False
        # The last lines arrive a little after the end.
        watch.last_rounds += 1
        return watch.last_rounds > 3 and not fresh

    def _read_if_possible(self, watch: _Watch) -> bool:
        """As `_read`. A log that can't be read is told once, and does not decide how the task ends."""
        try:
            return self._read(watch)
        except AwsError as error:
            if not watch.unread:
                self._emit(
                    Note(f"{watch.request.name}: its log can't be read, the task is watched on. {error.message}")
                )
            watch.unread = True
            return False

    def _read(self, watch: _Watch) -> bool:
        """Show what the stream has; answers whether there was anything.

        Page after page until the token comes back as it was sent: an empty page is not the end. (API GetLogEvents)
        """
        before = len(watch.lines)
        while True:
            page = self._logs.page(watch.request.log_group, watch.stream, watch.token)
            for line in page.lines:
                watch.lines.append(line)
                self._emit(LogLine(watch.request.name, line))
            at_end, watch.token = page.token == watch.token, page.token
            if at_end:
                return len(watch.lines) > before


def how_it_ended(task: Task) -> str:
    """Exit code, or why it never started, in words, without a full stop."""
    if task.exit_code is not None and task.stop_code in {"EssentialContainerExited", ""}:
        return f"exit code {task.exit_code}"
    reason = (task.container_reason or task.reason).rstrip(".")
    return f"{task.stop_code or task.status}: {reason}" if reason else (task.stop_code or task.status)


def _sentence(clause: str) -> str:
    return clause[:1].upper() + clause[1:]


def _reason(lines: Sequence[str]) -> str:
    """In which words a management command, or else its last traceback, says why it stopped; "" when neither does."""
    said = next((line.removeprefix(REASON) for line in reversed(lines) if line.startswith(REASON)), "")
    return said or exception_of(lines)
