"""From a run to its record, and from the record to its explanation."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsctl.cli import render_explain
from opsctl.deploy import journal as journals
from opsctl.deploy.events import Event, Evidence, LogLine, Note, ResourceChanged, RunStarted, StepFinished, StepStarted
from opsctl.deploy.evidence.record import Explanation, Record, explain
from opsctl.deploy.evidence.redaction import Redactor
from opsctl.deploy.failures import StackFailedError
from opsctl.deploy.journal import Journal, recording
from opsctl.deploy.left_running import DeadlineError
from opsctl.errors import ExitCode, OpsctlError
from tests.unit.deploy.evidence.wordings import OF_A_RESOURCE, OF_A_SERVICE, failed
from tests.unit.deploy.fakes import START

RUN = "20260101-000000-abcdef"
STARTED = RunStarted(RUN, "dev", "opsctl deploy --env dev", "ann@host", ("app: update: parameters differ",), "v1")
CRASHED = Evidence(
    "app", "task", "1a2b3c4d5e6f", "Essential container in task exited", "2026-01-01T00:00:02+00:00",
    "EssentialContainerExited", 1, ("  File \"/app/a.py\", line 1, in f", "ValueError: token=hunter2x is \x1b[31mbad"),
)  # fmt: skip
ROLLED_BACK = (
    ResourceChanged("app", START, "Queue", "AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"),
    ResourceChanged("app", START, "app", "AWS::CloudFormation::Stack", "ROLLBACK_IN_PROGRESS",
                    "The following resource(s) failed to create: [Service, Queue]. Rollback requested by user."),
    Evidence("app", "task", "f" * 32, ""),  # which only the rollback ended
    ResourceChanged("app", START, "Service", "AWS::ECS::Service", "DELETE_COMPLETE"),
    ResourceChanged("app", START, "app", "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE"),
)  # fmt: skip
CAUSE = "app: Service failed: ValueError: token=*** is bad (task 1a2b3c4d…, exit code 1)."


def fail(journal: Journal) -> None:
    journal(StepStarted("app", "update: parameters differ"))
    journal(CRASHED)
    journal(ResourceChanged("app", START, "Service", "AWS::ECS::Service", "UPDATE_FAILED", "breaker"))
    journal(ResourceChanged("app", START, "Other", "AWS::SNS::Topic", "UPDATE_FAILED", "Resource update cancelled"))
    journal(StepFinished("app", "failed", "it failed", 3.0))
    raise StackFailedError("app: it failed", hint="Do something.")


def run(tmp_path: Path, work: Callable[[Journal], None], keep: Callable[[Journal], None] = lambda _: None) -> Record:
    """The record of a run, as it lies on the disk."""
    journal = Journal(tmp_path, "dev", RUN)
    notes: list[object] = []
    try:
        with recording(journal, STARTED, keep, notes.append):
            work(journal)
    except (OpsctlError, KeyboardInterrupt, RuntimeError):
        pass
    return Record.parse(RUN, journal.path.read_bytes())


def explained(tmp_path: Path, work: Callable[[Journal], None]) -> Explanation:
    return explain(run(tmp_path, work))


def test_a_failed_run_is_explained_by_its_record_alone(tmp_path: Path) -> None:
    found = explained(tmp_path, fail)
    assert (found.cause, found.next) == (CAUSE, "Do something.")
    assert (found.environment, found.command, found.owner) == ("dev", "opsctl deploy --env dev", "ann@host")
    assert (found.outcome, found.plan, found.image) == ("failed", STARTED.plan, "v1")
    told = [line for moment in found.moments for line in moment.lines]
    assert (
        "Task 1a2b3c4d5e6f stopped: EssentialContainerExited, exit code 1: Essential container in task exited" in told
    )
    assert "| ValueError: token=*** is bad" in told
    assert not any("cancelled" in line or "hunter2x" in line or "\x1b" in line for line in told)
    assert [moment.time for moment in found.moments] == sorted(moment.time for moment in found.moments)


def test_the_first_line_names_the_cause_of_every_scripted_failure_also_after_the_rollback(tmp_path: Path) -> None:
    scripted = {name: ((*events, failed()), sentence) for name, (events, sentence) in OF_A_SERVICE.items()}
    scripted |= {name: ((failed(*resource),), sentence) for name, (resource, sentence) in OF_A_RESOURCE.items()}
    assert len(scripted) > 40
    missed = {}
    for name, (events, sentence) in scripted.items():

        def work(journal: Journal, events: tuple[Event, ...] = events) -> None:
            journal(StepStarted("app", "create: it does not exist"))
            for event in (*events, *ROLLED_BACK):
                journal(event)
            journal(StepFinished("app", "failed", "ROLLBACK_COMPLETE", 60.0))
            raise StackFailedError("app: it failed", hint="Do something.")

        first = render_explain.text(explained(tmp_path / name, work), 80).splitlines()[0]
        if sentence not in first:
            missed[name] = first
    assert missed == {}


def test_nothing_failed_in_a_run_that_did_what_was_asked(tmp_path: Path) -> None:
    found = explained(tmp_path, lambda journal: journal(StepFinished("app", "done", "UPDATE_COMPLETE", 1.0)))
    assert (found.outcome, found.next) == ("done", "")
    assert found.cause.startswith("Nothing failed")


def test_steps_that_had_nothing_to_do_are_left_out(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        journal(StepStarted("network", "unchanged"))
        journal(StepFinished("network", "unchanged", "unchanged", 0.0))

    assert explained(tmp_path, work).moments == ()


def interrupt(journal: Journal) -> None:
    raise KeyboardInterrupt


def detach(journal: Journal) -> None:
    raise OpsctlError("Detached; CloudFormation goes on.", code="detached", exit_code=ExitCode.INTERRUPTED)


def crash(journal: Journal) -> None:
    raise RuntimeError("a bug")


@pytest.mark.parametrize(
    ("work", "outcome", "cause"),
    [
        (interrupt, "interrupted", "Interrupted."),
        (detach, "interrupted", "Detached; CloudFormation goes on."),
        (crash, "failed", "RuntimeError: a bug"),
    ],
)
def test_how_a_run_ended_is_written_down_whatever_ended_it(
    tmp_path: Path, work: Callable[[Journal], None], outcome: str, cause: str
) -> None:
    found = explained(tmp_path, work)
    assert (found.outcome, found.cause) == (outcome, cause)


def test_a_killed_run_has_a_record_that_just_stops_perhaps_in_a_line(tmp_path: Path) -> None:
    body = run(tmp_path, lambda journal: journal(StepStarted("app", "update")))
    cut = "".join(json.dumps(event) + "\n" for event in body.events[:-1]) + '{"type": "evid'
    found = explain(Record.parse(RUN, cut.encode() + b"\xff\n[1]\n{}\n"))
    assert found.outcome == "unfinished"
    assert "killed" in found.cause
    assert "opsctl status" in found.next


def test_an_error_that_explains_itself_is_told_as_it_is(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        journal(StepFinished("app", "failed", "denied", 1.0))
        raise OpsctlError("AWS denied CreateChangeSet: no.", code="aws-refused", hint="Ask for it.")

    found = explained(tmp_path, work)
    assert (found.cause, found.next) == ("AWS denied CreateChangeSet: no.", "Ask for it.")


def test_the_log_of_a_migration_that_failed_is_told_and_that_of_a_build_is_not(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        journal(LogLine("image", "Step 1"))
        journal(StepFinished("image", "done", "built", 1.0))
        journal(LogLine("migrate", "Traceback (most recent call last):"))
        journal(LogLine("migrate", "ValueError: no"))
        journal(StepFinished("migrate", "failed", "exit code 1", 1.0))
        raise OpsctlError("migrate failed: exit code 1", code="task-failed")

    found = explained(tmp_path, work)
    assert found.cause == "migrate failed: ValueError: no (exit code 1)."
    logs = [moment for moment in found.moments if moment.kind == "log-line"]
    assert [(each.step, each.lines) for each in logs] == [
        ("migrate", ("| Traceback (most recent call last):", "| ValueError: no"))
    ]


def test_of_a_traceback_in_a_log_the_projects_own_frames_are_told(tmp_path: Path) -> None:
    """However many others there are: the end of the log alone would be theirs."""
    django = [
        line for number in range(60)
        for line in (f'  File "/venv/lib/python3.13/site-packages/django/db/x.py", line {number}, in run', "    go()")
    ]  # fmt: skip
    own = ['  File "/app/shop/migrations/0002_fill.py", line 7, in fill', "    raise ValueError(name)"]

    def work(journal: Journal) -> None:
        for line in ("Applying shop.0002_fill...", "Traceback (most recent call last):", *django, *own, *django[:20]):
            journal(LogLine("migrate", line))
        journal(LogLine("migrate", "ValueError: no"))
        journal(StepFinished("migrate", "failed", "exit code 1", 1.0))
        raise OpsctlError("migrate failed: exit code 1", code="task-failed")

    (log,) = [moment for moment in explained(tmp_path, work).moments if moment.kind == "log-line"]
    assert log.lines == tuple(
        f"| {line}"
        for line in ("Applying shop.0002_fill...", "Traceback (most recent call last):", *own, "ValueError: no")
    )


def test_of_a_long_log_the_end_is_told(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        for number in range(100):
            journal(LogLine("migrate", f"row {number}"))
        journal(StepFinished("migrate", "failed", "exit code 1", 1.0))
        raise OpsctlError("migrate failed: exit code 1", code="task-failed")

    (log,) = [moment for moment in explained(tmp_path, work).moments if moment.kind == "log-line"]
    assert log.lines == tuple(f"| row {number}" for number in range(60, 100))


def test_the_same_log_is_told_once(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        for name in ("a", "b"):
            journal(Evidence("app", "task", name, "exited", exit_code=1, lines=("boom", "bang")))

    lines = [moment.lines[1:] for moment in explained(tmp_path, work).moments]
    assert lines == [("| boom", "| bang"), ("| the same log as above",)]


def test_what_the_bucket_gets_is_what_the_disk_has_without_what_was_learned_since(tmp_path: Path) -> None:
    redact, kept = Redactor(), []
    journal = Journal(tmp_path, "dev", RUN, redact)

    def keep(given: Journal) -> None:
        redact.learn(["correct horse"])
        kept.append(given.body())

    with recording(journal, STARTED, keep, lambda _: None):
        journal(LogLine("migrate", "as correct horse"))
    assert b"correct horse" in journal.path.read_bytes()
    assert b"correct horse" not in kept[0]
    assert [event["type"] for event in Record.parse(RUN, kept[0]).events] == ["run-started", "log-line", "run-finished"]
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600


def test_a_disk_that_refuses_leaves_the_bucket_with_all_of_it(tmp_path: Path) -> None:
    (tmp_path / ".opsctl").write_text("a file, where a folder should be")
    journal, kept = Journal(tmp_path, "dev", RUN), []
    with recording(journal, STARTED, lambda given: kept.append(given.body()), lambda _: None):
        journal(Note("on"))
    assert len(Record.parse(RUN, kept[0]).events) == 3


@pytest.mark.parametrize(
    ("error", "said"),
    [(OpsctlError("AWS denied PutObject."), "AWS denied PutObject."), (ValueError("x"), "ValueError: x")],
)
def test_a_bucket_that_refuses_is_noted_and_changes_nothing(tmp_path: Path, error: Exception, said: str) -> None:
    notes: list[object] = []

    def refuse(_: Journal) -> None:
        raise error

    with recording(Journal(tmp_path, "dev", RUN), STARTED, refuse, notes.append):
        pass
    text = f"The run's record is on this machine alone, not in the artifact bucket: {said}"
    assert notes == [Note(text)]


def test_a_bucket_that_does_not_answer_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "_PATIENCE", 0.05)
    notes: list[object] = []
    started = time.monotonic()
    with recording(Journal(tmp_path, "dev", RUN), STARTED, lambda _: time.sleep(1.5), notes.append):
        pass
    assert time.monotonic() - started < 1
    assert "took longer" in str(notes[0])


def test_times_of_aws_and_of_this_machine_are_told_in_one_zone() -> None:
    lines = [
        {"type": "note", "text": "b", "time": "2026-01-01T02:00:00+01:00"},
        {"type": "note", "text": "a", "time": "2026-01-01T00:30:00+00:00"},
        {"type": "note", "text": "c", "time": "yesterday"},
    ]
    found = explain(Record.parse(RUN, "\n".join(json.dumps(each) for each in lines).encode()))
    assert [moment.lines for moment in found.moments] == [("c",), ("a",), ("b",)]
    assert datetime.fromisoformat(found.moments[1].time).tzinfo == UTC


def test_where_a_command_is_unknown_the_cause_is_not_how_to_get_help(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        journal(replace(CRASHED, lines=("Unknown command: 'nope'", "Type 'manage.py help' for usage.")))
        journal(ResourceChanged("app", START, "Service", "AWS::ECS::Service", "UPDATE_FAILED", "breaker"))
        journal(StepFinished("app", "failed", "it failed", 3.0))
        raise StackFailedError("app: it failed", hint="Do something.")

    assert "Service failed: Unknown command: 'nope' (task" in explained(tmp_path, work).cause


def test_a_run_whose_certificate_waits_was_still_in_progress(tmp_path: Path) -> None:
    def work(journal: Journal) -> None:
        said = "Content of DNS Record is: {Name: _x.example.com.,Type: CNAME,Value: _y.acm-validations.aws.}"
        kind = "AWS::CertificateManager::Certificate"
        journal(ResourceChanged("front", START, "Certificate", kind, "CREATE_IN_PROGRESS", said))
        journal(StepFinished("front", "detached", "front is still in progress after 60 minutes.", 3600.0))
        raise DeadlineError("front is still in progress after 60 minutes.", hint="Later.")

    found = explained(tmp_path, work)
    assert found.cause.startswith("front was still in progress: the certificate waits until its domain is validated")
    assert "_x.example.com CNAME" in found.next
    assert any("Content of DNS Record" in line for moment in found.moments for line in moment.lines)


@pytest.mark.parametrize(("outcome", "told"), [("done", "done"), ("failed", "failed"), ("detached", "unfinished")])
def test_a_journal_of_an_earlier_opsctl_is_judged_by_its_steps(outcome: str, told: str) -> None:
    events = [{"type": "step-started", "step": "app"}, {"type": "step-finished", "step": "app", "outcome": outcome}]
    assert Record(RUN, tuple(events)).outcome == told
    assert Record(RUN, tuple(events[:1])).outcome == "unfinished"


@pytest.mark.parametrize("value", [["x"], {"a": 1}, 5, None, True, "0001-01-01T00:00:00+14:00", "\x1b]0;owned\x07", ""])
def test_whatever_somebody_writes_into_a_record_is_explained_as_text(value: object) -> None:
    names = (
        "time", "at", "step", "kind", "subject", "text", "lines", "exit_code", "stop_code", "status", "reason",
        "resource_type", "logical_id", "outcome", "code", "message", "hint", "environment", "command", "owner", "plan",
        "image",
    )  # fmt: skip
    kinds = ("run-started", "step-started", "resource-changed", "evidence", "log-line", "note", "step-finished")
    whole = {"step": "app", "status": "CREATE_FAILED", "kind": "task", "outcome": "failed", "reason": "DNS Record"}
    for name in names:
        lines = [json.dumps({**whole, "type": kind, name: value}) for kind in (*kinds, "run-finished")]
        bare = [json.dumps({"type": kind, name: value}) for kind in (*kinds, "run-finished")]
        for written in (lines, lines[:-1], bare, bare[:-1]):
            found = explain(Record.parse("run", "\n".join(written).encode()))
            shown = render_explain.text(found, 80)
            assert "\x1b" not in shown
            assert "\x1b" not in render_explain.page(found)
