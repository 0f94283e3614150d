"""How a deploy looks while it runs: a live tree on a terminal, plain lines in a pipe, NDJSON under --json."""

from __future__ import annotations

import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING

from opsctl.cli import output, streams
from opsctl.deploy.events import (
    Emit,
    Emitter,
    Event,
    Evidence,
    LogLine,
    Note,
    Progress,
    ResourceChanged,
    StepFinished,
    StepStarted,
    TimeLeft,
)
from opsctl.deploy.evidence.log_lines import clean, settled
from opsctl.errors import OpsctlError

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_BAR = 24  # characters
_LOG_SECONDS = 60.0  # between two lines of what is left
_DRAWN = "…━─"  # beside the marks; without them the tree's lines would get longer than the screen is wide
_MARKS = {"done": "✓", "unchanged": "·", "rolled-back": "↩", "failed": "✗", "detached": "↗"}
_FOLDED = {"done", "unchanged", "rolled-back"}


@contextmanager
def printing(*, as_json: bool) -> Iterator[Emit]:
    """As `listening`, for commands whose result for people is what a task prints: it goes to stdout, and only there."""
    if as_json:
        with listening(as_json=True) as emit:
            yield emit
        return
    lines = _Lines()
    try:
        with _shown_beside(lines) as emit:
            yield emit
    except OpsctlError as error:
        error.told = _is_of_a_task(error)  # whose log is the result
        raise
    finally:
        lines.write_held()
    if lines.refused is not None:
        raise lines.refused


@contextmanager
def _shown_beside(lines: _Lines) -> Iterator[Emit]:
    if not _draws():
        yield Emitter(lambda event: lines(event) if isinstance(event, LogLine) else _plain_line(event))
        return
    lines.hold = True
    tree = Tree(keeps_lines=False)
    with tree.shown():
        yield Emitter(tree, lines)


class _Lines:
    """Writes the lines of a task to stdout: as they come, or with `hold` when nothing is drawn any more."""

    def __init__(self) -> None:
        self.hold = False
        self.refused: OpsctlError | None = None  # what a task prints may not be taken, and the task goes on
        self._held: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, LogLine):
            self._held.append(event.text + "\n")
            if not self.hold:
                self.write_held()

    def write_held(self) -> None:
        text = "".join(self._held)
        self._held.clear()
        if text and self.refused is None:
            try:
                output.write(clean(settled(text)) if sys.stdout.isatty() else text)
            except OpsctlError as error:
                self.refused = error


@contextmanager
def listening(*others: Emit, as_json: bool) -> Iterator[Emit]:
    """The listener that fits where stderr goes, for as long as the block lasts."""
    if not as_json and _draws():
        tree = Tree()
        with tree.shown():
            try:
                yield Emitter(tree, *others)
            except OpsctlError as error:
                tree.keeps_lines = not error.detail  # which stands right below, and is longer
                raise
        return
    lines = Sparing(_json_line if as_json else _plain_line)
    # What is seen of a stack's tasks is a line for scripts alone.
    logs = _Logs((LogLine, Evidence) if as_json else (LogLine,))
    try:
        yield Emitter(lines, logs, *others)
    except OpsctlError as error:
        error.told = logs.tell_the_failure and _holds_a_log(error)
        raise


def _is_of_a_task(error: OpsctlError) -> bool:
    from opsctl.deploy.tasks import TaskFailedError  # brings the engine, which a push has no use for

    return isinstance(error, TaskFailedError)


def _holds_a_log(error: OpsctlError) -> bool:
    from opsctl.deploy.failures import StackFailedError  # as above

    return isinstance(error, StackFailedError) or _is_of_a_task(error)


class _Logs:
    """Hears which steps told of a task's log, by events of these kinds, and which failed."""

    def __init__(self, kinds: tuple[type[LogLine] | type[Evidence], ...]) -> None:
        self._kinds = kinds
        self._steps: set[str] = set()
        self._failed: set[str] = set()

    def __call__(self, event: Event) -> None:
        if isinstance(event, self._kinds) and (isinstance(event, LogLine) or event.lines):
            self._steps.add(event.step)
        elif isinstance(event, StepFinished) and event.outcome == "failed":
            self._failed.add(event.step)

    @property
    def tell_the_failure(self) -> bool:
        """Whether every step that failed told its log, whichever of them the error is of."""
        return bool(self._failed) and self._failed <= self._steps


