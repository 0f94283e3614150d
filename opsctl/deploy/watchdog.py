"""Whether a rollout can still succeed, from what was seen of it: a verdict with its reason, or nothing.

Pure: knows no AWS call and no clock. It ends only what has shown by itself that it can't come up; whatever is slow, was
told to stop, or belongs to the release before, is no evidence. When in doubt it says nothing: ECS's circuit breaker
still watches. Texts of reasons: [UG ECS, stopped task error codes, service event messages; API TargetHealth]
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from opsctl.aws.ecs import Task
from opsctl.aws.load_balancers import TargetHealth
from opsctl.deploy.rollout import Rollout

# CloudFormation waits this long for a service that neither comes up nor fails. [UG CFN, troubleshooting ECS services]
CLOUDFORMATION_SECONDS = 3 * 3600.0
# Attempts that end alike; fewer suffice where ECS has seen enough failed tasks as well.
SAME_EXIT_CODES = 3
# A place comes free once another service's old tasks are drained (300 s by default) and stopped (120 s at most), and
# capacity comes back within minutes. A role or policy that was just made may not be known everywhere yet.
CAPACITY_SECONDS = 600.0
ROLE_SECONDS = 120.0
# How long a wrong answer has to last, so that one odd probe is none.
ANSWER_SECONDS = 10.0
# A worker that nobody probes is good once it has outlived those that ended by this much.
OUTLIVED_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`reason` is a clause without a full stop, `after` how many seconds after the rollout's begin it is said.
    `spared` is our estimate of the seconds that ending it now saves against `instead`, which would have ended it, and
    `estimated` says how; 0 where it saves nothing. `task` is the id of the one that shows it best, "" without one.
    """

    service: str
    reason: str
    advice: str
    after: float
    task: str
    instead: str = ""
    spared: float = 0.0
    estimated: str = ""


@dataclass(frozen=True, slots=True)
class _Cause:
    """Why a task ended. It is hopeless once `attempts` tasks, each begun after the one before ended, end like that, not
    before the rollout has lasted `seconds`.
    """

    what: str
    pattern: re.Pattern[str]
    attempts: int
    advice: str
    seconds: float


def _cause(what: str, pattern: str, attempts: int, advice: str, seconds: float = 0.0) -> _Cause:
    return _Cause(what, re.compile(pattern, re.IGNORECASE | re.DOTALL), attempts, advice, seconds)


_PASSING = (
    r"(\b429\b|toomanyrequests|too many requests|rate.?limit|throttl|time.?out|timed out|deadline exceeded|"
    r"connection re(set|fused)|handshake|unexpected EOF|no such host|temporar|RequestCanceled|"
    r"\b50[0234]\b|service unavailable|bad gateway)"
)
_DENIED = r"(denied|not authorized|unauthorized|forbidden|no basic auth)"
_NETWORK = "Tasks have to reach what they need: look at the way out of their subnets, and at the service's own status."
_START = r"Cannot(Start|Create)Container\w*Error"
# In this order: what may pass is looked for first.
_CAUSES = (
    _cause("the memory of its tasks does not suffice", r"OutOfMemory", 2, "Give its tasks more memory."),
    _cause("its image can't be pulled", rf"CannotPull\w*Error.*{_PASSING}", 3, _NETWORK),
    _cause("its image can't be pulled", rf"CannotPull\w*Error.*{_DENIED}", 2, "Let its execution role read the image.",
           ROLE_SECONDS),
    _cause(
        "its image can't be pulled",
        r"CannotPull\w*Error.*(platform|does not contain descriptor)", 1,
        "Push the image for the architecture on which it shall run, then deploy it.",
    ),
    # Twice, as a replica or a pull-through cache gets an image moments after it was pushed.
    _cause("its image can't be pulled", r"CannotPull\w*Error.*(not.?found|manifest unknown|does not exist)", 2,
           "Push the image, then deploy it; a lifecycle rule may have dropped it."),
    _cause("its image can't be pulled", r"CannotPull\w*Error", 3, "Look at the image and its registry."),
    _cause("what its tasks need before they start is not there", rf"ResourceInitializationError.*{_PASSING}", 3,
           _NETWORK),
    _cause("its tasks may not read what they need before they start", rf"ResourceInitializationError.*{_DENIED}", 2,
           "Let its execution role read the secrets that the task names.", ROLE_SECONDS),
    _cause(
        "what its tasks need before they start is not there",
        r"ResourceInitializationError.*(not.?found|can't find|did not contain|does not exist|invalid)", 2,
        "See `opsctl secret list`; set what is missing with `opsctl secret set`.",
    ),
    _cause("what its tasks need before they start is not there", r"ResourceInitializationError", 3, _NETWORK),
    _cause("its role can't be assumed", r"unable to assume the role", 2, "Look at the role's trust policy.",
           ROLE_SECONDS),
    _cause("its container can't be started", rf"{_START}.*{_PASSING}", 3, "Look at what it says."),
    _cause("its command can't be started", _START, 2, "Look at the image's entry point and the task's command."),
    _cause("its container's own health check fails", r"failed container health checks", 2,
           "Look at the health check, its start period and the log."),
)  # fmt: skip
_PLACE = re.compile(
    r"unable to place a task|capacity is unavailable|reached the limit on the number of|no capacity", re.IGNORECASE
)
_ROLE = re.compile(r"unable to assume the role", re.IGNORECASE)
_CODES = re.compile(r"codes: \[([\d, ]+)\]")
# These say "later", not "no".
_LATER = {408, 425, 429}
_LATER_LOCALLY = _LATER | {502, 503, 504}
# What the layer's hook answers where the project's code can't be loaded.
_NOT_LOADED = 500
_CODE = "Correct the error that the task's log tells."
_ANSWERS = "Look at `application.web.health` in environments.yaml, and at what the application answers there."
_REDIRECTS = (
    "A redirect is not followed. Write `application.web.health` as the application has it, with its last slash, and "
    "leave that path out of SECURE_SSL_REDIRECT and of what asks for a login."
)
_REFUSES = (
    "Look at the port on which the application listens, and at its start; `application.web.health.grace` gives it more "
    "time."
)


