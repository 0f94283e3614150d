"""What a deploy tells of its time while it runs, and what it remembers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opsctl.aws.errors import AwsRefusedError
from opsctl.aws.s3 import StoredObject
from opsctl.deploy.events import Event, Note, ResourceChanged, StepFinished, StepStarted, TimeLeft
from opsctl.deploy.planning.history import History, read_history
from opsctl.deploy.planning.work import Item, Work
from opsctl.deploy.timing import Timing
from opsctl.errors import OpsctlError

from .bench import Clock
from .world import FakeS3

WORK: Work = {
    "data/": Item("data", "", "stack by itself", 20.0, 0.3, ()),
    "data/Database": Item("data", "Database", "create AWS::RDS::DBInstance", 360.0, 0.3, ("data/",)),
    "data": Item("data", "", "", 0.0, 0.0, ("data/Database",)),
    "migrate": Item("migrate", "", "step migrate", 60.0, 0.3, ("data",)),
}
KNOWN = History({"create AWS::RDS::DBInstance": (300.0,) * 12}, (1.0,) * 12)


class Deploy:
    """A deploy told to a timing, step by step."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[Event] = []
        self.timing = Timing(self.told.append, self.clock)

    def resource(self, status: str, name: str = "Database", kind: str = "AWS::RDS::DBInstance") -> None:
        at = datetime.fromtimestamp(self.clock(), UTC)
        self.timing(ResourceChanged("data", at, name, kind, status))

    def stack(self, status: str) -> None:
        self.resource(status, "data", "AWS::CloudFormation::Stack")

    def run(self, end: str = "CREATE_COMPLETE", seconds: float = 300.0) -> None:
        self.timing(StepStarted("data", "create"))
        self.clock.sleep(20)
        self.resource("CREATE_IN_PROGRESS")
        self.clock.sleep(seconds)
        self.resource(end)
        self.timing(StepFinished("data", "done", "", seconds + 20))

    @property
    def left(self) -> list[TimeLeft]:
        return [event for event in self.told if isinstance(event, TimeLeft)]


def test_it_tells_at_once_and_whenever_something_has_ended() -> None:
    deploy = Deploy()
    with deploy.timing.running(WORK, KNOWN):
        assert len(deploy.left) == 1
        assert deploy.left[0].seconds == pytest.approx(380, rel=0.2)
        assert deploy.left[0].earlier == 12
        deploy.run()
        assert len(deploy.left) == 2
        assert deploy.left[1].seconds == pytest.approx(60, rel=0.2)


def test_time_goes_on_without_events() -> None:
    deploy = Deploy()
    with deploy.timing.running(WORK, KNOWN, every_seconds=0.01):
        while len(deploy.left) < 3:
            pass
    count = len(deploy.left)
    assert count >= 3


class DeniedS3(FakeS3):
    """A bucket that refuses to read, or to write."""

    def __init__(self, what: str) -> None:
        super().__init__([])
        self.what = what
        self.asked: list[str] = []

    def get(self, bucket: str, key: str) -> StoredObject | None:
        self.asked.append("get")
        if self.what == "get":
            raise AwsRefusedError("No reading.", aws_code="AccessDenied")
        return None

    def put(self, bucket: str, key: str, body: bytes) -> None:
        self.asked.append("put")
        raise AwsRefusedError("No writing.", aws_code="AccessDenied")


@pytest.mark.parametrize(
    ("what", "asked", "text"),
    [
        ("get", ["get"], "How long earlier deploys took can't be read: No reading."),
        ("put", ["get", "put"], "How long this deploy took can't be kept for the next: No writing."),
    ],
)
def test_a_history_that_is_denied_fails_no_deploy(what: str, asked: list[str], text: str) -> None:
    deploy, store = Deploy(), DeniedS3(what)
    with deploy.timing.remembering(WORK, store, "b", "dev"):
        deploy.run()
    assert [event.text for event in deploy.told if isinstance(event, Note)] == [text]
    assert store.asked == asked


def test_what_is_slow_is_said() -> None:
    deploy = Deploy()
    with deploy.timing.running(WORK, KNOWN):
        deploy.timing(StepStarted("data", "create"))
        deploy.resource("CREATE_IN_PROGRESS")
        deploy.clock.sleep(840)
        deploy.timing.tell()
    assert Note("Database: 14 min, slower than 95 % of 12 earlier ones") in deploy.told


def test_a_deploy_that_ends_well_is_remembered() -> None:
    deploy, store = Deploy(), FakeS3([])
    with deploy.timing.remembering(WORK, store, "b", "dev"):
        deploy.run(seconds=400.0)
        deploy.timing(StepStarted("migrate", ""))
        deploy.clock.sleep(30)
        deploy.timing(StepFinished("migrate", "done", "", 30))
    history = read_history(store, "b", "dev")
    assert history.of("create AWS::RDS::DBInstance") == (400.0,)
    assert history.of("stack by itself") == (20.0,)
    assert history.of("step migrate") == (30.0,)
    assert len(history.ratios) == 1
    assert 0.5 < history.ratios[0] < 2.0


def test_one_that_fails_is_not() -> None:
    deploy, store = Deploy(), FakeS3([])
    with pytest.raises(OpsctlError), deploy.timing.remembering(WORK, store, "b", "dev"):
        raise OpsctlError("failed")
    assert store.objects == {}


def test_a_rollback_and_a_failure_teach_nothing() -> None:
    deploy = Deploy()
    with deploy.timing.running(WORK, History()):
        deploy.timing(StepStarted("data", "create"))
        deploy.resource("CREATE_IN_PROGRESS")
        deploy.clock.sleep(50)
        deploy.resource("CREATE_FAILED")
        deploy.stack("ROLLBACK_IN_PROGRESS")
        deploy.resource("DELETE_IN_PROGRESS")
        deploy.clock.sleep(50)
        deploy.resource("DELETE_COMPLETE")
    assert deploy.timing.learned().of("create AWS::RDS::DBInstance") == ()


def test_without_work_nothing_is_told_read_or_kept() -> None:
    deploy, calls = Deploy(), list[tuple[str, str]]()
    store = FakeS3(calls)
    with deploy.timing.remembering({}, store, "b", "dev"):
        deploy.run()
        deploy.timing.tell()
    assert deploy.told == []
    assert calls == []
