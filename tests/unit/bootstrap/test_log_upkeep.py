"""The leader puts a node's logs aside, and removes of CEL only what the interaction log has."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from asterisk_config.surface import CEL_COLUMNS
from cti_server.asterisk import cel_files
from cti_server.bootstrap.log_upkeep import LogUpkeep
from cti_server.errors import AmiUnavailable
from cti_server.rotation import A_DAY
from cti_server.settings import Settings
from tests.unit.asterisk.test_cel import CUSTOMER, line

NOON = 1_795_348_800.0
CALL = line("CTI_ENTRY", NOON, CUSTOMER, "pbx-a-1.1", userdeftype="CTI_ENTRY", num="13800138000")


class Node:
    """A node's folder of logs, and what its upkeep asks and tells."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.logs = folder
        self.cel = folder / "cel-custom/cel.csv"
        self.cel.parent.mkdir()
        self.now, self.known, self.asked = NOON, set[str](), 0
        self.rotated: list[str] = []
        self.linked = True
        node = {"name": "pbx-a", "ami_secret": "x", "cel_file": self.cel, "cel_columns": CEL_COLUMNS}
        wish = Settings(**{"nodes": [{**node, "log_dir": folder}], "log_rotate_bytes": 1024, **settings})
        self.upkeep = LogUpkeep(wish, self._rotate, self._ended, lambda: self.now)

    async def _rotate(self, name: str) -> bool:
        if self.linked:
            self.rotated.append(name)
        return self.linked

    async def _ended(self, contacts: Collection[str]) -> set[str]:
        self.asked += 1
        return self.known & set(contacts)

    def write(self, text: str = CALL, times: int = 1) -> None:
        with self.cel.open("a") as file:
            file.write(f"{text}\n" * times)

    def aside(self, days: float) -> Path:
        """The one that was put aside, as old as that."""
        (path,) = cel_files.set_aside(self.cel)
        os.utime(path, (self.now, self.now - days * A_DAY))
        return path


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_cel_is_put_aside_when_large_or_of_another_day(node: Node) -> None:
    assert await node.upkeep.look()
    node.write()
    await node.upkeep.look()
    assert cel_files.set_aside(node.cel) == []
    node.write(times=20)
    await node.upkeep.look()
    assert len(cel_files.set_aside(node.cel)) == 1
    node.write()
    node.now += A_DAY
    await node.upkeep.look()
    assert len(cel_files.set_aside(node.cel)) == 2
    assert not node.cel.exists()


async def test_only_what_is_taken_in_is_removed(node: Node) -> None:
    node.write(times=20)
    await node.upkeep.look()
    path = node.aside(days=89)
    await node.upkeep.look()
    assert (path.exists(), node.asked) == (True, 0), "too young"
    node.aside(days=91)
    with capture_logs() as told:
        await node.upkeep.look()
        await node.upkeep.look()
    assert (path.exists(), node.asked) == (True, 1), "kept, and not asked about every minute"
    assert [(entry["event"], entry["calls_not_in_the_interaction_log"]) for entry in told] == [
        ("cel.kept", 1)
    ]
    assert "13800138000" not in str(told)
    node.known.add("pbx-a-1.1")
    node.now += A_DAY
    await node.upkeep.look()
    assert not path.exists()


async def test_nothing_is_removed_for_ever(tmp_path: Path) -> None:
    node = Node(tmp_path, cel_keep_days=0)
    node.known.add("pbx-a-1.1")
    node.write(times=20)
    await node.upkeep.look()
    path = node.aside(days=9999)
    await node.upkeep.look()
    assert path.exists()


async def test_asterisk_rotates_its_own_log(node: Node) -> None:
    (node.logs / "messages.log").write_text("[2026-11-20 23:59:59.999] NOTICE")
    old = node.logs / "messages.log.0"
    old.touch()
    os.utime(old, (NOON, NOON - 31 * A_DAY))
    node.linked = False
    assert not await node.upkeep.look(), "looked at again soon"
    node.linked = True
    assert await node.upkeep.look()
    assert node.rotated == ["pbx-a"]
    assert not old.exists()


async def test_a_fault_is_said_and_ends_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(_name: str) -> bool:
        raise AmiUnavailable("no link")

    monkeypatch.setattr(node.upkeep, "_rotate", refused)
    (node.logs / "messages.log").write_text("[2026-11-20 23:59:59.999] NOTICE")
    with capture_logs() as told:
        await node.upkeep.look()
    assert [entry["event"] for entry in told] == ["pbx.logs_not_rotated"]
