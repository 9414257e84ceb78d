"""Records the database will never take: set aside in a file of their own, complete, for people to look at."""

import base64
import os
import time
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from cti_server.domain.records import Record
from cti_server.store.segments import DAMAGED


class DeadLetters:
    """The file `dead-letters.jsonl` in the outbox's folder, one JSON object per line; blocking.

    A record set aside again after a crash stands there once. `count` is the number of lines.
    """

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the file is there and cannot be read."""
        self.path = folder / "dead-letters.jsonl"
        self._known = set(_known_ids(self.path))

    @property
    def count(self) -> int:
        """How many are set aside."""
        return len(self._known)

    def add_record(self, record: Record, why: str) -> bool:
        """Keep a refused record; False when it is there already. Raises OSError when the disk does not."""
        content = {"id": record.id, "kind": record.kind, "at": record.at, "data": record.data}
        return self._add(record.id, {**content, "why": why})

    def add_damaged(self, line: bytes) -> bool:
        """Keep a line of the outbox whose check-sum is wrong. Raises OSError when the disk does not."""
        name = f"damaged-{crc32(line):08x}-{len(line)}"
        content = {"id": name, "kind": "damaged", "line": base64.b64encode(line).decode()}
        return self._add(name, {**content, "why": DAMAGED})

    def _add(self, name: str, content: dict[str, Any]) -> bool:
        if name in self._known:
            return False
        line = orjson.dumps({**content, "set_aside_at": time.time()}) + b"\n"
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _append(descriptor, line)
        finally:
            os.close(descriptor)
        self._known.add(name)
        return True


def _append(descriptor: int, line: bytes) -> None:
    before = os.fstat(descriptor).st_size
    try:
        view = memoryview(line)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _known_ids(path: Path) -> list[str]:
    if not path.exists():
        return []
    return [orjson.loads(line)["id"] for line in path.read_bytes().splitlines() if line.endswith(b"}")]
