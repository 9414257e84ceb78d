"""Netstrings in any pieces, and events that are neither missed nor seen twice."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.baresip_control import EventHistory, NetstringReader, PhoneEvent, netstring
from tests.support.port_block import SIZE, port_block


@given(st.lists(st.binary(max_size=50)), st.integers(1, 20))
def test_netstrings_come_out_whole_whatever_the_pieces(messages: list[bytes], piece: int) -> None:
    stream = b"".join(netstring(message) for message in messages)
    reader = NetstringReader()
    got = [out for at in range(0, len(stream), piece) for out in reader.feed(stream[at : at + piece])]
    assert got == messages


@pytest.mark.parametrize("raw", [b"abc:", b"-1:,", b"3:abcd,", b"99999999:"])
def test_what_is_no_netstring_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match=r"netstring|invalid literal"):
        NetstringReader().feed(raw)


async def test_an_event_is_found_before_and_after_it_was_asked_for_and_only_once() -> None:
    history = EventHistory()
    await history.add(PhoneEvent("CALL_INCOMING", at=1, call_id="first"))
    later = asyncio.create_task(history.take(lambda event: event.call_id == "second", "second", 5))
    await asyncio.sleep(0)
    await history.add(PhoneEvent("CALL_INCOMING", at=2, call_id="second"))
    assert (await later).at == 2
    assert (await history.take(lambda event: event.kind == "CALL_INCOMING", "any", 5)).call_id == "first"
    with pytest.raises(AssertionError, match=r"any: not within 0.01 s; seen: .*CALL_INCOMING"):
        await history.take(lambda event: event.kind == "CALL_INCOMING", "any", 0.01)


def test_blocks_of_ports_do_not_overlap() -> None:
    with port_block() as one, port_block() as other:
        assert not set(one) & set(other)
        assert one[0] % 2 == other[0] % 2 == 0
        assert len(one) == SIZE - 1
