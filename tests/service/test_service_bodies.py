"""Bodies kept by tag: bounded, the least used go first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from salaries.api.bodies import BodyCache


def test_what_was_not_asked_for_longest_makes_room() -> None:
    cache = BodyCache(limit=80)
    for number in range(8):
        cache.put(f"tag {number}", bytes(10))
    assert cache.get("tag 0") == bytes(10)
    cache.put("tag 8", bytes(10))
    assert cache.get("tag 1") is None
    assert [cache.get(f"tag {number}") is not None for number in (0, 2, 8)] == [True, True, True]


def test_replacing_a_body_does_not_count_it_twice() -> None:
    cache = BodyCache(limit=80)
    for _ in range(20):
        cache.put("same", bytes(10))
    cache.put("other", bytes(10))
    assert cache.get("same") is not None


def test_a_body_that_would_push_out_many_is_not_kept() -> None:
    cache = BodyCache(limit=80)
    cache.put("large", bytes(11))
    assert cache.get("large") is None


class Work:
    """Makes a body when it is told to, and counts how often it began."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = threading.Event()

    def make(self) -> bytes:
        """The body."""
        self.begun += 1
        assert self.go_on.wait(10)
        return b"body"

    def fail(self) -> bytes:
        """What a database says that is away."""
        self.make()
        raise OSError("gone")


def eight_at_once(cache: BodyCache, work: Work, make: Callable[[], bytes]) -> list[Future[bytes]]:
    """Ask eight times for one tag while it is being made."""
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(cache.get_or_make, "tag", make) for _ in range(8)]
        time.sleep(0.2)
        work.go_on.set()
    return asked


def test_equal_requests_at_once_are_worked_out_once() -> None:
    cache, work = BodyCache(limit=1), Work()
    assert [each.result() for each in eight_at_once(cache, work, work.make)] == [b"body"] * 8
    assert work.begun == 1
    # Too large to be kept: the next one is a new question.
    assert cache.get_or_make("tag", work.make) == b"body"
    assert work.begun == 2


def test_they_share_a_failure_and_the_next_one_tries_again() -> None:
    cache, work = BodyCache(), Work()
    for each in eight_at_once(cache, work, work.fail):
        with pytest.raises(OSError, match="gone"):
            each.result()
    assert work.begun == 1
    assert cache.get_or_make("tag", work.make) == b"body"
