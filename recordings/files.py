"""The store's files: a sound and its sidecar, each written whole or not at all; blocking."""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from recordings.pcm import Stereo, wav_header

DAY = "%Y/%m/%d"
"""Folder of a day (UTC)."""
_DAYS = "[0-9]*/[0-9]*/[0-9]*"
_BEGAN = re.compile(r"-([0-9]{9,10})[.][0-9]+(?:_[0-9]+)?$")
"""In a channel's Uniqueid (and a recording id made of it): when it began, epoch seconds."""


class StoreFiles:
    """The recording store as a folder. Every method raises OSError."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write_sound(self, path: Path, sound: Stereo, sample_rate: int) -> tuple[int, str]:
        """Write a WAV file; return its size and SHA-256."""
        digest = hashlib.sha256()
        size = 0
        path.parent.mkdir(parents=True, exist_ok=True)

        def write(file: BinaryIO) -> None:
            nonlocal size
            for piece in chain([wav_header(sound.frames, sample_rate)], sound.pieces):
                digest.update(piece)
                size += file.write(piece)

        _replace(path, write)
        return size, digest.hexdigest()

    def write_sidecar(self, path: Path, sidecar: dict[str, Any]) -> None:
        """Write what is known of the sound at `path`, which completes it: it survives a power cut then."""
        content = json.dumps(sidecar, indent=1).encode()
        _replace(path.with_suffix(".json"), lambda file: file.write(content))
        for folder in path.parents:
            _sync_folder(folder)
            if folder == self.root:
                break

    def unfinished(self, recording_id: str) -> Path | None:
        """A sound of that name on whatever day."""
        return self._find(f"{recording_id}.wav", recording_id)

    def sidecars(self, contact_id: str) -> Iterator[dict[str, Any]]:
        """What is known of the contact's finished recordings, in order (several: it was recorded again)."""
        number = 1
        while found := self._find(f"{recording_name(contact_id, number)}.json", contact_id):
            yield json.loads(found.read_bytes())
            number += 1

    def _find(self, name: str, contact_id: str) -> Path | None:
        """The file, in whichever day: an id that says when its call began leaves few to look into."""
        first = _first_day(contact_id)
        if first is None:
            return next(self.root.glob(f"{_DAYS}/{name}"), None)
        days = (datetime.now(UTC).date() - first).days + 1  # a clock may be ahead
        paths = (
            self.root / (first + timedelta(days=day)).strftime(DAY) / name for day in range(max(days, 1) + 1)
        )
        return next((path for path in paths if path.exists()), None)


def _first_day(contact_id: str) -> date | None:
    """The day before its channel began; None for an id that does not say when."""
    found = _BEGAN.search(contact_id)
    if found is None:
        return None
    return datetime.fromtimestamp(int(found[1]), UTC).date() - timedelta(days=1)


def recording_name(contact_id: str, number: int) -> str:
    """Recording id of the contact's first, second … recording; no contact id ends like the later ones."""
    return contact_id if number == 1 else f"{contact_id}_{number}"


def _replace(path: Path, write: Callable[[BinaryIO], object]) -> None:
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
