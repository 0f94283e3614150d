"""Who is asked before a deploy, what they see, and what an answer covers."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from opsctl.cli import output
from opsctl.cli.execution import agreed, approved_plan, refuse, refuse_moved
from opsctl.cli.render_plan import asks_text, plan_text
from opsctl.deploy.failures import RefusedChangeError, UnapprovedError
from opsctl.deploy.planning.compare import ResourceChange
from opsctl.deploy.planning.plan import Basis, Consent, ParameterChange, Plan, Risk, StackPlan
from opsctl.deploy.planning.plan_file import PlanFile
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.review.access import AccessChange
from opsctl.deploy.review.changes import PropertyChange
from opsctl.deploy.review.effects import Interruption
from opsctl.deploy.review.losses import Loss
from opsctl.errors import ExitCode, OpsctlError, UsageError
from opsctl.operate.target import Target

DATABASE = "AWS::RDS::DBInstance"
KEY = "arn:aws:kms:eu-central-1:123456789012:key/" + "1" * 36
STACK = StackPlan(
    "data", "dev-data", "UPDATE_COMPLETE", Action.UPDATE, "its template differs",
    changes=(ResourceChange("Database", DATABASE, "modify", "no", ("DBInstanceClass",)),),
    parameters=(ParameterChange("Host", "a", "b\x1b[2J"),),
    properties=(
        PropertyChange("Database", DATABASE, "DBInstanceClass", "db.t4g.small", "db.t4g.medium", "interruption"),
        PropertyChange("Database", DATABASE, "KmsKeyId", KEY, KEY + "2", "replacement"),
        PropertyChange("Database", DATABASE, "Script", "one\ntwo\nthree", "one\n2\nthree", "in place"),
    ),
    access=(AccessChange("Role", "AWS::IAM::Role", "policy", "wider", "Allow", "", "s3:*", "*", "now without x"),),
    interruptions=(Interruption("Database", DATABASE, True, "DBInstanceClass: the database fails over"),),
)  # fmt: skip
PLAN = Plan("dev", (STACK,))
QUIET = Plan("dev", (replace(STACK, access=(), interruptions=()),))
RISK = Risk("data", "Database", DATABASE, "replaced", "DBName")


def decide(plan: Plan, *, local: bool = False, as_json: bool = False, yes: bool = False, approve: str | None = None,
           consent: Consent | None = None) -> Consent:  # fmt: skip
    return agreed(plan, consent or Consent(), local=local, as_json=as_json, yes=yes, approve=approve)


def sits_there(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(output, "can_ask", lambda *, as_json: not as_json)
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))


def test_on_this_machine_and_with_yes_nobody_is_asked() -> None:
    assert decide(PLAN, local=True).approved is None
    assert decide(PLAN, yes=True).approved is None


def test_what_needs_no_answer_is_done_and_nothing_else() -> None:
    assert decide(QUIET).approved == frozenset()


@pytest.mark.parametrize("as_json", [False, True])
def test_where_nobody_can_be_asked_it_stops_and_names_what_to_type(as_json: bool) -> None:
    with pytest.raises(UnapprovedError) as caught:
        decide(PLAN, as_json=as_json)
    assert (caught.value.exit_code, caught.value.code) == (ExitCode.DIFFERS, "approval-needed")
    assert f"--approve {PLAN.id}" in caught.value.hint
    assert "--yes" in caught.value.hint
    assert caught.value.detail[1:] == (
        "  wider       data/Role, policy: Allow s3:* on * (now without x)",
        "  interrupted data/Database, DBInstanceClass: the database fails over",
    )


def test_an_id_agrees_to_its_own_plan_alone() -> None:
    assert decide(PLAN, as_json=True, approve=PLAN.id).approved == frozenset(PLAN.reasons)
    with pytest.raises(UnapprovedError, match=f"The plan is {PLAN.id} now, not {QUIET.id}") as caught:
        decide(PLAN, yes=True, approve=QUIET.id)
    assert caught.value.exit_code == ExitCode.DIFFERS
    assert any("wider" in line for line in caught.value.detail)


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n"])
def test_without_a_clear_yes_nothing_is_done(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sits_there(monkeypatch, answer)
    with pytest.raises(OpsctlError, match="Nothing was changed"):
        decide(PLAN)
    shown = capsys.readouterr()
    assert (shown.out, "[y/N]" in shown.err, "Needs an answer" in shown.err) == ("", True, True)


def test_a_yes_covers_what_was_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    sits_there(monkeypatch, "y\n")
    assert decide(PLAN).approved == frozenset(PLAN.reasons)


def test_yes_does_not_stand_for_allow_replace() -> None:
    lossy = Plan("dev", (replace(STACK, risks=(RISK,)),))
    consent = Consent(recreate_data=True)
    with pytest.raises(RefusedChangeError, match="would lose data"):
        refuse(lossy, consent)
    assert decide(lossy, yes=True, consent=consent).allow_replace == frozenset()


def kept(**more: object) -> PlanFile:
    return replace(PlanFile("dev", "1", "us-east-1", "id", {"data": Basis("t")}), **more)  # type: ignore[arg-type]


def test_a_file_s_plan_that_moved_is_refused_with_what_moved() -> None:
    refuse_moved(kept(), kept())
    with pytest.raises(UnapprovedError) as caught:
        refuse_moved(kept(), kept(account="2"))
    assert (caught.value.exit_code, caught.value.detail) == (ExitCode.DIFFERS, ("the account was 1, and is 2.",))


class _Env:
    name = "dev"


class _Target:
    env = _Env()


def test_a_file_for_another_environment_or_beside_a_selection_is_wrong_usage(tmp_path: Path) -> None:
    target = cast("Target", _Target())
    path = tmp_path / "plan"
    kept(environment="prd").write(path)
    with pytest.raises(UsageError, match="is a plan for prd, not for dev"):
        approved_plan(path, target, None, None)
    kept().write(path)
    assert approved_plan(path, target, [], None) == kept()
    for stacks, tag in ((["app"], None), (None, "abc")):
        with pytest.raises(UsageError, match="neither can be given beside it"):
            approved_plan(path, target, stacks, tag)


def test_values_are_read_in_one_line_where_they_fit_and_one_below_the_other_where_not() -> None:
    lines = plan_text(PLAN).splitlines()
    assert lines[0] == f"Plan for dev ({PLAN.id}):"
    assert "          DBInstanceClass: db.t4g.small → db.t4g.medium (interruption)" in lines
    at = lines.index("          KmsKeyId (replacement)")
    assert lines[at + 1 : at + 3] == [f"            - {KEY}", f"            + {KEY}2"]
    at = lines.index("          Script (in place)")
    assert lines[at + 1 : at + 3] == ["            -two", "            +2"]
    assert [line for line in lines if len(line) > 80 and " " in line.strip()[2:]] == []


def test_what_is_long_is_set_in_lines_and_the_id_can_be_copied() -> None:
    rule = AccessChange(
        "Rule", "AWS::EC2::SecurityGroupEgress", "egress", "wider", "Allow", "10.0.0.0/8", "tcp 443", "Web"
    )
    path = "ContainerDefinitions[service].PortMappings[1].ContainerPort.And.More"
    stack = replace(
        STACK, access=(rule,), waits_for=("platform", "bootstrap", "network", "functions", "upkeep"), risks=(
            RISK, replace(RISK, what="deleted", cause="the template drops it")),
        losses=(Loss("Database", DATABASE, "BackupRetentionPeriod: 1 days of backups are kept, before 35"),),
        properties=(PropertyChange("Database", DATABASE, path, "8000", "9000", "replacement"),),
    )  # fmt: skip
    plan = Plan("dev", (stack,), notes=("word " * 30,))
    text = plan_text(plan)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert f"\n  --approve {plan.id}\n" in text
    assert "data/Rule, egress: tcp 443 from Web to 10.0.0.0/8" in text
    told = " ".join(text.split())
    assert "would be deleted because the template drops it. It is refused" in told
    assert "lost data/Database, BackupRetentionPeriod: 1 days of backups are kept, before 35" in told
    assert [each.kind for each in plan.reasons] == ["wider", "interrupted", "lost"]


def test_what_aws_said_does_not_act_on_the_terminal() -> None:
    assert "\x1b" not in plan_text(PLAN) + asks_text(PLAN, PLAN.reasons)
    assert r"b\x1b[2J" in plan_text(PLAN)


def test_a_wide_terminal_is_used_and_a_pipe_is_set_as_every_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert output.columns() == output.WIDTH
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    for columns, wide in (("120", 120), ("20", 80), ("400", 160)):
        monkeypatch.setenv("COLUMNS", columns)
        assert output.columns() == wide
