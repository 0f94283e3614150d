"""A status of an environment whose AWS is in memory: each part, each part refused, and what is not well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from opsctl.aws.alarms import Alarm
from opsctl.aws.certificates import Certificate
from opsctl.aws.cloudformation import Stack
from opsctl.aws.ecr import Finding
from opsctl.aws.ecs import Service, Task
from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.load_balancers import TargetHealth
from opsctl.aws.rds import Database, Maintenance
from opsctl.aws.s3 import StoredObject
from opsctl.cli.render_status import status_lines, status_text
from opsctl.config.models import Environment
from opsctl.operate.status import parts
from opsctl.operate.status.environment import environment_status
from opsctl.operate.status.model import EnvironmentStatus
from opsctl.stacks.catalog import templates
from opsctl.stacks.model import StackTemplate

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DIGEST = "sha256:" + "1" * 64
OLD = "sha256:" + "2" * 64
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/c1"
ENV = Environment.model_validate({
    "name": "dev", "service": "shop", "client": "acme",
    "application": {
        "web": {"domains": ("shop.example.com",), "certificate_arn": CERTIFICATE, "command": ("serve",)},
        "workers": {"mail": {"command": ("mail",)}},
    },
})  # fmt: skip
TEMPLATES = templates(ENV)
OUTPUTS = {
    "bootstrap": {"ArtifactBucketName": "artifacts"},
    "platform": {"ClusterName": "dev-shop-acme"},
    "front": {"TargetGroupArn": "arn:group", "ServiceUrl": "https://shop.example.com"},
    "data": {"DatabaseIdentifier": "db-1"},
    "app": {"ServiceName": "dev-shop"},
}
RELEASE = {
    "number": 7, "environment": "dev", "run_id": "r", "at": "2026-03-01T10:00:00+00:00", "by": "alice@laptop",
    "tag": "abc1234", "digest": DIGEST, "commit": "abc1234def",
}  # fmt: skip
DATABASE = Database("db-1", "available", "db.t4g.micro", "postgres", "17.6", 20, False, "arn:db")
ISSUED = Certificate(CERTIFICATE, "shop.example.com", "ISSUED", NOW + timedelta(days=200), used_by=("arn:lb",))


def task(service: str, number: int, image: str = DIGEST, health: str = "HEALTHY") -> Task:
    return Task(
        f"arn:task/{number:08}-1", "RUNNING", task_definition="arn:td/web:4", group=f"service:{service}", health=health,
        image=image, started=NOW - timedelta(hours=3),
    )  # fmt: skip


@dataclass
class FakeAws:
    """All that a status asks; what is in `denied` is refused, by the name of the call."""

    denied: set[str] = field(default_factory=set)
    stacks_there: dict[str, Stack] = field(default_factory=dict)
    services: list[Service] = field(default_factory=lambda: [
        Service("dev-shop", 2, 2, 0, "COMPLETED", "", "arn:td/web:4"),
        Service("dev-shop-mail", 1, 1, 0, "COMPLETED", "", "arn:td/mail:2"),
    ])  # fmt: skip
    tasks: list[Task] = field(default_factory=lambda: [
        task("dev-shop", 1), task("dev-shop", 2), task("dev-shop-mail", 3),
    ])  # fmt: skip
    targets: list[TargetHealth] = field(default_factory=lambda: [TargetHealth("10.0.0.1", 8000, "healthy")])
    alarms_there: list[Alarm] = field(default_factory=lambda: [
        Alarm("dev-shop-app-acme-Cpu-X", "OK"), Alarm("dev-shop-app-acme-Hosts-X", "INSUFFICIENT_DATA"),
        Alarm("dev-shop-two-app-acme-Cpu-X", "ALARM", "another's"),
    ])  # fmt: skip
    database: Database | None = DATABASE
    pending: list[Maintenance] = field(default_factory=list)
    certificate: Certificate = ISSUED
    objects: dict[str, dict[str, Any]] = field(default_factory=lambda: {
        "releases/dev-shop-acme/current.json": RELEASE,
    })  # fmt: skip
    findings: tuple[str, list[Finding]] = ("COMPLETE", [Finding("CVE-1", "HIGH", "p", "1", "2")])

    def __post_init__(self) -> None:
        for template in TEMPLATES:
            parameters = {"ImageUri": f"repo@{DIGEST}"} if template.stack == "app" else {}
            self.stacks_there[template.stack] = Stack(
                template.physical_name, f"arn:{template.stack}", "UPDATE_COMPLETE", parameters=parameters,
                outputs=OUTPUTS.get(template.stack, {}), updated=NOW - timedelta(days=2),
            )  # fmt: skip

    def _answer(self, call: str, value: Any) -> Any:
        if call in self.denied:
            raise AwsRefusedError(f"AWS denied {call}.", aws_code="AccessDenied")
        return value

    def in_region(self, _region: str | None) -> Any:
        answer = self._answer
        return SimpleNamespace(
            cloudformation=SimpleNamespace(stacks=lambda: answer("DescribeStacks", [*self.stacks_there.values()])),
            ecs=SimpleNamespace(
                services=lambda _cluster, names: answer(
                    "DescribeServices", [each for each in self.services if each.name in names]
                ),
                running_tasks=lambda _cluster: answer("ListTasks", self.tasks),
            ),
            load_balancers=SimpleNamespace(target_health=lambda _arn: answer("DescribeTargetHealth", self.targets)),
            alarms=SimpleNamespace(alarms=lambda prefix: answer(
                "DescribeAlarms", [each for each in self.alarms_there if each.name.startswith(prefix)]
            )),
            rds=SimpleNamespace(
                database=lambda _name: answer("DescribeDBInstances", self.database),
                maintenance=lambda _arn: answer("DescribePendingMaintenanceActions", self.pending),
            ),
            certificates=SimpleNamespace(certificate=lambda _arn: answer("DescribeCertificate", self.certificate)),
            s3=SimpleNamespace(ahead=0.0, get=self._object, sizes=lambda *_: {}),
            ecr=SimpleNamespace(
                platform_digests=lambda _repository, digest, registry: [digest],
                scanned=lambda _repository, _digest, registry: answer("DescribeImageScanFindings", self.findings),
            ),
        )  # fmt: skip

    def _object(self, _bucket: str, key: str) -> StoredObject | None:
        found = self._answer("GetObject", self.objects.get(key))
        return StoredObject(json.dumps(found).encode(), "etag") if found is not None else None


def look(aws: FakeAws) -> EnvironmentStatus:
    clients = aws.in_region(None)
    clients.in_region = aws.in_region
    target: Any = SimpleNamespace(
        env=ENV,
        templates=TEMPLATES,
        unwanted=(),
        is_local=False,
        is_stopped=False,
        aws=clients,
        repository_account=None,
    )
    return environment_status(cast("Any", target), now=lambda: NOW)


def test_a_status_says_what_runs_since_when_and_by_whom() -> None:
    status = look(FakeAws())
    assert status.is_well, status.problems
    assert status.not_read == ()
    assert status.runs_release == 7
    assert [(each.process, each.running, len(each.tasks)) for each in status.services] == [
        ("web", 2, 2),
        ("mail", 1, 1),
    ]
    assert status.services[0].tasks[0].release == 7
    assert status.alarms is not None
    assert (status.alarms.ok, status.alarms.insufficient_data, status.alarms.firing) == (1, 1, ())
    assert status.certificates[0].days_left == 200
    assert status.scan is not None
    assert status.scan.counts == {"HIGH": 1}
    text = status_text(status)
    for told in ("dev is well", "release     7, tag abc1234", "by alice@laptop; all tasks run it",
                 "for 3 h  revision 4  release 7",
                 "available, postgres 17.6, db.t4g.micro, 20 GiB", "1 of 1 healthy", "scan: 1 HIGH",
                 "shop.example.com (load balancer) ISSUED, ends 2026-09-17 (in 200 days), used by 1",
                 "operation   none runs", "https://shop.example.com", "2 h ago (2026-03-01 10:00:00 UTC)"):  # fmt: skip
        assert told in text


def test_a_long_name_of_a_worker_does_not_run_into_its_tasks() -> None:
    status = look(FakeAws())
    services = tuple(replace(each, process="celery-worker") for each in status.services)
    lines = status_text(replace(status, services=services)).splitlines()
    assert any(line.startswith("celery-worker 2 of 2 run") for line in lines)


def test_the_json_has_the_keys_it_always_had() -> None:
    model = look(FakeAws()).to_dict()
    assert {"environment", "stacks", "service", "release", "lock", "url"} <= model.keys()
    assert {"stack", "name", "status", "reason", "updated", "next_deploy"} <= model["stacks"][0].keys()
    assert model["service"]["running"] == 2
    assert model["service"]["name"] == "dev-shop"
    assert model["release"]["number"] == 7
    assert model["lock"] is None
    json.dumps(model)


DENIALS = {
    "DescribeServices": ["services"],
    "ListTasks": ["services"],
    "DescribeTargetHealth": ["target health"],
    "DescribeAlarms": ["alarms"],
    "DescribeDBInstances": ["database"],
    "DescribePendingMaintenanceActions": ["database maintenance"],
    "DescribeCertificate": ["certificates"],
    "GetObject": ["release record", "lock"],
    "DescribeImageScanFindings": ["image scan"],
    "DescribeStacks": ["stacks"],
}


@pytest.mark.parametrize("call", DENIALS)
def test_a_part_that_may_not_be_read_is_a_line_and_the_others_are_there(call: str) -> None:
    status = look(FakeAws(denied={call}))
    assert sorted(each.part for each in status.not_read) == sorted(DENIALS[call])
    assert all(each.reason == f"AWS denied {call}." for each in status.not_read)
    whole = look(FakeAws()).to_dict()
    gone = [key for key, value in status.to_dict().items() if whole[key] and not value and key != "well"]
    assert len(gone) < len(whole) / 2
    text = status_text(status)
    assert f"AWS denied {call}." in text
    assert "is well, as far as it can be read" in text
    assert status_lines(status)[f"unread {DENIALS[call][0]}"].endswith(f"AWS denied {call}.")


def test_without_stacks_services_and_alarms_are_read_all_the_same() -> None:
    status = look(FakeAws(denied={"DescribeStacks"}))
    assert status.services
    assert status.alarms is not None
    assert status.stacks == ()


def test_who_may_read_nothing_is_refused() -> None:
    with pytest.raises(AwsRefusedError):
        look(FakeAws(denied=set(DENIALS)))


def unwell() -> Iterator[tuple[FakeAws, str]]:
    aws = FakeAws()
    aws.alarms_there[0] = Alarm("dev-shop-app-acme-Cpu-X", "ALARM", "Threshold crossed", "Look at it", NOW)
    yield aws, "Alarm dev-shop-app-acme-Cpu-X fires."
    aws = FakeAws()
    aws.services[0] = replace(aws.services[0], running=1)
    yield aws, "web runs 1 of 2 tasks."
    aws = FakeAws()
    aws.services[0] = replace(aws.services[0], running=0, rollout_state="IN_PROGRESS")
    yield aws, "web runs 0 of 2 tasks."
    aws = FakeAws()
    aws.services[0] = replace(aws.services[0], running=0, desired=0)
    yield aws, "web is scaled to 0 tasks: nothing answers."
    aws = FakeAws()
    del aws.services[0]
    yield aws, "AWS has no web: it was deleted, or the deploy of this configuration is still to come."
    aws = FakeAws()
    aws.database = None
    yield aws, "AWS has no database: it was deleted, or the deploy of this configuration is still to come."
    aws = FakeAws()
    aws.services[1] = replace(aws.services[1], rollout_state="FAILED", rollout_reason="circuit breaker")
    yield aws, "The rollout of mail failed: circuit breaker"
    aws = FakeAws()
    aws.tasks[0] = task("dev-shop", 1, health="UNHEALTHY")
    yield aws, "Unhealthy tasks of web: 00000001."
    aws = FakeAws()
    aws.targets = [TargetHealth("10.0.0.1", 8000, "unhealthy", "Target.ResponseCodeMismatch", "codes: [404]")]
    yield aws, "Target 10.0.0.1:8000 is unhealthy: Target.ResponseCodeMismatch."
    aws = FakeAws()
    aws.database = replace(DATABASE, status="storage-full")
    yield aws, "Database db-1 is storage-full."
    aws = FakeAws()
    aws.pending = [Maintenance("system-update", "new system", NOW, forced=True)]
    yield aws, "RDS will do system-update to db-1 at 2026-03-01T12:00:00+00:00, which can't be put off."
    aws = FakeAws()
    aws.stacks_there["app"] = replace(
        aws.stacks_there["app"], status="UPDATE_ROLLBACK_COMPLETE", reason="why", updated=NOW
    )
    yield aws, "Stack app is UPDATE_ROLLBACK_COMPLETE: its last change was taken back, see `opsctl explain --env dev`."
    aws = FakeAws()
    del aws.stacks_there["upkeep"]
    yield aws, "Not deployed: upkeep."
    aws = FakeAws()
    aws.stacks_there.clear()
    yield aws, "Nothing is deployed."
    aws = FakeAws()
    aws.certificate = replace(aws.certificate, expires=NOW + timedelta(days=9))
    yield aws, "The certificate of shop.example.com ends in 9 days."
    aws = FakeAws()
    aws.certificate = replace(aws.certificate, status="VALIDATION_TIMED_OUT", expires=None)
    yield aws, "The certificate of shop.example.com is VALIDATION_TIMED_OUT."
    aws = FakeAws()
    aws.tasks[0] = task("dev-shop", 1, OLD)
    yield aws, "Not all tasks run release 7, the last one."


@pytest.mark.parametrize(("aws", "problem"), list(unwell()), ids=lambda each: each if isinstance(each, str) else "")
def test_what_is_not_well_is_the_first_thing_told(aws: FakeAws, problem: str) -> None:
    status = look(aws)
    assert status.problems == (problem,)
    assert status_text(status).splitlines()[:2] == [
        "dev is not well, as of 2026-03-01 12:00:00 UTC.", f"  ! {problem}",
    ]  # fmt: skip


def test_a_stack_that_went_back_before_the_newest_release_is_as_that_wants_it() -> None:
    aws = FakeAws()
    aws.stacks_there["app"] = replace(aws.stacks_there["app"], status="UPDATE_ROLLBACK_COMPLETE")
    assert aws.stacks_there["app"].updated == NOW - timedelta(days=2)
    status = look(aws)
    assert status.problems == ()
    assert f"{len(TEMPLATES)} of {len(TEMPLATES)} well" in status_text(status)
    aws.objects = {}
    assert look(aws).problems == (
        "Stack app is UPDATE_ROLLBACK_COMPLETE: its last change was taken back, see `opsctl explain --env dev`.",
    )


def test_a_stack_that_went_back_is_no_news_once_a_deploy_found_it_as_it_wanted_it() -> None:
    aws = FakeAws()
    aws.stacks_there["app"] = replace(aws.stacks_there["app"], status="UPDATE_ROLLBACK_COMPLETE", updated=NOW)
    aws.objects["releases/dev-shop-acme/compared.json"] = {"app": "2026-03-01T12:00:00+00:00"}
    assert look(aws).problems == ()
    aws.stacks_there["app"] = replace(aws.stacks_there["app"], updated=NOW + timedelta(minutes=5))  # another failed
    status = look(aws)
    assert len(status.problems) == 1
    assert f"{len(TEMPLATES) - 1} of {len(TEMPLATES)} well" in status_text(status)


def test_services_that_a_running_deploy_has_yet_to_make_or_fill_are_no_problem() -> None:
    aws = FakeAws()
    aws.stacks_there["app"] = replace(aws.stacks_there["app"], status="CREATE_IN_PROGRESS")
    aws.services.clear()
    assert look(aws).problems == ()
    aws = FakeAws()
    aws.services[0] = replace(aws.services[0], running=1, rollout_state="IN_PROGRESS")
    assert look(aws).problems == ()


def test_an_operation_that_runs_is_named_and_one_that_was_killed_is_not() -> None:
    aws = FakeAws()
    lease = {"owner": "bob@ci", "id": "1", "command": "opsctl deploy", "acquired": NOW.timestamp() - 60,
             "expires": NOW.timestamp() + 60}  # fmt: skip
    aws.objects["locks/dev-shop-acme.json"] = lease
    aws.tasks[0] = task("dev-shop", 1, OLD)
    status = look(aws)
    assert status.lock is not None
    assert status.problems == ()  # two releases run while one is deployed
    assert "bob@ci runs `opsctl deploy` since 2026-03-01 11:59:00 UTC" in status_text(status)
    aws.objects["locks/dev-shop-acme.json"] = lease | {"expires": NOW.timestamp() - 1}
    assert look(aws).lock is None


def test_an_older_release_that_runs_is_found_by_its_record() -> None:
    aws = FakeAws()
    aws.tasks = [task("dev-shop", 1, OLD), task("dev-shop", 2, OLD)]
    aws.objects["releases/dev-shop-acme/000006.json"] = {**RELEASE, "number": 6, "digest": OLD}
    status = look(aws)
    assert status.runs_release == 6
    assert "tasks run release 6" in status_text(status)
    del aws.objects["releases/dev-shop-acme/000006.json"]
    assert "an image of no known release" in status_text(look(aws))


@pytest.mark.parametrize("width", [80, 120])
def test_the_text_keeps_to_the_width_of_a_terminal_and_loses_nothing(width: int) -> None:
    aws = FakeAws(denied={"DescribeDBInstances"})
    reason = " ".join(f"word{number}" for number in range(60))
    aws.alarms_there[0] = Alarm("dev-shop-app-acme-Cpu-X", "ALARM", reason, "", NOW)
    aws.services[0] = replace(aws.services[0], rollout_state="FAILED", rollout_reason=f"since {reason}")
    status = look(aws)
    lines = status_text(status, width).splitlines()
    assert max(map(len, lines)) <= width
    assert all(f"word{number}" in " ".join(lines) for number in range(60))
    assert any(reason in line for line in status_text(status).splitlines())


def test_what_aws_says_does_not_reach_the_terminal_as_control_characters() -> None:
    aws = FakeAws()
    aws.alarms_there[0] = Alarm("dev-shop-app-acme-Cpu-X", "ALARM", "bad\x1b[2J", "", NOW)
    status = look(aws)
    assert "\x1b" not in status_text(status)
    assert not any("\x1b" in line for line in status_lines(status).values())


def test_a_local_target_that_was_stopped_is_not_started() -> None:
    target: Any = SimpleNamespace(env=ENV, is_local=True, is_stopped=True)  # without `aws`, which would start it
    status = environment_status(target, now=lambda: NOW)
    assert status.running is False
    assert status_text(status) == "The local target does not run. `opsctl deploy --env dev` starts it."
    assert status.to_dict()["stacks"] == ()


def test_stacks_of_a_region_that_was_not_read_are_not_called_absent() -> None:
    near = StackTemplate("app", "dev-shop-app", "Resources: {}")
    far = StackTemplate("edge", "dev-shop-edge", "Resources: {}", region="us-east-1")
    target: Any = SimpleNamespace(env=SimpleNamespace(region="eu-west-1"), templates=(near, far), unwanted=())
    assert parts.regions(target) == ["eu-west-1", "us-east-1"]
    there = Stack("dev-shop-app", "arn:1", "CREATE_COMPLETE")
    listed = {"eu-west-1": [there, Stack("dev-shop-edge", "arn:2", "CREATE_COMPLETE")]}  # another's, of that name
    state = parts.state(target, listed)
    assert dict(state.stacks) == {"app": there}
    assert [(each.stack, each.status) for each in parts.stacks(target, state, listed, {})] == [
        ("app", "CREATE_COMPLETE")
    ]
    both = listed | {"us-east-1": []}
    assert [each.status for each in parts.stacks(target, parts.state(target, both), both, {})] == [
        "CREATE_COMPLETE", "absent",
    ]  # fmt: skip
