"""How much of bodies is held at a time."""

from __future__ import annotations

import asyncio

import pytest

from opsctl.local.emulator.asgi import BodyRoom, BodyTooLargeError, Receive, read_body
from opsctl.local.state import Json


def sent(*parts: bytes) -> Receive:
    left = [{"type": "http.request", "body": part, "more_body": True} for part in parts[:-1]]
    left.append({"type": "http.request", "body": parts[-1], "more_body": False})

    async def receive() -> Json:
        return left.pop(0)

    return receive


def read(room: BodyRoom, *parts: bytes, declared: str = "") -> bytes | None:
    with room.hold({"content-length": declared} if declared else {}, sent(*parts)) as held:
        return asyncio.run(read_body(held))


def test_a_body_that_fits_is_read_and_leaves_room_for_the_next() -> None:
    room = BodyRoom(10)
    assert [read(room, b"12345", b"67890") for _ in range(3)] == [b"1234567890"] * 3


def test_one_that_does_not_is_refused_as_soon_as_that_is_seen() -> None:
    room = BodyRoom(10)
    with pytest.raises(BodyTooLargeError):
        read(room, b"123456", b"789012", b"never read")
    with pytest.raises(BodyTooLargeError):
        read(room, b"1", declared="11")
    assert read(room, b"1234567890", declared="10")


def test_all_that_are_held_count_together() -> None:
    room = BodyRoom(10)
    with room.hold({}, sent(b"123456")) as held:
        asyncio.run(read_body(held))
        with pytest.raises(BodyTooLargeError):
            read(room, b"12345")
    assert read(room, b"12345")
