"""Prompts are really spoken, in the form the trunk takes without conversion."""

import wave
from pathlib import Path

import numpy as np

from asterisk_config.prompts import PROMPTS, VOICES, make_prompts
from tests.support.pbx import running_node


def test_spoken_in_both_languages(tmp_path: Path) -> None:
    make_prompts(tmp_path)
    for language in VOICES:
        for name in PROMPTS:
            with wave.open(str(tmp_path / language / f"{name}.wav")) as sound:
                assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (8000, 1, 2)
                samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
            assert 0.5 < len(samples) / 8000 < 12
            assert np.abs(samples).max() > 3000


async def test_a_banks_own_prompts_and_music_take_their_place(tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "zh").mkdir(parents=True)
    (own / "music").mkdir()
    make_prompts(tmp_path / "made")
    source = (tmp_path / "made/en/goodbye.wav").read_bytes()
    (own / "zh/welcome.wav").write_bytes(source)
    (own / "music/piece.wav").write_bytes(source)
    async with running_node(tmp_path, prompts_dir=own, music_dir=own / "music") as node:
        home = node.rendered.home
        assert (home / "data/sounds/zh/cti/welcome.wav").read_bytes() == source
        assert (home / "data/sounds/zh/cti/goodbye.wav").read_bytes() != source
        assert (home / "music/piece.wav").read_bytes() == source
        assert node.problems() == []
