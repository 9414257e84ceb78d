"""Messages over HTTP: who may list, hear and work them off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.edge import Edge

MINE, OTHERS = "pbx-a-1.1", "pbx-a-1.2"
BASE = "/api/v1/voicemails"


async def ask(edge: Edge, who: str, method: str, path: str = "", body: Any = None) -> tuple[int, Any]:
    async with edge.http(who) as http:
        answer = await http.request(method, BASE + path, json=body)
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.status_code, answer.json() if is_json else answer.content


async def test_a_team_leader_sees_the_teams_and_works_them_off(edge: Edge, tmp_path: Path) -> None:
    status, told = await ask(edge, "2001", "GET")
    assert status == 200
    assert [(one["contact_id"], one["customer_number"]) for one in told["voicemails"]] == [
        (MINE, "138****8000")
    ]
    assert (await ask(edge, "2001", "GET", f"/{MINE}/audio"))[1]["code"] == "voicemail_audio_missing"
    edge.voicemails.recorded = tmp_path / "message.wav"
    edge.voicemails.recorded.write_bytes(b"RIFF")
    assert await ask(edge, "2001", "GET", f"/{MINE}/audio") == (200, b"RIFF")
    assert edge.voicemails.heard == [(MINE, "2001")]
    status, told = await ask(edge, "2001", "POST", f"/{MINE}/assign", {"agent_id": "1001"})
    assert (status, told["state"], told["agent_id"]) == (200, "assigned", "1001")
    status, told = await ask(edge, "2001", "POST", f"/{MINE}/claim", {})
    assert (status, told["code"]) == (409, "voicemail_taken")
    status, told = await ask(edge, "2001", "POST", f"/{MINE}/handled", {"note": "已回电"})
    assert (status, told["state"], told["note"]) == (200, "handled", "已回电")
    assert (await ask(edge, "2001", "POST", f"/{MINE}/handled", {}))[1]["code"] == "voicemail_taken"
    assert (await ask(edge, "2001", "GET", "?state=new"))[1] == {"voicemails": []}


@pytest.mark.parametrize(
    ("who", "method", "path", "body", "refused"),
    [
        ("2001", "GET", f"/{OTHERS}/audio", None, (403, "voicemail_of_another_group")),
        ("2001", "POST", f"/{OTHERS}/claim", {}, (403, "voicemail_of_another_group")),
        ("2001", "POST", f"/{MINE}/assign", {"agent_id": "1009"}, (403, "voicemail_of_another_group")),
        ("2001", "POST", f"/{MINE}/assign", {}, (422, "invalid_params")),
        ("2001", "POST", "/pbx-a-9.9/claim", {}, (404, "unknown_voicemail")),
        ("2001", "GET", "?state=old", None, (422, "invalid_params")),
        ("1001", "POST", f"/{MINE}/assign", {"agent_id": "1001"}, (403, "wrong_role")),
        ("5001", "POST", f"/{MINE}/handled", {}, (403, "wrong_role")),
        ("5001", "GET", f"/{MINE}/audio", None, (403, "wrong_role")),
        ("9001", "GET", "", None, (403, "wrong_role")),
    ],
)
async def test_what_is_refused_changes_nothing(  # noqa: PLR0917  # a request is that much
    edge: Edge, who: str, method: str, path: str, body: Any, refused: tuple[int, str]
) -> None:
    before = {key: dict(row) for key, row in edge.voicemails.rows.items()}
    status, told = await ask(edge, who, method, path, body)
    assert (status, told["code"]) == refused
    assert edge.voicemails.rows == before
    assert not edge.voicemails.heard


async def test_an_auditor_sees_that_there_are_some(edge: Edge) -> None:
    status, told = await ask(edge, "5001", "GET")
    assert (status, len(told["voicemails"])) == (200, 2)