def judge(seen: Sequence[Rollout], *, local: bool = False, own_health: bool = False) -> Verdict | None:
    """The verdict on a rollout from all looks at it, the newest last; None while it may succeed, or it is over.

    On this machine (`local`) a person waits: a wrong answer counts before the grace period is over, a 5xx as well as
    others, and one attempt on whose port nobody answered suffices. With `own_health` opsctl's layer answers the health
    check: its 500 says that the project's code can't be loaded, and counts before the grace period is over as well.
    """
    if not seen or seen[-1].state != "IN_PROGRESS":
        return None
    same = [look for look in seen if look.deployment == seen[-1].deployment]
    if _has_good_task(same[-1]):
        return None
    found = _by_answer_here(same) or _by_refusal_here(same) if local else None
    if found is None and own_health:
        found = _by_answer_that_lasts(same, lambda code: code == _NOT_LOADED, _CODE)
    if found is not None:
        return found
    for rule in (_by_cause, _by_exit_code, _by_answer, _by_lost_health, _by_role, _by_capacity):
        found = rule(same)
        if found is not None:
            return found
    return None


def _has_good_task(now: Rollout) -> bool:
    """Whether a task of the new release is healthy, or runs on where others ended and nobody probes it."""
    longest = max((_lived(task) for task in _failures(now)), default=0.0)
    for task in now.running:
        targets = now.targets_of(task)
        if now.balanced:
            good = bool(targets) and all(target.state == "healthy" for target in targets)
        else:
            outlived = task.health != "UNHEALTHY" and _age(now, task) > longest + OUTLIVED_SECONDS
            good = task.health == "HEALTHY" or outlived
        if good:
            return True
    return False


def _failures(now: Rollout) -> list[Task]:
    """Tasks of the new release that ended by themselves, or because they were not well; never those told to stop."""
    return [
        task
        for task in now.stopped
        if task.stop_code in {"EssentialContainerExited", "TaskFailedToStart"} or "health checks" in task.reason
    ]


def _by_cause(seen: Sequence[Rollout]) -> Verdict | None:
    now = seen[-1]
    for cause in _CAUSES:
        tasks = [task for task in _failures(now) if _cause_of(task) is cause]
        if any(_is_later(task, than=tasks) for task in now.running):
            continue  # what kept those from starting did not keep this one
        if tasks and attempts(tasks) >= cause.attempts and (now.at - now.begun).total_seconds() >= cause.seconds:
            return _verdict(now, f"{cause.what}: {_told(tasks[-1])}", cause.advice, tasks[-1])
    return None


def _is_later(running: Task, *, than: Sequence[Task]) -> bool:
    """Whether a task started after all of those, none of which ever did."""
    ended = [task.stopped for task in than if task.stopped is not None]
    never = all(task.started is None for task in than)
    return bool(ended) and never and running.started is not None and running.started >= max(ended)


