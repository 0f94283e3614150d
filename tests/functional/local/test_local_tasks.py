"""One-off ECS tasks as processes: exit codes, stop codes, logs, secrets, StopTask, unknown images."""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from opsctl.local.procs import marked
from opsctl.local.tasks.images import push_image
from tests.functional.local.sandbox import Sandbox
from tests.functional.local.snapshots import snapshot_image
from tests.functional.local.tiny_service import write_service

pytestmark = pytest.mark.emulator


@pytest.fixture(scope="module")
def image(sandbox: Sandbox) -> str:
    digest = snapshot_image(write_service(sandbox.root / "source", release="task"), sandbox.root)
    sandbox.client("ecr").create_repository(repositoryName="tiny", imageTagMutability="IMMUTABLE")
    push_image(sandbox.client("ecr"), root=sandbox.root, repository="tiny", tag="v1", digest=digest)
    sandbox.client("ecs").create_cluster(clusterName="tiny")
    sandbox.client("logs").create_log_group(logGroupName="/tiny/tasks")
    return f"000000000000.dkr.ecr.us-east-1.amazonaws.com/tiny@{digest}"


def register(sandbox: Sandbox, image: str, family: str = "job") -> str:
    arn: str = sandbox.client("ecs").register_task_definition(
        family=family,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[
            {
                "name": "job",
                "image": image,
                "command": ["python", "app.py", "exit", "0"],
                "stopTimeout": 3,
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {
                        "awslogs-group": "/tiny/tasks",
                        "awslogs-region": "us-east-1",
                        "awslogs-stream-prefix": "job",
                    },
                },
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]
    return arn


def run(sandbox: Sandbox, definition: str, command: list[str] | None = None) -> str:
    overrides = {"containerOverrides": [{"name": "job", "command": command}]} if command else {}
    arn: str = sandbox.client("ecs").run_task(
        cluster="tiny", taskDefinition=definition, launchType="FARGATE", overrides=overrides
    )["tasks"][0]["taskArn"]
    return arn


def wait_until(sandbox: Sandbox, arn: str, status: str, check: Any = lambda _task: True) -> dict[str, Any]:
    deadline = time.monotonic() + 30
    while True:
        task: dict[str, Any] = sandbox.client("ecs").describe_tasks(cluster="tiny", tasks=[arn])["tasks"][0]
        if (task["lastStatus"] == status and check(task)) or time.monotonic() > deadline:
            return task
        time.sleep(0.1)


def messages(sandbox: Sandbox, arn: str) -> list[str]:
    """What the task has said; nothing before its stream is there."""
    logs, stream = sandbox.client("logs"), f"job/job/{arn.rsplit('/', 1)[-1]}"
    try:
        events = logs.get_log_events(logGroupName="/tiny/tasks", logStreamName=stream, startFromHead=True)
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [each["message"] for each in events["events"]]


@pytest.mark.parametrize("code", [0, 7])
def test_it_reports_the_exit_code_and_the_log_of_a_task(sandbox: Sandbox, image: str, code: int) -> None:
    arn = run(sandbox, register(sandbox, image), ["python", "app.py", "exit", str(code)])

    task = wait_until(sandbox, arn, "STOPPED")

    assert task["stopCode"] == "EssentialContainerExited"
    assert task["containers"][0]["exitCode"] == code
    assert "working on it" in messages(sandbox, arn)
    assert "a warning" in messages(sandbox, arn)


def test_it_stops_a_task_and_reports_how_it_ended(sandbox: Sandbox, image: str) -> None:
    arn = run(sandbox, register(sandbox, image), ["python", "app.py", "sleep"])
    wait_until(sandbox, arn, "RUNNING")

    sandbox.client("ecs").stop_task(cluster="tiny", task=arn, reason="enough")
    task = wait_until(sandbox, arn, "STOPPED", lambda each: each["containers"][0].get("exitCode"))

    assert (task["stopCode"], task["stoppedReason"]) == ("UserInitiated", "enough")
    assert task["containers"][0]["exitCode"] == 143


def test_it_kills_a_task_that_ignores_its_stop_timeout(sandbox: Sandbox, image: str) -> None:
    ignore = (
        "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
    )
    arn = run(sandbox, register(sandbox, image), ["python", "-c", ignore])
    wait_until(sandbox, arn, "RUNNING")
    while "deaf" not in "".join(sandbox.target.logs("job")):
        time.sleep(0.05)

    sandbox.client("ecs").stop_task(cluster="tiny", task=arn)
    task = wait_until(sandbox, arn, "STOPPED", lambda each: each["containers"][0].get("exitCode"))

    assert task["containers"][0]["exitCode"] == 137


@pytest.mark.parametrize("image_of", ["tiny@sha256:" + "0" * 64, "tiny:no-such-tag"])
def test_it_cannot_pull_an_image_that_nobody_pushed(sandbox: Sandbox, image: str, image_of: str) -> None:
    reference = f"{image.split('/', 1)[0]}/{image_of}"

    task = wait_until(sandbox, run(sandbox, register(sandbox, reference)), "STOPPED")

    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith("CannotPullContainerError")


def test_it_runs_an_image_by_its_tag(sandbox: Sandbox, image: str) -> None:
    reference = image.split("@", 1)[0] + ":v1"

    task = wait_until(sandbox, run(sandbox, register(sandbox, reference)), "STOPPED")

    assert task["containers"][0]["exitCode"] == 0


def test_it_describes_the_pushed_image_by_tag_and_digest(sandbox: Sandbox, image: str) -> None:
    digest = image.split("@", 1)[1]
    ecr = sandbox.client("ecr")

    described = ecr.describe_images(repositoryName="tiny", imageIds=[{"imageTag": "v1"}])["imageDetails"][0]
    fetched = ecr.batch_get_image(repositoryName="tiny", imageIds=[{"imageDigest": digest}])["images"][0]

    assert described["imageDigest"] == digest
    assert fetched["imageId"]["imageDigest"] == digest


def test_it_reports_a_command_that_does_not_exist(sandbox: Sandbox, image: str) -> None:
    arn = run(sandbox, register(sandbox, image), ["no-such-command"])

    task = wait_until(sandbox, arn, "STOPPED")

    assert task["containers"][0]["exitCode"] == 127
    assert messages(sandbox, arn) == ["cannot run no-such-command: No such file or directory"]


def test_it_takes_what_a_task_started_down_with_it(sandbox: Sandbox, image: str) -> None:
    child = "import subprocess,sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    before = {each.pid for each in marked(sandbox.target.state.path)}

    wait_until(sandbox, run(sandbox, register(sandbox, image), ["python", "-c", child]), "STOPPED")

    deadline = time.monotonic() + 10
    while {each.pid for each in marked(sandbox.target.state.path)} - before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert {each.pid for each in marked(sandbox.target.state.path)} <= before


def test_a_tasks_key_is_for_what_an_application_works_with(sandbox: Sandbox, image: str) -> None:
    """Whoever got into the application calls what would run code on the machine, or change the environment."""
    tell = (
        "import os,time; print(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], "
        "os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN'], flush=True); time.sleep(600)"
    )
    arn = run(sandbox, register(sandbox, image), ["python", "-c", tell])
    deadline = time.monotonic() + 30
    while not (told := messages(sandbox, arn)) and time.monotonic() < deadline:
        time.sleep(0.05)
    url, token = told[0].split()
    with urlopen(Request(url, headers={"Authorization": token})) as answer:  # noqa: S310
        key = json.load(answer)

    def client(name: str) -> Any:
        return boto3.client(
            name, endpoint_url=sandbox.endpoints.endpoint_url, region_name="us-east-1",  # type: ignore[call-overload]
            aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"],
            aws_session_token=key["Token"],
        )  # fmt: skip

    assert client("ecs").list_tasks(cluster="tiny", family="job")["taskArns"] == [arn]
    assert client("sts").get_caller_identity()["Account"] == "000000000000"
    sandbox.client("s3").create_bucket(Bucket="media")
    client("s3").put_object(Bucket="media", Key="a", Body=b"a")
    link = client("s3").generate_presigned_url("get_object", Params={"Bucket": "media", "Key": "a"})
    with urlopen(link) as answer:  # noqa: S310
        assert answer.read() == b"a"
    function = {"FunctionName": "f", "Runtime": "python3.13", "Role": "arn:aws:iam::000000000000:role/r"}
    attacks: list[tuple[str, str, dict[str, Any]]] = [
        ("lambda", "create_function", {**function, "Handler": "a.b", "Code": {"ZipFile": b"PK"}}),
        ("lambda", "list_functions", {}),
        ("iam", "create_user", {"UserName": "u"}),
        ("sts", "assume_role", {"RoleArn": function["Role"], "RoleSessionName": "session"}),
        ("cloudformation", "create_stack", {"StackName": "s", "TemplateBody": "{}"}),
        ("ecs", "run_task", {"cluster": "tiny", "taskDefinition": "job"}),
        ("ecr", "get_authorization_token", {}),
        ("secretsmanager", "create_secret", {"Name": "s", "SecretString": "s"}),
        ("s3", "create_bucket", {"Bucket": "other"}),
    ]
    for service, action, arguments in attacks:
        with pytest.raises(ClientError, match=r"\(AccessDenied(Exception)?\).*A task of the local target"):
            getattr(client(service), action)(**arguments)
    # The same paths mean another bucket where its name stands in Host, whatever service the key is said to be used for.
    kept = "opsctl-bootstrap-artifactbucket-1"
    sandbox.client("s3").create_bucket(Bucket=kept)
    sandbox.client("s3").put_object(Bucket=kept, Key="releases/1.json", Body=b"{}")
    drop = b"<Delete><Object><Key>releases/1.json</Key></Object></Delete>"
    signer = SigV4Auth(Credentials(key["AccessKeyId"], key["SecretAccessKey"], key["Token"]), "sqs", "us-east-1")
    for method, path, body in [("POST", "/?delete", drop), ("GET", "/?list-type=2", b""), ("PUT", "/media/a", b"a")]:
        host, headers = f"{kept}.s3.us-east-1.amazonaws.com", {"X-Amz-Target": "AmazonSQS.SendMessage"}
        asked = AWSRequest(method, f"http://{host}{path}", data=body, headers={"Host": host, **headers})
        signer.add_auth(asked)
        said = {name: str(value) for name, value in asked.headers.items()}
        request = Request(f"{sandbox.endpoints.endpoint_url}{path}", body or None, said, method=method)  # noqa: S310
        with pytest.raises(HTTPError, match="403"):
            urlopen(request)  # noqa: S310
    plain = AWSRequest("GET", f"{sandbox.endpoints.endpoint_url}//{kept}/releases/1.json")
    S3SigV4Auth(signer.credentials, "s3", "us-east-1").add_auth(plain)
    with pytest.raises(HTTPError, match="403"):
        urlopen(Request(str(plain.url), headers=dict(plain.headers.items())))  # noqa: S310
    assert [each["Key"] for each in sandbox.client("s3").list_objects_v2(Bucket=kept)["Contents"]] == [
        "releases/1.json"
    ]
    sandbox.client("ecs").stop_task(cluster="tiny", task=arn)
