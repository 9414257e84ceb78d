"""Waiting for sound, on wav files that grow while they are listened to."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import AGENT_TONE, CUSTOMER_TONE, Samples, sine
from tests.support.hearing import (
    WavFolderEar,
    assert_not_heard,
    wait_until_heard,
    wait_until_music,
    wait_until_silent_of,
)

RATE = 8000
HEADER = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + b"data\0\0\0\0"
PIECE = 0.02
Voice = Callable[[float], Samples]


def tone(hz: float, level: float = 0.3) -> Voice:
    return lambda at: level * np.sin(2 * np.pi * hz * (at + np.arange(round(PIECE * RATE)) / RATE))


def hiss(at: float) -> Samples:
    return 0.1 * np.random.default_rng(int(at * 1000)).standard_normal(round(PIECE * RATE))


@asynccontextmanager
async def recording(path: Path, *voices: Voice) -> AsyncIterator[None]:
    """Write, at the speed of speech, the sum of `voices` into a wav file."""

    async def write() -> None:
        loop = asyncio.get_running_loop()
        start, at = loop.time(), 0.0
        with path.open("wb", buffering=0) as file:
            file.write(HEADER)
            while True:
                file.write((np.sum([voice(at) for voice in voices], axis=0) * 32767).astype("<i2").tobytes())
                at += PIECE
                await asyncio.sleep(start + at - loop.time())

    task = asyncio.create_task(write())
    try:
        yield
    finally:
        task.cancel()


async def test_a_tone_is_heard_and_no_other(tmp_path: Path) -> None:
    async with recording(tmp_path / "dec.wav", tone(AGENT_TONE)):
        assert await wait_until_heard(WavFolderEar(tmp_path), AGENT_TONE, 5) > 0.99
        await assert_not_heard(WavFolderEar(tmp_path), CUSTOMER_TONE, 0.6)
        with pytest.raises(AssertionError, match=r"strongest at \[101[678]\]"):
            await wait_until_heard(WavFolderEar(tmp_path), CUSTOMER_TONE, 0.8)


async def test_a_file_made_after_the_listening_began_is_heard(tmp_path: Path) -> None:
    hearing = asyncio.create_task(wait_until_heard(WavFolderEar(tmp_path), AGENT_TONE, 5))
    await asyncio.sleep(0)
    async with recording(tmp_path / "dec.wav", tone(AGENT_TONE)):
        await hearing


async def test_what_was_said_before_is_not_heard_now(tmp_path: Path) -> None:
    async with recording(tmp_path / "dec.wav", tone(AGENT_TONE)):
        await wait_until_heard(WavFolderEar(tmp_path), AGENT_TONE, 5)
    await wait_until_silent_of(WavFolderEar(tmp_path), AGENT_TONE, 1)
    with pytest.raises(AssertionError, match="silence"):
        await wait_until_heard(WavFolderEar(tmp_path), AGENT_TONE, 0.8)


async def test_two_calls_at_once_are_heard_together(tmp_path: Path) -> None:
    async with (
        recording(tmp_path / "dec-1.wav", tone(AGENT_TONE)),
        recording(tmp_path / "dec-2.wav", tone(CUSTOMER_TONE)),
    ):
        assert 0.3 < await wait_until_heard(WavFolderEar(tmp_path), AGENT_TONE, 5, share=0.3) < 0.7
        await wait_until_heard(WavFolderEar(tmp_path), CUSTOMER_TONE, 5, share=0.3)


async def test_music_and_a_voice_that_leaks_into_it(tmp_path: Path) -> None:
    async with recording(tmp_path / "dec.wav", hiss):
        await wait_until_music(WavFolderEar(tmp_path), 5)
        await assert_not_heard(WavFolderEar(tmp_path), AGENT_TONE, 0.6)
    async with recording(tmp_path / "leak.wav", hiss, tone(AGENT_TONE, 0.1)):
        with pytest.raises(AssertionError, match=f"{AGENT_TONE} Hz heard"):
            await assert_not_heard(WavFolderEar(tmp_path), AGENT_TONE, 2)
        with pytest.raises(AssertionError, match="no music"):
            await wait_until_music(WavFolderEar(tmp_path), 1.5)


def test_the_piece_of_a_tone_is_what_sine_makes() -> None:
    assert np.allclose(tone(AGENT_TONE, 0.5)(0), sine(AGENT_TONE, PIECE))
