"""The intake: takes finished recordings out of one PBX node's spool folder into the recording store.

In the spool stands `<contact id>.raw` (both directions interleaved), or the pair `<contact id>-rx.wav` (from
the customer) and `<contact id>-tx.wav` (to the customer). In the store it becomes
`<year>/<month>/<day>/<recording id>.wav`, stereo, customer left, agent right, and beside it a `.json` with
what is known of it. The `.json` comes last: a recording without it is not finished and is written again.
"""

import asyncio
import errno
import re
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from cti_server.errors import CtiError
from recordings.errors import (
    InvalidContactId,
    RecordingBusy,
    RecordingDiskFull,
    RecordingMissing,
    RecordingStoreUnavailable,
)
from recordings.files import DAY, StoreFiles, recording_name
from recordings.pcm import Stereo, from_interleaved, from_sides

_CONTACT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SPOOLED = re.compile(r"(?P<contact>[A-Za-z0-9][A-Za-z0-9._-]{0,127}?)(\.raw|-rx\.wav|-tx\.wav)")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
SWEEP_QUIET = 3.0
"""Seconds a file must be unchanged before the sweep takes it: the PBX writes in pieces of about a second."""
_LONGEST_WAIT = 10.0

_REPAIRED = "recording_repaired"
_LEFT = "recording_left_in_spool"
_STRANGE = "recording_spool_strange_name"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Spooled:
    """What the spool has of one contact."""

    contact_id: str
    files: tuple[Path, ...]

    def marks(self) -> dict[str, list[float]]:
        """Size and time of last change by file name: enough to know a file again."""
        stats = {path.name: path.stat() for path in self.files}
        return {name: [stat.st_size, stat.st_mtime] for name, stat in stats.items()}

    def remove(self) -> None:
        """Delete the files; those gone already are no fault."""
        for path in self.files:
            path.unlink(missing_ok=True)

    @property
    def changed_at(self) -> float:
        """Epoch seconds of the last write."""
        return max(path.stat().st_mtime for path in self.files)


