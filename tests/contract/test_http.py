"""The HTTP interface: tokens, the interaction log by role, health, figures, error documents for all else."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cti_server.api.models.http import ContactList, ContactStory, Problem, Ready, TokenGrant
from cti_server.api.tokens import TokenUse
from cti_server.store.errors import StoreUnavailable
from tests.support.edge import PASSWORD, Edge, until

ARRIVED = datetime(2026, 11, 21, 8, 0, 0, 250000, UTC)
PUBLIC = {
    ("POST", "/api/v1/auth/token"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
}
"""Everything else of `/openapi.json` needs a token; a new endpoint that forgets it fails here."""
ROLES: dict[tuple[str, str], tuple[str, ...]] = {
    ("POST", "/api/v1/auth/socket-token"): (),
    ("GET", "/api/v1/agents/me"): (),
    ("GET", "/api/v1/contacts"): ("9001",),
    ("GET", "/api/v1/contacts/{contact_id}"): ("9001",),
    ("GET", "/api/v1/contacts/{contact_id}/past"): ("9001",),
    ("GET", "/api/v1/reports/{by}"): ("3001", "5001"),
    ("GET", "/api/v1/reports/scorecard"): ("3001", "5001"),
    ("GET", "/api/v1/activity"): ("3001", "5001"),
    ("GET", "/api/v1/wallboard"): ("1001", "3001", "5001"),
    ("GET", "/api/v1/voicemails"): ("9001",),
    ("GET", "/api/v1/voicemails/{contact_id}/audio"): ("4001", "5001", "9001"),
    ("POST", "/api/v1/voicemails/{contact_id}/claim"): ("3001", "4001", "5001", "9001"),
    ("POST", "/api/v1/voicemails/{contact_id}/assign"): ("9001",),
    ("POST", "/api/v1/voicemails/{contact_id}/handled"): ("9001",),
    **{
        (verb, f"/api/v1/admin/routing{path}"): ("1001", "2001", "3001", "5001")
        for verb, path in (
            ("GET", ""),
            ("PUT", ""),
            ("GET", "/groups/{group_id}"),
            ("PUT", "/groups/{group_id}"),
            ("DELETE", "/groups/{group_id}"),
            ("DELETE", "/numbers/{number}"),
            ("GET", "/numbers/{number}"),
            ("PUT", "/numbers/{number}"),
            ("GET", "/agents/{agent_id}"),
            ("PUT", "/agents/{agent_id}"),
            ("PUT", "/holidays"),
            ("PUT", "/priorities"),
            ("GET", "/versions"),
            ("GET", "/versions/{version}"),
            ("GET", "/versions/{version}/changes"),
            ("POST", "/versions/{version}/restore"),
        )
    },
}
"""Protected endpoints and people whose role does not allow them."""


CAMPAIGNS = "/api/v1/campaigns/{campaign_id}"
NO_CALLS = "/api/v1/do-not-call"
ROLES |= dict.fromkeys(
    [
        ("GET", "/api/v1/campaigns"),
        ("POST", "/api/v1/campaigns"),
        ("GET", CAMPAIGNS),
        ("POST", f"{CAMPAIGNS}/{{change}}"),
        ("PATCH", CAMPAIGNS),
        ("GET", f"{CAMPAIGNS}/versions"),
        ("POST", f"{CAMPAIGNS}/versions/{{version}}/restore"),
        ("GET", f"{CAMPAIGNS}/audit"),
        ("GET", f"{CAMPAIGNS}/imports"),
        ("POST", f"{CAMPAIGNS}/imports"),
        ("GET", f"{CAMPAIGNS}/imports/{{import_id}}/refused.csv"),
        ("GET", NO_CALLS),
        ("POST", NO_CALLS),
        ("POST", f"{NO_CALLS}/removals"),
        ("POST", f"{NO_CALLS}/checks"),
        ("GET", f"{NO_CALLS}/imports"),
        ("POST", f"{NO_CALLS}/imports"),
        ("GET", f"{NO_CALLS}/imports/{{import_id}}/refused.csv"),
    ],
    ("1001", "3001", "5001"),
)


ROLES |= dict.fromkeys(
    [
        ("POST", f"{CAMPAIGNS}/preview/next"),
        ("POST", f"{CAMPAIGNS}/preview/{{record_id}}/dial"),
        ("POST", f"{CAMPAIGNS}/preview/{{record_id}}/skip"),
        ("POST", "/api/v1/messages"),
        ("GET", "/api/v1/messages/{message_id}"),
        ("GET", "/api/v1/contacts/{contact_id}/messages"),
    ],
    ("3001", "5001"),
)


def filled(path: str) -> str:
    """The path with something for each of its parameters."""
    values = {"by": "agent", "change": "start", "number": "4000", "version": "1"}
    return re.sub(r"{(\w+)}", lambda found: values.get(found[1], "c"), path)


def row(contact_id: str, agent_id: str | None, group_id: str = "general") -> dict[str, Any]:
    return {
        "contact_id": contact_id,
        "version": 9,
        "medium": "voice",
        "direction": "inbound",
        "state": "ended",
        "service_number": "4000",
        "customer_number": "13800138000",
        "group_id": group_id,
        "agent_id": agent_id,
        "arrived_at": ARRIVED,
        "queued_at": ARRIVED,
        "offered_at": None,
        "connected_at": None,
        "ended_at": ARRIVED,
        "end_reason": "abandoned",
        "disposition": None,
        "summary": None,
        "recovered": False,
        "node": "pbx-a",
        "data": {"card": "credit"},
    }


def refused(answer: httpx.Response, status: int, code: str) -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert (problem.status, problem.code, problem.type) == (status, code, f"urn:cti:error:{code}")
    assert problem.title
    return problem


async def log_in(http: httpx.AsyncClient, agent_id: str, password: str) -> httpx.Response:
    return await http.post("/api/v1/auth/token", json={"agent_id": agent_id, "password": password})


# --- tokens ---------------------------------------------------------------------------------------------


async def test_wrong_password_and_unknown_agent_look_alike(edge: Edge) -> None:
    async with edge.http() as http:
        answers = [await log_in(http, who, "wrong") for who in ("1001", "9999")]
    for answer in answers:
        refused(answer, 401, "invalid_credentials")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert answers[0].json() == answers[1].json()
    assert edge.credentials.asked == 2


async def test_lock_out_after_five_failures(edge: Edge) -> None:
    async with edge.http() as http:
        for _ in range(5):
            refused(await log_in(http, "1001", "wrong"), 401, "invalid_credentials")
        answer = await log_in(http, "1001", PASSWORD)
        problem = refused(answer, 429, "account_locked")
        assert problem.retryable
        assert 290 < int(answer.headers["retry-after"]) <= 301
        assert edge.credentials.asked == 5
        assert (await log_in(http, "1002", PASSWORD)).status_code == 200


async def test_a_success_forgets_failures(edge: Edge) -> None:
    async with edge.http() as http:
        for _ in range(3):
            for _ in range(4):
                await log_in(http, "1001", "wrong")
            assert (await log_in(http, "1001", PASSWORD)).status_code == 200


async def test_parallel_guesses_are_counted(edge: Edge) -> None:
    async with edge.http() as http:
        answers = await asyncio.gather(*(log_in(http, "1001", f"guess {n}") for n in range(30)))
    codes = [answer.json()["code"] for answer in answers]
    assert codes.count("invalid_credentials") == 5
    assert codes.count("account_locked") == 25


async def test_the_database_is_away(edge: Edge) -> None:
    edge.credentials.away = StoreUnavailable("the database is not available (OSError)")
    async with edge.http() as http:
        for _ in range(7):
            answer = await log_in(http, "1001", PASSWORD)
            assert refused(answer, 503, "database_unavailable").retryable
            assert answer.headers["retry-after"]
        edge.credentials.away = None
        assert (await log_in(http, "1001", PASSWORD)).status_code == 200


async def test_an_access_token_is_for_http_and_for_one_socket(edge: Edge) -> None:
    async with edge.http() as http:
        grant = TokenGrant.model_validate((await log_in(http, "1001", PASSWORD)).json())
        assert (grant.token_type, grant.expires_in) == ("bearer", 900)
        bearer = {"Authorization": f"Bearer {grant.access_token}"}
        async with edge.socket() as one, edge.socket() as two:
            await one.result("session.open", token=grant.access_token)
            assert (await two.refusal("session.open", token=grant.access_token))["detail"] == {
                "reason": "used"
            }
        answer = await http.post("/api/v1/auth/socket-token", headers=bearer)
        fresh = TokenGrant.model_validate(answer.json())
        assert fresh.expires_in == 60
        async with edge.socket() as peer:
            await peer.result("session.open", token=fresh.access_token)
        me = await http.get("/api/v1/agents/me", headers=bearer)
        seq = edge.centre.sequence("1001")[1]
        assert me.json() == {"agent_id": "1001", "roles": ["agent"], "epoch": 1, "seq": seq}


# --- authorisation --------------------------------------------------------------------------------------


async def protected(edge: Edge) -> list[tuple[str, str]]:
    paths: dict[str, Any] = edge.app.openapi()["paths"]
    everything = {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}
    assert everything - PUBLIC == set(ROLES)
    return sorted(ROLES)


async def test_no_endpoint_without_a_token(edge: Edge) -> None:
    expired = edge.tokens
    clock = time.time() - 901
    expired._clock = lambda: clock
    old = edge.token("1001", TokenUse.ACCESS)
    expired._clock = time.time
    reasons = {
        "": "missing",
        "Basic MTAwMTp4": "missing",
        "Bearer nonsense": "malformed",
        f"Bearer {old}": "expired",
        f"Bearer {edge.token('1001', TokenUse.SOCKET)}": "wrong_use",
    }
    async with edge.http() as http:
        for verb, path in await protected(edge):
            for header, reason in reasons.items():
                headers = {"Authorization": header} if header else {}
                answer = await http.request(verb, filled(path), headers=headers)
                problem = refused(answer, 401, "invalid_token")
                assert problem.model_extra == {"reason": reason}


async def test_no_endpoint_for_the_wrong_role(edge: Edge) -> None:
    for verb, path in await protected(edge):
        for person in (*ROLES[verb, path], "9999"):
            async with edge.http(person) as http:
                answer = await http.request(verb, filled(path))
                refused(answer, 403, "wrong_role")


async def test_contacts_by_role(edge: Edge) -> None:
    rows = [row("c1", "1001"), row("c2", "1002"), row("c3", None)]
    edge.log.rows = [*rows, row("c4", "1003", "vtm"), row("c5", "2001", "vtm")]
    everything = ["c1", "c2", "c3", "c4", "c5"]
    seen = {"1001": ["c1"], "2001": ["c1", "c2", "c3", "c5"]}
    seen |= dict.fromkeys(("3001", "4001", "5001"), everything)
    for person, expected in seen.items():
        async with edge.http(person) as http:
            answer = await http.get("/api/v1/contacts")
        found = ContactList.model_validate(answer.json()).contacts
        assert [contact.contact_id for contact in found] == expected
        assert {contact.customer_number for contact in found} == {"138****8000"}
        assert "13800138000" not in answer.text
        assert found[0].arrived_at == "2026-11-21T08:00:00.250Z"
    async with edge.http("1001") as http:
        refused(await http.get("/api/v1/contacts?agent_id=1002"), 403, "not_your_contact")
        assert (await http.get("/api/v1/contacts?agent_id=1001&group_id=vtm")).status_code == 200
    async with edge.http("2001") as http:
        refused(await http.get("/api/v1/contacts?group_id=vtm"), 403, "not_your_group")
        assert (await http.get("/api/v1/contacts?group_id=general&agent_id=1002")).status_code == 200
        refused(await http.get("/api/v1/contacts/c4"), 403, "not_your_group")
        assert (await http.get("/api/v1/contacts/c5")).status_code == 200
    async with edge.http("3001") as http:
        assert (await http.get("/api/v1/contacts/c4")).status_code == 200


async def test_a_contact_and_its_story(edge: Edge) -> None:
    edge.log.rows = [row("c1", "1001"), row("c2", "1002")]
    entry = {"id": "1.2.0", "contact_id": "c1", "at": ARRIVED, "kind": "contact.queued"}
    edge.log.story = [{**entry, "agent_id": None, "leg_id": None, "data": {"state": "queued"}}]
    async with edge.http("1001") as http:
        answer = await http.get("/api/v1/contacts/c1")
        found = ContactStory.model_validate(answer.json())
        assert [e.kind for e in found.story] == ["contact.queued"]
        assert "13800138000" not in answer.text
        refused(await http.get("/api/v1/contacts/c2"), 403, "not_your_contact")
        edge.log.story.append({**entry, "contact_id": "c2", "agent_id": "1001", "leg_id": None, "data": {}})
        assert (await http.get("/api/v1/contacts/c2")).status_code == 200  # had a part in it
        refused(await http.get("/api/v1/contacts/c9"), 404, "unknown_contact")
        refused(await http.get("/api/v1/contacts/c%0A9"), 422, "control_characters")


async def test_filters(edge: Edge) -> None:
    async with edge.http("2001") as http:
        query = {"agent_id": "1002", "state": "ended", "arrived_from": "2026-11-21T08:00:00Z", "limit": "7"}
        assert (await http.get("/api/v1/contacts", params=query)).status_code == 200
        assert (edge.log.asked[0].agent_id, edge.log.asked[0].limit) == ("1002", 7)
        for wrong in ("limit=0", "limit=201", "limit=x", "state=flying", "arrived_from=2026", "shoe=4"):
            refused(await http.get(f"/api/v1/contacts?{wrong}"), 422, "invalid_params")
        edge.log.away = StoreUnavailable()
        refused(await http.get("/api/v1/contacts"), 503, "database_unavailable")


# --- whatever else comes --------------------------------------------------------------------------------


async def test_errors_of_http_itself(edge: Edge) -> None:
    async with edge.http() as http:
        refused(await http.get("/nowhere"), 404, "unknown_path")
        answer = await http.get("/api/v1/auth/token")
        refused(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"
        url, json_type = "/api/v1/auth/token", {"Content-Type": "application/json"}
        refused(await http.post(url, content=b"{", headers=json_type), 400, "parse_error")
        refused(await http.post(url, content=b"\xff\xfe", headers=json_type), 400, "parse_error")
        refused(await http.post(url, data={"agent_id": "1001"}), 415, "unsupported_media_type")
        refused(await http.post(url, content=b"x" * 70_000, headers=json_type), 413, "body_too_large")
        refused(await http.post(url, json=[]), 422, "invalid_params")


async def test_a_body_whose_length_is_not_announced(edge: Edge) -> None:
    async def endless() -> Any:
        for _ in range(100):
            yield b"x" * 1024

    async with edge.http() as http:
        answer = await http.post(
            "/api/v1/auth/token", content=endless(), headers={"Content-Type": "application/json"}
        )
        refused(answer, 413, "body_too_large")


@pytest.mark.parametrize(
    ("body", "code", "fields"),
    [
        ({}, "invalid_params", {"agent_id": "missing", "password": "missing"}),
        ({"agent_id": 1001, "password": "x"}, "invalid_params", {"agent_id": "wrong_type"}),
        ({"agent_id": "1" * 65, "password": "x"}, "invalid_params", {"agent_id": "too_long"}),
        ({"agent_id": "1001", "password": "x", "role": "admin"}, "invalid_params", {"role": "unknown_field"}),
        ({"agent_id": "10\n01", "password": "x"}, "control_characters", {"agent_id": "control_characters"}),
        ({"agent_id": "1001", "password": "\0"}, "control_characters", {"password": "control_characters"}),
    ],
)
async def test_bodies(edge: Edge, body: Any, code: str, fields: dict[str, str]) -> None:
    async with edge.http() as http:
        problem = refused(await http.post("/api/v1/auth/token", json=body), 422, code)
    assert {f.field: f.problem for f in problem.fields or ()} == fields
    assert edge.credentials.asked == 0


async def test_a_bug_is_an_error_document_and_no_more(edge: Edge) -> None:
    edge.credentials.away = ZeroDivisionError("secret")  # type: ignore[assignment]  # a bug is no CtiError
    async with edge.http() as http:
        answer = await log_in(http, "1001", PASSWORD)
        refused(answer, 500, "internal_error")
        assert "secret" not in answer.text
        assert (await http.get("/health/live")).status_code == 200


async def test_both_languages(edge: Edge) -> None:
    async with edge.http() as http:
        for wanted, title in (
            ("zh-CN,zh;q=0.9", "资源不存在"),
            ("en", "No such resource"),
            ("", "No such resource"),
        ):
            answer = await http.get("/nowhere", headers={"Accept-Language": wanted})
            assert refused(answer, 404, "unknown_path").title == title


async def test_security_headers(edge: Edge) -> None:
    async with edge.http() as http:
        for path in ("/health/live", "/nowhere", "/docs"):
            headers = (await http.get(path)).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cache-control"] == "no-store"
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert "server" not in headers


# --- operation ------------------------------------------------------------------------------------------


async def test_health(edge: Edge) -> None:
    async with edge.http() as http:
        assert (await http.get("/health/live")).json() == {"status": "live"}
        ready = Ready.model_validate((await http.get("/health/ready")).json())
        assert [(d.name, d.ready, d.required) for d in ready.dependencies] == [
            ("redis", True, True),
            ("database", False, False),
        ]
        edge.centre.ready = False
        problem = refused(await http.get("/health/ready"), 503, "not_ready")
        assert problem.model_extra
        assert problem.model_extra["dependencies"][0] == {
            "name": "redis",
            "ready": False,
            "required": True,
            "detail": "no answer",
        }


async def test_figures(edge: Edge) -> None:
    async with edge.http() as http, edge.session():
        text = (await http.get("/metrics")).text
    assert "cti_sockets_open 1.0" in text
    assert "cti_contacts_live 0.0" in text
    assert "# TYPE cti_signals_total counter\ncti_signals_total 7.0" in text
    assert text.count("# TYPE cti_ami_round_trip_seconds gauge") == 1
    for node in ("pbx-a", "pbx-b"):
        assert f'cti_ami_round_trip_seconds{{node="{node}",quantile="0.5"}} 0.001' in text
    assert 'cti_requests_total{code="ok",method="session.open"} 1.0' in text


async def test_a_request_that_does_not_come_to_its_end(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cti_server.api.middleware.BODY_DEADLINE", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.server.port)
    writer.write(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n")
    writer.write(b"Content-Length: 9\r\n\r\n{")
    answer = await asyncio.wait_for(reader.readuntil(b"}"), 5)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer
    writer.close()


@pytest.mark.parametrize("said", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n", b"\x16\x03\x01\x00"])
async def test_a_connection_that_says_nothing_sensible(
    edge: Edge, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    monkeypatch.setattr("cti_server.api.serving.REQUEST_DEADLINE", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", edge.server.port)
    writer.write(said)
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    async with edge.http() as http:
        assert (await http.get("/health/live")).status_code == 200


async def test_deep_json_is_refused(edge: Edge) -> None:
    async with edge.http() as http:
        answer = await http.post(
            "/api/v1/auth/token", content=b"[" * 60_000, headers={"Content-Type": "application/json"}
        )
    refused(answer, 400, "bad_http_request")


async def test_a_flood_of_log_ins_does_not_pile_up(edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cti_server.api.auth.MAX_AT_ONCE", 3)
    gate = asyncio.Event()

    async def slow(agent_id: str, password: str) -> bool:
        await gate.wait()
        return True

    edge.credentials.verify = slow  # type: ignore[method-assign]  # a slow hash
    async with edge.http() as http:
        waiting = [asyncio.create_task(log_in(http, who, PASSWORD)) for who in ("1001", "1002", "2001")]
        await until(lambda: edge.auth._under_way == 3)
        refused(await log_in(http, "5001", PASSWORD), 503, "overloaded")
        gate.set()
        assert [(await answer).status_code for answer in waiting] == [200] * 3
        assert (await log_in(http, "5001", PASSWORD)).status_code == 200
