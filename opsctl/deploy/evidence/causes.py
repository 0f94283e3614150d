"""From evidence to one sentence: why a run failed, and what to do next. Pure; reads events as a record has them.

Who knows most is asked first: a stopped task's reason, then its log, then the load balancer, then ECS's words of the
service; CloudFormation's own reason, which names a circuit breaker at most, comes last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from opsctl.deploy.evidence.known_causes import Found, Source, known
from opsctl.deploy.evidence.places import SERVICE

Events = Sequence[Mapping[str, Any]]
AGAIN = "Correct the cause, then run `opsctl deploy` again: it starts from here."
# CloudFormation stops the other resources when one fails; these texts tell of that, never of the cause.
CONSEQUENCES = (
    "Resource creation cancelled", "Resource update cancelled", "Resource deletion cancelled", "The following resource",
)  # fmt: skip
CERTIFICATE = "AWS::CertificateManager::Certificate"
_KILLED = 137  # 128 + SIGKILL
_RAISED = re.compile(r"(?:[\w.]*\.)?(?P<name>[A-Z]\w*(?:Error|Exception|Exit|Interrupt|Warning|Configured|DoesNotExist|"
                     r"NotReady|Failed|Failure|Missing|Refused|Denied|Invalid|Timeout|Lost)|CommandError)"
                     r"(?:: (?P<text>.*))?$")  # fmt: skip
_ANY_RAISED = re.compile(r"(?:[A-Za-z_]\w*\.)*(?P<name>[A-Za-z_]\w*)(?:: (?P<text>.*))?$")
_SYNTAX = {"SyntaxError", "IndentationError", "TabError"}
# Of these no text tells where; while a module is loaded that is the frame above.
_PLACELESS = {"AttributeError", "NameError", "TypeError"}
_IN_FILE = re.compile(r'[ |+]*File "(?P<path>[^"]+)", line (?P<line>\d+)(, in (?P<inside>.+))?$')
# What servers write when their worker dies, and what the layer and Python add; none says why.
_NOISE = re.compile(
    r"\[(INFO|DEBUG)\]|\[ERROR\] (Worker|Shutting|Reason)|(INFO|DEBUG)[: ]|(Starting|Stopping|Shutting|Watching|Quit|"
    r"System check)\b|During handling of|The above exception|Traceback |HINT:|LINE \d|DETAIL:|"
    r"Type '[^']*' for usage|\s|\^+$|$"
)
_WRAPPED = (
    re.compile(r'^Resource handler returned message: "(?P<text>.*)" \(RequestToken: [^)]*\)\.?$', re.DOTALL),
    re.compile(r"^Received response status \[FAILED\] from custom resource\. Message returned: (?P<text>.*?)"
               r"(?: \(RequestId: [\w-]+\))?$", re.DOTALL),
)  # fmt: skip
UNANSWERED = "its function ended without an answer"
"""What the local emulator says where CloudFormation would wait for the answer."""
_SILENT = ("timed out", "did not receive a response", "failed to respond")
_CUSTOM = ("Custom::", "AWS::CloudFormation::CustomResource")


@dataclass(frozen=True, slots=True)
class Cause:
    """`where` is a step and, where one is known, its resource; `next` what to do."""

    where: str
    sentence: str
    next: str

    @property
    def text(self) -> str:
        """`app: Service failed: the image can't be pulled …`"""
        return f"{self.where} failed: {self.sentence}"


def find_cause(events: Events, step: str = "") -> Cause | None:
    """Why `step` failed, by default the first that did; None where the evidence tells nothing beyond the error."""
    step = step or _failed_step(events)
    own = [event for event in events if event.get("step") == step]
    resource = _failed_resource(own)
    where = f"{step}: {resource['logical_id']}" if resource else step
    if resource is not None and resource.get("resource_type") != SERVICE:
        where += f" ({resource.get('resource_type')})"
        found = _of_function(own, resource) or _of_resource(resource)
    else:
        own = [event for event in own if is_about(event, resource)]
        found = _of_tasks(own) or _of_service(own) or _of_log(own) or _pending(own)
    return Cause(where, found.sentence, found.next) if found is not None and step else None


def is_about(event: Mapping[str, Any], resource: Mapping[str, Any] | None) -> bool:
    """Whether an event may be about this resource: of several services in a stack each has evidence of its own."""
    named = event.get("resource")
    return not named or resource is None or named == resource.get("logical_id")


def unwrapped(reason: str) -> str:
    """A resource's reason without what CloudFormation puts around it."""
    for pattern in _WRAPPED:
        if match := pattern.match(reason):
            reason = match["text"].strip()
    return re.sub(r" \(Service: \w+, Status Code: \d+, Request ID: [\w-]+\)( \(SDK Attempt Count: \d+\))?", "", reason)


