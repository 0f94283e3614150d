"""Rollouts told as stories: those that can't succeed are ended soon, slow ones are left alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opsctl.deploy.watchdog import attempts, judge, saving

from .rollouts import Life, Timeline, answering, at, crash, unstarted

NOT_FOUND = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref "
    "1.dkr.ecr.us-east-1.amazonaws.com/app@sha256:12: not found"
)
PLATFORM = "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/arm64'"
PULL_DENIED = (
    "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref app: 403 Forbidden"
)
RATE = "CannotPullContainerError: httpReadSeeker: failed open: 429 Too Many Requests: toomanyrequests"
SLOW_NET = 'CannotPullContainerError: failed to do request: Head "https://a/v2/": dial tcp 10.0.0.1:443: i/o timeout'
SECRET = (
    "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: "
    "ResourceNotFoundException: Secrets Manager can't find the specified secret."
)
KEY = (
    "ResourceInitializationError: unable to pull secrets or registry auth: retrieved secret from Secrets Manager did "
    "not contain json key url"
)
SECRET_SLOW = (
    "ResourceInitializationError: unable to pull secrets or registry auth: unable to retrieve secret from asm: "
    "RequestCanceled: request context canceled caused by: context deadline exceeded"
)
SECRET_DENIED = (
    "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable "
    "to retrieve secret from asm: AccessDeniedException: User: arn:aws:sts::1:assumed-role/e/1 is not authorized to "
    "perform: secretsmanager:GetSecretValue"
)
START_SLOW = "CannotStartContainerError: Error response from daemon: timeout waiting for the container to start"
NO_PROGRAM = (
    "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: OCI runtime "
    'create failed: runc create failed: unable to start container process: exec: "gunicron": executable file not found '
    "in $PATH: unknown"
)
ROLE = (
    "(service dev-app) failed to launch a task with (error ECS was unable to assume the role "
    "'arn:aws:iam::1:role/task' that was provided for this task.)."
)
FULL = (
    "(service dev-app) was unable to place a task. Reason: Capacity is unavailable at this time. Please try again "
    "later or in a different availability zone."
)
VCPUS = (
    "(service dev-app) was unable to place a task. Reason: You've reached the limit on the number of vCPUs you can run."
)
MEMORY = "OutOfMemoryError: container killed due to memory usage"
SPOT = "Your Spot Task was interrupted."
SCALED = "Scaling activity initiated by (deployment ecs-svc/1)"

HOPELESS: dict[str, tuple[Timeline, str]] = {
    "the image is not there": (Timeline([unstarted(5, 40, NOT_FOUND), unstarted(45, 80, NOT_FOUND)]), "not found"),
    "the image is for another processor": (Timeline([unstarted(5, 45, PLATFORM)]), "matching platform"),
    "the image may not be read": (
        Timeline([unstarted(5, 45, PULL_DENIED), unstarted(50, 95, PULL_DENIED)], desired=4), "403",
    ),
    "a secret is missing": (Timeline([unstarted(5, 50, SECRET), unstarted(60, 110, SECRET)]), "can't find"),
    "a secret lacks a key": (Timeline([unstarted(5, 50, KEY), unstarted(60, 110, KEY)]), "json key url"),
    "the role does not trust ECS": (Timeline([], says=[(8, ROLE)]), "unable to assume the role"),
    "three tasks crash alike": (
        Timeline([crash(5, 30, 33, 3), crash(40, 65, 68, 3), crash(80, 105, 108, 3)]), "3 tasks ended with exit code 3",
    ),
    "a worker ends at once, and well": (
        Timeline([crash(n, n + 25, n + 26, 0) for n in (5, 40, 80)], balanced=False, grace=0), "exit code 0",
    ),
    "its memory does not suffice": (
        Timeline([crash(5, 30, 50, 137, MEMORY), crash(55, 80, 100, 137, MEMORY)]), "memory",
    ),
    "the health check is answered with 404": (
        Timeline([answering(5, 30, "50 404")], grace=60), "answered with 404",
    ),
    "the health check is answered with a redirect": (
        Timeline([answering(5, 30, "50 302")], grace=60), "answered with 302",
    ),
    "nobody listens on the port": (
        Timeline([answering(5, 25, "40 refused", 60), answering(65, 85, "100 refused", 120)]), "nobody who answers",
    ),
    "the command is not in the image": (
        Timeline([unstarted(5, 45, NO_PROGRAM), unstarted(50, 90, NO_PROGRAM)]), "executable file not found",
    ),
    "there is no place": (Timeline([], says=[(15, FULL)]), "Capacity is unavailable"),
}  # fmt: skip

# A good task that runs on; what comes before it is why it is slow.
GOOD = answering(5, 30, "60 200")
SLOW: dict[str, Timeline] = {
    "a start that takes eight minutes of its grace": Timeline(
        [answering(5, 40, "60 refused; 480 200")], grace=600, done=500
    ),
    "an application that says 503 until it is warm": Timeline([answering(5, 40, "60 503; 400 200")], grace=0, done=420),
    "a 404 while the grace period runs": Timeline([answering(5, 40, "50 404; 200 200")], grace=300, done=230),
    "a redirect while the grace period runs": Timeline([answering(5, 40, "50 302; 200 200")], grace=300, done=230),
    "a registry that says 429 twice": Timeline(
        [unstarted(5, 60, RATE), unstarted(70, 130, RATE), answering(140, 170, "200 200")], done=230
    ),
    "a pull of four tasks that time out at once": Timeline(
        [unstarted(5, 90, SLOW_NET) for _ in range(4)] + [answering(100, 150, "180 200")], desired=4, done=400
    ),
    "a secret that answers late twice": Timeline(
        [unstarted(5, 60, SECRET_SLOW), unstarted(70, 130, SECRET_SLOW), answering(140, 170, "190 200")], done=230
    ),
    "tasks of the old release that crash": Timeline(
        [answering(5, 120, "300 200")], before=[crash(-90, -60, n, 1) for n in (10, 20, 30, 40)], done=330, grace=300
    ),
    "interruptions of spot capacity": Timeline(
        [Life(n, n + 20, n + 40, 143, "SpotInterruption", SPOT) for n in (5, 60, 120)]
        + [answering(180, 200, "230 200")],
        done=260,
    ),
    "autoscaling that takes tasks away": Timeline(
        [Life(5, 30, n, 0, "ServiceSchedulerInitiated", SCALED) for n in (60, 70, 80)] + [GOOD], desired=4, done=100
    ),
    "no place for a minute and a half": Timeline(
        [answering(100, 170, "200 200")], says=[(10, FULL), (60, VCPUS)], done=230
    ),
    "a role that was made a moment ago": Timeline(
        [answering(70, 100, "130 200")], says=[(5, ROLE), (35, ROLE)], done=160
    ),
    "a worker that crashes until its queue is there": Timeline(
        [crash(5, 20, 25, 1), crash(30, 45, 50, 1), Life(60, 75)], balanced=False, grace=0, done=200
    ),
    "ten tasks that start at once, of which four find no free connection": Timeline(
        [crash(5, 30, 35, 1) for _ in range(4)]
        + [answering(5, 30, "90 200") for _ in range(6)]
        + [answering(45, 70, "130 200") for _ in range(4)],
        desired=10, grace=120, done=150,
    ),
    "a database that wakes up while others of the release get further": Timeline(
        [crash(n, n + 20, n + 30, 1) for n in (5, 6, 40)] + [answering(40, 60, "150 200")],
        desired=8, grace=120, done=200,
    ),
    "a quota of vCPUs that another service's old tasks hold until they are drained": Timeline(
        [answering(440, 470, "500 200")], says=[(10, VCPUS), (200, VCPUS), (400, VCPUS)], done=520
    ),
    "capacity that comes back after eight minutes": Timeline(
        [answering(490, 520, "550 200")], says=[(10, FULL), (250, FULL), (480, FULL)], done=570
    ),
    "an image that its replica or cache has a minute later": Timeline(
        [unstarted(5, 40, NOT_FOUND), answering(60, 100, "130 200")], done=150
    ),
    "a policy of the execution role that is not known everywhere yet": Timeline(
        [unstarted(5, 30, SECRET_DENIED), unstarted(35, 60, SECRET_DENIED), answering(65, 100, "140 200")], done=160
    ),
    "a pull that is refused until the role's policy is known": Timeline(
        [unstarted(5, 30, PULL_DENIED), unstarted(35, 60, PULL_DENIED), answering(65, 100, "140 200")], done=160
    ),
    "a container that twice takes too long to start": Timeline(
        [unstarted(5, 60, START_SLOW), unstarted(65, 120, START_SLOW), answering(125, 150, "190 200")], done=220
    ),
}  # fmt: skip


@pytest.mark.parametrize("story", HOPELESS)
def test_what_cannot_succeed_is_ended_soon(story: str) -> None:
    timeline, reason = HOPELESS[story]
    ended = timeline.ended()
    assert ended is not None
    seconds, verdict = ended
    # Only a place may come free by itself, for which it waits longer.
    assert seconds <= (630 if story == "there is no place" else 180)
    assert reason in verdict.reason
    assert verdict.advice


@pytest.mark.parametrize("story", SLOW)
def test_what_is_only_slow_is_left_alone(story: str) -> None:
    assert SLOW[story].ended() is None


def test_there_are_more_stories_of_slow_ones() -> None:
    assert len(SLOW) > len(HOPELESS)


def test_a_transient_pull_error_that_goes_on_is_hopeless_at_last() -> None:
    timeline = Timeline([unstarted(n, n + 50, RATE) for n in (5, 60, 120)])
    ended = timeline.ended()
    assert ended is not None
    assert ended[0] == 170


def test_no_place_is_hopeless_only_after_ten_minutes() -> None:
    ended = Timeline([], says=[(15, FULL)]).ended()
    assert ended is not None
    assert ended[0] == 620


def test_a_place_that_was_found_once_starts_the_ten_minutes_anew() -> None:
    life = Life(70, 80, 90, 143, "SpotInterruption", SPOT)
    ended = Timeline([life], says=[(10, FULL), (100, FULL)], desired=1).ended()
    assert ended is not None
    assert ended[0] == 710


def test_one_healthy_task_of_the_new_release_is_hope_for_the_others() -> None:
    lives = [answering(5, 20, "40 200"), *(crash(n, n + 10, n + 12, 1) for n in (5, 30, 60, 90))]
    assert Timeline(lives, desired=4).ended() is None


def test_a_task_that_was_told_to_stop_is_no_measure_of_how_long_a_worker_lives() -> None:
    told = Life(1, 2, 400, 143, "SpotInterruption", SPOT)
    lives = [told, *(crash(n, n + 5, n + 10, 1) for n in (405, 420, 435)), Life(440, 445)]
    timeline = Timeline(lives, balanced=False, grace=0, desired=20)
    assert judge([timeline.look(450)]) is not None
    assert judge([timeline.look(465)]) is None  # it has outlived those that crashed


def test_different_exit_codes_are_no_verdict() -> None:
    lives = [crash(n, n + 10, n + 12, code) for code, n in enumerate((5, 30, 60), start=1)]
    assert Timeline(lives, desired=20).ended() is None


def test_a_wrong_answer_of_the_task_that_ecs_just_stopped_counts() -> None:
    ended = Timeline([answering(5, 30, "50 404", 90)], grace=60).ended()
    assert ended is not None
    assert (ended[0], "404" in ended[1].reason) == (90, True)


@pytest.mark.parametrize("code", [204, 301, 302, 404, 400, 500, 501])
def test_on_this_machine_a_wrong_answer_counts_at_once_and_of_the_server_too(code: int) -> None:
    told = [answering(1, 2, f"10 {code}")]
    ended = Timeline(told, grace=120, local=True).ended()
    assert ended is not None
    assert (ended[0], str(code) in ended[1].reason) == (20, True)
    assert Timeline(told, grace=120).ended(110) is None  # on AWS the grace period counts


def test_500_of_our_own_health_check_counts_at_once_on_aws_as_well() -> None:
    """The layer answers so where the project's code can't be loaded; anybody else's 500 may pass."""
    told = [answering(1, 2, "40 500")]
    ended = Timeline(told, grace=300, own_health=True).ended()
    assert ended is not None
    assert (ended[0], ended[1].reason) == (50, "the load balancer's health check is answered with 500")
    assert "log" in ended[1].advice
    assert Timeline(told, grace=300).ended(600) is None
    for code in (400, 404, 501, 503):
        assert Timeline([answering(1, 2, f"40 {code}")], grace=300, own_health=True).ended(290) is None, code


