"""Commands that change or follow something wait when the credentials end: they do not fail half-way."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import pytest

from opsctl.config import naming
from opsctl.config.application import Bucket, Job
from opsctl.deploy.destroy import plan_destroy
from opsctl.deploy.drift import DriftReport
from opsctl.deploy.events import Emit, Event, Note
from opsctl.operate import cancel, database, drift, secrets, tasks
from opsctl.operate.assembly import this_run
from opsctl.operate.bucket_files import remove_raw
from opsctl.operate.dataset import run_step
from opsctl.operate.deployed import state_of
from opsctl.operate.destroy import remove_all
from opsctl.operate.restart import restart
from opsctl.operate.reverting import Reverter
from opsctl.operate.rotation import rotate
from opsctl.operate.site import DeployedSite, publish_environment, publish_folder
from opsctl.operate.target import Target, Workspace
from opsctl.operate.watch import Watch
from tests.functional.aws.conftest import Machine
from tests.functional.aws.endpoint import Answer, refusal, s3_refusal
from tests.functional.aws.test_renewal import identity, keys

JSON = Answer(400, json.dumps({"__type": "ExpiredTokenException", "message": "expired"}),
              {"Content-Type": "application/x-amz-json-1.1"})  # fmt: skip
REST = Answer(403, json.dumps({"message": "expired"}), {"x-amzn-ErrorType": "ExpiredTokenException"})
S3 = s3_refusal("ExpiredToken", "The provided token has expired.", 400)
QUERY = refusal("ExpiredToken", "The security token included in the request is expired")
OUTPUTS = {
    "bootstrap": {"ArtifactBucketName": "artifacts"},
    "platform": {"ClusterName": "c", "JobsLogGroupName": "/jobs", "DatasetBucketName": "data"},
    "network": {"PrivateSubnetIds": "subnet-1", "JobsSecurityGroupId": "sg-1"},
    "data": {"DatabaseHost": "h", "DatabasePort": "5432", "MasterSecretArn": "arn"},
    "functions": {"DbInitFunctionName": "f"},
    "jobs": {"MigrateTaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/m:1"},
    "app": {"DatasetTaskDefinitionArn": "arn:aws:ecs:us-east-1:123456789012:task-definition/d:1"},
    "dashboard": {"SiteBucketName": "site", "DistributionId": "E1", "DistributionDomainName": "d", "SiteUrl": "u"},
}  # fmt: skip


class Waits(BaseException):
    """It was said that the credentials ended, so they are waited for."""


def waits(text: str) -> NoReturn:
    raise Waits(text)


def emit(event: Event) -> None:
    if isinstance(event, Note):
        waits(event.text)


def stacks(target: Target, status: str = "UPDATE_COMPLETE") -> Answer:
    """What DescribeStacks answers."""
    made = "".join(
        f"<member><StackName>{naming.stack_name(target.env, name)}</StackName><StackId>arn/{name}</StackId>"
        f"<StackStatus>{status}</StackStatus><CreationTime>2026-01-01T00:00:00Z</CreationTime><Outputs>"
        + "".join(
            f"<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for key, value in outputs.items()
        )
        + "</Outputs></member>"
        for name, outputs in OUTPUTS.items()
    )
    return Answer(
        body=f"<DescribeStacksResponse><DescribeStacksResult><Stacks>{made}</Stacks></DescribeStacksResult>"
        "</DescribeStacksResponse>"
    )


def destroy(target: Target, emit: Emit) -> None:
    state = state_of(target)
    plan = plan_destroy(state, delete_data=False)
    remove_all(target, state, plan, emit, run=this_run(target), timeout_minutes=1)


def end(target: Target, emit: Emit) -> None:
    cancel.cancel(target, cancel.Running("dev", state_of(target), None, {}), emit, timeout_minutes=1)


def with_password(target: Target) -> Target:
    database = target.env.application.database.model_copy(update={"auth": "password"})
    application = target.env.application.model_copy(update={"database": database})
    return replace(target, env=target.env.model_copy(update={"application": application}))


def with_data(target: Target) -> Target:
    """With the job and the bucket of `opsctl dataset`."""
    application = target.env.application.model_copy(update={
        "jobs": {"dataset": Job(command=("a",))},
        "buckets": {"dataset": Bucket(processes=("dataset",))},
    })  # fmt: skip
    return replace(target, env=target.env.model_copy(update={"application": application}))


def with_site(target: Target) -> Target:
    site = target.env.site.model_copy(update={"enabled": True})
    return replace(target, env=target.env.model_copy(update={"site": site}))


def page() -> Path:
    """A folder that can be published."""
    Path("page").mkdir()
    Path("page", "index.html").write_text("page")
    return Path("page")


@dataclass(frozen=True)
class Case:
    """A command, and what it hears when its credentials have ended, by the call's action."""

    run: Callable[[Target, Emit], object]
    refused: Answer
    action: str = ""
    prepare: Callable[[Target], Target] = lambda target: target


CASES = {
    "restart": Case(lambda target, emit: restart(target, (), emit), S3),
    "destroy": Case(destroy, S3),
    "db rotate": Case(rotate, S3, prepare=with_password),
    "drift": Case(lambda target, _: drift.detect(target), QUERY, "DetectStackDrift"),
    "drift --revert": Case(
        lambda target, emit: Reverter(target, DriftReport("dev", ()), timeout_minutes=1).execute([], emit), S3
    ),
    "db init": Case(lambda target, _: database.initialize(target, dsn=None, check=False), REST),
    "db migrate": Case(tasks.run_migrations, JSON),
    "secret set": Case(lambda target, _: secrets._write(target, {"SECRET_KEY": "v"}), JSON),
    "secret remove": Case(lambda target, _: secrets.remove(target, "OLD_KEY"), JSON),
    "dataset raw remove": Case(
        lambda target, _: remove_raw(target, {"bucket": "b", "files": []}, [{"name": "a.csv", "place": "bucket"}]), S3
    ),
    "dataset refresh": Case(lambda target, emit: run_step(target, "refresh", [], emit), S3, prepare=with_data),
    "dashboard publish": Case(lambda target, emit: publish_environment(target, page(), emit), S3, prepare=with_site),
    "dashboard publish --bucket": Case(
        lambda target, emit: publish_folder(DeployedSite(target.aws, "site"), page(), emit), S3
    ),
    "watch": Case(lambda target, emit: Watch(target, emit).run(), S3),
    "cancel": Case(end, S3),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_that_it_waits_for_others(machine: Machine, name: str) -> None:
    case = CASES[name]
    machine.set(AWS_ENDPOINT_URL="{url}")
    keys(machine, "AKIAOLD")
    workspace = replace(Workspace.open(Path("environments.yaml")), tell=waits)
    target = case.prepare(workspace.target("dev"))
    machine.aws.answers |= {
        "GetCallerIdentity": identity(), "DescribeStacks": stacks(target), case.action: case.refused
    }  # fmt: skip
    with pytest.raises(Waits, match=r"have ended .*AWS goes on with what it was told.*awaited for up to"):
        case.run(target, emit)