def _cause_of(task: Task) -> _Cause | None:
    text = f"{task.reason} {task.container_reason}"
    if _PLACE.search(text):
        return None
    return next((cause for cause in _CAUSES if cause.pattern.search(text)), None)


def _by_exit_code(seen: Sequence[Rollout]) -> Verdict | None:
    """Crashes alike, of more than one attempt: tasks that start at once may all meet the same passing trouble."""
    now = seen[-1]
    crashed = [task for task in _failures(now) if task.stop_code == "EssentialContainerExited"]
    codes = Counter(task.exit_code for task in crashed if task.exit_code is not None and _cause_of(task) is None)
    for code, count in codes.most_common(1):
        alike = [task for task in crashed if task.exit_code == code]
        longest = max(map(_lived, alike))
        if any(_age(now, task) > longest + OUTLIVED_SECONDS for task in now.running):
            return None  # it came further, and may be on its way to its first good health check
        tries = attempts(alike)
        if tries >= SAME_EXIT_CODES or (tries > 1 and count >= _breaker_limit(now)):
            text = f"{count} tasks ended with exit code {code}"
            return _verdict(now, text, "Look at the log above, and correct it.", alike[-1])
    return None


def _by_answer(seen: Sequence[Rollout]) -> Verdict | None:
    """A running task beyond its grace period that goes on answering the load balancer with a redirect or a 4xx."""
    now = seen[-1]
    for task in now.running:
        if _age(now, task) <= now.grace_seconds:
            continue
        code = _wrong_answer(now.targets_of(task))
        first = next(look.at for look in seen if look is now or _wrong_answer(look.targets_of(task)))
        if code and (now.at - first).total_seconds() >= ANSWER_SECONDS:
            return _answered(now, code, task)
    return None


def _by_answer_here(seen: Sequence[Rollout]) -> Verdict | None:
    """A running task that goes on answering with a code that its health check does not take, on this machine."""
    return _by_answer_that_lasts(seen, lambda code: code > 0 and code not in _LATER_LOCALLY)


def _by_answer_that_lasts(
    seen: Sequence[Rollout], is_final: Callable[[int], bool], advice: str = ""
) -> Verdict | None:  # fmt: skip
    """A running task that goes on answering with a code that no waiting changes, whatever its grace period is."""
    now = seen[-1]
    for task in now.running:
        code = _code(now.targets_of(task))
        if not is_final(code):
            continue
        same = [look for look in seen if _code(look.targets_of(task)) == code]
        if (now.at - same[0].at).total_seconds() >= ANSWER_SECONDS:
            return _answered(now, code, task, advice)
    return None


def _by_refusal_here(seen: Sequence[Rollout]) -> Verdict | None:
    """A task that was stopped because nobody answered on its port as long as its grace period ran, on this machine."""
    for task in [each for each in _failures(seen[-1]) if "failed ELB health checks" in each.reason]:
        if any(each.reason == "Target.FailedHealthChecks" for each in _last_targets(seen, task)):
            text = "the load balancer's health check finds nobody who answers, though the grace period is over"
            return _verdict(seen[-1], text, _REFUSES, task)
    return None


def _answered(now: Rollout, code: int, task: Task, advice: str = "") -> Verdict:
    usual = _REDIRECTS if 300 <= code < 400 else _ANSWERS
    return _verdict(now, f"the load balancer's health check is answered with {code}", advice or usual, task)


def _code(targets: Iterable[TargetHealth]) -> int:
    """The one code with which a target answers; 0 without one."""
    for target in targets:
        if target.reason == "Target.ResponseCodeMismatch" and (found := _CODES.search(target.description)):
            return int(found[1].split(",")[0])
    return 0


def _by_lost_health(seen: Sequence[Rollout]) -> Verdict | None:
    """Tasks that ECS stopped for the load balancer's health checks, by what the load balancer said last of them."""
    now = seen[-1]
    lost = [task for task in _failures(now) if "failed ELB health checks" in task.reason]
    last = {task.arn: _last_targets(seen, task) for task in lost}
    for task in lost:
        if code := _wrong_answer(last[task.arn]):
            return _answered(now, code, task)
    refusing = [task for task in lost if any(each.reason == "Target.FailedHealthChecks" for each in last[task.arn])]
    if attempts(refusing) >= 2:
        text = "the load balancer's health check finds nobody who answers, though the grace period is over"
        return _verdict(now, text, _REFUSES, refusing[-1])
    if attempts(lost) >= 3:
        return _verdict(now, f"{len(lost)} tasks failed the load balancer's health check", _ANSWERS, lost[-1])
    return None


