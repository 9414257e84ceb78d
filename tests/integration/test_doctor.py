"""The doctor on a real running centre: all well, then one thing after the other broken on purpose."""

import asyncio
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from cti_server.doctor import Finding, State, examine
from cti_server.settings import Settings
from cti_server.store.schema import revision
from tests.support.centre import TestCentre
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
centre = shared_centre()


@pytest.fixture
def settings(centre: TestCentre) -> Settings:
    return Settings(**json.loads(centre.centre.plan.server_json.read_text()))


async def _failed(centre: TestCentre, settings: Settings) -> dict[str, Finding]:
    findings = await examine(settings, settings_file=centre.centre.plan.server_json)
    failed = {finding.code: finding for finding in findings if not finding.ok}
    assert all(finding.remedy and finding.remedy.zh and finding.remedy.en for finding in failed.values())
    assert "Error at" not in "".join(finding.detail for finding in findings), "a check crashed"
    return failed


@contextmanager
def _instead(path: Path, mode: int | None = None, content: bytes | None = None) -> Iterator[None]:
    """Another mode, another content or (with neither) no file, until the block ends."""
    aside = path.with_name(path.name + ".aside")
    shutil.copy2(path, aside)
    path.unlink()
    try:
        if mode is not None or content is not None:
            path.write_bytes(aside.read_bytes() if content is None else content)
            path.chmod(mode or 0o600)
        yield
    finally:
        aside.replace(path)


async def test_all_is_well(centre: TestCentre, settings: Settings) -> None:
    findings = await examine(settings, settings_file=centre.centre.plan.server_json)
    assert [f.line() for f in findings if f.state is not State.OK] == []
    assert len({(f.code, f.subject) for f in findings}) == len(findings) > 25


async def test_the_command_finds_the_centre_by_its_folder(centre: TestCentre) -> None:
    code, findings = await _command("--json", "--var", str(centre.centre.plan.var))
    assert code == 0, findings
    assert {f["state"] for f in json.loads(findings)} == {"ok"}


async def test_the_command_ends_with_1_when_something_is_wrong(centre: TestCentre) -> None:
    with _instead(centre.centre.plan.var / "secrets/token.key", mode=0o644):
        code, findings = await _command("--json", "--var", str(centre.centre.plan.var))
    assert code == 1
    (wrong,) = [f for f in json.loads(findings) if not f["ok"]]
    assert wrong["code"] == "token_key"
    assert "chmod 600" in wrong["remedy"]["en"]


async def _command(*arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cti_server", "doctor", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, out.decode()


async def test_every_figure_is_described_for_operators(centre: TestCentre) -> None:
    async with httpx.AsyncClient() as http:
        text = (await http.get(f"{centre.http}/metrics")).text
    given = {
        name for name in re.findall(r"^# TYPE (\S+)", text, re.MULTILINE) if not name.endswith("_created")
    }
    guide = Path(__file__).parents[2] / "docs/operators.md"
    table = guide.read_text(encoding="utf-8").split("<!-- metrics:", 1)[1].split("\n\n", 1)[0]
    assert set(re.findall(r"^\| `(\S+)`", table, re.MULTILINE)) == given


async def test_a_wrong_ami_secret(centre: TestCentre, settings: Settings) -> None:
    node = settings.nodes[0].model_copy(update={"ami_secret": SecretStr("not-the-secret")})
    failed = await _failed(centre, settings.model_copy(update={"nodes": (node,)}))
    assert list(failed) == ["ami_login"]
    assert "login_refused" in failed["ami_login"].detail
    assert "not-the-secret" not in failed["ami_login"].line()


async def test_a_missing_prompt_and_one_of_another_form(centre: TestCentre, settings: Settings) -> None:
    prompts = centre.centre.rendered.home / "data/sounds/zh/cti"
    with _instead(prompts / "goodbye.wav"):
        failed = await _failed(centre, settings)
    assert failed["prompts"].detail == "missing: zh/goodbye"
    with _instead(prompts / "welcome.wav", content=b"no sound at all"):
        failed = await _failed(centre, settings)
    assert failed["prompts"].detail.endswith("zh/welcome")
    assert "sox" in failed["prompts"].remedy.en  # type: ignore[union-attr]  # _failed made sure


async def test_an_event_that_the_node_filters_out(centre: TestCentre, settings: Settings) -> None:
    path = centre.centre.rendered.home / "etc/manager.conf"
    content = path.read_bytes().replace(b"eventfilter(action(include),name(Hangup)) =", b"")
    with _instead(path, content=content):
        failed = await _failed(centre, settings)
    assert failed["ami_event_filter"].detail == "filtered out: Hangup"


async def test_an_old_database(centre: TestCentre, settings: Settings) -> None:
    path = centre.database_url.removeprefix("sqlite:///")
    _, head = await revision(centre.database_url)
    try:
        _set_revision(path, "0000")
        failed = await _failed(centre, settings)
    finally:
        _set_revision(path, head)
    assert list(failed) == ["database_schema"]
    assert "revision 0000" in failed["database_schema"].detail
    assert "make up" in failed["database_schema"].remedy.en  # type: ignore[union-attr]  # likewise


def _set_revision(path: str, version: str) -> None:
    connection = sqlite3.connect(path, timeout=5)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
    connection.close()


async def test_a_dead_letter(centre: TestCentre, settings: Settings) -> None:
    path = settings.outbox_dir / "dead-letters.jsonl"
    path.write_text('{"id": "x", "kind": "contact", "at": 0, "data": {}, "why": "23505"}\n')
    try:
        failed = await _failed(centre, settings)
    finally:
        path.unlink()
    assert list(failed) == ["outbox_dead_letters"]


@pytest.mark.parametrize(
    ("option", "good", "bad"),
    [("appendonly", "yes", "no"), ("maxmemory-policy", "noeviction", "allkeys-lru")],
)
async def test_a_redis_that_may_forget(
    centre: TestCentre, settings: Settings, option: str, good: str, bad: str
) -> None:
    redis: Any = Redis.from_url(settings.redis_url)
    try:
        await redis.config_set(option, bad)
        failed = await _failed(centre, settings)
    finally:
        await redis.config_set(option, good)
        await redis.aclose()
    assert list(failed) == ["redis_persistence"]
    assert bad in failed["redis_persistence"].detail


async def test_redis_stopped(centre: TestCentre, settings: Settings) -> None:
    """Last: the server loses its lead."""
    await centre.centre.redis.stop()
    failed = await _failed(centre, settings)
    assert set(failed) >= {"redis_reachable"}
    assert set(failed) <= {"redis_reachable", "server_ready"}
    assert "Redis" in failed["redis_reachable"].remedy.en  # type: ignore[union-attr]  # likewise
