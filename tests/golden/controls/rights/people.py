"""What people may do by each policy, asked of IAM's rules as calls on what an environment has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations
from typing import Literal, get_args

from opsctl.config import naming
from opsctl.stacks.access.changing import deploy
from opsctl.stacks.access.grounds import Grounds
from opsctl.stacks.access.pushing import publish
from opsctl.stacks.access.reading import plan
from opsctl.stacks.parts.policies import Statement
from tests.golden.controls.language import EVERYWHERE
from tests.golden.controls.markdown import apart
from tests.unit.stacks.access.judge import Request, allows, grounds, listed

Policy = Literal["plan", "publish", "deploy"]
Calls = Callable[[Grounds], list[Request]]

POLICIES: tuple[Policy, ...] = get_args(Policy)
IN_PART = "in part"
_WRITTEN = {"plan": plan, "publish": publish, "deploy": deploy}
_BUCKET = f"arn:aws:s3:::{naming.BOOTSTRAP_STACK}-artifactbucket-x1"


@dataclass(frozen=True)
class Question:
    """What somebody does, and the calls that it takes, all of which are allowed or none.

    `common`: what is asked for belongs to the account, so there is no other environment's.
    """

    what: str
    calls: Calls
    common: bool = False


@cache
def statements(policy: Policy, name: str) -> tuple[Statement, ...]:
    """A policy of an environment of the example file."""
    return tuple(_WRITTEN[policy](grounds(name)))


def rows() -> Iterator[list[str]]:
    """Of each question: the answer of each policy in its own environment, and who may in another one."""
    for question in QUESTIONS:
        own = [apart({name: answer(question, policy, name, name) for name in EVERYWHERE}) for policy in POLICIES]
        yield [question.what, *own, "–" if question.common else _elsewhere(question)]


def _elsewhere(question: Question) -> str:
    cases: dict[str, list[str]] = {}
    for holder, owner in permutations(EVERYWHERE, 2):
        answers = {policy: answer(question, policy, holder, owner) for policy in POLICIES}
        told = ", ".join(policy + " in part" * (each == IN_PART) for policy, each in answers.items() if each != "no")
        cases.setdefault(told, []).append(f"{holder}→{owner}")
    return "; ".join(f"{', '.join(where)}: {told}" for told, where in cases.items() if told) or "no"


def answer(question: Question, policy: Policy, holder: str, owner: str) -> str:
    """Whether who holds a policy for one environment may do it in an environment."""
    found = {allows(statements(policy, holder), each) for each in question.calls(grounds(owner))}
    return IN_PART if len(found) > 1 else "yes" if found.pop() else "no"


def sizes() -> Iterator[list[str]]:
    """By service, how many rights each policy gives: an action on a resource is one."""
    counted = {(policy, name): _count(statements(policy, name)) for policy in POLICIES for name in EVERYWHERE}
    for service in sorted({each for count in counted.values() for each in count}):
        yield [
            f"`{service}`",
            *(apart({name: str(counted[policy, name][service] or "–") for name in EVERYWHERE}) for policy in POLICIES),
        ]


def _count(given: Sequence[Statement]) -> Counter[str]:
    return Counter(
        action.partition(":")[0]
        for statement in given
        for action in listed(statement["Action"])
        for _ in listed(statement["Resource"])
    )


def _calls(resource: Callable[[Grounds], Sequence[str]], *actions: str, passed_to: str = "") -> Calls:
    """Each action on each resource, with the tags that the environment's stacks give, in its cluster."""

    def made(on: Grounds) -> list[Request]:
        keys = {
            "aws:ResourceTag/environment": on.env.name,
            "aws:ResourceTag/service": on.env.service,
            "ecs:cluster": on.cluster,
            "iam:PassedToService": passed_to,
        }
        return [Request(action, each, keys) for action in actions for each in resource(on)]

    return made


def _all(*several: Calls) -> Calls:
    return lambda on: [request for calls in several for request in calls(on)]


def _stack(on: Grounds) -> list[str]:
    return [on.arn("cloudformation", f"stack/{naming.stack_name(on.env, 'app')}/1")]


def _bootstrap(on: Grounds) -> list[str]:
    return [on.arn("cloudformation", f"stack/{naming.BOOTSTRAP_STACK}/1")]


def _lock(on: Grounds) -> list[str]:
    return [f"{_BUCKET}/{naming.lock_key(naming.artifact_folder(on.env))}"]


def _records(on: Grounds) -> list[str]:
    return [
        f"{_BUCKET}/{naming.release_key(naming.artifact_folder(on.env), record)}" for record in ("current", "000001")
    ]


def _code(on: Grounds) -> list[str]:
    return [
        f"{_BUCKET}/{naming.bundle_key(naming.artifact_folder(on.env), '1')}",
        f"{_BUCKET}/{naming.template_key(naming.artifact_folder(on.env), 'app', '1')}",
    ]


def _secrets(on: Grounds) -> list[str]:
    return [
        on.arn("secretsmanager", f"secret:{naming.secret_name(on.env, 'mail')}-x1x1x1"),
        on.arn("secretsmanager", "secret:MasterSecret-x1x1x1"),
    ]


