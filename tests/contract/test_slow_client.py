"""A client that does not read is cut at a bounded backlog; nobody else notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time

from cti_server.api.settings import ApiSettings
from tests.support.edge import Edge, Peer, serving_edge, until

LIMITS = ApiSettings(max_backlog_messages=100, max_backlog_bytes=128 * 1024)
CHILD = """
import asyncio, json, sys
from websockets.asyncio.client import connect
async def main(url, token):
    async with connect(url, subprotocols=["cti.v1"]) as ws:
        params = {"token": token}
        await ws.send(json.dumps({"jsonrpc": "2.0", "id": "o", "method": "session.open", "params": params}))
        async for message in ws:
            print(len(message), flush=True)
        print("closed", ws.close_code, flush=True)
asyncio.run(main(*sys.argv[1:]))
"""


async def ready(peer: Peer, agent_id: str) -> None:
    await peer.result("agent.sign_in", station=agent_id)
    await peer.result("agent.set_state", state="ready")


async def flood_until_cut(edge: Edge, agent_id: str, most: int = 60_000) -> int:
    """Notifications that it took."""
    sent = 0
    while edge.metric("cti_slow_clients_cut_total") == 0 and sent < most:
        edge.centre.chatter(agent_id, 50)
        sent += 50
        await asyncio.sleep(0)
    assert edge.metric("cti_slow_clients_cut_total") == 1
    return sent


async def gone(edge: Edge, left: int) -> None:
    await until(lambda: edge.metric("cti_sockets_open") == left)


async def test_a_client_with_a_tiny_buffer_that_does_not_read() -> None:
    async with serving_edge(settings=LIMITS) as edge:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", edge.server.port))
        raw.setblocking(False)
        async with edge.session(sock=raw) as slow, edge.session("1002") as other:
            await ready(slow, "1001")
            slow.connection.transport.pause_reading()
            sent = await flood_until_cut(edge, "1001")
            await ready(other, "1002")
            await gone(edge, 1)
            assert not edge.centre.world.state.agents["1001"].connected
            slow.connection.transport.resume_reading()
            assert await slow.closed() in (4008, 1006)
        assert sent < 20_000


async def test_a_frozen_process_is_cut_and_comes_back_by_resume() -> None:
    async with serving_edge(settings=LIMITS) as edge, edge.session("1002") as other:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CHILD, edge.ws_url, edge.token(), stdout=asyncio.subprocess.PIPE
        )
        assert child.stdout
        try:
            await asyncio.wait_for(child.stdout.readline(), 10)
            seq = edge.centre.sequence("1001")[1]
            await ready(other, "1002")
            child.send_signal(signal.SIGSTOP)
            await flood_until_cut(edge, "1001")
            await gone(edge, 1)
            worst = 0.0
            for state in ("busy", "ready") * 5:
                began = time.monotonic()
                await other.result("agent.set_state", state=state)
                worst = max(worst, time.monotonic() - began)
            assert worst < 0.25
        finally:
            os.kill(child.pid, signal.SIGCONT)
            child.terminate()
            await child.wait()
        async with edge.session(resume={"epoch": 1, "seq": edge.centre.sequence("1001")[1] - 10}) as back:
            assert back.opened["resumed"] is True
            for _ in range(10):
                await back.receive()
        assert seq < edge.centre.sequence("1001")[1]


async def test_a_client_that_reads_is_not_cut() -> None:
    async with serving_edge(settings=LIMITS) as edge, edge.session() as peer:
        await ready(peer, "1001")
        already = len(peer.notifications)
        for _ in range(100):
            edge.centre.chatter("1001", 50)
            for _ in range(50):
                await peer.receive()
        assert len(peer.notifications) == already + 5000
        assert edge.metric("cti_slow_clients_cut_total") == 0
        seqs = [m["params"]["seq"] for m in peer.notifications]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


async def test_a_client_that_does_not_answer_pings_is_closed() -> None:
    async with serving_edge(keepalive=0.2) as edge, edge.session("1002") as other:
        raw = socket.create_connection(("127.0.0.1", edge.server.port))
        raw.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=raw)
        writer.write(
            b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        assert b"101" in await reader.readline()
        await gone(edge, 2)
        await gone(edge, 1)
        writer.close()
        assert json.dumps(await other.result("session.ping"))
