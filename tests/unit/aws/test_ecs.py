"""ECS by Stubber: starting tasks, and what their end and a service's state mean."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from opsctl.aws.ecs import Ecs, Service, ServiceDeployment, ServiceEvent, Task
from opsctl.aws.errors import AwsError

from .clients import stubbed

ARN = "arn:aws:ecs:us-east-1:123456789012:task/dev/0123456789abcdef"
CREATED = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEFINITION = "arn:aws:ecs:us-east-1:123456789012:task-definition/migrate:3"


def run(made: Any, **more: Any) -> Task:
    return Ecs(made).run_task(
        cluster="dev", task_definition=DEFINITION, subnets=("s-1", "s-2"), security_groups=("g-1",),
        token="run-migrate", started_by="opsctl-migrate", **more,
    )  # fmt: skip


SENT: dict[str, Any] = {
    "cluster": "dev", "taskDefinition": DEFINITION, "launchType": "FARGATE", "count": 1, "clientToken": "run-migrate",
    "startedBy": "opsctl-migrate",
    "networkConfiguration": {
        "awsvpcConfiguration": {"subnets": ["s-1", "s-2"], "securityGroups": ["g-1"], "assignPublicIp": "DISABLED"}
    },
    "overrides": {},
}  # fmt: skip


def stopped(code: str = "EssentialContainerExited", *, exits: tuple[int | None, ...] = (0,), **more: Any) -> Task:
    containers = [{} if number is None else {"exitCode": number} for number in exits]
    item = {"taskArn": ARN, "lastStatus": "STOPPED", "stopCode": code, "containers": containers, **more}
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_tasks", {"tasks": [item]}, {"cluster": "dev", "tasks": [ARN]})
        found = Ecs(made).task("dev", ARN)
    assert found is not None
    return found


# -- starting ----------------------------------------------------------------------------------------------------------


def test_a_task_starts_in_private_subnets_with_a_token_that_makes_a_retry_safe() -> None:
    item = {"taskArn": ARN, "lastStatus": "PROVISIONING", "taskDefinitionArn": DEFINITION}
    with stubbed("ecs") as (made, stub):
        stub.add_response("run_task", {"tasks": [item], "failures": []}, SENT)
        assert run(made) == Task(ARN, "PROVISIONING", task_definition=DEFINITION)


def test_another_command_replaces_that_of_its_container() -> None:
    overrides = {"containerOverrides": [{"name": "dataset", "command": ["python", "x"]}]}
    with stubbed("ecs") as (made, stub):
        stub.add_response("run_task", {"tasks": [{"taskArn": ARN}]}, {**SENT, "overrides": overrides})
        assert run(made, command=("python", "x"), container="dataset").id == "0123456789abcdef"


def test_another_size_replaces_that_of_the_task() -> None:
    with stubbed("ecs") as (made, stub):
        overrides = {"cpu": "1024", "memory": "2048"}
        stub.add_response("run_task", {"tasks": [{"taskArn": ARN}]}, {**SENT, "overrides": overrides})
        assert run(made, size=(1024, 2048)).arn == ARN


def test_an_answer_with_status_200_and_failures_is_an_error() -> None:
    failures = [{"arn": "x", "reason": "Capacity is unavailable at this time."}, {"arn": "y", "reason": "AGENT"}]
    with stubbed("ecs") as (made, stub):
        stub.add_response("run_task", {"tasks": [], "failures": failures})
        with pytest.raises(AwsError) as caught:
            run(made)
    assert caught.value.message == "ECS could not start the task: Capacity is unavailable at this time.; AGENT."
    assert caught.value.aws_code == "RunTaskFailure"
    assert "again" in caught.value.hint


def test_an_answer_with_neither_task_nor_failure_is_an_error_too() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("run_task", {})
        with pytest.raises(AwsError, match="no reason given"):
            run(made)


# -- how it ended ------------------------------------------------------------------------------------------------------


def test_success_is_an_exit_by_itself_with_zero() -> None:
    assert stopped().succeeded
    assert not stopped(exits=(1,)).succeeded


@pytest.mark.parametrize(
    "code", ["TaskFailedToStart", "UserInitiated", "ServiceSchedulerInitiated", "SpotInterruption", "TerminationNotice"]
)
def test_no_other_stop_code_is_success_even_with_exit_code_zero(code: str) -> None:
    assert not stopped(code).succeeded


def test_a_task_that_never_started_has_no_exit_code_but_a_reason() -> None:
    task = stopped(
        "TaskFailedToStart", exits=(None,), stoppedReason="CannotPullContainerError: not found",
    )  # fmt: skip
    assert (task.exit_code, task.succeeded) == (None, False)
    assert task.reason == "CannotPullContainerError: not found"


def test_the_containers_own_reason_is_kept() -> None:
    task = stopped(exits=(), containers=[{"exitCode": 137, "reason": "OutOfMemoryError: killed"}])
    assert (task.exit_code, task.container_reason) == (137, "OutOfMemoryError: killed")


def test_of_several_containers_the_one_that_failed_counts() -> None:
    assert stopped(exits=(0, 3)).exit_code == 3
    assert not stopped(exits=(0, 3)).succeeded


def test_the_agent_that_guardduty_adds_does_not_decide() -> None:
    containers = [
        {"name": "migrate", "exitCode": 0},
        {"name": "aws-guardduty-agent-Ab1", "exitCode": 137, "reason": "x"},
    ]
    task = stopped(exits=(), containers=containers)
    assert (task.exit_code, task.container_reason, task.succeeded) == (0, "", True)


def test_a_task_that_ecs_has_forgotten_is_none() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_tasks", {"tasks": [], "failures": [{"arn": ARN, "reason": "MISSING"}]})
        assert Ecs(made).task("dev", ARN) is None


def test_running_tasks_are_found_by_the_name_they_were_started_under() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("list_tasks", {"taskArns": [ARN]}, {"cluster": "dev", "startedBy": "opsctl-migrate"})
        stub.add_response("describe_tasks", {"tasks": [{"taskArn": ARN, "lastStatus": "RUNNING"}]})
        assert Ecs(made).tasks("dev", started_by="opsctl-migrate") == [Task(ARN, "RUNNING")]


def test_without_running_tasks_nothing_is_described() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("list_tasks", {"taskArns": []})
        assert Ecs(made).tasks("dev", started_by="x") == []


# -- services ----------------------------------------------------------------------------------------------------------


def ended(name: str, hour: int, group: str = "service:web") -> dict[str, Any]:
    return {"taskArn": f"t/{name}", "stoppedAt": datetime(2026, 1, 1, hour, tzinfo=UTC), "group": group}


def test_stopped_tasks_of_the_service_come_newest_first_even_when_the_service_is_gone() -> None:
    with stubbed("ecs") as (made, stub):
        sent = {"cluster": "dev", "desiredStatus": "STOPPED"}
        stub.add_response("list_tasks", {"taskArns": ["t/a", "t/b", "t/c", "t/d"]}, sent)
        never = {"taskArn": "t/c", "group": "service:web"}
        stub.add_response("describe_tasks", {"tasks": [ended("a", 1), ended("b", 3), never, ended("d", 4, "family:x")]})
        assert [task.id for task in Ecs(made).stopped_tasks("dev", "web")] == ["b", "a", "c"]


def test_without_stopped_tasks_nothing_is_described() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("list_tasks", {"taskArns": []})
        assert Ecs(made).stopped_tasks("dev", "web") == []


def test_a_cluster_that_is_gone_is_an_error_of_stopped_tasks_and_no_service() -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_client_error("list_tasks", "ClusterNotFoundException")
        stub.add_client_error("describe_services", "ClusterNotFoundException")
        with pytest.raises(AwsError):
            Ecs(made).stopped_tasks("dev", "web")
        assert Ecs(made).service("dev", "web") is None


def test_a_service_tells_its_counts_and_the_rollout_in_force() -> None:
    item = {
        "serviceName": "web", "status": "ACTIVE", "desiredCount": 2, "runningCount": 1, "pendingCount": 1,
        "taskDefinition": DEFINITION,
        "deployments": [
            {"status": "ACTIVE", "rolloutState": "COMPLETED"},
            {"id": "new", "status": "PRIMARY", "rolloutState": "FAILED", "rolloutStateReason": "circuit breaker",
             "createdAt": CREATED, "failedTasks": 3, "taskDefinition": DEFINITION},
        ],
        "loadBalancers": [{"targetGroupArn": "group"}, {}], "healthCheckGracePeriodSeconds": 60,
        "events": [{"message": f"event {number}"} for number in range(9)],
    }  # fmt: skip
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_services", {"services": [item]}, {"cluster": "dev", "services": ["web"]})
        found = Ecs(made).service("dev", "web")
    assert found == Service(
        "web", 2, 1, 1, "FAILED", "circuit breaker", DEFINITION, tuple(f"event {number}" for number in range(5)),
        history=tuple(ServiceEvent(None, f"event {number}") for number in range(9)),
        deployments=(
            ServiceDeployment("", "ACTIVE", "", "COMPLETED"),
            ServiceDeployment("new", "PRIMARY", DEFINITION, "FAILED", CREATED, 3),
        ),
        target_groups=("group",),
        grace_seconds=60,
    )  # fmt: skip
    assert found.primary == found.deployments[1]


def test_an_answer_says_what_time_it_is_at_aws() -> None:
    metadata = {"HTTPHeaders": {"date": "Thu, 01 Jan 2026 12:00:00 GMT"}}
    item = {"serviceName": "web", "status": "ACTIVE"}
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_services", {"services": [item], "ResponseMetadata": metadata})
        stub.add_response(
            "describe_services", {"services": [item], "ResponseMetadata": {"HTTPHeaders": {"date": "noon"}}}
        )
        times = [found.at if (found := Ecs(made).service("dev", "web")) else None for _ in range(2)]
    assert times == [datetime(2026, 1, 1, 12, tzinfo=UTC), None]


def test_tasks_of_a_service_are_those_that_run_and_those_that_stopped() -> None:
    running = {
        "taskArn": "t/1", "lastStatus": "RUNNING", "createdAt": CREATED, "startedAt": CREATED,
        "healthStatus": "UNKNOWN",
        "attachments": [{"details": [{"name": "privateIPv4Address", "value": "10.0.0.7"}]}],
    }  # fmt: skip
    asked = {"cluster": "dev", "serviceName": "web"}
    with stubbed("ecs") as (made, stub):
        stub.add_response("list_tasks", {"taskArns": ["t/1"]}, {**asked, "desiredStatus": "RUNNING"})
        stub.add_response("list_tasks", {"taskArns": ["t/2", "t/1"]}, {**asked, "desiredStatus": "STOPPED"})
        stub.add_response(
            "describe_tasks",
            {"tasks": [running, {"taskArn": "t/2", "lastStatus": "STOPPED", "stoppedAt": CREATED}]},
            {"cluster": "dev", "tasks": ["t/1", "t/2"]},
        )
        assert Ecs(made).service_tasks("dev", "web") == [
            Task("t/1", "RUNNING", created=CREATED, started=CREATED, address="10.0.0.7", health="UNKNOWN"),
            Task("t/2", "STOPPED", stopped=CREATED),
        ]


@pytest.mark.parametrize("services", [[], [{"serviceName": "web", "status": "INACTIVE"}]])
def test_a_service_that_is_gone_or_inactive_is_none(services: list[dict[str, Any]]) -> None:
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_services", {"services": services})
        assert Ecs(made).service("dev", "web") is None


class Stopping:
    """One task that was told to stop: ListTasks has it under the status that is wanted, not the one that it has."""

    def __init__(self, last: str = "RUNNING") -> None:
        self.desired, self.last = "RUNNING", last

    def get_paginator(self, _: str) -> Stopping:
        return self

    def paginate(self, *, cluster: str, desiredStatus: str = "RUNNING") -> list[dict[str, list[str]]]:  # noqa: N803
        return [{"taskArns": ["task/1"] if desiredStatus == self.desired else []}]

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, list[dict[str, str]]]:
        return {"tasks": [{"taskArn": arn, "lastStatus": self.last, "group": "family:migrate"} for arn in tasks]}

    def stop_task(self, *, cluster: str, task: str, reason: str) -> None:
        self.desired = "STOPPED"


def test_a_task_that_was_told_to_stop_is_seen_until_it_has() -> None:
    client = Stopping()
    ecs = Ecs(client)
    ecs.stop_task("c", "task/1", reason="x")
    assert [task.id for task in ecs.one_off_tasks("c")] == ["1"]
    client.last = "STOPPED"
    assert ecs.one_off_tasks("c") == []


def test_services_are_asked_for_ten_at_a_time_and_inactive_ones_left_out() -> None:
    names = [f"s{number}" for number in range(12)]
    answered = [{"serviceName": "s1", "status": "ACTIVE"}, {"serviceName": "s2", "status": "INACTIVE"}]
    with stubbed("ecs") as (made, stub):
        stub.add_response("describe_services", {"services": answered}, {"cluster": "c", "services": names[:10]})
        stub.add_response("describe_services", {"services": []}, {"cluster": "c", "services": names[10:]})
        assert [each.name for each in Ecs(made).services("c", names)] == ["s1"]
        stub.add_client_error("describe_services", "ClusterNotFoundException")
        assert Ecs(made).services("c", names) == []


def test_tasks_that_run_say_of_what_service_they_are_and_which_image_they_run() -> None:
    indexed = {
        "taskArn": "arn:task/c/1", "lastStatus": "RUNNING", "group": "service:web", "healthStatus": "HEALTHY",
        "startedAt": datetime(2026, 3, 1, tzinfo=UTC),
        "containers": [
            {"name": "aws-guardduty-agent-1", "image": "agent@sha256:a", "imageDigest": "sha256:a"},
            {"name": "service", "image": "repo@sha256:index", "imageDigest": "sha256:platform"},
        ],
    }  # fmt: skip
    tagged = {"taskArn": "arn:task/c/2", "containers": [{"name": "x", "image": "repo:tag", "imageDigest": "sha256:b"}]}
    asked = {"cluster": "c", "desiredStatus": "RUNNING"}
    with stubbed("ecs") as (made, stub):
        stub.add_response("list_tasks", {"taskArns": ["arn:task/c/1", "arn:task/c/2"]}, asked)
        over = {"taskArn": "arn:task/c/3", "lastStatus": "STOPPED", "containers": []}
        stub.add_response("describe_tasks", {"tasks": [indexed, over, tagged]})
        first, second = Ecs(made).running_tasks("c")
        stub.add_client_error("list_tasks", "ClusterNotFoundException")
        assert Ecs(made).running_tasks("c") == []
    assert (first.group, first.health, first.image) == ("service:web", "HEALTHY", "sha256:index")
    assert first.started == datetime(2026, 3, 1, tzinfo=UTC)
    assert (second.image, second.started) == ("sha256:b", None)


def test_tasks_of_a_family_run_or_have_stopped_the_newest_end_first_and_tell_their_image() -> None:
    def at(name: str, hour: int | None, **container: str) -> dict[str, Any]:
        end = {} if hour is None else {"stoppedAt": datetime(2026, 1, 1, hour, tzinfo=UTC)}
        return {"taskArn": f"t/{name}", "containers": [{"name": "service", **container}], **end}

    with stubbed("ecs") as (made, stub):
        sent = {"cluster": "dev", "family": "dev-service"}
        stub.add_response("list_tasks", {"taskArns": ["t/run"]}, {**sent, "desiredStatus": "RUNNING"})
        running = at("run", None, image="repository@sha256:index", imageDigest="sha256:manifest")
        stub.add_response("describe_tasks", {"tasks": [running]})
        stub.add_response("list_tasks", {"taskArns": ["t/a", "t/b"]}, {**sent, "desiredStatus": "STOPPED"})
        ends = [at("a", 1, image="repository:tag", imageDigest="sha256:manifest"), at("b", 2)]
        stub.add_response("describe_tasks", {"tasks": ends})
        found = Ecs(made).tasks_of("dev", "dev-service")
    assert [(task.id, task.image) for task in found] == [("run", "sha256:index"), ("b", ""), ("a", "sha256:manifest")]