def _logs(on: Grounds) -> list[str]:
    return [on.arn("logs", f"log-group:{naming.log_group(on.env, purpose)}:*") for purpose in ("service", "jobs")]


def _files(on: Grounds) -> list[str]:
    return [f"arn:aws:s3:::{naming.stack_name(on.env, 'platform')}-datasetbucket-x1/raw/1"]


def _database(on: Grounds) -> list[str]:
    return [on.arn("rds", f"db:{naming.stack_name(on.env, 'data')}-database-x1")]


def _login(on: Grounds) -> list[str]:
    return [on.arn("rds-db", f"dbuser:db-X1/{role}") for role in (on.env.rds.app_user, on.env.rds.roles.readonly)]


def _repository(on: Grounds) -> list[str]:
    return [on.arn("ecr", f"repository/{on.env.ecs.repository_name}")]


def _definition(on: Grounds) -> list[str]:
    return [on.arn("ecs", f"task-definition/{naming.cluster_name(on.env)}-dataset:1")]


def _task(on: Grounds) -> list[str]:
    return [on.arn("ecs", f"task/{naming.cluster_name(on.env)}/1")]


def _function(on: Grounds) -> list[str]:
    return [on.arn("lambda", f"function:{naming.stack_name(on.env, 'functions')}-DbInitFunction-x1")]


def _instance(on: Grounds) -> list[str]:
    return [on.arn("ec2", "instance/i-1")]


def _role(on: Grounds) -> list[str]:
    return [on.arn("iam", f"role/{naming.stack_name(on.env, 'app')}-ServiceTaskRole-x1", region="")]


def _bootstrap_file(on: Grounds) -> list[str]:
    return [f"{_BUCKET}/{naming.template_key(naming.artifact_folder(on.env), 'bootstrap', '1')}"]


def _artifacts(on: Grounds) -> list[str]:
    return [_BUCKET, *_code(on), *_records(on)]


def _somebody(on: Grounds) -> list[str]:
    return [on.arn("iam", "user/somebody", region="")]


QUESTIONS = (
    Question("reads templates and events of stacks",
             _calls(_stack, "cloudformation:GetTemplate", "cloudformation:DescribeStackEvents")),
    Question("changes or deletes a stack",
             _calls(_stack, "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet",
                    "cloudformation:DeleteStack")),
    Question("reads the lock", _calls(_lock, "s3:GetObject")),
    Question("reads what was released", _calls(_records, "s3:GetObject")),
    Question("takes and gives back the lock", _calls(_lock, "s3:PutObject", "s3:DeleteObject")),
    Question("writes what was released, templates and bundles",
             _all(_calls(_records, "s3:PutObject"), _calls(_code, "s3:PutObject"))),
    Question("sees a secret, not its value", _calls(_secrets, "secretsmanager:DescribeSecret")),
    Question("reads or writes a secret's value",
             _calls(_secrets, "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue")),
    Question("reads logs", _calls(_logs, "logs:FilterLogEvents", "logs:GetLogEvents")),
    Question("reads, writes or deletes files of buckets",
             _calls(_files, "s3:GetObject", "s3:PutObject", "s3:DeleteObject")),
    Question("sees images and scans' findings", _calls(_repository, "ecr:DescribeImages")),
    Question("uploads an image's layers",
             _calls(_repository, "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload")),
    Question("puts an image or a release's tag", _calls(_repository, "ecr:PutImage")),
    Question("deletes an image", _calls(_repository, "ecr:BatchDeleteImage")),
    Question("runs or stops a task", _all(_calls(_definition, "ecs:RunTask"), _calls(_task, "ecs:StopTask"))),
    Question("calls DbInit (`db init`, `db status`)", _calls(_function, "lambda:InvokeFunction")),
    Question("opens the database's port by Session Manager", _calls(_instance, "ssm:StartSession")),
    Question("logs in to the database", _calls(_login, "rds-db:connect")),
    Question("changes or deletes the database", _calls(_database, "rds:ModifyDBInstance", "rds:DeleteDBInstance")),
    Question("writes a role's policy", _calls(_role, "iam:PutRolePolicy")),
    Question("passes a role to tasks", _calls(_role, "iam:PassRole", passed_to="ecs-tasks.amazonaws.com")),
    Question("passes a role to CloudFormation",
             _calls(_role, "iam:PassRole", passed_to="cloudformation.amazonaws.com")),
    Question("reads the bootstrap stack's template", _calls(_bootstrap, "cloudformation:GetTemplate"), common=True),
    Question("writes the bootstrap stack",
             _all(_calls(_bootstrap, "cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"),
                  _calls(_bootstrap_file, "s3:PutObject")), common=True),
    Question("deletes versions in the artifact bucket, or sets its policy",
             _calls(_artifacts, "s3:DeleteObjectVersion", "s3:PutBucketPolicy"), common=True),
    Question("makes users and access keys", _calls(_somebody, "iam:CreateUser", "iam:CreateAccessKey"), common=True),
)  # fmt: skip