class Sparing:
    """Hands on all events, but of what is left only the first and then one a minute: a log is read later."""

    def __init__(self, emit: Emit, clock: Callable[[], float] = time.monotonic) -> None:
        self._emit = emit
        self._clock = clock
        self._told = float("-inf")

    def __call__(self, event: Event) -> None:
        if isinstance(event, TimeLeft):
            if self._clock() - self._told < _LOG_SECONDS:
                return
            self._told = self._clock()
        self._emit(event)


def noting(*, as_json: bool) -> Emit:
    """A listener beside a result that is printed as it comes: nothing is drawn, notes are lines on stderr."""
    return _json_line if as_json else _plain_line


def _draws() -> bool:
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and streams.takes(sys.stderr, _DRAWN)


def _json_line(event: Event) -> None:
    output.line(output.json_text(event.to_dict(), sys.stderr))


def _plain_line(event: Event) -> None:
    text = plain(event)
    if text and isinstance(event, Note):
        output.note(text)
    elif text:
        output.line(text)


def plain(event: Event) -> str:
    """One line for a log, or several of what was written as several; "" for what only a live display can use."""
    if isinstance(event, StepStarted):
        return f"{event.step}: {output.one_line(event.text)}"
    if isinstance(event, StepFinished):
        return f"{event.step}: {_MARKS[event.outcome]} {event.text} ({event.seconds:.1f} s)"
    if isinstance(event, ResourceChanged):
        reason = f" — {event.reason}" if event.reason and "FAILED" in event.status else ""
        return f"{event.step}: {event.status} {event.resource_type} {event.logical_id}{reason}"
    if isinstance(event, LogLine):
        return "\n".join(f"{event.step} | {line}" for line in settled(event.text).split("\n"))
    if isinstance(event, Progress) and event.unit == "s":  # a countdown: someone waits for it, in a log as well
        return f"{event.step}: {event.text}"
    if isinstance(event, TimeLeft):
        return time_left(event.seconds, event.at_most, event.earlier)
    return event.text if isinstance(event, Note) else ""


def time_left(seconds: float, at_most: float, earlier: int) -> str:
    """`About 4 min left; nine of ten are done within 6 (12 earlier deploys).`"""
    if at_most < 60:
        return "Less than a minute left."
    likely, longest = max(1, round(seconds / 60)), math.ceil(at_most / 60)
    known = f"{earlier} earlier deploy{'' if earlier == 1 else 's'}" if earlier else "by published experience"
    within = f"; nine of ten are done within {longest}" if longest > likely else ""
    return f"About {likely} min left{within} ({known})."


class _Row:
    """A step as the tree shows it."""

    def __init__(self, text: str, started: float) -> None:
        self.text = text
        self.started = started
        self.outcome = ""
        self.seconds = 0.0
        self.resources: dict[str, tuple[str, str, float, float | None]] = {}
        self.lines: deque[str] = deque(maxlen=4)
        self.progress: Progress | None = None


