"""Bodies kept by tag: bounded, the least used go first."""

from __future__ import annotations

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