def _by_role(seen: Sequence[Rollout]) -> Verdict | None:
    return _by_event(seen[-1], _ROLE, ROLE_SECONDS, "its role can't be assumed", "Look at the role's trust policy.")


def _by_capacity(seen: Sequence[Rollout]) -> Verdict | None:
    advice = "Try again later, or with other zones or a smaller task; a limit of the account can be raised."
    return _by_event(seen[-1], _PLACE, CAPACITY_SECONDS, "AWS has no place for its tasks", advice)


def _by_event(now: Rollout, pattern: re.Pattern[str], seconds: float, what: str, advice: str) -> Verdict | None:
    """What ECS said and, for `seconds` from then on, no task of the new release started."""
    if any(task.status != "STOPPED" for task in now.tasks):
        return None
    started = max((task.started for task in now.tasks if task.started is not None), default=now.begun)
    told = [(event.at, event.text) for event in now.events if pattern.search(event.text) and event.at is not None]
    told += [(task.stopped, _told(task)) for task in now.stopped if pattern.search(_told(task)) and task.stopped]
    since = sorted((at, text) for at, text in told if at >= started)
    if not since or (now.at - since[0][0]).total_seconds() <= seconds:
        return None
    return _verdict(now, f"{what}: {since[-1][1].rstrip('.')}", advice)


def attempts(tasks: Iterable[Task]) -> int:
    """How often it was tried: tasks that were begun at once are one attempt, one begun after another ended is the
    next."""
    count, ended = 0, None
    for task in sorted(tasks, key=lambda each: each.created.timestamp() if each.created else 0.0):
        if count == 0 or (ended is not None and task.created is not None and task.created >= ended):
            count, ended = count + 1, task.stopped
    return count


def _breaker_limit(now: Rollout) -> int:
    return max(3, min(200, math.ceil(now.desired / 2)))


def _verdict(now: Rollout, reason: str, advice: str, task: Task | None = None) -> Verdict:
    """With the time that is saved: ECS's circuit breaker trips at failures of half the desired count, 3 to 200 of
    them; attempts go on as they did. Where no task fails, nothing trips it. [API DeploymentCircuitBreaker]
    """
    elapsed = (now.at - now.begun).total_seconds()
    verdict = Verdict(now.service, reason, advice, elapsed, task.id if task is not None else "")
    if not now.tasks:
        left, how = CLOUDFORMATION_SECONDS - elapsed, "it waits 3 hours for a service that starts no task"
        return replace(verdict, instead="CloudFormation's own limit", spared=max(0.0, left), estimated=how)
    limit = _breaker_limit(now)
    made = max(1, attempts(_failures(now)))
    each = elapsed / made
    ahead = max(0, math.ceil(limit / max(1, now.desired)) - made)
    how = f"it ends a rollout after {limit} failed tasks, and an attempt takes about {_span(each)} here"
    return replace(verdict, instead="ECS's circuit breaker", spared=ahead * each, estimated=how)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def saving(verdict: Verdict) -> str:
    """`About 4 min sooner than ECS's circuit breaker (estimated: …).`, or that it saved nothing."""
    if verdict.spared < 1:
        return f"{verdict.instead} would have ended it at about this time."
    return f"That is about {_span(verdict.spared)} sooner than {verdict.instead} (estimated: {verdict.estimated})."


def _told(task: Task) -> str:
    """What ECS said of its end, without a full stop."""
    texts = [text for text in (task.container_reason, task.reason) if text and not text.startswith("Essential")]
    return (texts[0] if texts else task.stop_code).rstrip(". ")


def _wrong_answer(targets: Iterable[TargetHealth]) -> int:
    """The redirect, 4xx or other code below 500 with which a target answers; 0 without one."""
    for target in targets:
        if target.reason == "Target.ResponseCodeMismatch" and (found := _CODES.search(target.description)):
            codes = [int(code) for code in found[1].replace(" ", "").split(",")]
            if all(code < 500 and code not in _LATER for code in codes):
                return codes[0]
    return 0


def _last_targets(seen: Sequence[Rollout], task: Task) -> tuple[TargetHealth, ...]:
    """What the load balancer last said of a task that is gone."""
    for look in seen[::-1]:
        for each in look.running:
            if each.arn == task.arn and (targets := look.targets_of(each)):
                return targets
    return ()


def _age(now: Rollout, task: Task) -> float:
    return (now.at - task.started).total_seconds() if task.started is not None else 0.0


def _lived(task: Task) -> float:
    if task.started is None or task.stopped is None:
        return 0.0
    return (task.stopped - task.started).total_seconds()
