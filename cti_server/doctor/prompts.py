"""Checks of what callers hear: each prompt in each language, in a form that Asterisk plays."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from asterisk_config.install import locate
from asterisk_config.prompts import PROMPTS, VOICES
from cti_server.doctor.finding import Check, NotThere, Text, Wrong
from cti_server.doctor.node import ELSEWHERE, NodeProbe
from cti_server.doctor.patient import Patient
from cti_server.store.database import Database
from cti_server.store.directory import load_directory
from cti_server.store.errors import StoreUnavailable

FORM = (8000, 1, 2)
"""Samples a second, channels, bytes a sample."""
TITLE = Text("语音提示", "prompts")


def checks(patient: Patient, probes: Sequence[NodeProbe]) -> list[Check]:
    """One per node; without nodes, of what was made at install."""
    if not probes:
        return [Check("prompts", TITLE, _installed)]
    return [Check("prompts", TITLE, _Look(patient, probe).prompts, probe.node.name) for probe in probes]


async def _installed() -> str:
    found = await asyncio.to_thread(locate)
    if found is None:
        raise NotThere("made when Asterisk is installed 安装 Asterisk 时生成")
    return _judge({found.prompts_dir / language / f"{name}.wav" for language in VOICES for name in PROMPTS})


@dataclass(frozen=True, slots=True)
class _Look:
    patient: Patient
    probe: NodeProbe

    async def prompts(self) -> str:
        """Ours in every language, and each service number's greeting in its own."""
        home = self.probe.home
        if home is None:
            raise NotThere(ELSEWHERE)
        wanted = {(language, name) for language in VOICES for name in PROMPTS} | await self._greetings()
        return _judge({home / "data/sounds" / language / "cti" / f"{name}.wav" for language, name in wanted})

    async def _greetings(self) -> set[tuple[str, str]]:
        database = Database(self.patient.needs().database_url)
        try:
            directory = await load_directory(database)
        except StoreUnavailable:
            return set()  # its own check says so
        finally:
            await database.close()
        return {(n.language[:2], n.greeting) for n in directory.service_numbers.values() if n.greeting}


def _judge(files: set[Path]) -> str:
    missing = sorted(path for path in files if not path.exists())
    if missing:
        raise Wrong(
            f"missing: {', '.join(map(_short, missing))}",
            Text("放入该文件,或重启 make up 重新生成", "put the file there, or restart make up, which does"),
        )
    strange = sorted(path for path in files if _form(path) != FORM)
    if strange:
        raise Wrong(
            f"not 8 kHz mono 16 bit: {', '.join(map(_short, strange))}",
            Text(
                "用 sox 原文件 -r 8000 -c 1 -b 16 新文件 转换",
                "convert by: sox OLD.wav -r 8000 -c 1 -b 16 NEW.wav",
            ),
        )
    return f"{len(files)} files, {', '.join(sorted(VOICES))}"


def _short(path: Path) -> str:
    """`…/zh/cti/welcome.wav` → `zh/welcome`."""
    language = next((part for part in path.parts[::-1] if part in VOICES), "")
    return f"{language}/{path.stem}"


def _form(path: Path) -> tuple[int, int, int] | None:
    try:
        with wave.open(str(path)) as file:
            return file.getframerate(), file.getnchannels(), file.getsampwidth()
    except (wave.Error, EOFError):
        return None
