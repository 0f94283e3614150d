"""A plan in a file: what was approved, and whether it is still what would be done."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from opsctl.deploy.planning import planner
from opsctl.deploy.planning.plan import Basis, ImagePlan, Plan, Reason
from opsctl.deploy.planning.plan_file import PlanFile
from opsctl.deploy.planning.situation import Request
from opsctl.errors import UsageError
from opsctl.stacks.model import FromContext, FromOutput

from .bench import Bench
from .fakes import template

APP = template("app", parameters={
    "ImageUri": FromContext("image_uri"), "Size": FromContext("size"), "ApiPassword": FromContext("word"),
})  # fmt: skip
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def kept(image: str | None = "repo@sha256:1", **more: str) -> PlanFile:
    """The plan of a stack that is there."""
    bench = Bench()
    bench.api.put(APP, "UPDATE_COMPLETE", parameters={"Size": "s"}, updated=THEN)
    context = {"image_uri": image, "size": "m", "word": "hunter2", **more}
    stacks = (planner.plan_stack(APP, bench.state(APP), context),)
    plan = Plan("dev", stacks, ImagePlan("1", "repo", "abc", None, True, None))
    return PlanFile.of(plan, "123456789012", "us-east-1", Request(("app",), "abc"))


def test_it_is_read_as_it_was_written_by_nobody_else_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    file = kept()
    file.write(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert PlanFile.read(path) == file
    assert "hunter2" not in path.read_text()
    address = kept(size="postgres://u:hunter3@host/d")
    assert "hunter3" not in str(address)
    assert address.id != kept(size="postgres://u:hunter4@host/d").id
    assert [*PlanFile.read(path).moved(kept())] == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is no plan of opsctl"),
        ("[1, 2]", "is no plan of opsctl"),
        ('{"plan": {}}', "is no plan of opsctl"),
        ("\x00\xff", "is no plan of opsctl"),
        ('{"opsctl_plan": 0, "plan": {}}', "is a plan of format 0"),
        ('{"opsctl_plan": 1}', "is damaged"),
        ('{"opsctl_plan": 1, "sha256": "x", "plan": {"id": "1"}}', "was changed after it was written"),
        ("[" * 100_000, "is no plan of opsctl"),
    ],
)
def test_anything_else_is_one_sentence(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(UsageError, match=why) as caught:
        PlanFile.read(path)
    assert caught.value.code == "bad-plan-file"


def test_a_folder_that_is_not_there_is_one_sentence_too(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no folder"):
        kept().write(tmp_path / "none" / "plan.json")


def test_a_value_that_somebody_changed_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    kept().write(path)
    document = json.loads(path.read_text())
    document["plan"]["stacks"]["app"]["parameters"]["Size"] = "xl"
    path.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="was changed after it was written"):
        PlanFile.read(path)


def test_what_was_not_known_yet_may_be_anything_and_all_else_may_not() -> None:
    assert [*kept(image=None).moved(kept())] == []
    assert [*kept(size="s").moved(kept(size="\x1b[2J"))] == [r"app: parameter Size was s, and is \x1b[2J."]
    (secret,) = kept(word="other").moved(kept())
    assert secret.startswith("app: parameter ApiPassword was sha256:")


def test_another_template_state_account_or_image_is_named() -> None:
    file = kept()
    basis = file.stacks["app"]
    assert [*file.moved(replace(file, account="2", digest="sha256:1", tag="def"))] == [
        "the account was 123456789012, and is 2.",
        "the image tag was abc, and is def.",
    ]
    (gone,) = replace(file, digest="sha256:1").moved(file)
    assert gone == "the image digest was sha256:1, and is not there."
    tagged = replace(file, stacks={"app": replace(basis, tags={**basis.tags, "team": "b\x1b"})})
    assert [*file.moved(tagged)] == [r"app: tag team was not there, and is b\x1b."]
    template_moved = replace(file, stacks={"app": replace(basis, template="f" * 64)})
    assert [text.split(" was ")[0] for text in file.moved(template_moved)] == ["app: its template"]
    later = replace(file, stacks={"app": replace(basis, updated="2026-01-02")})
    assert [*file.moved(later)] == [
        f"app: the stack was UPDATE_COMPLETE of {THEN.isoformat()}, and is UPDATE_COMPLETE of 2026-01-02."
    ]
    assert [*file.moved(replace(file, stacks={}))] == ["app: the stack is no more in the plan."]


def test_what_needs_an_answer_and_was_not_shown_is_named_though_everything_was_unknown(tmp_path: Path) -> None:
    wider = Reason("app", "Role", "wider", "policy: Allow s3:* on *")
    now = replace(kept(), asks=(wider,))
    blank = Basis(now.stacks["app"].template, dict.fromkeys(now.stacks["app"].parameters, "?"), "UPDATE_COMPLETE",
                  THEN.isoformat(), now.stacks["app"].tags)  # fmt: skip
    forged = replace(kept(), stacks={"app": blank})
    assert [*forged.moved(now)] == ["app: Role wider: policy: Allow s3:* on *, which the plan did not show."]
    now.write(tmp_path / "plan.json")
    assert [*PlanFile.read(tmp_path / "plan.json").moved(now)] == []


def test_a_plan_has_the_same_name_until_something_of_it_moves() -> None:
    assert kept().id == kept().id
    assert len({kept().id, kept(size="l").id, kept(word="other").id, kept(image=None).id}) == 4
    assert len(kept().id) == 32  # two plans with one id can't be looked for


def test_a_stack_whose_output_will_move_leaves_the_next_one_waiting() -> None:
    body = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    Properties: {QueueName: one}\n"
    body += "Outputs:\n  QueueUrl: {Value: !Ref Queue}\n  Other: {Value: constant}\n"
    first = template("platform", body)

    second = template("app", parameters={name: FromOutput("platform", name) for name in ("QueueUrl", "Other")})
    bench = Bench()
    bench.api.put(first, "UPDATE_COMPLETE", outputs={"QueueUrl": "u", "Other": "constant"})
    bench.api.put(second, "UPDATE_COMPLETE", parameters={"QueueUrl": "u", "Other": "constant"})
    state = bench.state(first, second)
    changed = replace(first, body=body.replace("one", "two"))
    assert [stack.is_change for stack in planner.plan("dev", [first, second], state, {}).stacks] == [False, False]
    planned = planner.plan("dev", [changed, second], state, {}).stacks[1]
    assert [(each.name, each.new) for each in planned.parameters] == [("QueueUrl", "?")]


def test_an_output_that_is_written_otherwise_is_known_to_the_next_stack() -> None:
    body = "Parameters: {Name: {Type: String}}\nResources:\n  Queue: {Type: AWS::SQS::Queue}\n"
    body += "Outputs:\n  Arn: {Value: !GetAtt Queue.Arn}\n  Name: {Value: !Sub '${Name}-x'}\n"
    first = template("platform", body, parameters={"Name": FromContext("size")})
    policy = "Resources:\n  Role:\n    Type: AWS::IAM::Role\n    Properties:\n      Policies:\n      - PolicyName: p\n"
    policy += "        PolicyDocument: {Statement: {Effect: Allow, Action: 'sqs:*', Resource: !Ref Arn}}\n"
    second = template("app", policy, parameters={name: FromOutput("platform", name) for name in ("Arn", "Name")})
    bench = Bench()
    bench.api.put(first, "UPDATE_COMPLETE", parameters={"Name": "a"}, outputs={"Arn": "arn:q", "Name": "a-x"})
    bench.api.put(second, "UPDATE_COMPLETE", parameters={"Arn": "arn:q", "Name": "a-x"})
    state = bench.state(first, second)
    assert not planner.plan("dev", [first, second], state, {"size": "a"}).reasons
    everything = replace(first, body=body.replace("!GetAtt Queue.Arn", "'*'"))
    plan = planner.plan("dev", [everything, second], state, {"size": "b"})
    assert [(each.name, each.new) for each in plan.stacks[1].parameters] == [("Arn", "*"), ("Name", "b-x")]
    assert [each.text for each in plan.reasons] == ["policy: Allow sqs:* on *"]
    other = replace(first, body=body.replace("Queue.Arn", "Queue.QueueUrl"))
    assert planner.plan("dev", [other, second], state, {"size": "a"}).stacks[1].parameters[0].new == "?"
