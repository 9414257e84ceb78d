"""Running a whole centre for a test, or for all tests of a file."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncConnection

from asterisk_config.install import install
from asterisk_config.model import Endpoint, Timings
from cti_server.store.database import Database
from cti_server.store.schema import upgrade
from cti_server.store.tables import groups, service_numbers
from cti_server.up.centre import Centre, running_centre
from cti_server.up.plan import Plan, Ports
from tests.support.audio import sine, write_wav
from tests.support.centre import Row, TestCentre
from tests.support.figures import figures_agree
from tests.support.nursery import BornServer
from tests.support.port_block import port_block

GREETING_TONE: Final = 2683
"""What callers hear as the greeting: a bank's own prompt, short and to be told from music."""
SORRY_TONE: Final = 3089
"""What the fallback says before it queues a caller."""
QUICK: Final = Timings(fallback_greeting=4, fallback_ring=5, fallback_turn=4)
OUTSIDE_SETTINGS = {
    "outside_ring_time": 6,
    "outside_caller_id": "4000",
    "outside_caller_ids": {"credit_card": "4001"},
}
"""What the server is told about numbers outside."""


SHARED: Final = [pytest.mark.asterisk, pytest.mark.asyncio(loop_scope="module")]
"""Marks of a file whose tests share a centre."""


def shared_centre(*, figures: bool = False, **options: Any) -> Any:
    """A fixture `centre` for all tests of a file; `options` as `whole_centre`'s.

    With `figures` the reports are held against Asterisk's own log at the end.
    """

    @pytest_asyncio.fixture(scope="module", loop_scope="module")
    async def centre(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestCentre]:
        async with whole_centre(tmp_path_factory.mktemp("centre"), **options) as running:
            yield running
            if figures:
                await figures_agree(running)

    return centre


@asynccontextmanager
async def whole_centre(
    tmp_path: Path,
    *,
    ring_timeout: float = 20,
    timings: Timings = QUICK,
    policies: Mapping[str, Row] | None = None,
    tones: Mapping[str, float] | None = None,
    greeted: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[TestCentre]:
    """Run a centre below `tmp_path` until the block ends; its logs are kept there.

    The bank's own prompts are tones; callers of 4000 are greeted too briefly for a measurement.
    Agents are rung for `ring_timeout` seconds. `policies` of groups are as the database keeps them; `tones`
    (Hz) stand for more prompts, 1.5 s each. Not `greeted`: callers of all numbers go straight to the music.
    `settings` are told to the server beside `OUTSIDE_SETTINGS`.
    """
    await asyncio.to_thread(install)
    prompts = _prompts(tmp_path / "prompts", tones or {})
    async with AsyncExitStack() as stack:
        outside = Endpoint("127.0.0.1", stack.enter_context(port_block())[0])
        node = {"timings": timings, "prompts_dir": prompts, "outside": outside}
        folder = f"t-{os.getpid()}-{uuid.uuid4().hex[:10]}"
        plan = Plan(tmp_path / "var", Ports.free(), folder, node, {**OUTSIDE_SETTINGS, **(settings or {})})
        await _directory(plan.database_url, ring_timeout, policies or {}, greeted=greeted)
        centre = await stack.enter_async_context(
            running_centre(plan, lambda _what: None, cheap_passwords=True, server_child=BornServer)
        )
        try:
            yield TestCentre(centre)
        finally:
            _keep_logs(centre, tmp_path)
            await stack.aclose()
            centre.rendered.remove()


def _prompts(folder: Path, tones: Mapping[str, float]) -> Path:
    for language in ("zh", "en"):
        (folder / language).mkdir(parents=True)
        write_wav(folder / language / "brief.wav", sine(GREETING_TONE, 0.3))
        write_wav(folder / language / "welcome.wav", sine(GREETING_TONE, 1.6))
        write_wav(folder / language / "sorry_technical.wav", sine(SORRY_TONE, 1.5))
        write_wav(folder / language / "station_connected.wav", sine(GREETING_TONE, 0.1))
        for name, hz in tones.items():
            write_wav(folder / language / f"{name}.wav", sine(hz, 1.5))
    return folder


async def _directory(url: str, ring_timeout: float, policies: Mapping[str, Row], *, greeted: bool) -> None:
    """What is there already is left as it is by the seed."""
    await upgrade(url)
    names = {"general": "4000", "credit_card": "4001", "elder": "4002", "vtm": "4003"}
    row = {"name_zh": "", "name_en": "", "ring_timeout_s": ring_timeout, "wrap_up_s": 60.0}

    async def work(connection: AsyncConnection) -> None:
        rows = [{"group_id": name, "policy": policies.get(name), **row} for name in names]
        await connection.execute(groups.insert(), rows)
        greeting = "brief" if greeted else ""
        there = {"general": "4000"} if greeted else names
        await connection.execute(
            service_numbers.insert(),
            [
                {"number": number, "group_id": group, "language": "zh", "greeting": greeting, "name": ""}
                for group, number in there.items()
            ],
        )

    database = Database(url)
    try:
        await database.write(work)
    finally:
        await database.close()


def _keep_logs(centre: Centre, tmp_path: Path) -> None:
    for path in (
        centre.rendered.log_file,
        centre.rendered.cel_file,
        centre.rendered.home / "log/console.log",
    ):
        if path.exists():
            (tmp_path / f"pbx-{path.name}").write_bytes(path.read_bytes())
