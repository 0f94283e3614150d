"""Who may do what is told whole: one right, role, login or server more, and the page or a test says so."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from opsctl.dbroles.model import RoleModel
from opsctl.stacks.parts.policies import allow
from tests.functional.dbroles.attempts.language import LOGIN, SEVEN
from tests.golden.controls.language import EVERYWHERE, EnvironmentName, Templates
from tests.golden.controls.policies import listed
from tests.golden.controls.rendered import ROOT, environment, templates
from tests.golden.controls.rights import elsewhere, people, roles
from tests.golden.controls.rights.people import QUESTIONS, Policy, answer, statements
from tests.golden.controls.tree import ABSENT, Location, read, with_value
from tests.unit.stacks.access.judge import grounds

# By what something listens, or starts what does.
LISTENING = re.compile(
    r"(?<!def )\b[Pp]open\(|hypercorn\.asyncio import serve|HTTPServer|start_server|create_server|\.listen\("
)


def test_no_question_is_answered_in_part() -> None:
    """Calls of one question go together, or the cell would hide what one of them may."""
    assert [row for row in people.rows() if people.IN_PART in " ".join(row)] == []


@pytest.mark.parametrize("policy", people.POLICIES)
def test_what_a_policy_may_not_is_noticed_when_it_may(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call of each question, given to who may not make it."""
    given = statements
    refused = [question for question in QUESTIONS if answer(question, policy, "hml", "dev") == "no"]
    assert len(refused) >= 15
    for question in refused:
        for call in question.calls(grounds("dev")):
            more = allow("Planted", call.action, call.resource)
            monkeypatch.setattr(people, "statements", lambda *which, more=more: (*given(*which), more))
            assert answer(question, policy, "hml", "dev") != "no", call


@pytest.mark.parametrize("policy", people.POLICIES)
def test_a_right_that_no_question_asks_about_is_counted(policy: Policy, monkeypatch: pytest.MonkeyPatch) -> None:
    before, given = list(people.sizes()), statements
    more = {(policy, "prd"): (allow("Planted", "glue:GetTable", "*"),)}
    monkeypatch.setattr(people, "statements", lambda *which: (*given(*which), *more.get(which, ())))
    assert [row for row in people.sizes() if row not in before] == [
        ["`glue`", *("–; prd: 1" if each == policy else "–" for each in people.POLICIES)]
    ]


@pytest.mark.parametrize("name", EVERYWHERE)
def test_every_role_of_the_committed_templates_is_told(name: EnvironmentName) -> None:
    written = {
        (path.stem, role)
        for path in (ROOT / "templates" / name).glob("*.yaml")
        for role in re.findall(r"^  (\w+):\n    Type: AWS::IAM::Role$", path.read_text(), re.MULTILINE)
    }
    assert len(written) > 10
    assert set(roles.roles(templates(name), environment(name))) == written
    told = {row[0].partition(" (")[0] for row in roles.rows()}
    assert {f"{stack}: {role}" for stack, role in written} <= told


@pytest.mark.parametrize("name", EVERYWHERE)
def test_what_a_role_may_is_told_otherwise_when_it_is_other(name: EnvironmentName) -> None:
    before, tried = roles.roles(templates(name), environment(name)), 0
    for changed in wider(templates(name)):
        assert roles.roles(changed, environment(name)) != before
        tried += 1
    assert tried > 80


def wider(stacks: Templates) -> Iterator[Templates]:
    """Each statement of a role with one action and one resource more, and without each condition."""
    for stack, template in stacks.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] not in {"AWS::IAM::Role", "AWS::IAM::Policy"}:
                continue
            properties: Location = (stack, "Resources", name, "Properties")
            for place in policies(resource["Properties"]):
                for index, statement in enumerate(read(resource["Properties"], place)["Statement"]):
                    where = (*properties, *place, "Statement", index)
                    yield from widened(stacks, where, statement)


def policies(properties: dict[str, object]) -> Iterator[Location]:
    """Where the documents of a role or a policy stand."""
    yield from ((key,) for key in ("AssumeRolePolicyDocument", "PolicyDocument") if key in properties)
    for index in range(len(listed(properties.get("Policies", ABSENT)))):
        yield ("Policies", index, "PolicyDocument")


def widened(stacks: Templates, where: Location, statement: dict[str, object]) -> Iterator[Templates]:
    planted = {"Action": "s3:DeleteBucket", "Resource": "arn:aws:s3:::planted"}
    for key, value in planted.items():
        if "Principal" not in statement:
            yield with_value(stacks, (*where, key), [*listed(statement[key]), value])
    if "Principal" in statement:
        yield with_value(stacks, (*where, "Principal", "AWS"), "arn:aws:iam::999999999999:root")
    if "Condition" in statement:
        yield with_value(stacks, (*where, "Condition"), ABSENT)


def test_actions_that_have_words_are_those_of_a_role() -> None:
    told = "\n".join(row[2] for row in roles.rows())
    words = [f"{service} {phrase}: " for service, phrases in roles.WORDS.items() for phrase in phrases]
    assert [each for each in words if each not in told] == []


def test_each_login_of_the_model_has_a_row_among_the_roles_and_a_column_among_the_attempts() -> None:
    rows = elsewhere.first_cells(elsewhere.DATABASE.read_text(), "Roles")
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(RoleModel().every_name)
    assert {name for model in elsewhere.models() for name in model.names} == set(RoleModel().every_name)
    seven, owner, _ = elsewhere.models()
    assert {purpose for purpose, name in seven.keyed_names if name in seven.login_roles} == set(SEVEN)
    # What owns the database is one login among the attempts, whichever of its names it has.
    assert len(owner.login_roles) == len(LOGIN)


def test_whatever_listens_on_this_machine_has_a_row_and_no_row_is_of_something_else() -> None:
    """A new one: tell in docs/local.md who may use it, and name it in `elsewhere`."""
    source = ROOT / "opsctl"
    found = {str(path.relative_to(source)) for path in source.rglob("*.py") if LISTENING.search(path.read_text())}
    assert found == set(elsewhere.SERVERS) | elsewhere.SILENT
    servers = {server for names in elsewhere.SERVERS.values() for server in names}
    cells = elsewhere.first_cells(elsewhere.LOCAL.read_text(), "Who may use it")
    assert {server: sum(cell.startswith(server) for cell in cells) for server in servers} == dict.fromkeys(servers, 1)
    assert [cell for cell in cells if not cell.startswith(tuple(servers))] == []