class Intake:
    """The intake of one node; one per spool folder. Takes in one recording at a time, in a thread of its own.

    `swap` exchanges the sides, should the PBX put the agent first. `quiet`: seconds a file must be unchanged
    before `finish` takes it (0 when the PBX has told that it closed the file). `doubts(from, to)` (epoch
    seconds) says what else is to be noted among a recording's repairs; it is called in the intake's thread.
    `close` when done.
    """

    def __init__(
        self,
        spool: Path,
        store: Path,
        node: str,
        *,
        swap: bool = False,
        sample_rate: int = 8000,
        quiet: float = 0.3,
        doubts: Callable[[float, float], Sequence[str]] = lambda *_: (),
    ) -> None:
        self._spool = spool
        self._store = StoreFiles(store)
        self._node = node
        self._swap = swap
        self._sample_rate = sample_rate
        self._quiet = quiet
        self._doubts = doubts
        self._thread = ThreadPoolExecutor(1, "intake")

    async def finish(
        self, contact_id: str, *, started_at: float | None = None, ended_at: float | None = None
    ) -> dict[str, Any]:
        """Take the contact's recording in; return the data of its `recording` record. May be repeated.

        Times are epoch seconds; unknown ones are taken from the file.

        Raises:
            InvalidContactId: nothing was touched.
            RecordingMissing: there is none.
            RecordingBusy: it still grows.
            RecordingDiskFull, RecordingStoreUnavailable: not taken in; the spool's file is kept.
        """
        _check(contact_id)
        await self._until_quiet(contact_id)
        return await self._in_thread(contact_id, started_at, ended_at)

    async def spooled(self, contact_id: str) -> bool:
        """Whether the spool has something of this contact. Raises RecordingStoreUnavailable."""
        return await asyncio.to_thread(self._age, contact_id) < float("inf")

    async def discard_empty(self, contact_id: str) -> None:
        """Remove what the spool has of a contact if nothing was ever written.

        Raises InvalidContactId, RecordingStoreUnavailable.
        """
        _check(contact_id)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._discard_empty, contact_id)

    def _discard_empty(self, contact_id: str) -> None:
        try:
            spooled = self._find(contact_id)
            if spooled and not any(path.stat().st_size for path in spooled.files):
                spooled.remove()
        except OSError as error:
            raise _fault(error) from error

    async def sweep(self, live_contact_ids: Collection[str]) -> list[dict[str, Any]]:
        """Take in what was left behind: all but live contacts' files and those just written to.

        What cannot be taken in is logged and stays for the next sweep. Returns the records' data.
        """
        taken = []
        for contact_id in await asyncio.to_thread(self._spooled_ids):
            if contact_id in live_contact_ids:
                continue
            try:
                if await asyncio.to_thread(self._age, contact_id) < SWEEP_QUIET:
                    continue
                taken.append(await self._in_thread(contact_id, None, None))
            except CtiError as error:
                log.warning(_LEFT, contact_id=contact_id, fault=error.code)
        return taken

    def close(self) -> None:
        """Finish what is under way."""
        self._thread.shutdown()

    async def _in_thread(
        self, contact_id: str, started_at: float | None, ended_at: float | None
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._take_in, contact_id, started_at, ended_at)

    async def _until_quiet(self, contact_id: str) -> None:
        """Wait until the file has not changed for a while. Raises RecordingBusy when it never rests."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while (rest := self._quiet - await asyncio.to_thread(self._age, contact_id)) > 0:
            if time.monotonic() + rest > deadline:
                raise RecordingBusy("the PBX is still writing the recording")
            await asyncio.sleep(rest)

    def _age(self, contact_id: str) -> float:
        """Seconds since the last write; infinite when there is no file."""
        try:
            spooled = self._find(contact_id)
            return time.time() - spooled.changed_at if spooled else float("inf")
        except OSError as error:
            raise _fault(error) from error

    def _take_in(self, contact_id: str, started_at: float | None, ended_at: float | None) -> dict[str, Any]:
        try:
            spooled = self._find(contact_id)
            known = list(self._store.sidecars(contact_id))
            if spooled is not None:
                return self._take(spooled, known, started_at, ended_at)
        except OSError as error:
            raise _fault(error) from error
        if not known:
            raise RecordingMissing("there is no recording of this contact", detail={"contact_id": contact_id})
        return _recording(known[-1])

    def _take(
        self, spooled: _Spooled, known: list[dict[str, Any]], started_at: float | None, ended_at: float | None
    ) -> dict[str, Any]:
        source = spooled.marks()
        for sidecar in known:
            if source.items() <= sidecar["source"].items():
                spooled.remove()  # a crash came between storing and removing
                return _recording(sidecar)
        sound = self._sound(spooled)
        ended = ended_at if ended_at is not None else spooled.changed_at
        started = started_at if started_at is not None else ended - sound.frames / self._sample_rate
        repairs = [*sound.repairs, *self._doubts(started, ended)]
        recording_id = recording_name(spooled.contact_id, len(known) + 1)
        path = self._path(recording_id, started)
        size, digest = self._store.write_sound(path, sound, self._sample_rate)
        recording = {
            "recording_id": recording_id,
            "contact_id": spooled.contact_id,
            "node": self._node,
            "path": path.relative_to(self._store.root).as_posix(),
            "format": "wav",
            "channels": 2,
            "sample_rate": self._sample_rate,
            "duration_s": sound.frames / self._sample_rate,
            "size": size,
            "sha256": digest,
            "started_at": started,
            "ended_at": ended,
            "state": "stored",
            "data": {"repairs": repairs},
        }
        self._store.write_sidecar(path, {"recording": recording, "source": source})
        spooled.remove()
        if repairs:
            log.warning(_REPAIRED, recording_id=recording_id, repairs=repairs)
        return recording

    def _sound(self, spooled: _Spooled) -> Stereo:
        if spooled.files[0].suffix == ".raw":
            return from_interleaved(spooled.files[0], swap=self._swap)
        received, sent = self._pair(spooled.contact_id)
        return from_sides(sent, received) if self._swap else from_sides(received, sent)

    def _path(self, recording_id: str, started_at: float) -> Path:
        """Where it belongs: by the day (UTC) it began; where an unfinished one stands already, there."""
        day = datetime.fromtimestamp(started_at, UTC).strftime(DAY)
        return self._store.unfinished(recording_id) or self._store.root / day / f"{recording_id}.wav"

    def _find(self, contact_id: str) -> _Spooled | None:
        raw = self._spool / f"{contact_id}.raw"
        files = (raw,) if raw.exists() else tuple(path for path in self._pair(contact_id) if path.exists())
        return _Spooled(contact_id, files) if files else None

    def _pair(self, contact_id: str) -> tuple[Path, Path]:
        return self._spool / f"{contact_id}-rx.wav", self._spool / f"{contact_id}-tx.wav"

    def _spooled_ids(self) -> list[str]:
        try:
            names = sorted(path.name for path in self._spool.iterdir() if path.is_file())
        except FileNotFoundError:
            return []
        matches = {name: _SPOOLED.fullmatch(name) for name in names}
        strange = [name for name, match in matches.items() if match is None]
        if strange:
            log.warning(_STRANGE, count=len(strange))
        return sorted({match["contact"] for match in matches.values() if match})


def _recording(sidecar: dict[str, Any]) -> dict[str, Any]:
    recording: dict[str, Any] = sidecar["recording"]
    return recording


def _check(contact_id: str) -> None:
    if not _CONTACT_ID.fullmatch(contact_id):
        raise InvalidContactId("a contact id has only letters, digits, '.', '_' and '-'")


def _fault(error: OSError) -> RecordingStoreUnavailable:
    if error.errno in _FULL:
        return RecordingDiskFull("there is no room for the recording")
    return RecordingStoreUnavailable(f"the recording store or spool failed: {error.strerror}")
