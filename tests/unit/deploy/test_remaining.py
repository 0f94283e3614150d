"""Time to go: what is left of a deploy, learned from two hundred others that were never alike."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from opsctl.aws.s3 import StoredObject
from opsctl.config.naming import release_key
from opsctl.deploy.planning.compare import parse, resource_changes
from opsctl.deploy.planning.history import KEPT, History, quantile, read_history, write_history
from opsctl.deploy.planning.plan import ImagePlan, ParameterChange, Plan, StackPlan
from opsctl.deploy.planning.remaining import Remaining
from opsctl.deploy.planning.statuses import Action
from opsctl.deploy.planning.work import BY_ITSELF, Item, Work, work_of

from .fakes import template
from .test_forecast import APP, STACKS
from .world import FakeS3

# -- a deploy's work, and what it really takes ------------------------------------------------------------------------


def item(step: str, name: str, kind: str, seconds: float, *after: str) -> Item:
    return Item(step, name, kind, seconds, 0.5, after)


WORK: Work = {
    "data/": item("data", "", BY_ITSELF, 20),
    "data/Group": item("data", "Group", "create group", 5, "data/"),
    "data/Database": item("data", "Database", "create database", 360, "data/Group"),
    "data": Item("data", "", "", 0.0, 0.0, ("data/Group", "data/Database")),
    "front/": item("front", "", BY_ITSELF, 20),
    "front/Balancer": item("front", "Balancer", "create balancer", 140, "front/"),
    "front/Listener": item("front", "Listener", "create listener", 5, "front/Balancer"),
    "front": Item("front", "", "", 0.0, 0.0, ("front/Balancer", "front/Listener")),
    "image": item("image", "", "step image", 60),
    "migrate": item("migrate", "", "step migrate", 60, "data", "image"),
    "app/": item("app", "", BY_ITSELF, 20, "migrate", "front"),
    "app/Service": item("app", "Service", "update service", 90, "app/"),
    "app": Item("app", "", "", 0.0, 0.0, ("app/Service",)),
}


@dataclass
class Truth:
    """What work really takes: other than published, drifting, with slow days, noise and outliers."""

    draw: random.Random
    run: int = 0

    def lengths(self) -> dict[str, float]:
        """Seconds of every item in one more run."""
        self.run += 1
        drift = 1.0 + 0.3 * math.sin(self.run / 40) + (0.2 if self.run > 120 else 0.0)
        day = math.exp(self.draw.gauss(0.0, 0.12))
        found = {}
        for name, each in WORK.items():
            outlier = 3.0 if self.draw.random() < 0.02 else 1.0
            noise = math.exp(self.draw.gauss(0.0, 0.2))
            found[name] = each.seconds * 1.4 * drift * day * noise * outlier
        return found


def times(lengths: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """When each item begins and ends."""
    found: dict[str, tuple[float, float]] = {}
    for name, each in WORK.items():  # in an order in which they can be done
        begin = max((found[other][1] for other in each.after), default=0.0)
        found[name] = (begin, begin + lengths[name])
    return found


def at_moment(remaining: Remaining, when: Mapping[str, tuple[float, float]], now: float) -> None:
    """Tell what has happened until `now`."""
    for name, (begin, end) in sorted(when.items(), key=lambda each: each[1]):
        if begin <= now:
            remaining.begin(name, begin)
        if end <= now:
            remaining.end(name, end)


def replay(runs: int, seed: int) -> Iterator[tuple[Remaining, dict[str, tuple[float, float]], float]]:
    """For each run: what was known when it began, when each item began and ended, and its length."""
    truth, history = Truth(random.Random(seed)), History()
    for number in range(runs):
        when = times(truth.lengths())
        length = max(end for _, end in when.values())
        remaining = Remaining(WORK, history, seed=number)
        predicted = remaining.drawn(0.0)[0]
        yield remaining, when, length
        at_moment(remaining, when, length + 1)
        history = history.with_deploy(remaining.took(), length / predicted)


def test_nine_of_ten_deploys_take_no_longer_than_was_said() -> None:
    said = [(length, remaining.left(0.0)) for remaining, _, length in replay(200, 1)]
    assert 0.85 <= sum(length <= left.at_most for length, left in said) / len(said) <= 0.95
    off = sorted(abs(length - left.likely) / length for length, left in said[20:])
    assert off[len(off) // 2] < 0.2


@pytest.mark.soak
def test_nor_do_others_with_other_luck_and_in_the_middle_it_is_not_far_from_that() -> None:
    for seed in range(2, 8):
        begin, middle = [], []
        for remaining, when, length in replay(200, seed):
            begin.append(length <= remaining.left(0.0).at_most)
            at_moment(remaining, when, length / 2)
            middle.append(length / 2 <= remaining.left(length / 2).at_most)
        assert 0.85 <= sum(begin) / len(begin) <= 0.95
        assert 0.8 <= sum(middle) / len(middle) <= 1.0


# -- what is left -----------------------------------------------------------------------------------------------------


def known(count: int = 12, database: float = 600.0) -> History:
    took = {each.kind: [each.seconds] * count for each in WORK.values() if each.kind}
    return History(
        {**History().with_deploy(took, None).seconds, "create database": (database,) * count}, (1.0,) * count
    )


def test_what_has_ended_is_not_left_and_what_runs_counts_with_its_rest() -> None:
    remaining = Remaining(WORK, known())
    whole = remaining.left(0.0).likely
    assert whole == pytest.approx(20 + 5 + 600 + 60 + 20 + 90, rel=0.1)
    remaining.begin("data/", 0.0)
    for name in ("data/", "data/Group", "front", "image"):
        remaining.end(name, 25.0)
    remaining.begin("data/Database", 25.0)
    assert remaining.left(325.0).likely == pytest.approx(300 + 60 + 20 + 90, rel=0.1)
    remaining.end("data", 625.0)
    remaining.end("migrate", 685.0)
    remaining.end("app", 795.0)
    assert remaining.is_done
    assert remaining.left(800.0).likely == 0.0


def test_what_takes_longer_than_ever_still_has_some_time_left() -> None:
    remaining = Remaining(WORK, known())
    remaining.begin("data/Database", 0.0)
    assert 100 + 60 + 20 + 90 < remaining.left(1000.0).likely < 1000


def test_earlier_predictions_that_were_short_make_the_next_longer() -> None:
    plain, slow = known(), known()
    slow = History(slow.seconds, (1.5,) * 12)
    assert Remaining(WORK, slow).left(0.0).likely == pytest.approx(1.5 * Remaining(WORK, plain).left(0.0).likely)
    mixed = History(slow.seconds, (1.0,) * 9 + (3.0,) * 4)
    left = Remaining(WORK, mixed).left(0.0)
    assert left.at_most == pytest.approx(3.0 * left.likely)
    few = Remaining(WORK, History({}, (4.0,))).left(0.0)
    assert few.at_most == pytest.approx(4.0 * few.likely)


def test_without_a_past_it_is_published_experience() -> None:
    left = Remaining(WORK, History()).left(0.0)
    assert left.earlier == 0
    assert 400 < left.likely < 900
    assert left.at_most > left.likely


def test_what_is_slower_than_its_past_is_told_once() -> None:
    remaining = Remaining(WORK, known())
    remaining.begin("data/Database", 0.0)
    remaining.begin("data/Group", 0.0)
    assert [each.name for each in remaining.slow(29.0)] == []  # everything is slow for a group of five seconds
    assert [(each.name, each.earlier) for each in remaining.slow(610.0)] == [("Database", 12), ("Group", 12)]
    assert remaining.slow(700.0) == []
    few = Remaining(WORK, known(4))
    few.begin("data/Database", 0.0)
    assert few.slow(9000.0) == []


def test_what_failed_or_was_never_seen_to_begin_teaches_nothing() -> None:
    remaining = Remaining(WORK, History())
    remaining.begin("data/Group", 0.0)
    remaining.begin("data/Database", 5.0)
    remaining.begin("nobody/expected", 5.0)
    remaining.fail("data/Group")
    remaining.end("data", 300.0)
    assert remaining.took() == {"create database": [295.0]}


# -- the history ------------------------------------------------------------------------------------------------------


def test_the_newest_of_each_kind_are_kept() -> None:
    history = History()
    for number in range(KEPT + 5):
        history = history.with_deploy({"a": [float(number + 1)]}, 1.0 + number)
    assert history.of("a") == tuple(float(number) for number in range(6, KEPT + 6))
    assert len(history.ratios) == KEPT
    assert history.with_deploy({}, None) == history


def test_it_is_read_as_it_was_written_and_what_cannot_be_read_is_nothing() -> None:
    store = FakeS3([])
    assert read_history(store, "b", "dev") == History()
    history = History({"create AWS::RDS::DBInstance": (301.2, 340.0)}, (1.125,))
    write_history(store, "b", "dev", history)
    assert read_history(store, "b", "dev") == history
    key = release_key("dev", "durations")
    odd = {"seconds": {"a": [1, "x", -3, None, True, 1e999, 1e300]}, "ratios": "none"}
    for body, expected in (
        (b"no json", History()), (b"[]", History()), (b'{"seconds": []}', History()),
        (json.dumps(odd).encode(), History({"a": (1.0,)})),
        (b'{"seconds": {"a": [1' + b"0" * 400 + b"]}}", History()), (b"[" * 100_000, History()),
    ):  # fmt: skip
        store.objects[key] = StoredObject(body, '"1"')
        assert read_history(store, "b", "dev") == expected


def test_a_quantile_leaves_room_for_what_was_never_seen() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([float(n) for n in range(1, 20)], 0.9) == 18.0
    assert quantile([1.0, 2.0], 0.9) == 2.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


# -- the work of a plan -----------------------------------------------------------------------------------------------

IMAGE = ImagePlan("1", "app", "abc", None, build=True, uri=None)
ORDER = {"data": (), "image": (), "jobs": ("data", "image"), "migrate": ("jobs",), "app": ("migrate",)}


def plan(*stacks: StackPlan, image: ImagePlan = IMAGE) -> Plan:
    return Plan("dev", stacks, image, migrate=True)


def stack(name: str, action: Action, **more: object) -> StackPlan:
    return StackPlan(name, f"dev-{name}", "", action, **more)  # type: ignore[arg-type]


def test_a_new_stack_is_all_of_its_resources_after_its_change_set() -> None:
    work = work_of(plan(stack("data", Action.CREATE)), STACKS, {}, {"data": ()})
    assert set(work) == {"data/", "data/Group", "data/Database", "data"}
    assert work["data/Database"].kind == "create AWS::RDS::DBInstance"
    assert work["data/Database"].seconds == 360.0
    assert work["data/Database"].after == ("data/", "data/Group")
    assert set(work["data"].after) == {"data/", "data/Group", "data/Database"}


def test_another_image_is_a_task_definition_and_the_service_that_runs_it() -> None:
    changed = stack("app", Action.UPDATE, parameters=(ParameterChange("ImageUri", "a", "b"),))
    work = work_of(plan(stack("data", Action.UNCHANGED), changed), STACKS, {"app": APP}, ORDER)
    assert {name: each.kind for name, each in work.items() if each.step == "app" and each.logical_id} == {
        "app/Task": "create AWS::ECS::TaskDefinition",
        "app/Service": "update AWS::ECS::Service",
    }
    assert work["data"].kind == "stack unchanged"
    assert work["image"].kind == "step image"
    assert (work["migrate"].kind, work["migrate"].after) == ("step migrate", ("jobs",))
    assert Remaining(work, History()).left(0.0).likely > 100


def test_an_image_that_is_there_takes_no_time() -> None:
    found = ImagePlan("1", "app", "abc", "sha256:1", build=False, uri="app@sha256:1")
    work = work_of(plan(stack("app", Action.UNCHANGED), image=found), STACKS, {}, {"image": ()})
    assert (work["image"].kind, work["image"].seconds) == ("step image found", 1.0)


def test_a_template_that_differs_is_what_is_added_changed_and_removed() -> None:
    new = APP.replace('  Alarm: {Type: "AWS::CloudWatch::Alarm", DependsOn: [Service]}\n', "").replace(
        "Resources:\n", 'Resources:\n  Queue: {Type: "AWS::SQS::Queue"}\n'
    )
    changes = resource_changes(parse(APP), parse(new))
    work = work_of(
        plan(stack("app", Action.UPDATE, changes=changes)), [template("app", new)], {"app": APP}, {"app": ()}
    )
    assert {each.logical_id: each.kind for each in work.values() if each.logical_id} == {
        "Queue": "create AWS::SQS::Queue",
        "Alarm": "delete AWS::CloudWatch::Alarm",
    }
