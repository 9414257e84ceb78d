"""Sound as the PBX leaves it (16 bit, little-endian), made into stereo WAV without holding it in memory.

WAV is RIFF of 1991: a 12-byte head, then chunks of id, length, content; `fmt ` and `data` matter.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SAMPLE_BYTES = 2
FRAME_BYTES = 2 * SAMPLE_BYTES  # stereo
_CHUNK_FRAMES = 64 * 1024
_HEAD = 12
_CHUNK_HEAD = 8
_LONGEST = 0xFFFF_FFFF  # what a RIFF length can say; readers take the rest of the file


@dataclass(frozen=True, slots=True)
class Stereo:
    """Sound about to be written: how many frames, what had to be mended, and the bytes in pieces."""

    frames: int
    repairs: tuple[str, ...]
    pieces: Iterator[bytes]


def wav_header(frames: int, sample_rate: int) -> bytes:
    """The 44 bytes before the sound of a 16-bit stereo WAV file."""
    size = frames * FRAME_BYTES
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        min(size + 36, _LONGEST),
        b"WAVE",
        b"fmt ",
        16,
        1,
        2,
        sample_rate,
        sample_rate * FRAME_BYTES,
        FRAME_BYTES,
        8 * SAMPLE_BYTES,
        b"data",
        min(size, _LONGEST),
    )


def from_interleaved(path: Path, *, swap: bool) -> Stereo:
    """Raw stereo frames, left first (right first with `swap`). Raises OSError.

    A last frame that is not whole (the writer was killed) is cut off.
    """
    size = path.stat().st_size
    repairs = []
    if size % FRAME_BYTES:
        repairs.append("incomplete_last_frame")
    if size < FRAME_BYTES:
        repairs.append("empty")
    frames = size // FRAME_BYTES
    return Stereo(frames, tuple(repairs), _interleaved(path, frames, swap=swap))


def from_sides(left: Path, right: Path) -> Stereo:
    """Two mono WAV files. A missing or shorter side is filled up with silence. Raises OSError."""
    sides = [_Side.of(path) for path in (left, right)]
    frames = max(side.frames for side in sides)
    repairs = [
        f"{name}_{'missing' if not side.there else 'padded'}"
        for name, side in zip(("left", "right"), sides, strict=True)
        if side.frames < frames or not side.there
    ]
    if not frames:
        repairs.append("empty")
    return Stereo(frames, tuple(repairs), _woven(sides[0], sides[1], frames))


@dataclass(frozen=True, slots=True)
class _Side:
    path: Path
    offset: int
    frames: int
    there: bool

    @classmethod
    def of(cls, path: Path) -> _Side:
        """The length is the file's own: a killed writer leaves the header's at zero."""
        if not path.exists():
            return cls(path, 0, 0, there=False)
        offset = _sound_offset(path)
        return cls(path, offset, max(0, path.stat().st_size - offset) // SAMPLE_BYTES, there=True)

    def samples(self) -> Iterator[array[int]]:
        """The samples in pieces of `_CHUNK_FRAMES`."""
        if not self.there:
            return
        with self.path.open("rb") as file:
            file.seek(self.offset)
            left = self.frames
            while left:
                piece = file.read(min(left, _CHUNK_FRAMES) * SAMPLE_BYTES)
                if len(piece) < SAMPLE_BYTES:
                    return
                samples = array("H", piece[: len(piece) // SAMPLE_BYTES * SAMPLE_BYTES])
                left -= len(samples)
                yield samples


def _sound_offset(path: Path) -> int:
    """Where the `data` chunk's content begins; the end of the file when there is none."""
    with path.open("rb") as file:
        offset = _HEAD
        while True:
            file.seek(offset)
            head = file.read(_CHUNK_HEAD)
            if len(head) < _CHUNK_HEAD:
                return path.stat().st_size
            offset += _CHUNK_HEAD
            if head[:4] == b"data":
                return offset
            length = struct.unpack("<I", head[4:])[0]
            offset += length + length % 2  # chunks begin at even offsets


def _interleaved(path: Path, frames: int, *, swap: bool) -> Iterator[bytes]:
    with path.open("rb") as file:
        while frames > 0:
            piece = file.read(min(frames, _CHUNK_FRAMES) * FRAME_BYTES)
            if len(piece) < FRAME_BYTES:
                return
            frames -= len(piece) // FRAME_BYTES
            yield _swapped(piece) if swap else piece


def _swapped(piece: bytes) -> bytes:
    samples = array("H", piece)
    swapped = array("H", bytes(len(piece)))
    swapped[0::2], swapped[1::2] = samples[1::2], samples[0::2]
    return swapped.tobytes()


def _woven(left: _Side, right: _Side, frames: int) -> Iterator[bytes]:
    sides = left.samples(), right.samples()
    while frames > 0:
        length = min(frames, _CHUNK_FRAMES)
        frames -= length
        woven = array("H", bytes(length * FRAME_BYTES))
        for channel, side in enumerate(sides):
            samples = next(side, array("H"))
            samples.extend(array("H", bytes((length - len(samples)) * SAMPLE_BYTES)))
            woven[channel::2] = samples
        yield woven.tobytes()
