"""Campaigns over HTTP, on the real store, in both databases."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from cti_server.bootstrap.campaigning import StoredCampaigns
from cti_server.domain import signals as s
from cti_server.store.database import Database
from cti_server.store.schema import upgrade
from tests.fakes.centre import FakeCentre
from tests.support.edge import Edge, serving_edge

NEW = {"name": "renewal", "group_id": "general", "mode": "progressive"}
PRIVATE = "13800138000"


@pytest.fixture
async def edge(database_url: str) -> AsyncIterator[Edge]:
    await upgrade(database_url)
    database, centre = Database(database_url, deadline=15), FakeCentre()
    campaigns = StoredCampaigns(database, lambda: centre.world.state, centre.execute)
    async with serving_edge(centre, campaigns=campaigns) as served:
        yield served
    await database.close()


def refused(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text


async def made(http: httpx.AsyncClient, **more: Any) -> str:
    answer = await http.post("/api/v1/campaigns", json=NEW | more)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["campaign_id"])


async def imported(http: httpx.AsyncClient, where: str, content: bytes) -> dict[str, Any]:
    answer = await http.post(
        f"/api/v1/{where}/imports", content=content, headers={"Content-Type": "text/csv"}, timeout=60
    )
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def test_the_life_of_a_campaign(edge: Edge) -> None:
    async with edge.http("2001") as http:
        campaign_id = await made(http, abandon_cap=0.02, retries={"busy": {"after": 60, "times": 9}})
        path = f"/api/v1/campaigns/{campaign_id}"
        view = (await http.get(path)).json()
        assert (view["state"], view["settings"]["abandon_cap"]) == ("created", 0.02)
        assert view["settings"]["hours"][""]["windows"][0] == {"weekday": 1, "opens": 540, "closes": 1200}
        states = [
            (await http.post(f"{path}/{change}")).json()["state"]
            for change in ("start", "pause", "start", "stop")
        ]
        assert states == ["running", "paused", "running", "stopped"]
        for change in ("start", "pause", "stop"):
            answer = await http.post(f"{path}/{change}")
            refused(answer, 409, "campaign_state")
            assert answer.json()["state"] == "stopped"
        refused(
            await http.post(f"{path}/imports", content=b"number\n", headers={"Content-Type": "text/csv"}),
            409,
            "campaign_state",
        )
        entries = (await http.get(f"{path}/audit")).json()["entries"]
        assert [entry["action"] for entry in entries] == [
            *("campaign.stop", "campaign.start", "campaign.pause", "campaign.start", "campaign.created"),
        ]
        assert {entry["actor"] for entry in entries} == {"2001"}
        refused(await http.get("/api/v1/campaigns/none"), 404, "unknown_campaign")


async def test_a_team_leader_has_the_own_groups_only(edge: Edge) -> None:
    edge.centre.world.state.groups["other"] = edge.centre.world.state.groups["general"]
    async with edge.http("4001") as operations, edge.http("2001") as leader:
        theirs = await made(operations, group_id="other")
        mine = await made(operations)
        refused(await leader.get(f"/api/v1/campaigns/{theirs}"), 403, "not_your_group")
        refused(await leader.post(f"/api/v1/campaigns/{theirs}/start"), 403, "not_your_group")
        answer = await leader.post("/api/v1/campaigns", json={**NEW, "group_id": "other"})
        refused(answer, 403, "not_your_group")
        listed = (await leader.get("/api/v1/campaigns")).json()["campaigns"]
        assert [one["campaign_id"] for one in listed] == [mine]
        assert len((await operations.get("/api/v1/campaigns")).json()["campaigns"]) == 2


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"group_id": "nowhere"}, "unknown_group"),
        ({"caller_id": "110"}, "caller_id_not_allowed"),
        ({"mode": "aggressive"}, "invalid_params"),
        ({"abandon_cap": 0.5}, "invalid_params"),
        ({"hours": {"": {"windows": [{"weekday": 1, "opens": 600, "closes": 600}]}}}, "invalid_params"),
        ({"hours": {"": {"windows": []}}}, "invalid_params"),
        ({"max_attempts": 0}, "invalid_params"),
        ({"retries": {"answered": {"after": 1, "times": 1}}}, "invalid_params"),
        ({"machine_message": "../secret"}, "invalid_params"),
        ({"colour": "red"}, "invalid_params"),
        ({"hours": {}}, "invalid_params"),
        ({"script": "one\x00two"}, "control_characters"),
        ({"dispositions": [{"code": "x"}, {"code": "x", "then": "do_not_call"}]}, "invalid_params"),
    ],
)
async def test_what_is_refused(edge: Edge, change: dict[str, Any], code: str) -> None:
    async with edge.http("4001") as http:
        refused(await http.post("/api/v1/campaigns", json=NEW | change), 422, code)
        assert (await http.get("/api/v1/campaigns")).json()["campaigns"] == []


LIST = f"""手机号,姓名,卡号尾数
{PRIVATE},张伟,1234
+86 139-1234-5678,"李, 娜",
010 8888 6666,王芳,9
hello,赵敏,8
110,钱进,7
{PRIVATE},张伟,1
13700000001
13700000002,孙莉,6,多
13500000009,周勇,5
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
async def test_a_list_and_the_report_of_what_was_refused(edge: Edge, encoding: str) -> None:
    async with edge.http("2001") as http:
        await http.post("/api/v1/do-not-call", json={"number": "13500000009", "reason": "asked"})
        campaign_id = await made(http)
        found = await imported(http, f"campaigns/{campaign_id}", LIST.encode(encoding))
        assert (found["state"], found["rows"], found["accepted"]) == ("done", 9, 3)
        assert found["encoding"] == ("gb18030" if encoding == "gb18030" else "utf-8")
        report = await http.get(f"/api/v1/campaigns/{campaign_id}/imports/{found['import_id']}/refused.csv")
        assert report.headers["content-type"] == "text/csv; charset=utf-8"
        lines = list(csv.reader(io.StringIO(report.content.decode("utf-8-sig"))))
        assert lines == [
            ["row", "code", "number", "name", "卡号尾数"],
            ["5", "not_a_number", "hello", "赵敏", "8"],
            ["6", "number_not_allowed", "110", "钱进", "7"],
            ["7", "duplicate", PRIVATE, "张伟", "1"],
            ["8", "missing_column", "13700000001"],
            ["9", "too_many_columns", "13700000002", "孙莉", "6", "多"],
            ["10", "do_not_call", "13500000009", "周勇", "5"],
        ]
        again = await imported(http, f"campaigns/{campaign_id}", LIST.encode(encoding))
        assert (again["accepted"], again["refused"]["duplicate"]) == (0, 4)
        view = (await http.get(f"/api/v1/campaigns/{campaign_id}")).json()
        assert view["records"] == {"open": 3}
        everything = await http.get(f"/api/v1/campaigns/{campaign_id}/audit")
        assert PRIVATE not in everything.text
        refused(
            await http.get(f"/api/v1/campaigns/{campaign_id}/imports/none/refused.csv"), 404, "unknown_import"
        )