def exception_of(lines: Sequence[str]) -> str:
    """`ImproperlyConfigured: the SECRET_KEY setting must not be empty`: what a log's last traceback or a management
    command ends with; "" without one. Servers write more lines below it. Of a syntax error, and of code for which a
    module can't be loaded, its place as well, which no text of Python's has.
    """
    for number, (before, line) in reversed(list(enumerate(zip(("", *lines), lines, strict=False)))):
        if _NOISE.match(line):
            continue
        raised = _RAISED.match(line) or (_ANY_RAISED.match(line) if before[:1].isspace() else None)
        if raised is not None:
            place = _place(raised["name"], lines[max(number - 3, 0) : number])
            return ": ".join(filter(None, (raised["name"], (raised["text"] or "").strip()))) + place
    return ""


def _place(name: str, above: Sequence[str]) -> str:
    """` (shop/urls.py, line 3)`, of the lines above an exception: the last frame, then the line of code."""
    found = next((found for line in reversed(above) if (found := _IN_FILE.match(line))), None)
    if found is None:
        return ""
    placed = found["inside"] is None if name in _SYNTAX else name in _PLACELESS and found["inside"] == "<module>"
    return f" ({found['path']}, line {found['line']})" if placed else ""


def _failed_step(events: Events) -> str:
    ended = [event for event in events if event.get("type") == "step-finished"]
    failed = [event for event in ended if event.get("outcome") == "failed"]
    left = [event for event in ended if event.get("outcome") == "detached"]
    return str(next((event["step"] for event in (*failed, *left)), ""))


def _failed_resource(own: Events) -> Mapping[str, Any] | None:
    failures = [
        event for event in own
        if event.get("type") == "resource-changed" and str(event.get("status")).endswith("_FAILED")
        and event.get("logical_id") != event.get("step")
    ]  # fmt: skip
    real = [event for event in failures if not str(event.get("reason", "")).startswith(CONSEQUENCES)]
    return next(iter(real or failures), None)


def _evidence(own: Events, kind: str) -> list[Mapping[str, Any]]:
    return [event for event in own if event.get("type") == "evidence" and event.get("kind") == kind]


def _of_tasks(own: Events) -> Found | None:
    """The newest stopped task that tells something."""
    targets = [*_evidence(own, "target"), *_evidence(own, "service")]
    for task in reversed(_evidence(own, "task")):
        found = _of_task(task, targets)
        if found is not None:
            return Found(f"{found.sentence} ({_named(task)})", found.next)
    return None


def _of_task(task: Mapping[str, Any], targets: Events) -> Found | None:
    reason, lines = str(task.get("text", "")), [str(line) for line in task.get("lines") or ()]
    unhealthy = "health check" in reason
    found = None if unhealthy else known(reason, "task")
    if found is not None:
        return found
    if unhealthy:
        raised = exception_of(lines)
        return _of_health(targets, lines) or known(reason, "task") or (Found(raised, AGAIN) if raised else None)
    raised = exception_of(lines)
    said = raised or _last_words(lines)
    if found := known(said, "log"):
        return found
    # Deep in a long log anything may stand: of what comes before the last words, the end alone counts.
    around = known("\n".join(lines[-8:]), "log")
    if around is None and task.get("exit_code") == _KILLED:
        around = known("OutOfMemoryError", "task")
    if around is not None:
        return Found(f"{around.sentence}: {raised.rstrip('.')}", around.next) if raised else around
    return Found((said or reason).rstrip("."), AGAIN) if said or reason else None


def _of_health(targets: Events, lines: Sequence[str]) -> Found | None:
    """Why the load balancer found a task unhealthy; with the exception of its log where it answered with an error."""
    for each in reversed(targets):
        source: Source = "target" if each.get("kind") == "target" else "service"
        text = str(each.get("text", ""))
        found = known(text, source) if source == "target" or "is unhealthy in" in text else None
        if found is not None:
            raised = exception_of(lines)
            return Found(f"{found.sentence}: {raised.rstrip('.')}", found.next) if raised else found
    return None