@pytest.mark.parametrize("code", [408, 425, 429, 502, 503, 504])
def test_on_this_machine_too_a_service_may_ask_for_more_time(code: int) -> None:
    assert Timeline([answering(1, 2, f"10 {code}")], grace=120, local=True).ended(110) is None


@pytest.mark.parametrize("local", [True, False])
def test_a_redirect_is_told_with_what_makes_one(*, local: bool) -> None:
    ended = Timeline([answering(5, 30, "50 301")], grace=60, local=local).ended()
    assert ended is not None
    assert "with its last slash" in ended[1].advice
    assert "SECURE_SSL_REDIRECT" in ended[1].advice


def test_on_this_machine_one_odd_answer_is_none() -> None:
    assert Timeline([answering(1, 2, "10 500; 15 404; 19 200")], grace=120, local=True).ended(600) is None


def test_on_this_machine_one_task_that_nobody_reached_suffices() -> None:
    told = [answering(1, 2, "10 refused", 122)]
    assert Timeline(told, grace=120, local=True).ended(110) is None
    ended = Timeline(told, grace=120, local=True).ended(200)
    assert ended is not None
    assert "finds nobody who answers" in ended[1].reason
    assert Timeline(told, grace=120).ended(200) is None


def test_a_request_to_come_later_is_no_wrong_answer() -> None:
    assert Timeline([answering(5, 30, "50 429")], grace=0).ended(600) is None