@pytest.mark.parametrize(("content", "code"), [(b"", "empty_list"), (b"a,b\n1,2\n", "missing_column")])
async def test_a_file_that_is_no_list(edge: Edge, content: bytes, code: str) -> None:
    async with edge.http("2001") as http:
        campaign_id = await made(http)
        path = f"/api/v1/campaigns/{campaign_id}/imports"
        refused(await http.post(path, content=content, headers={"Content-Type": "text/csv"}), 422, code)
        refused(await http.post(path, json={}), 415, "unsupported_media_type")
        assert [one["state"] for one in (await http.get(path)).json()["imports"]] == ["failed"]


async def test_twenty_thousand_rows_come_as_a_stream(edge: Edge) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"number,name\r\n"
        for start in range(0, 20_000, 1000):
            yield "".join(f"139{n:08},客户{n}\r\n" for n in range(start, start + 1000)).encode()

    async with edge.http("2001") as http:
        campaign_id = await made(http)
        path = f"/api/v1/campaigns/{campaign_id}/imports"
        answer = await http.post(path, content=pieces(), headers={"Content-Type": "text/csv"}, timeout=90)
        assert answer.json()["accepted"] == 20_000, answer.text
        assert answer.json()["refused"] == {}


async def test_the_do_not_call_list(edge: Edge) -> None:
    where = "/api/v1/do-not-call"
    async with edge.http("4001") as http:
        for _ in range(2):
            answer = await http.post(where, json={"number": "+86 138 0013 8000", "reason": "asked"})
            assert answer.json() == {"number": "138****8000", "listed": True}
        found = await imported(
            http, "do-not-call", b"number,reason\n13800138000,x\n13900000001,asked\nx,y\nz,\0\n"
        )
        assert (found["accepted"], found["refused"]) == (
            1,
            {"duplicate": 1, "not_a_number": 1, "bad_characters": 1},
        )
        listed = (await http.get(where)).json()
        assert (listed["total"], len(listed["newest"])) == (2, 2)
        assert PRIVATE not in (await http.get(where)).text
        check = await http.post(f"{where}/checks", json={"number": PRIVATE})
        assert check.json()["listed"] is True
        assert (await http.post(f"{where}/removals", json={"number": PRIVATE})).json()["listed"] is False
        refused(await http.post(f"{where}/removals", json={"number": PRIVATE}), 404, "not_listed")
        refused(await http.post(where, json={"number": "hello"}), 422, "not_a_number")
        refused(await http.post(where, json={"number": "138\n00138001"}), 422, "control_characters")
        report = await http.get(f"{where}/imports/{found['import_id']}/refused.csv")
        assert "not_a_number" in report.text
        assert report.text.endswith("5,bad_characters,z,\ufffd\r\n")


