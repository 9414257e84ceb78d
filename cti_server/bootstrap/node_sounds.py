"""Whether the PBX nodes whose folders are on this machine have a sound."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from pathlib import Path

from cti_server.domain.doubts import Sound
from cti_server.settings import PbxNodeSettings


async def missing_sounds(nodes: Sequence[PbxNodeSettings], wanted: Collection[Sound]) -> frozenset[Sound]:
    """Those that one of the nodes lacks. Of nodes elsewhere nothing is known, and nothing is missing."""
    return await asyncio.to_thread(_missing, [node.home for node in nodes], frozenset(wanted))


def _missing(homes: Sequence[Path | None], wanted: frozenset[Sound]) -> frozenset[Sound]:
    folders = [home / "data/sounds" for home in homes if home]
    try:
        return frozenset(sound for sound in wanted for folder in folders if not _there(folder, sound))
    except OSError:  # not ours to read: as of a node elsewhere
        return frozenset()


def _there(folder: Path, sound: Sound) -> bool:
    return any((folder / sound.language / "cti").glob(f"{sound.name}.*"))
