"""How slow a registry may be, by a clock that waits for nobody."""

from __future__ import annotations

import io

import pytest

from opsctl.images.registry.pace import Pace, PacedBody, TooSlowError, Watch, reason


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_moves_enough_has_time_again() -> None:
    clock = Clock()
    watch = Watch(Pace(size=1000, seconds=10, clock=clock))
    for _ in range(50):
        clock.now += 4.9
        watch.moved(500)
        assert watch.left() > 0
    assert clock.now == pytest.approx(245)


def test_what_moves_too_little_has_an_end_however_much_came_before() -> None:
    clock = Clock()
    watch = Watch(Pace(size=1000, seconds=10, clock=clock))
    watch.moved(1_000_000)
    for _ in range(9):
        clock.now += 1
        watch.moved(1)
        assert watch.left() == pytest.approx(10 - clock.now)
    clock.now += 1
    with pytest.raises(TooSlowError, match="only 9 bytes in 10 seconds"):
        watch.left()


def test_a_body_that_goes_out_too_slowly_is_given_up() -> None:
    clock = Clock()
    body = PacedBody(io.BytesIO(b"x" * 2000), Pace(size=1000, seconds=10, clock=clock))
    assert len(body.read(1000)) == 1000
    clock.now = 9
    assert len(body.read(500)) == 500
    clock.now = 11
    with pytest.raises(TooSlowError, match="only 500 bytes in 10 seconds"):
        body.read(500)


def test_the_pace_is_named_however_deep_it_lies() -> None:
    outer = ValueError("Read timed out.")
    outer.__cause__ = TooSlowError("only 3 bytes in 10 seconds")
    assert reason(outer) == "too slow, only 3 bytes in 10 seconds"
    assert reason(OSError("broken")) == "OSError: broken"