async def test_preview(edge: Edge) -> None:
    """An agent of the group looks at a record, skips one, calls one."""
    always = {"": {"windows": [{"weekday": day, "opens": 0, "closes": 1440} for day in range(1, 8)]}}
    async with edge.http("2001") as http, edge.http("1001") as other:
        campaign_id = await made(http, mode="preview", hours=always, script="hello")
        path = f"/api/v1/campaigns/{campaign_id}"
        await imported(http, f"campaigns/{campaign_id}", LIST.encode())
        refused(await http.post(f"{path}/preview/next"), 409, "campaign_not_preview")
        await http.post(f"{path}/start")
        refused(await other.post(f"{path}/preview/next"), 403, "not_your_group")
        first = (await http.post(f"{path}/preview/next")).json()
        assert (first["number"], first["name"], first["script"]) == ("138****8000", "张伟", "hello")
        assert (await http.post(f"{path}/preview/next")).json() == first
        skipped = await http.post(f"{path}/preview/{first['record_id']}/skip")
        assert skipped.status_code == 204
        refused(await http.post(f"{path}/preview/{first['record_id']}/skip"), 404, "unknown_record")
        second = (await http.post(f"{path}/preview/next")).json()
        dial, body = f"{path}/preview/{second['record_id']}/dial", {"request_id": "r1"}
        refused(await http.post(dial, json=body), 409, "not_signed_in")
        await edge.centre.execute(s.SignIn(0.0, "in", "2001", "2001", "on_demand"))
        contact_id = (await http.post(dial, json=body)).json()["contact_id"]
        contact = edge.centre.world.state.contacts[contact_id]
        assert (contact.customer.number, contact.campaign) == ("13912345678", campaign_id)
        refused(await http.post(dial, json=body), 404, "unknown_record")
        third = (await http.post(f"{path}/preview/next")).json()
        again = await http.post(f"{path}/preview/{third['record_id']}/dial", json={"request_id": "r2"})
        refused(again, 409, "contact_in_progress")
        view = (await http.get(path)).json()
        assert view["outcomes"] == {"failed": 1}
        await http.post("/api/v1/do-not-call", json={"number": "13500000009"})
        refused(await http.post(f"{path}/preview/next"), 409, "nothing_to_call")


