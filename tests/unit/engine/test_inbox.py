"""Waiting signals: bounded, in order, waited for no longer than there is patience."""

import asyncio

import pytest

from cti_server.domain import signals as s
from cti_server.engine.inbox import Inbox
from cti_server.engine.port import Overloaded


def fact(number: int) -> s.Signal:
    return s.LeaderStarted(float(number), number)


async def test_signals_are_taken_in_order_and_no_more_than_asked():
    inbox = Inbox(10)
    for number in range(5):
        inbox.put(fact(number))
    assert inbox.take(3) == [fact(0), fact(1), fact(2)]
    assert inbox.take(3) == [fact(3), fact(4)]
    assert inbox.take(3) == []


async def test_a_full_inbox_refuses():
    inbox = Inbox(1)
    inbox.put(fact(1))
    with pytest.raises(Overloaded):
        inbox.put(fact(2))
    inbox.clear()
    inbox.put(fact(3))
    assert len(inbox) == 1


async def test_an_arrival_ends_the_wait():
    inbox = Inbox(10)
    waiting = asyncio.create_task(inbox.arrival(3600.0))
    await asyncio.sleep(0)
    inbox.put(fact(1))
    inbox.put(fact(2))
    async with asyncio.timeout(10):
        await waiting


async def test_patience_ends_the_wait():
    async with asyncio.timeout(10):
        await Inbox(10).arrival(0.01)
        await Inbox(10).arrival(0.0)


async def test_a_wait_given_up_leaves_nothing_behind():
    inbox = Inbox(10)
    waiting = asyncio.create_task(inbox.arrival(3600.0))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    inbox.put(fact(1))
    await inbox.arrival(3600.0)
    assert inbox.take(1) == [fact(1)]