def _of_service(own: Events) -> Found | None:
    """What ECS tells of the service where no task tells it: it could not be placed, or may not be."""
    for kind in ("service", "target"):
        for event in reversed(_evidence(own, kind)):
            found = known(str(event.get("text", "")), "service" if kind == "service" else "target")
            if found is not None:
                return found
    return None


def _of_log(own: Events) -> Found | None:
    """What a one-off task wrote, such as the migrations."""
    lines = [
        line for event in own if event.get("type") == "log-line" for line in str(event.get("text", "")).split("\n")
    ]
    ended = next((str(event.get("text", "")) for event in own if event.get("outcome") == "failed"), "")
    said = exception_of(lines)
    found = known(ended, "task") or known(said, "log") or known("\n".join(lines[-12:]), "log")
    said = said or (_last_words(lines) if ended.startswith("exit code") else "")
    parts = ([found.sentence] if found else []) + ([said.rstrip(".")] if said else [])
    ended = f" ({ended})" if ended.startswith("exit code") else ""
    return Found(f"{': '.join(parts)}{ended}", found.next if found else AGAIN) if parts else None


def _of_function(own: Events, resource: Mapping[str, Any]) -> Found | None:
    """A custom resource: its function answers with a sentence of its own, or its log says why it did not."""
    reason = unwrapped(str(resource.get("reason", "")))
    if not str(resource.get("resource_type")).startswith(_CUSTOM):
        return None
    if not any(text in reason for text in _SILENT):
        found = known(reason, "resource") or known(reason, "log") if UNANSWERED in reason else None
        return Found(reason.rstrip("."), found.next if found else AGAIN) if reason else None
    lines = [str(event.get("text", "")) for event in _evidence(own, "function")]
    said = exception_of(lines) or next((line for line in reversed(lines) if "[ERROR]" in line), "")
    found = known("\n".join(lines), "log")
    if found is None and any("Task timed out" in line for line in lines):
        found = Found(
            "its function was stopped at its time limit before it answered",
            "Check that its subnets reach the database and AWS (security groups, routes); then deploy again.",
        )
    said = re.sub(r"^\[ERROR\]\s*", "", said).rstrip(".")
    parts = [part for part in (found.sentence if found else "", said) if part]
    if not parts:
        return Found(
            f"its function gave no answer ({reason.rstrip('.')})",
            "Check that its subnets reach AWS (S3 takes the answer) and the database; then deploy again.",
        )
    return Found(f"{': '.join(dict.fromkeys(parts))} ({reason.rstrip('.')})", found.next if found else AGAIN)


def _of_resource(resource: Mapping[str, Any]) -> Found | None:
    reason = unwrapped(str(resource.get("reason", "")))
    kind = str(resource.get("resource_type", ""))
    if kind.startswith("AWS::CertificateManager") and "ertificate" not in reason:
        reason = f"certificate: {reason}"
    found = known(f"{reason} {resource.get('reason', '')}", "resource")
    if found is None or not reason:
        return Found(reason.rstrip("."), AGAIN) if reason else None
    return found


def _pending(own: Events) -> Found | None:
    """A certificate that nobody validated while a stack was followed, which CloudFormation waits for without a word."""
    last: dict[str, Mapping[str, Any]] = {}
    asked: dict[str, str] = {}
    for event in own:
        if event.get("resource_type") == CERTIFICATE:
            last[str(event.get("logical_id"))] = event
            if "Content of DNS Record" in str(event.get("reason", "")):
                asked[str(event.get("logical_id"))] = str(event["reason"])
    waiting = (asked[name] for name, event in last.items() if name in asked and "IN_PROGRESS" in str(event["status"]))
    return next((known(reason, "resource") for reason in waiting), None)


def _last_words(lines: Sequence[str]) -> str:
    """The last line that a program wrote before it ended, without what its server adds."""
    return next(_words(lines), "")


def _words(lines: Sequence[str]) -> Iterator[str]:
    return (line.strip() for line in reversed(lines) if not _NOISE.match(line))


def _named(task: Mapping[str, Any]) -> str:
    code = task.get("exit_code")
    name = str(task.get("subject", ""))
    return f"task {name[:8]}{'…' if len(name) > 8 else ''}" + (f", exit code {code}" if code is not None else "")
