"""Rollouts told as short timelines on a virtual clock: what the watchdog would have seen of them, look by look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from opsctl.aws.ecs import ServiceEvent, Task
from opsctl.aws.load_balancers import TargetHealth
from opsctl.deploy.rollout import Rollout
from opsctl.deploy.watchdog import Verdict, judge

BEGUN = datetime(2026, 1, 1, 12, tzinfo=UTC)
EVERY = 10
STOPPED_FOR_HEALTH = (
    "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:us-east-1:1:targetgroup/app/1)"
)


def at(seconds: float) -> datetime:
    """A moment of the rollout."""
    return BEGUN + timedelta(seconds=seconds)


@dataclass
class Life:
    """One task: placed, running from `runs` on, ended at `ends` with what ECS says then. Seconds since the begin.

    `answers` is what the load balancer says of it, as (from when, state, reason, description), one after the other;
    `health` what its own check says.
    """

    placed: float
    runs: float | None = None
    ends: float | None = None
    code: int | None = None
    stop: str = "EssentialContainerExited"
    reason: str = "Essential container in task exited"
    why: str = ""
    answers: tuple[tuple[float, str, str, str], ...] = ()
    health: str = "UNKNOWN"


def crash(placed: float, runs: float, ends: float, code: int, why: str = "") -> Life:
    """A task whose process ends by itself."""
    return Life(placed, runs, ends, code, why=why)


def unstarted(placed: float, ends: float, reason: str) -> Life:
    """A task that never starts."""
    return Life(placed, None, ends, None, "TaskFailedToStart", reason)


def answering(placed: float, runs: float, answers: str, ends: float | None = None) -> Life:
    """A task behind a load balancer. `answers`: `40 404; 70 200`, from when on which status, refused or timeout."""
    told = []
    for part in answers.split(";"):
        since, what = part.split()
        if what == "200":
            told.append((float(since), "healthy", "", ""))
        elif what == "refused":
            told.append((float(since), "unhealthy", "Target.FailedHealthChecks", "Health checks failed"))
        elif what == "timeout":
            told.append((float(since), "unhealthy", "Target.Timeout", "Request timed out"))
        else:
            text = f"Health checks failed with these codes: [{what}]"
            told.append((float(since), "unhealthy", "Target.ResponseCodeMismatch", text))
    return Life(
        placed, runs, ends, 0 if ends else None, "ServiceSchedulerInitiated", STOPPED_FOR_HEALTH, answers=tuple(told)
    )


@dataclass
class Timeline:
    """A rollout: the lives of its tasks, those of the release before, what the service says, as (when, text)."""

    lives: list[Life]
    before: list[Life] = field(default_factory=list)
    says: list[tuple[float, str]] = field(default_factory=list)
    desired: int = 1
    grace: float = 30.0
    balanced: bool = True
    done: float | None = None
    name: str = "d1"
    local: bool = False
    own_health: bool = False

    def look(self, seconds: float) -> Rollout:
        """What one look finds."""
        tasks = tuple(
            self._task(f"new/{n}", life, seconds) for n, life in enumerate(self.lives) if life.placed <= seconds
        )
        earlier = tuple(self._task(f"old/{n}", life, seconds) for n, life in enumerate(self.before))
        rollout = Rollout(
            service="dev-app", at=at(seconds), deployment=self.name,
            state="COMPLETED" if self.done is not None and seconds >= self.done else "IN_PROGRESS",
            begun=BEGUN, desired=self.desired, grace_seconds=self.grace, balanced=self.balanced,
            tasks=tasks, earlier=earlier, events=tuple(
                ServiceEvent(at(when), text) for when, text in sorted(self.says)[::-1] if when <= seconds
            ),
        )  # fmt: skip
        running = {task.address for task in rollout.running}
        targets = tuple(target for n, life in enumerate(self.lives) if (target := _target(n, life, seconds)))
        return replace(rollout, targets=tuple(each for each in targets if each.address in running))

    @staticmethod
    def _task(arn: str, life: Life, seconds: float) -> Task:
        ended = life.ends is not None and seconds >= life.ends
        started = life.runs is not None and seconds >= life.runs
        return Task(
            arn=arn,
            status="STOPPED" if ended else "RUNNING" if started else "PENDING",
            stop_code=life.stop if ended else "",
            reason=life.reason if ended else "",
            exit_code=life.code if ended else None,
            container_reason=life.why if ended else "",
            created=at(life.placed),
            started=at(life.runs) if life.runs is not None and started else None,
            stopped=at(life.ends) if life.ends is not None and ended else None,
            address=f"10.0.0.{arn.rsplit('/', 1)[-1]}",
            health=life.health if started else "UNKNOWN",
        )

    def looks(self, until: float) -> Iterator[tuple[float, Verdict | None]]:
        """What the watchdog says, every ten seconds."""
        seen: list[Rollout] = []
        for seconds in range(EVERY, int(until) + 1, EVERY):
            seen.append(self.look(seconds))
            yield seconds, judge(seen, local=self.local, own_health=self.own_health)

    def ended(self, until: float = 3600.0) -> tuple[float, Verdict] | None:
        """When it is ended, and why; None when it is left alone."""
        return next(((when, verdict) for when, verdict in self.looks(until) if verdict is not None), None)


def _target(number: int, life: Life, seconds: float) -> TargetHealth | None:
    if life.runs is None or seconds < life.runs or not life.answers:
        return None
    told = [each for each in life.answers if each[0] <= seconds]
    state, reason, text = told[-1][1:] if told else ("initial", "Elb.InitialHealthChecking", "")
    return TargetHealth(f"10.0.0.{number}", 8000, state, reason, text)
