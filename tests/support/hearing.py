"""Waiting until somebody hears something: the same questions to a SIP phone, a browser, a file that grows."""

import asyncio
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from tests.support.audio import (
    LOUD,
    MOSTLY,
    Samples,
    Sound,
    WavLayout,
    described,
    is_music,
    loudness,
    tone_share,
    traces,
    wav_layout,
)

WINDOW: Final = 0.4
"""Seconds of sound one verdict about a tone is taken from."""
MUSIC_WINDOW: Final = 1.0
_STEP: Final = 0.1
_HEADER: Final = 4096


class Ear(Protocol):
    """Somebody who hears."""

    def listen(self, window: float) -> AsyncGenerator[Sound, None]:
        """Yield, some ten times a second and for ever, what came in the last `window` seconds.

        Only sound that came after the call is given; seconds in which nothing came are silence.
        """
        ...


async def wait_until_heard(ear: Ear, hz: float, deadline: float = 10, share: float = MOSTLY) -> float:
    """Return the tone's share of the power once it is at least `share`; AssertionError after `deadline` s."""

    def hears(sound: Sound) -> bool:
        return loudness(sound) > LOUD and tone_share(sound.samples, sound.rate, hz) >= share

    sound = await _until(ear, hears, WINDOW, deadline, f"{hz} Hz not heard")
    return tone_share(sound.samples, sound.rate, hz)


async def wait_until_silent_of(ear: Ear, hz: float, deadline: float = 10) -> None:
    """Return once a whole window has no trace of the tone; AssertionError after `deadline` s."""
    await _until(ear, lambda sound: not traces(sound, hz), WINDOW, deadline, f"{hz} Hz still heard")


async def wait_until_music(ear: Ear, deadline: float = 10) -> None:
    """Return once a second of music is heard (no test tone, no beeps); AssertionError after `deadline` s."""
    await _until(ear, is_music, MUSIC_WINDOW, deadline, "no music heard")


async def assert_not_heard(ear: Ear, hz: float, for_seconds: float = 1.5) -> None:
    """Listen for that long; AssertionError at the first trace of the tone."""
    end = asyncio.get_running_loop().time() + for_seconds
    async with aclosing(ear.listen(min(WINDOW, for_seconds))) as sounds:
        async for sound in sounds:
            assert not traces(sound, hz), f"{hz} Hz heard: {described(sound)}"
            if asyncio.get_running_loop().time() >= end:
                return


async def _until(
    ear: Ear, condition: Callable[[Sound], bool], window: float, deadline: float, otherwise: str
) -> Sound:
    sound: Sound | None = None
    try:
        async with asyncio.timeout(deadline), aclosing(ear.listen(window)) as sounds:
            async for sound in sounds:
                if condition(sound):
                    return sound
    except TimeoutError:
        pass
    heard = described(sound) if sound else "nothing was listened to"
    raise AssertionError(f"{otherwise} for {deadline} s; at last: {heard}")


class WavFolderEar:
    """Hears what a phone writes into the wav files of a folder as it comes.

    Two calls of one phone write two files; what grows at the same time is heard at the same time.
    """

    def __init__(self, folder: Path, pattern: str = "*.wav") -> None:
        self._folder = folder
        self._pattern = pattern

    async def listen(self, window: float) -> AsyncGenerator[Sound, None]:
        """Yield what was written in the last `window` seconds (see `Ear`)."""
        tails: dict[Path, _Tail] = {}
        self._look(tails, window, from_start=False)
        full = asyncio.get_running_loop().time() + window
        while True:
            await asyncio.sleep(_STEP)
            self._look(tails, window, from_start=True)
            if asyncio.get_running_loop().time() >= full:
                yield _together([tail.sound() for tail in tails.values()], window)

    def _look(self, tails: dict[Path, "_Tail"], window: float, *, from_start: bool) -> None:
        for path in self._folder.glob(self._pattern):
            if path not in tails:
                tails[path] = _Tail(path, window, 0 if from_start else path.stat().st_size)
            tails[path].read()


class _Tail:
    """The end of one growing wav file: what was written to it in the last so many seconds."""

    def __init__(self, path: Path, window: float, place: int) -> None:
        self._path = path
        self._window = window
        self._place = place
        self._layout: WavLayout | None = None
        self._pieces: list[tuple[float, Samples]] = []

    def read(self) -> None:
        """Take in what was written since the last look."""
        now = asyncio.get_running_loop().time()
        with self._path.open("rb") as file:
            self._layout = self._layout or _layout_of(file.read(_HEADER))
            if self._layout is None:
                return
            start = self._layout.data_start
            if self._place > os.fstat(file.fileno()).st_size:
                self._place = 0  # the phone began the file anew: two calls within one second
            self._place = max(self._place - (self._place - start) % self._layout.frame, start)
            file.seek(self._place)
            samples = self._layout.decoded(file.read())
        self._place += len(samples) * self._layout.frame
        self._pieces = [(when, old) for when, old in self._pieces if when > now - self._window]
        self._pieces.append((now, samples))

    def sound(self) -> Sound:
        """Return what came within the window."""
        rate = self._layout.rate if self._layout else 8000
        samples = np.concatenate([np.zeros(0), *(piece for _, piece in self._pieces)])
        return Sound(samples, rate).last(self._window)


def _layout_of(header: bytes) -> WavLayout | None:
    try:
        return wav_layout(header)
    except ValueError:
        return None  # the phone has just made the file


def _together(sounds: list[Sound], window: float) -> Sound:
    """Mix what was heard at the same time, and let a gap of more than a fifth be heard as silence."""
    rate = sounds[0].rate if sounds else 8000
    longest = max((len(sound.samples) for sound in sounds), default=0)
    whole = round(window * rate)
    mixed = np.zeros(longest if longest > whole * 0.8 else whole)
    for sound in sounds:
        mixed[: len(sound.samples)] += sound.samples
    return Sound(mixed, rate)