class Tree:
    """Steps with their resources in progress or failed; finished steps fold to one line.

    A failed resource stays, whatever the rollback makes of it: it is why the step failed. Long lines of steps at work
    are cut, so that the tree keeps its height; notes and failed steps are read to their end, and wrapped.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, *, keeps_lines: bool = True) -> None:
        """`keeps_lines`: whether the last lines of a step that failed stay, where nothing else shows them."""
        self._clock = clock
        self.keeps_lines = keeps_lines
        self._rows: dict[str, _Row] = {}
        self._notes: deque[str] = deque(maxlen=3)
        self._left: tuple[TimeLeft, float] | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Draw four times a second until the block ends; the last picture stays on the screen."""
        from rich.console import Console
        from rich.live import Live

        with Live(
            get_renderable=lambda: self, console=Console(stderr=True), refresh_per_second=4,
            vertical_overflow="ellipsis", redirect_stdout=False, redirect_stderr=False,
        ):  # fmt: skip
            yield

    def __call__(self, event: Event) -> None:
        if isinstance(event, LogLine):
            self._row(event.step).lines.extend(clean(settled(event.text)).split("\n"))
            return
        event = _cleaned(event)
        if isinstance(event, Note):
            self._notes.append(event.text)
        elif isinstance(event, TimeLeft):
            self._left = (event, self._clock())
        elif isinstance(event, StepStarted):
            self._rows[event.step] = _Row(output.one_line(event.text), self._clock())
        elif isinstance(event, StepFinished):
            row = self._row(event.step)
            row.outcome, row.text, row.seconds = event.outcome, event.text, event.seconds
        elif isinstance(event, ResourceChanged):
            self._resource(event)
        elif isinstance(event, Progress):
            self._row(event.step).progress = event

    def _row(self, step: str) -> _Row:
        return self._rows.setdefault(step, _Row("", self._clock()))

    def _resource(self, event: ResourceChanged) -> None:
        row = self._row(event.step)
        if event.logical_id == event.step and event.status in {"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"}:
            row.resources.clear()  # another attempt begins
        known = row.resources.get(event.logical_id)
        if known and "FAILED" in known[0] and "FAILED" not in event.status:
            return
        started = known[2] if known else self._clock()
        ended = None if event.status.endswith("_IN_PROGRESS") else self._clock()
        row.resources[event.logical_id] = (event.status, event.resource_type, started, ended)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        width = options.max_width
        for note in list(self._notes):
            yield Text("\n".join(output.filled(note, width, indent="  ")), style="dim", overflow="fold")
        for name, row in list(self._rows.items()):
            failed = row.outcome == "failed"
            text = Text(no_wrap=not failed, overflow="fold" if failed else "ellipsis")
            self._draw_row(text, name, row, width if failed else None)
            text.rstrip()
            yield text
        if self._left is not None and not all(row.outcome for row in list(self._rows.values())):
            left, told = self._left
            passed = self._clock() - told
            yield Text(time_left(left.seconds - passed, left.at_most - passed, left.earlier), no_wrap=True)

    def _draw_row(self, text: Text, name: str, row: _Row, width: int | None) -> None:
        """A step with what belongs to it; `width` where its own line is wrapped."""
        styles = {"done": "green", "unchanged": "dim", "failed": "red", "": "bold"}
        mark = _MARKS.get(row.outcome, "…")
        seconds = row.seconds if row.outcome else self._clock() - row.started
        head = f"{mark} {name:<10}"
        line = f"{head} {_duration(seconds):>6}  {row.text}"
        if width is not None:
            line = "\n".join(output.filled(line, width, indent="    "))
        text.append(head, style=styles.get(row.outcome, "yellow"))
        text.append(f"{line.removeprefix(head)}\n", style="dim" if row.outcome in _FOLDED else "")
        if row.outcome in _FOLDED:
            return
        for logical_id, (status, kind, started, ended) in _busy(row):
            lasted = (self._clock() if ended is None else ended) - started
            style = "red" if "FAILED" in status else "yellow" if "ROLLBACK" in status else ""
            text.append(f"    {status:<24} {_duration(lasted):>6}  {logical_id}  {kind}\n", style=style)
        for line in list(row.lines) if self.keeps_lines or not row.outcome else ():
            text.append(f"    | {line}\n", style="dim")
        if row.progress is not None:
            text.append(f"    {_bar(row.progress.done, row.progress.total)}{row.progress.text}\n", style="dim")


def _cleaned(event: Event) -> Event:
    """The event without what a terminal would act on: tasks and AWS wrote it, and rich passes escapes on."""
    texts = {each.name: value for each in fields(event) if isinstance(value := getattr(event, each.name), str)}
    return replace(event, **{name: clean(value) for name, value in texts.items()})


def _busy(row: _Row) -> list[tuple[str, tuple[str, str, float, float | None]]]:
    """Failed resources, then those in progress: at most eight."""
    resources = list(row.resources.items())  # at once, as another thread adds to it
    failed = [(name, item) for name, item in resources if "FAILED" in item[0]]
    busy = [(name, item) for name, item in resources if item[3] is None]
    return (failed + busy)[:8]


def _bar(done: int, total: int) -> str:
    """`━━━━━━──────  50 %  `, or nothing while nobody knows how much there is."""
    if total <= 0:
        return ""
    share = min(max(done / total, 0.0), 1.0)
    return f"{'━' * round(_BAR * share):─<{_BAR}} {share:4.0%}  "


def _duration(seconds: float) -> str:
    """`7.4 s` or `12:05`."""
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60}:{int(seconds) % 60:02}"


if TYPE_CHECKING:
    from rich.text import Text
