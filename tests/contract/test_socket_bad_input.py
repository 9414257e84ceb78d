"""What bad input gets: a stable code each, nothing done, and a socket that stays usable."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from cti_server.api.settings import ApiSettings
from cti_server.domain.errors import PbxUnavailable
from cti_server.engine.port import JournalUnavailable, NotLeader, Overloaded
from tests.fakes.centre import FakeCentre
from tests.support.edge import ORIGIN, Edge, Peer, serving_edge

KIB = 1024


@pytest.fixture
async def peer(edge: Edge) -> AsyncIterator[Peer]:
    async with edge.session() as opened:
        yield opened


async def usable(peer: Peer) -> None:
    assert "seq" in await peer.result("session.ping")


def request(**changes: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": "r", "method": "session.ping", "params": {}, **changes}


@pytest.mark.parametrize(
    ("message", "integer", "code", "request_id"),
    [
        ("", -32700, "parse_error", None),
        ("no json", -32700, "parse_error", None),
        ('{"jsonrpc":"2.0"', -32700, "parse_error", None),
        ('{"id":"\\ud800"}', -32700, "parse_error", None),
        ("[" * 5000, -32700, "parse_error", None),
        ("NaN", -32700, "parse_error", None),
        ("null", -32600, "invalid_request", None),
        ("42", -32600, "invalid_request", None),
        ('"session.ping"', -32600, "invalid_request", None),
        ("[]", -32600, "batch_not_supported", None),
        (json.dumps([request()]), -32600, "batch_not_supported", None),
        (b"\x00\x01", -32600, "binary_frame", None),
        (json.dumps(request()).encode(), -32600, "binary_frame", None),
        ("{}", -32600, "invalid_request_id", None),
        (request(id=1), -32600, "invalid_request_id", None),
        (request(id=None), -32600, "invalid_request_id", None),
        (request(id=""), -32600, "invalid_request_id", None),
        (request(id="x" * 65), -32600, "invalid_request_id", None),
        (request(id="a\nb"), -32600, "invalid_request_id", None),
        (request(jsonrpc="1.0"), -32600, "invalid_request", "r"),
        (request(method=7), -32600, "invalid_request", "r"),
        (request(extra=1), -32600, "invalid_request", "r"),
        (request(method="agent.fly"), -32601, "unknown_method", "r"),
        (request(method="__class__"), -32601, "unknown_method", "r"),
        (request(params=[]), -32602, "invalid_params", "r"),
        (request(params=None), -32602, "invalid_params", "r"),
        (request(params={"x": 1}), -32602, "invalid_params", "r"),
        (request(params={}, pad="x" * (64 * KIB)), -32600, "message_too_large", None),
        (json.dumps({"pad": "\u00e9" * (40 * KIB)}, ensure_ascii=False), -32600, "message_too_large", None),
    ],
)  # fmt: skip
async def test_envelope(peer: Peer, message: object, integer: int, code: str, request_id: str | None) -> None:
    await peer.raw(message)
    answer = await peer.receive()
    assert answer["id"] == request_id
    assert (answer["error"]["code"], answer["error"]["data"]["code"]) == (integer, code)
    assert answer["error"]["data"]["retryable"] is False
    assert answer["error"]["message"]
    await usable(peer)


async def test_exactly_64_kib_is_taken(peer: Peer) -> None:
    await peer.raw(json.dumps(request()).ljust(64 * KIB))
    assert "result" in await peer.receive()


async def test_over_a_mebibyte_the_socket_is_closed(peer: Peer) -> None:
    await peer.raw("x" * (KIB * KIB + 1))
    assert await peer.closed() == 1009


@pytest.mark.parametrize(
    ("method", "params", "fields"),
    [
        ("agent.sign_in", {}, {"station": "missing"}),
        ("agent.sign_in", {"station": 1001}, {"station": "wrong_type"}),
        ("agent.sign_in", {"station": ""}, {"station": "too_short"}),
        ("agent.sign_in", {"station": "1" * 65}, {"station": "too_long"}),
        (
            "agent.sign_in",
            {"station": "1001", "station_mode": "loud", "take_over": "yes"},
            {"station_mode": "not_allowed", "take_over": "wrong_type"},
        ),
        ("agent.sign_in", {"station": "1001", "shoe": 4}, {"shoe": "unknown_field"}),
        ("agent.sign_in", {"station": "1001", "\n": 4}, {"?": "unknown_field"}),
        ("agent.set_state", {"state": "talking"}, {"state": "not_allowed"}),
        ("contact.accept", {"contact_id": None}, {"contact_id": "wrong_type"}),
        ("contact.dial", {"number": "1380013800;0"}, {"number": "wrong_form"}),
        ("contact.wrap_up", {"contact_id": "c"}, {"disposition": "missing"}),
        ("contact.set_data", {"contact_id": "c", "data": []}, {"data": "wrong_type"}),
        (
            "contact.set_data",
            {"contact_id": "c", "data": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {}}}}}}}}}},
            {"data": "too_large"},
        ),
        (
            "contact.set_data",
            {"contact_id": "c", "data": {"a": ["x" * 4000] * 5}},
            {"data": "too_large"},
        ),
    ],
)
async def test_parameters(
    edge: Edge, peer: Peer, method: str, params: dict[str, Any], fields: dict[str, str]
) -> None:
    data = await peer.refusal(method, **params)
    assert data["code"] == "invalid_params"
    assert {f["field"]: f["problem"] for f in data["detail"]["fields"]} == fields
    assert edge.centre.commands == []
    await usable(peer)


CONTROLS = ["\r", "\n", "\r\nAction: Command", "\0", "\x1b[2J", "\x7f", "\x85", "\x9f"]


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("agent.sign_in", {"station": "10{}01"}, "station"),
        ("agent.sign_out", {"reason": "{}"}, "reason"),
        ("agent.set_state", {"state": "busy", "reason": "a{}"}, "reason"),
        ("contact.hold", {"contact_id": "{}c"}, "contact_id"),
        ("contact.wrap_up", {"contact_id": "c", "disposition": "a{}b"}, "disposition"),
        ("contact.wrap_up", {"contact_id": "c", "disposition": "d", "summary": "a{}b"}, "summary"),
        ("contact.set_data", {"contact_id": "c", "data": {"a": ["{}"]}}, "data"),
        ("contact.set_data", {"contact_id": "c", "data": {"a{}": 1}}, "data"),
    ],
)
async def test_control_characters(
    edge: Edge, peer: Peer, method: str, params: dict[str, Any], field: str
) -> None:
    for control in CONTROLS:
        text = json.dumps(params).replace("{}", json.dumps(control)[1:-1])
        data = await peer.refusal(method, **json.loads(text))
        assert data["code"] == "control_characters"
        assert [f["field"] for f in data["detail"]["fields"]] == [field]
    assert edge.centre.commands == []


async def test_no_value_of_the_client_comes_back(peer: Peer) -> None:
    secret = "6222021234567890"
    for params in (
        {"station": secret * 5},
        {"station": [secret]},
        {"station": secret + "\n"},
        {secret * 9: 1},
    ):
        answer = await peer.request("agent.sign_in", **params)
        assert secret not in json.dumps(answer)


async def ready(edge: Edge, peer: Peer, station: str = "1001") -> None:
    await peer.result("agent.sign_in", station=station)
    await peer.result("agent.set_state", state="ready")


async def test_the_state_forbids_it(edge: Edge, peer: Peer) -> None:
    assert (await peer.refusal("agent.set_state", state="ready"))["code"] == "not_signed_in"
    assert (await peer.refusal("contact.accept", contact_id="nobody"))["code"] == "not_signed_in"
    assert (await peer.refusal("agent.sign_in", station="7777"))["code"] == "unknown_station"
    data = await peer.refusal("agent.sign_in", station="1003")
    assert (data["code"], data["retryable"]) == ("station_not_registered", True)
    await ready(edge, peer)
    assert (await peer.refusal("contact.accept", contact_id="nobody"))["code"] == "unknown_contact"
    contact_id = edge.centre.call()
    assert (await peer.refusal("contact.hold", contact_id=contact_id))["code"] == "action_not_allowed"
    await usable(peer)


async def test_somebody_elses_contact_and_station(edge: Edge, peer: Peer) -> None:
    await ready(edge, peer)
    contact_id = edge.centre.call()
    async with edge.session("1002") as other:
        assert (await other.refusal("agent.sign_in", station="1001"))["code"] == "station_in_use"
        await ready(edge, other, "1002")
        assert (await other.refusal("contact.accept", contact_id=contact_id))["code"] == "not_your_contact"
        assert (await other.refusal("contact.hang_up", contact_id=contact_id))["code"] == "not_your_contact"
        await usable(other)


async def test_a_repeated_id_is_done_once(edge: Edge, peer: Peer) -> None:
    await peer.send("agent.sign_in", "same", station="1001")
    first = await peer.answer("same")
    peer.received.clear()
    await peer.send("agent.sign_in", "same", station="1001")
    assert await peer.answer("same") == first
    assert len(edge.centre.commands) == 1


async def test_wrong_role(edge: Edge) -> None:
    async with edge.session("5001") as peer:
        for method, params in (
            ("agent.sign_in", {"station": "1001"}),
            ("agent.set_state", {"state": "ready"}),
            ("contact.hang_up", {"contact_id": "c"}),
        ):
            assert (await peer.refusal(method, **params))["code"] == "wrong_role"
        assert edge.centre.commands == []
        await usable(peer)


@pytest.mark.parametrize(
    ("agent_id", "method"),
    [
        ("3001", "contact.hang_up"),
        ("3001", "supervisor.whisper"),
        ("3001", "supervisor.set_agent_state"),
        ("1001", "supervisor.listen"),
        ("1001", "supervisor.sign_out_agent"),
        ("5001", "supervisor.listen"),
    ],
)
async def test_each_role_has_its_methods(edge: Edge, agent_id: str, method: str) -> None:
    whom = {"contact_id": "c"} if method == "contact.hang_up" else {"agent_id": "1001"}
    more = {"state": "ready"} if method == "supervisor.set_agent_state" else {}
    async with edge.session(agent_id) as peer:
        assert (await peer.refusal(method, **whom, **more))["code"] == "wrong_role"
        assert edge.centre.commands == []


@pytest.mark.parametrize("away", [NotLeader(), JournalUnavailable(), Overloaded()])
async def test_something_is_away(edge: Edge, peer: Peer, away: Any) -> None:
    edge.centre.away = away
    data = await peer.refusal("agent.sign_in", station="1001")
    assert data == {"code": away.code, "retryable": True}
    edge.centre.away = None
    await peer.result("agent.sign_in", station="1001")


async def test_the_pbx_is_away(edge: Edge, peer: Peer) -> None:
    edge.centre.node_down()
    await peer.result("session.ping")
    data = await peer.refusal("agent.sign_in", station="1001", station_mode="persistent")
    assert data == {"code": PbxUnavailable.code, "retryable": True}


async def test_a_bug_behind_the_port_costs_one_answer(edge: Edge, peer: Peer) -> None:
    edge.centre.away = ZeroDivisionError("secret")  # type: ignore[assignment]  # a bug is no CtiError
    answer = await peer.request("agent.sign_in", station="1001")
    assert answer["error"]["code"] == -32603
    assert answer["error"]["data"] == {"code": "internal_error", "retryable": False}
    assert "secret" not in json.dumps(answer)
    await usable(peer)


async def test_texts_in_chinese(edge: Edge) -> None:
    async with edge.session(additional_headers={"Accept-Language": "zh-CN,en;q=0.5"}) as peer:
        answer = await peer.request("agent.set_state", state="ready")
        assert answer["error"]["message"] == "请先签到"


# --- before the session is open ----------------------------------------------------------------------------


async def test_nothing_works_before_session_open(edge: Edge) -> None:
    async with edge.socket() as peer:
        assert (await peer.refusal("session.ping"))["code"] == "session_not_open"
        assert (await peer.refusal("agent.sign_in", station="1001"))["code"] == "session_not_open"
        assert (await peer.refusal("agent.fly"))["code"] == "unknown_method"
        assert (await peer.refusal("session.open"))["code"] == "invalid_params"
        await peer.result("session.open", token=edge.token())
        assert (await peer.refusal("session.open", token=edge.token()))["code"] == "session_already_open"
        await usable(peer)


async def test_no_session_open_in_time() -> None:
    async with serving_edge(settings=ApiSettings(open_timeout=0.2)) as edge, edge.socket() as peer:
        assert await peer.receive() == {
            "jsonrpc": "2.0",
            "method": "session.closed",
            "params": {"reason": "session_open_timeout", "code": 4408},
        }
        assert await peer.closed() == 4408
        assert peer.connection.close_reason == "session_open_timeout"


async def test_an_open_session_has_all_the_time() -> None:
    settings = ApiSettings(open_timeout=0.2)
    async with serving_edge(settings=settings) as edge, edge.session() as peer:
        with pytest.raises(TimeoutError):
            await peer.receive(deadline=0.5)
        await usable(peer)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{ORIGIN}.evil.example", ""])
async def test_origin_not_on_the_list(edge: Edge, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with edge.socket(additional_headers={"Origin": origin}):
            pass
    response = refused.value.response
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body or b"")["code"] == "origin_not_allowed"


async def test_origin_on_the_list(edge: Edge) -> None:
    async with edge.session(origin=ORIGIN) as peer:
        await usable(peer)


async def test_a_missing_origin_may_be_forbidden() -> None:
    async with serving_edge(settings=ApiSettings(allow_missing_origin=False)) as edge:
        with pytest.raises(InvalidStatus):
            async with edge.socket():
                pass


async def test_subprotocol(edge: Edge) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(edge.ws_url, subprotocols=["cti.v2"]):  # type: ignore[list-item]  # a NewType of str
            pass
    assert json.loads(refused.value.response.body or b"")["code"] == "unsupported_subprotocol"
    async with connect(edge.ws_url) as bare:
        peer = Peer(bare)
        await peer.result("session.open", token=edge.token())
    async with edge.socket() as peer:
        assert peer.connection.subprotocol == "cti.v1"


# --- too much ----------------------------------------------------------------------------------------------


async def test_rate_limit_is_the_agents(edge: Edge) -> None:
    async with edge.session() as one, edge.session() as two:
        ids = [await peer.send("session.ping") for _ in range(13) for peer in (one, two)]
        answers = [await peer.answer(i) for n, i in enumerate(ids) for peer in ((one, two)[n % 2],)]
        refused = [a for a in answers if "error" in a]
        assert 1 <= len(refused) <= 6
        assert all(a["error"]["data"] == {"code": "rate_limited", "retryable": True} for a in refused)
        async with edge.session("1002") as other:
            await usable(other)


async def test_a_flood_is_read_no_faster_than_it_may_act(edge: Edge, peer: Peer) -> None:
    for _ in range(60):
        await peer.raw("garbage")
    codes = [(await peer.receive())["error"]["data"]["code"] for _ in range(60)]
    assert codes[:15] == ["parse_error"] * 15
    assert "rate_limited" in codes
    async with edge.session("1002") as other:
        await usable(other)


async def test_too_many_requests_wait(edge: Edge) -> None:
    settings = ApiSettings(commands_per_second=200)
    centre = FakeCentre(answers=False)
    async with serving_edge(centre, settings) as served, served.session() as peer:
        await peer.result("agent.sign_in", station="1001")
        await peer.result("agent.set_state", state="ready")
        contact_id = centre.call()
        for _ in range(32):
            await peer.send("contact.accept", "the same", contact_id=contact_id)
        data = await peer.refusal("contact.accept", contact_id=contact_id)
        assert data == {"code": "too_many_requests", "retryable": True}
        await usable(peer)


async def test_too_many_sessions(edge: Edge) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(5):
            await stack.enter_async_context(edge.session())
        sixth = await stack.enter_async_context(edge.socket())
        data = await sixth.refusal("session.open", token=edge.token())
        assert data == {"code": "too_many_sessions", "retryable": True}
    async with edge.session() as peer:
        await usable(peer)


async def test_strangers_cannot_keep_agents_out() -> None:
    async with serving_edge(settings=ApiSettings(max_unopened=2)) as edge:
        async with edge.session() as agent, edge.socket(), edge.socket():
            with pytest.raises(InvalidStatus) as refused:
                async with edge.socket():
                    pass
            assert json.loads(refused.value.response.body or b"")["code"] == "overloaded"
            assert refused.value.response.headers["retry-after"]
            await usable(agent)
        async with edge.session() as agent:
            await usable(agent)
