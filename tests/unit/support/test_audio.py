"""The measures of `tests.support.audio` on signals whose content is known."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.support.audio import (
    AGENT_TONE,
    CUSTOMER_TONE,
    TEST_TONES,
    Samples,
    Sound,
    described,
    is_music,
    loudness,
    read_wav,
    sine,
    strongest,
    tone_share,
    traces,
    ulaw_decoded,
    ulaw_encoded,
    wav_layout,
)

RATE = 8000


def noise(seconds: float, level: float = 0.2) -> Samples:
    return level * np.random.default_rng(7).standard_normal(round(seconds * RATE))


def chord(seconds: float) -> Samples:
    """Return something like music: three notes with overtones and a beat."""
    notes = [220, 277.18, 329.63, 440, 554.37, 659.26, 880]
    beat = 0.6 + 0.4 * np.sin(2 * np.pi * 3 * np.arange(round(seconds * RATE)) / RATE)
    return beat * sum(sine(hz, seconds, RATE, 0.1 * 0.8**place) for place, hz in enumerate(notes))


def wav(samples: Samples, channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return buffer.getvalue()


@pytest.mark.parametrize("hz", TEST_TONES)
@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_a_pure_tone_is_all_of_the_power_at_its_place_and_nothing_elsewhere(hz: int, rate: int) -> None:
    tone = sine(hz, 0.4, rate)
    assert tone_share(tone, rate, hz) > 0.999
    assert all(tone_share(tone, rate, other) < 0.001 for other in TEST_TONES if other != hz)


def test_two_tones_share_the_power_by_the_square_of_their_amplitudes() -> None:
    mix = sine(AGENT_TONE, 1, RATE, 0.4) + sine(CUSTOMER_TONE, 1, RATE, 0.2)
    assert tone_share(mix, RATE, AGENT_TONE) == pytest.approx(0.8, abs=0.01)
    assert tone_share(mix, RATE, CUSTOMER_TONE) == pytest.approx(0.2, abs=0.01)
    assert strongest(Sound(mix, RATE), 2)[0] == [AGENT_TONE, CUSTOMER_TONE]


def test_silence_has_no_tone_and_no_loudness() -> None:
    silence = Sound(np.zeros(3200), RATE)
    assert tone_share(silence.samples, RATE, AGENT_TONE) == 0
    assert loudness(silence) == -120
    assert described(silence) == "silence"
    assert not is_music(silence)


def test_nothing_at_all_is_silence() -> None:
    nothing = Sound(np.zeros(0), RATE)
    assert loudness(nothing) == -120
    assert tone_share(nothing.samples, RATE, AGENT_TONE) == 0


def test_a_constant_is_no_tone() -> None:
    assert tone_share(np.full(3200, 0.5), RATE, AGENT_TONE) == 0


def test_loudness_is_in_dbfs() -> None:
    assert loudness(Sound(sine(AGENT_TONE, 1, RATE, 1.0), RATE)) == pytest.approx(-3.01, abs=0.01)
    assert loudness(Sound(sine(AGENT_TONE, 1, RATE, 0.1), RATE)) == pytest.approx(-23.01, abs=0.01)


@pytest.mark.parametrize("music", [noise(1), chord(1)])
def test_music_is_music_until_somebody_speaks_into_it(music: Samples) -> None:
    assert is_music(Sound(music, RATE))
    spoken = Sound(music + sine(AGENT_TONE, 1, RATE, 0.2), RATE)
    assert not is_music(spoken)
    assert traces(spoken, AGENT_TONE)
    assert not traces(spoken, CUSTOMER_TONE)


@pytest.mark.parametrize("tones", [(440,), (440, 480), (425,), (AGENT_TONE,), (AGENT_TONE, CUSTOMER_TONE)])
def test_tones_and_beeps_are_no_music(tones: tuple[int, ...]) -> None:
    assert not is_music(Sound(sum(sine(hz, 1, RATE, 0.3) for hz in tones) + np.zeros(RATE), RATE))


def test_a_faint_tone_is_not_heard() -> None:
    assert not traces(Sound(sine(AGENT_TONE, 0.4, RATE, 0.001), RATE), AGENT_TONE)
    assert traces(Sound(sine(AGENT_TONE, 0.4, RATE, 0.01), RATE), AGENT_TONE)


def test_ulaw_keeps_a_tone_a_tone() -> None:
    there_and_back = ulaw_decoded(ulaw_encoded(sine(AGENT_TONE, 0.4)))
    assert tone_share(there_and_back, RATE, AGENT_TONE) > 0.998
    assert np.abs(there_and_back - sine(AGENT_TONE, 0.4)).max() < 0.02


def test_ulaw_bytes_survive_the_round_trip_and_known_values_are_right() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # minus zero comes back as zero
    assert ulaw_encoded(ulaw_decoded(codes)) == codes
    assert ulaw_decoded(b"\xff\x80\x00").tolist() == [0, 32124 / 32768, -32124 / 32768]


def test_a_wav_file_is_read_by_channel(tmp_path: Path) -> None:
    both = np.stack([sine(AGENT_TONE, 0.5), sine(CUSTOMER_TONE, 0.5)], axis=1).ravel()
    path = tmp_path / "stereo.wav"
    path.write_bytes(wav(both, channels=2))
    left, right = read_wav(path, 0), read_wav(path, 1)
    assert left.seconds == right.seconds == 0.5
    assert tone_share(left.samples, RATE, AGENT_TONE) > 0.99
    assert tone_share(right.samples, RATE, CUSTOMER_TONE) > 0.99


@pytest.mark.parametrize("length", [b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_a_wav_file_still_being_written_is_read_to_its_end(tmp_path: Path, length: bytes) -> None:
    raw = bytearray(wav(sine(AGENT_TONE, 0.5)))
    raw[40:44] = length
    path = tmp_path / "growing.wav"
    path.write_bytes(raw + b"\x01")  # half a sample has arrived
    assert read_wav(path).seconds == 0.5


@pytest.mark.parametrize(
    "raw", [b"", b"RIFF\0\0\0\0WAVE", b"nothing of the kind at all", wav(np.zeros(8))[:40]]
)
def test_what_is_no_wav_file_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError, match="wav"):
        wav_layout(raw)
