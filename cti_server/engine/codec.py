"""Signals and the world's state as JSON, for the journal and its snapshots."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from cti_server.domain import signals
from cti_server.domain.events import Reply
from cti_server.domain.state import WorldState
from cti_server.engine.stamping import stamped
from cti_server.errors import CtiError

_TYPES: dict[str, type[signals.Signal]] = {
    name: cls
    for name, cls in vars(signals).items()
    if isinstance(cls, type) and issubclass(cls, signals.Signal)
}


class JournalCorrupt(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """A journal entry or snapshot cannot be read: written by another version, or damaged."""

    code = "journal_corrupt"


def encode_batch(batch: list[signals.Signal]) -> bytes:
    """A JSON array of `[type, fields]` pairs."""
    return msgspec.json.encode([[type(signal).__name__, _to_be_kept(signal)] for signal in batch])


def _to_be_kept(signal: signals.Signal) -> signals.Signal:
    """Without what must be written down nowhere."""
    return signal.to_be_kept() if isinstance(signal, signals.SendDtmf) else signal


def decode_batch(data: bytes) -> list[signals.Signal]:
    """The inverse of `encode_batch`. Raises JournalCorrupt."""
    try:
        pairs: list[tuple[str, dict[str, Any]]] = msgspec.json.decode(data)
        return [msgspec.convert(fields, _TYPES[name]) for name, fields in pairs]
    except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
        raise JournalCorrupt(f"a journal entry cannot be read: {type(error).__name__}") from error


class Snapshot(msgspec.Struct, frozen=True):
    """The world as it was right after the journal entry at `position`; `at` in epoch seconds."""

    position: str
    at: float
    state: WorldState


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """JSON."""
    return msgspec.json.encode(snapshot)


def decode_snapshot(data: bytes) -> Snapshot:
    """The inverse of `encode_snapshot`. Raises JournalCorrupt."""
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(f"a snapshot cannot be read: {error}") from error


class StoredReply(msgspec.Struct, frozen=True):
    """The answer kept for a repeated command. `asked` is `digest` of the command; empty in older entries."""

    reply: Reply
    asked: str = ""


def digest(command: signals.Command) -> str:
    """What was asked: equal for equal commands, whenever asked. It tells nothing that must not be kept."""
    asked = _to_be_kept(stamped(command, 0.0))
    text = msgspec.json.encode([type(command).__name__, asked], order="sorted")
    return hashlib.sha256(text).hexdigest()[:16]


def encode_reply(stored: StoredReply) -> bytes:
    """JSON."""
    return msgspec.json.encode(stored)


def decode_reply(data: bytes) -> StoredReply:
    """The inverse of `encode_reply`; also of what versions before it kept, a bare reply."""
    try:
        return msgspec.json.decode(data, type=StoredReply)
    except msgspec.ValidationError:
        return StoredReply(msgspec.json.decode(data, type=Reply))


def position_of(snapshot: bytes) -> str:
    """The position of an encoded snapshot, without reading the rest of it. Raises JournalCorrupt."""
    try:
        return msgspec.json.decode(snapshot, type=_Head).position
    except msgspec.MsgspecError as error:
        raise JournalCorrupt(f"a snapshot cannot be read: {error}") from error


class _Head(msgspec.Struct):
    position: str
