"""`cti simulate` as a person uses it, against a real centre: everything, and Ctrl-C in the middle."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from tests.support.centre import TestCentre, eventually
from tests.support.story import cel_calls
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
POLICIES: dict[str, dict[str, Any]] = {
    "general": {"announce_every": 1.0, "callback": True},
    "vtm": {"overflow_to": "voicemail", "overflow_after": 1.0},
}
centre = shared_centre(policies=POLICIES)


async def started(centre: TestCentre, *arguments: str) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "cti_server", "simulate", "--var", str(centre.centre.plan.var))
    return await asyncio.create_subprocess_exec(
        *command,
        *arguments,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "COLUMNS": "150"},
        process_group=0,
    )


async def ended(process: asyncio.subprocess.Process) -> tuple[int, str]:
    async with asyncio.timeout(90):
        _, told = await process.communicate()
    return process.returncode or 0, told.decode()


async def test_everything_and_all_witnesses_agree(centre: TestCentre, tmp_path: Path) -> None:
    before, file = set(cel_calls(centre)), tmp_path / "report.json"
    load = ("--agents", "6", "--pace", "5", "--rate", "4", "--duration", "4", "--seed", "6")
    code, told = await ended(await started(centre, "everything", *load, "--json", str(file)))
    report: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    assert code == 0, (told, report)
    assert (report["lost"], report["errors"], report["good"]) == (0, {}, True)
    assert report["answered"] > 0
    assert len(report["comparisons"]) >= 6
    assert "service level" in told
    assert "服务水平" in told
    calls = set(cel_calls(centre)) - before
    assert len(calls) == report["customers"]["answered"] == report["customers"]["created"]
    directions, outside = report["directions"], report["outside"]
    assert directions["inbound"]["contacts"] == len(calls)
    assert directions["outbound"]["contacts"] > 0
    assert outside["answered"] >= directions["outbound"]["connected"] > 0
    assert report["left_out"] == []
    assert "passed on outside" in {comparison["what"] for comparison in report["comparisons"]}
    await centre.empty()


async def test_call_backs_are_made_and_messages_are_kept(centre: TestCentre, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    load = ("--agents", "2", "--pace", "5", "--rate", "1.5", "--duration", "6", "--seed", "4")
    code, told = await ended(await started(centre, "queueing", *load, "--json", str(file)))
    report: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    assert code == 0, (told, report)
    back, messages = report["call_backs"], report["messages"]
    assert back["wanted"] == report["customers"]["call_backs"] == back["kept"] + back["otherwise"]
    assert report["outside"]["called_back"] == back["kept"] == back["reached"] > 0
    assert messages["wanted"] == messages["left"] == messages["with_sound"] == messages["handled"] > 0
    assert report["customers"]["keys"] > back["kept"] + messages["left"]
    assert (report["lost"], report["left_out"]) == (0, [])
    handled = await centre.rows("voicemails", state="handled")
    assert len(handled) == messages["left"]
    await centre.empty()


async def test_ctrl_c_ends_it_with_a_report_and_nothing_is_left(centre: TestCentre, tmp_path: Path) -> None:
    """Not even a promise: who was to be called back is called back."""
    file = tmp_path / "report.json"
    load = ("--agents", "2", "--pace", "3", "--rate", "3", "--duration", "600", "--json", str(file))
    process = await started(centre, "queueing", "--station-mode", "on_demand", *load)

    async def promised() -> int:
        return len(await centre.rows("contacts", end_reason="callback"))

    before = await promised()
    await eventually(promised, lambda count: count > before, "somebody to be called back", 60)
    process.send_signal(signal.SIGINT)
    code, told = await ended(process)
    report = json.loads(file.read_text())
    assert code == 130, (told, report)
    assert report["interrupted"]
    assert report["lost"] == 0
    assert report["call_backs"]["reached"] == report["call_backs"]["kept"] > 0
    await centre.empty()


async def test_without_a_centre_it_says_what_to_do(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cti_server", "simulate", "--var", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    code, told = await ended(process)
    assert code == 1
    assert "no_centre" in told
    assert "make up" in told
