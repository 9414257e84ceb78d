"""The senders of harm stay within their bounds and repeat themselves for the same seed."""

import asyncio
import socket

import pytest

from tests.support.callers import CallStats, SippCallers, customer_numbers
from tests.support.harm import port_scan, sip_garbage


def received(server: socket.socket, seed: int, n: int) -> list[bytes]:
    count = sip_garbage("127.0.0.1", server.getsockname()[1], seed, n)
    return [server.recv(65536) for _ in range(count)]


def test_garbage_is_the_same_for_a_seed_and_bounded() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)
        first = received(server, 1, 30)
        assert first == received(server, 1, 30)
        assert first != received(server, 2, 30)
    assert len(set(first)) > 25
    assert max(map(len, first)) <= 8192
    assert sip_garbage("127.0.0.1", 9, 1, 10_000) == 2000


async def test_a_scan_is_taken_by_who_listens_and_by_nobody_else() -> None:
    heard: list[bytes] = []

    async def listener(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard.append(await reader.read(100_000))
        except ConnectionError:
            heard.append(b"reset")
        finally:
            writer.close()

    async with await asyncio.start_server(listener, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert await port_scan("127.0.0.1", port) == 18
    assert await port_scan("127.0.0.1", port) == 0
    assert any(b"HTTP" in words for words in heard)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "8.8.8.8"])
async def test_nobody_outside_this_machine_is_ever_addressed(host: str) -> None:
    with pytest.raises(ValueError, match="not on this machine"):
        sip_garbage(host, 5060, 1)
    with pytest.raises(ValueError, match="not on this machine"):
        await port_scan(host, 5060)
    with pytest.raises(ValueError, match="not on this machine"):
        SippCallers(f"{host}:5060", "4000")


def test_dropped_calls_are_those_that_did_not_come_to_their_own_end() -> None:
    assert CallStats(created=20, answered=20, successful=20).dropped == 0
    assert CallStats(created=20, answered=20, successful=20, ended_by_centre=3).dropped == 3
    assert CallStats(created=20, answered=18, successful=15, failed=5).dropped == 3


def test_customers_have_numbers_in_a_row() -> None:
    assert customer_numbers(2) == ["13800000000", "13800000001"]
