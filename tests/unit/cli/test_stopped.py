"""A local target that was stopped: commands that read start nothing, and say so or answer from what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opsctl.cli import app
from opsctl.local import start
from opsctl.local.postgres.server import PostgresServer
from opsctl.local.state import StateDir, write_json
from opsctl.operate import login
from tests.unit.cli.test_commands import LEAVES

ENVIRONMENTS = """
default_environment: here
defaults: {service: shop, client: acme, application: {path: ., settings: shop.settings, python: "3.13"}}
environments: {here: {target: local, dashboard: {enabled: true}, ecs: {manage_repository: true}}}
"""
RELEASE = {
    "number": 1, "environment": "here", "run_id": "20261130-024530-4df6df", "at": "2026-11-30T02:46:01+00:00",
    "by": "ann@laptop", "tag": "content-1", "digest": "sha256:" + "1" * 64, "image": "registry/shop@sha256:1",
    "verdicts": [],
}  # fmt: skip
JOURNAL = {"type": "step-finished", "time": "2026-11-30T02:45:36+00:00", "step": "data", "outcome": "failed",
           "text": "CREATE_FAILED", "seconds": 1.0}  # fmt: skip
SAID = "The local target does not run"
NEXT = "`opsctl deploy --env here` starts it."

FAIL = ["diff", "events", "watch", "open", "drift", "logs --follow", "logs --release 1", "outputs", "cancel", "unlock",
        "image list", "secret list", "db status", "db init --check", "dataset releases",
        "dataset rejects", "dataset raw list", "dashboard open"]  # fmt: skip
ANSWER = ["status", "logs", "logs --previous", "releases", "releases --audit", "explain"]
# They look at files alone, exist to change, build or start something, are for AWS only, or say what is wrong.
OTHERS = {
    "ci init", "cost", "dataset inspect", "doctor", "image scan",
    "init", "bootstrap", "deploy", "rollback", "run", "restart", "destroy", "synth", "env list", "env show",
    "env validate", "env policy", "env schema", "secret set", "secret remove", "job list", "job run", "image build",
    "image lock", "image push", "image sign", "db token", "db shell", "db migrate", "db rotate", "dataset refresh",
    "dataset fetch", "dataset build", "dataset load", "dataset rollback", "dataset raw remove", "dashboard export",
    "dashboard publish", "local status", "local env", "local logs", "local stop", "local reset",
}  # fmt: skip


@pytest.fixture(autouse=True)
def stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project that was deployed and stopped, in which a start of anything fails."""
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    state = StateDir.of(tmp_path)
    state.create()
    write_json(state.ports, {"emulator": 20_001, "postgres": 20_002})
    write_json(state.runtime, {"runtime": "processes"})
    lines = [{"timestamp": 1_796_006_757_199, "message": text} for text in ("booting", "serving")]
    stream = {"events": lines, "creationTime": 1, "lastEventTimestamp": 2}
    group = {"streams": {"service/service/730f2a94": stream}}
    groups = {"data": {"000000000000\0us-east-1\0'/opsctl/here/shop/service'": group}}
    write_json(state.aws / "cloudwatch_logs.json", {"payload": {"log_groups": groups}})
    bucket = state.objects / "000000000000" / "artifacts" / "releases" / "here-shop-acme"
    bucket.mkdir(parents=True)
    for name in ("current", "000001"):
        (bucket / f"{name}.json").write_text(json.dumps(RELEASE), encoding="utf-8")
    journal = tmp_path / ".opsctl" / "journal" / "here" / "20261130-024535-4df6df.ndjson"
    journal.parent.mkdir(parents=True)
    journal.write_text(json.dumps(JOURNAL) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def forbidden(*_arguments: object) -> None:
        raise AssertionError("something was started")

    monkeypatch.setattr(start, "spawn_emulator", forbidden)
    monkeypatch.setattr(PostgresServer, "supervise", forbidden)
    return tmp_path


def test_every_command_either_reads_or_is_known_to_do_more() -> None:
    reads = {" ".join(word for word in each.split(" --")[0].split()) for each in (*FAIL, *ANSWER)} | {"db init"}
    assert {" ".join(path) for path, _ in LEAVES} == reads | OTHERS


@pytest.mark.parametrize("command", FAIL)
def test_what_has_nothing_to_read_says_so_and_starts_nothing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = app.run(command.split())
    shown = capsys.readouterr()
    assert (code, shown.out) == (1, "")
    error, hint = shown.err.splitlines()
    assert error.startswith(f"Error: {SAID}")
    assert hint == f"Next: {NEXT}"


@pytest.mark.parametrize("command", ANSWER)
def test_what_was_kept_is_answered(command: str, capsys: pytest.CaptureFixture[str], stopped: Path) -> None:
    before = sorted(stopped.rglob("*"))
    assert app.run(command.split()) == 0
    shown = capsys.readouterr()
    assert sorted(stopped.rglob("*")) == before
    told = shown.out if command == "status" else shown.err
    assert NEXT in told or command == "explain"
    expected = {
        "status": SAID, "logs": "730f2a94 booting\n", "logs --previous": "serving\n", "releases": "ann@laptop",
        "releases --audit": "data failed", "explain": "data",
    }[command]  # fmt: skip
    assert expected in shown.out


def test_a_target_that_was_never_started_is_not_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    monkeypatch.chdir(folder)
    assert [app.run([each]) for each in ("diff", "logs", "releases")] == [1, 1, 1]
    assert capsys.readouterr().err.count(SAID) == 3
    assert [path.name for path in folder.iterdir()] == ["environments.yaml"]


@pytest.mark.parametrize("command", ["destroy --env gone --from-account", "status --from-account"])
def test_what_no_file_names_may_be_in_the_target_that_was_not_asked(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    assert app.run(command.split()) == 2
    said = "The local target of this folder does not run, so it was not asked; `opsctl local env` starts it.\n"
    assert capsys.readouterr().err.startswith(said)


def test_logs_of_one_of_several_environments_are_those_of_its_tasks(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = "environments: {there: {target: local, ecs: {manage_repository: true}}, here"
    (stopped / "environments.yaml").write_text(ENVIRONMENTS.replace("environments: {here", more), encoding="utf-8")
    for number, name in enumerate(("here", "there")):
        task = StateDir.of(stopped).tasks / str(number)
        task.mkdir()
        write_json(task / "task.json", {"family": f"{name}-shop-acme-service", "name": "service"})
        (task / "output.log").write_text(f"of {name}\n", encoding="utf-8")
    for name in ("here", "there"):
        assert app.run(["local", "logs", "--env", name]) == 0
        assert capsys.readouterr().out == f"of {name}\n"


def test_reset_says_what_it_removed_and_what_stays(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["local", "reset", "--yes"]) == 0
    state = stopped / ".opsctl"
    assert capsys.readouterr().out == (
        f"Removed {state / 'local'}. Kept beside it: journal; `rm -rf {state}` removes all.\n"
    )
    assert not (state / "local").exists()


def test_a_command_for_psql_is_passed_on_and_names_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "environments.yaml").write_text(ENVIRONMENTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    asked: list[list[str]] = []

    def run_psql(*_arguments: object, arguments: list[str], **_options: object) -> int:
        asked.append(arguments)
        return 0

    monkeypatch.setattr(login, "run_psql", run_psql)
    assert app.run(["db", "shell", "-c", "select 1"]) == 0
    assert app.run(["db", "shell", "--command", "select 1", "--", "--csv"]) == 0
    assert app.run(["db", "shell", "--", "-c", "select 2"]) == 0
    assert app.run(["db", "shell", "-c", "select 1", "-c", "select 2"]) == 0
    assert asked == [
        ["--command", "select 1"], ["--command", "select 1", "--csv"], ["-c", "select 2"],
        ["--command", "select 1", "--command", "select 2"],
    ]  # fmt: skip
