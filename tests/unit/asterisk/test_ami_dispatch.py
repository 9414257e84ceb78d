"""Events reach the handlers that asked for them, in order, and the queue between is bounded."""

import asyncio
from collections.abc import Callable

from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.asterisk.ami_dispatch import EventDispatcher, EventQueue, pump


def event(name: str, number: int = 0) -> AmiMessage:
    return AmiMessage.event(name, {"Number": str(number)})


def test_handlers_by_name_and_by_glob_in_order_of_registration():
    calls: list[str] = []
    dispatcher = EventDispatcher()

    def noting(pattern: str) -> Callable[[AmiMessage], None]:
        return lambda message: calls.append(f"{pattern} {message.name}")

    for pattern in ("Bridge*", "*", "BridgeEnter", "Hangup", "bridge*"):
        dispatcher.on(pattern, noting(pattern))
    for name in ("BridgeEnter", "Hangup", "BridgeEnter", "Other"):
        dispatcher.dispatch(event(name))
    bridge = ["Bridge* BridgeEnter", "* BridgeEnter", "BridgeEnter BridgeEnter"]
    assert calls == [*bridge, "* Hangup", "Hangup Hangup", *bridge, "* Other"]


def test_a_handler_added_later_is_called_too():
    calls: list[str] = []
    dispatcher = EventDispatcher()
    dispatcher.dispatch(event("Hangup"))
    dispatcher.on("Hang*", lambda message: calls.append(message.name))
    dispatcher.dispatch(event("Hangup"))
    assert calls == ["Hangup"]


def test_names_without_end_take_no_memory_without_end():
    dispatcher = EventDispatcher()
    for number in range(5000):
        dispatcher.dispatch(event(f"Name{number}"))
    assert len(dispatcher._by_name) <= 1024


async def test_a_full_queue_takes_nothing_of_what_does_not_fit():
    queue = EventQueue(3)
    assert queue.put([event("A"), event("B")])
    assert not queue.put([event("C"), event("D")])
    assert len(queue) == 2
    assert queue.put([event("C")])
    assert [queue.take(2), queue.take(2), queue.take(2)] == [[event("A"), event("B")], [event("C")], []]


async def test_the_pump_lets_others_run_and_ends_when_all_is_told():
    queue = EventQueue(10_000)
    queue.put([event("A", number) for number in range(2000)])
    seen: list[str] = []
    others_ran_at: list[int] = []
    done = False

    def slow(message: AmiMessage) -> None:
        seen.append(message["Number"])
        sum(range(1000))

    async def other() -> None:
        while len(seen) < 2000:
            others_ran_at.append(len(seen))
            await asyncio.sleep(0)

    pumping = asyncio.create_task(pump(queue, slow, lambda *_: None, lambda: done))
    await other()
    assert seen == [str(number) for number in range(2000)]
    assert len(others_ran_at) > 2
    done = True
    queue.wake()
    await asyncio.wait_for(pumping, 1)


async def test_a_few_events_are_handled_at_once_by_a_pump_that_waits_and_overtake_nothing():
    queue, seen, failures = EventQueue(10_000), list[str](), list[str]()

    def handle(message: AmiMessage) -> None:
        seen.append(message["Number"])
        if message["Number"] == "1":
            raise ValueError

    pumping = asyncio.create_task(
        pump(queue, handle, lambda failed, _: failures.append(failed["Number"]), lambda: len(seen) == 103)
    )
    await asyncio.sleep(0)
    assert queue.put([event("A", 0), event("A", 1)])
    assert (seen, failures, len(queue)) == (["0", "1"], ["1"], 0)
    assert queue.put([event("A", number) for number in range(2, 102)])
    assert len(seen) == 2
    assert queue.put([event("A", 102)])
    assert len(seen) == 2
    await asyncio.wait_for(pumping, 5)
    assert seen == [str(number) for number in range(103)]
