"""The seat's rules, without a socket."""

from __future__ import annotations

import asyncio

import pytest

from cti_server.api.errors import SeatTaken
from cti_server.api.seats import Seats


class Session:
    agent_id = "1001"

    def __init__(self, alive: bool = True) -> None:
        self._alive = alive
        self.ended: list[tuple[int, str]] = []
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def alive(self) -> bool:
        self.asked.set()
        await self.go_on.wait()
        return self._alive

    def end(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))


async def test_the_first_one_holds() -> None:
    seats, first, second = Seats(), Session(), Session()
    seats.offer(first)
    seats.offer(second)
    await seats.claim(first)
    with pytest.raises(SeatTaken):
        await seats.claim(second)
    seats.release(second)
    assert seats.holder("1001") is first
    seats.release(first)
    await seats.claim(second)
    assert seats.holder("1001") is second
    assert not first.ended


async def test_a_dead_holder_loses_it() -> None:
    seats, dead, second = Seats(), Session(alive=False), Session()
    seats.offer(dead)
    await seats.claim(second)
    assert seats.holder("1001") is second
    assert dead.ended == [(4001, "taken_over")]


async def test_the_holder_may_leave_while_it_is_asked() -> None:
    seats, leaving, second, third = Seats(), Session(alive=False), Session(), Session()
    seats.offer(leaving)
    leaving.go_on.clear()
    claims = [asyncio.create_task(seats.claim(session)) for session in (second, third)]
    await leaving.asked.wait()
    seats.release(leaving)
    seats.offer(third)
    leaving.go_on.set()
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    assert isinstance(outcomes[0], SeatTaken)
    assert outcomes[1] is None
    assert seats.holder("1001") is third
    assert not leaving.ended


async def test_take_over() -> None:
    seats, first, second = Seats(), Session(), Session()
    seats.take_over(first)
    seats.take_over(first)
    assert not first.ended
    seats.take_over(second)
    assert first.ended == [(4001, "taken_over")]
    assert seats.holder("1001") is second