def test_when_ecs_gives_up_or_is_done_nothing_is_said() -> None:
    look = HOPELESS["three tasks crash alike"][0].look(170)
    assert judge([look]) is not None
    for state in ("FAILED", "COMPLETED", ""):
        assert judge([replace(look, state=state)]) is None
    assert judge([]) is None


def test_looks_at_the_deployment_before_say_nothing_of_this_one() -> None:
    look = Timeline([answering(5, 30, "50 404")], grace=0).look(60)
    other = replace(look, deployment="d0", at=at(20))
    assert judge([other, look]) is None


def test_attempts_are_counted_by_generations() -> None:
    at_once = Timeline([crash(5, 20, 40, 1) for _ in range(4)], desired=4).look(60)
    one_by_one = Timeline([crash(n, n + 5, n + 9, 1) for n in (5, 15, 25)]).look(60)
    assert (attempts(at_once.tasks), attempts(one_by_one.tasks), attempts([])) == (1, 3, 0)


def test_the_time_that_is_saved_is_an_estimate_that_says_how() -> None:
    many = Timeline([crash(n, n + 10, n + 20, 1) for n in (0, 30, 60) for _ in range(2)], desired=2)
    ended = Timeline([answering(5, 30, "50 404")], grace=60).ended()
    assert ended is not None
    assert saving(ended[1]) == (
        "That is about 3 min sooner than ECS's circuit breaker (estimated: it ends a rollout after 3 failed tasks, and "
        "an attempt takes about 100 s here)."
    )
    no_place = Timeline([], says=[(15, FULL)]).ended()
    assert no_place is not None
    assert "170 min sooner than CloudFormation's own limit (estimated: it waits 3 hours" in saving(no_place[1])
    crashed = many.ended()
    assert crashed is not None
    assert saving(crashed[1]) == "ECS's circuit breaker would have ended it at about this time."
