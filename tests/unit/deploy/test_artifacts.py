"""Code and templates go into the artifact bucket by version, and a bucket that is too new for that is waited for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from opsctl.aws.errors import AwsError
from opsctl.config.models import Environment
from opsctl.deploy.artifacts import Artifacts
from opsctl.deploy.events import Progress
from opsctl.deploy.planning.plan import Consent

from .bench import Clock, Detach
from .fakes import template
from .world import FOLDER, FakeS3, World


@dataclass
class NewBucket(FakeS3):
    """Keeps no versions before a time of its clock, like S3 while it switches them on."""

    clock: Clock = field(default_factory=Clock)
    from_then: float = 0.0
    code: str = "NoVersions"

    def put_version(self, bucket: str, key: str, body: bytes) -> str:
        if self.clock() < self.from_then:
            self.put(bucket, key, body)
            raise AwsError("artifacts keeps no versions", aws_code=self.code, hint="deploy again then")
        return super().put_version(bucket, key, body)


@dataclass
class Waiting:
    """Artifacts in a bucket made `age` seconds ago, which keeps versions `after` that many from now."""

    age: float
    after: float
    code: str = "NoVersions"

    def __post_init__(self) -> None:
        self.clock, self.told = Clock(), list[str]()
        self.began = self.clock()
        self.store = NewBucket([], clock=self.clock, from_then=self.began + self.after, code=self.code)

    def put(self) -> str:
        def pause(seconds: float, why: str) -> None:
            self.told.append(why)
            self.clock.sleep(seconds)

        return Artifacts(self.store, "artifacts", FOLDER, self.began - self.age, pause, self.clock).put("a", b"ours")

    @property
    def waited(self) -> float:
        return self.clock() - self.began


def test_a_bucket_that_was_just_made_is_waited_for() -> None:
    case = Waiting(age=60, after=95)
    assert case.store.versions[("a", case.put())] == b"ours"
    assert case.waited == 100
    assert case.told[0].startswith("S3 switches versioning on in the new artifact bucket, which can take minutes (0 s")
    assert case.told[-1].endswith("(90 s)")


@pytest.mark.parametrize(("age", "waited"), [(60, 300), (800, 100), (899, 1), (901, 0), (10**6, 0)])
def test_it_is_waited_for_at_most_five_minutes_and_never_when_it_is_old(age: float, waited: float) -> None:
    case = Waiting(age=age, after=10**6)
    with pytest.raises(AwsError, match="keeps no versions") as caught:
        case.put()
    assert caught.value.hint == "deploy again then"
    assert case.waited == waited


def test_what_s3_refuses_is_not_waited_for() -> None:
    case = Waiting(age=60, after=95, code="AccessDenied")
    with pytest.raises(AwsError):
        case.put()
    assert case.waited == 0


@pytest.mark.parametrize("leaves", [False, True])
def test_a_first_deploy_waits_for_its_new_bucket_and_can_be_left_meanwhile(leaves: bool) -> None:
    world = World()
    work = world.deployment()
    clock = world.clock
    detach = Detach(clock)
    work._detach = detach
    world.aws.s3 = NewBucket(world.aws.calls, clock=clock, from_then=clock() + 45)
    api, made = world.aws.cloudformation, datetime.fromtimestamp(clock(), UTC)
    stacks = api.stacks
    api.stacks = lambda: [replace(each, updated=made) for each in stacks()]  # type: ignore[method-assign]

    def emit(event: object) -> None:
        world.events.append(event)  # type: ignore[arg-type]
        if leaves and isinstance(event, Progress) and "S3 switches versioning on" in event.text:
            detach.set()

    if leaves:
        with pytest.raises(Exception, match=r"Detached before \w+ was changed"):
            work.execute(work.plan(), emit, Consent())
    else:
        work.execute(work.plan(), emit, Consent())
        assert world.aws.s3.versions[f"bundles/{FOLDER}/1.zip", "v1"] == b"code 1"
    told = [each for each in world.events if isinstance(each, Progress) and "S3 switches versioning on" in each.text]
    assert {each.step for each in told} == {"functions"}
    assert len(told) == (1 if leaves else 5)


def test_a_large_template_is_named_by_the_version_that_was_uploaded_whatever_lies_under_its_key() -> None:
    store, large = FakeS3([]), template()
    key = f"templates/{FOLDER}/{large.digest}.yaml"
    store.put_version("artifacts", key, b"a stranger's")
    url = Artifacts(store, "artifacts", FOLDER).template(large)
    store.put_version("artifacts", key, b"a stranger's")
    assert url == f"https://artifacts.s3.us-east-1.amazonaws.com/{key}?versionId=v2"
    assert store.versions[key, "v2"] == large.body.encode()


def test_the_accounts_own_template_lies_where_no_environments_can() -> None:
    url = Artifacts(FakeS3([]), "artifacts", FOLDER).template(template("bootstrap"))
    folder = url.split("/")[4]
    assert folder == "_bootstrap"
    with pytest.raises(ValidationError, match="name"):
        Environment.model_validate({"name": folder, "service": "salaries", "client": "acme"})