async def test_the_examples_of_the_docs(edge: Edge) -> None:
    page = (Path(__file__).parents[2] / "docs/campaigns.md").read_text(encoding="utf-8")
    body, change = map(json.loads, re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    rows = re.search(r"```csv\n(.*?)```", page, re.DOTALL)[1]  # type: ignore[index]  # likewise
    edge.centre.world.state.groups["credit_card"] = edge.centre.world.state.groups["general"]
    async with edge.http("4001") as http:
        campaign_id = await made(http, **body)
        found = await imported(http, f"campaigns/{campaign_id}", rows.encode())
        changed = await patched(http, f"/api/v1/campaigns/{campaign_id}", 1, **change)
        assert (changed.status_code, changed.json()["version"]) == (200, 2), changed.text
    assert (found["accepted"], found["refused"]) == (2, {"not_a_number": 1})


# --- changed while it goes on --------------------------------------------------------------------------


async def patched(http: httpx.AsyncClient, path: str, version: int, **fields: Any) -> httpx.Response:
    return await http.patch(path, json=fields, headers={"If-Match": f'"{version}"'})


async def test_a_running_campaign_is_changed(edge: Edge) -> None:
    """In part, with a reason; every version can be read and brought back."""
    async with edge.http("2001") as http:
        path = f"/api/v1/campaigns/{await made(http, mode='predictive')}"
        await http.post(f"{path}/start")
        assert (await http.get(path)).headers["etag"] == '"1"'
        wished = {"abandon_cap": 0.02, "mode": "progressive", "ends_at": "2099-12-31T20:00:00+08:00"}
        answer = await patched(http, path, 1, why="too many lost", **wished)
        assert (answer.status_code, answer.headers["etag"]) == (200, '"2"'), answer.text
        view = answer.json()
        assert (view["version"], view["state"], view["name"]) == (2, "running", "renewal")
        assert view["settings"]["ends_at"] == "2099-12-31T12:00:00.000Z"
        assert (view["settings"]["mode"], view["settings"]["ring_time"]) == ("progressive", 30)
        same = await patched(http, path, 2, abandon_cap=0.02, script=None)
        assert same.json()["version"] == 2, "nothing is another way"
        answer = await patched(http, path, 2, ends_at=None, name="renewal II")
        assert (answer.json()["name"], answer.json()["settings"]["ends_at"]) == ("renewal II", None)
        answer = await http.post(
            f"{path}/versions/2/restore", json={"why": "as it was"}, headers={"If-Match": '"3"'}
        )
        assert (answer.json()["version"], answer.json()["settings"]) == (4, view["settings"])
        told = (await http.get(f"{path}/versions")).json()["versions"]
        assert [(one["version"], one["author"], one["why"]) for one in told] == [
            (4, "2001", "as it was"),
            (3, "2001", ""),
            (2, "2001", "too many lost"),
            (1, "2001", ""),
        ]
        assert {"where": "abandon_cap", "before": 0.03, "after": 0.02} in told[2]["changes"]
        entries = (await http.get(f"{path}/audit")).json()["entries"]
        changed = [entry["data"] for entry in entries if entry["action"] == "campaign.changed"]
        assert {"version": 2, "fields": ["abandon_cap", "ends_at", "mode"]} in changed


async def test_what_makes_no_sense_changes_nothing(edge: Edge) -> None:
    async with edge.http("2001") as http, edge.http("3001") as inspector:
        hours = {"": {"windows": [{"weekday": 1, "opens": 540, "closes": 1200}]}}
        path = f"/api/v1/campaigns/{await made(http, hours={**hours, 'xinjiang': hours['']})}"
        rows = b"number,region\n13900000001,xinjiang\n"
        await imported(http, path.removeprefix("/api/v1/"), rows)
        refused(await http.patch(path, json={"max_attempts": 2}), 428, "precondition_required")
        refused(await patched(http, path, 7, max_attempts=2), 412, "version_conflict")
        refused(await patched(inspector, path, 1, max_attempts=2), 403, "wrong_role")
        senseless: list[dict[str, Any]] = [
            {"group_id": "elder"},
            {"abandon_cap": 0.2},
            {"ring_time": 5},
            {"hours": {}},
            {"mode": "manual"},
            {"ends_at": "soon"},
        ]
        for fields in senseless:
            refused(await patched(http, path, 1, **fields), 422, "invalid_params")
        refused(await patched(http, path, 1, caller_id="95588"), 422, "caller_id_not_allowed")
        refused(await patched(http, path, 1, ends_at="2020-01-01T00:00:00Z"), 422, "end_in_the_past")
        answer = await patched(http, path, 1, hours=hours)
        refused(answer, 409, "region_in_use")
        assert answer.json()["regions"] == ["xinjiang"]
        answer = await http.post(f"{path}/versions/9/restore", json={"why": "?"}, headers={"If-Match": '"1"'})
        refused(answer, 404, "unknown_version")
        view = (await http.get(path)).json()
        assert (view["version"], view["settings"]["max_attempts"]) == (1, 5)
        await http.post(f"{path}/stop")
        answer = await patched(http, path, 1, max_attempts=2)
        refused(answer, 409, "campaign_state")
        over = {**NEW, "ends_at": "2020-01-01T00:00:00Z"}
        refused(await http.post("/api/v1/campaigns", json=over), 422, "end_in_the_past")
