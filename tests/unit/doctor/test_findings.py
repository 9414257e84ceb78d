"""What is told of a check, however it ends."""

import asyncio

from rich.text import Text as Rendered

from cti_server.doctor.examination import findings_of
from cti_server.doctor.finding import Check, Finding, NotThere, State, Text, Wrong

TITLE = Text("磁盘", "disk")
REMEDY = Text("清理 [旧] 文件", "remove [old] files")


async def _found(look, deadline: float = 1.0) -> Finding:
    (finding,) = await findings_of([Check("disk_space", TITLE, look, "var", deadline)])
    return finding


async def test_a_good_check_tells_its_detail() -> None:
    async def look() -> str:
        return "80 % [free]"

    finding = await _found(look)
    assert (finding.ok, finding.state, finding.detail) == (True, State.OK, "80 % [free]")
    assert Rendered.from_markup(finding.line()).plain == "✓ 磁盘 disk [var]: 80 % [free]"


async def test_a_wrong_thing_comes_with_a_remedy_in_both_languages() -> None:
    async def look() -> str:
        raise Wrong("1 % free", REMEDY)

    finding = await _found(look)
    assert not finding.ok
    line = Rendered.from_markup(finding.line()).plain
    assert line == "✗ 磁盘 disk [var]: 1 % free (disk_space)\n  → 清理 [旧] 文件 remove [old] files"
    assert finding.as_dict() == {
        "code": "disk_space",
        "state": "failed",
        "ok": False,
        "subject": "var",
        "title": {"zh": "磁盘", "en": "disk"},
        "detail": "1 % free",
        "remedy": {"zh": "清理 [旧] 文件", "en": "remove [old] files"},
    }


async def test_what_is_not_there_yet_is_no_failure() -> None:
    async def look() -> str:
        raise NotThere("run make up first")

    finding = await _found(look)
    assert (finding.ok, finding.state, finding.remedy) == (True, State.SKIPPED, None)


async def test_a_check_that_crashes_is_a_finding_and_the_others_go_on() -> None:
    async def crash() -> str:
        raise ZeroDivisionError("a customer's number must not be shown: 13800138000")

    async def fine() -> str:
        return "fine"

    first, second = await findings_of([Check("one", TITLE, crash), Check("two", TITLE, fine)])
    assert (first.state, second.state) == (State.FAILED, State.OK)
    assert "ZeroDivisionError at crash:" in first.detail
    assert "138" not in first.line()
    assert first.remedy


async def test_a_check_that_hangs_ends_at_its_deadline() -> None:
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    finding = await _found(hang, 0.05)
    assert finding.state is State.FAILED
    assert "no answer" in finding.detail
    assert finding.remedy
