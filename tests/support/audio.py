"""Sound measured: how loud it is, how much of it is a given tone, whether it is music.

Every party of a test speaks a tone of its own. The tones lie half-way between the notes of the
tempered scale and away from DTMF and call-progress tones, so that music never looks like one of them:
in all of Asterisk's stock music no window of 0.4 s has more than 0.08 of its power at a test tone.
"""

import struct
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float64]

AGENT_TONE: Final = 1017
CUSTOMER_TONE: Final = 1281
COLLEAGUE_TONE: Final = 1811
LEADER_TONE: Final = 2283
BROWSER_TONE: Final = 571
TEST_TONES: Final = (AGENT_TONE, CUSTOMER_TONE, COLLEAGUE_TONE, LEADER_TONE, BROWSER_TONE)

LOUD: Final = -45.0
"""dBFS above which somebody would notice the sound."""
FAINT: Final = -55.0
"""dBFS below which a sound counts as silence."""
A_TRACE: Final = 0.1
"""Share of the power at which a tone counts as present, however loud everything else is."""
MOSTLY: Final = 0.9
"""Share of the power at which a tone counts as all there is."""
RECORDED: Final = 0.75
"""The same in a recording, which cannot be listened to again: a frame that comes late on a busy machine
breaks the tone and costs up to a tenth of its power; anybody else's voice costs half."""

_LOBE: Final = 2  # a pure tone behind a Hann window fills its own bin and this many on either side
_WORTH_NAMING: Final = 0.01
_ULAW: Final = 7  # WAVE_FORMAT_MULAW


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of one channel: `samples` from -1 to 1, `rate` in Hz."""

    samples: Samples
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.samples) / self.rate

    def last(self, seconds: float) -> "Sound":
        """Return the end of it, at most so long."""
        return Sound(self.samples[-max(1, round(seconds * self.rate)) :], self.rate)


def loudness(sound: Sound) -> float:
    """Return the level in dBFS (a full-scale square wave is 0, digital silence -120)."""
    if not len(sound.samples):
        return -120.0
    return float(10 * np.log10(np.mean(np.square(sound.samples)) + 1e-12))


def tone_share(samples: Samples, rate: int, hz: float) -> float:
    """Return how much of the power (0 to 1, without the constant part) is at `hz`; 0 for silence."""
    power = _power(samples)
    total = power.sum()
    if total <= 0:
        return 0.0
    place = round(hz * len(samples) / rate)
    return float(power[max(0, place - _LOBE) : place + _LOBE + 1].sum() / total)


def strongest(sound: Sound, count: int) -> tuple[list[int], float]:
    """Return up to `count` tones in Hz, strongest first, and their share of the power together.

    What has less than a hundredth of the power is not worth naming.
    """
    power = _power(sound.samples)
    total = power.sum()
    if total <= 0:
        return [], 0.0
    tones: list[int] = []
    found = 0.0
    for _ in range(count):
        peak = int(power.argmax())
        lobe = slice(max(0, peak - _LOBE), peak + _LOBE + 1)
        share = float(power[lobe].sum() / total)
        if share < _WORTH_NAMING:
            break
        found += share
        power[lobe] = 0
        tones.append(round(peak * sound.rate / len(sound.samples)))
    return tones, found


def traces(sound: Sound, hz: float) -> bool:
    """Tell whether the tone can be heard in `sound`, perhaps among other things."""
    return loudness(sound) > FAINT and tone_share(sound.samples, sound.rate, hz) > A_TRACE


def is_music(sound: Sound) -> bool:
    """Tell whether `sound` is loud, is none of the test tones, and is no beep of one or two tones."""
    if loudness(sound) < LOUD or any(traces(sound, hz) for hz in TEST_TONES):
        return False
    return strongest(sound, 2)[1] < MOSTLY


def described(sound: Sound) -> str:
    """Say in words what is heard, for the message of a failed test."""
    level = loudness(sound)
    if level < FAINT:
        return "silence"
    tones, share = strongest(sound, 3)
    return f"{level:.0f} dBFS, strongest at {tones} Hz ({share:.2f} of the power)"


def sine(hz: float, seconds: float, rate: int = 8000, level: float = 0.5) -> Samples:
    """Return a tone with the amplitude `level`."""
    return level * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)


def write_wav(path: Path, samples: Samples, rate: int = 8000) -> None:
    """Write a mono wav file of 16 bit."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def read_wav(path: Path, channel: int = 0) -> Sound:
    """Return one channel of a wav file (16 bit or µ-law), also while it is still being written.

    A recorder fills the lengths in at the end, so that they are not believed: the data chunk goes to
    the end of the file unless it says less. ValueError if there is no complete header yet.
    """
    raw = path.read_bytes()
    layout = wav_layout(raw)
    end = layout.data_start + layout.data_length if layout.data_length else len(raw)
    return Sound(layout.decoded(raw[layout.data_start : end], channel), layout.rate)


@dataclass(frozen=True, slots=True)
class WavLayout:
    """Where the samples of a wav file begin and what they are; `data_length` 0 means: not known yet."""

    data_start: int
    data_length: int
    rate: int
    channels: int
    encoding: int

    @property
    def frame(self) -> int:
        """Bytes of one sample of every channel."""
        return self.channels * (1 if self.encoding == _ULAW else 2)

    def decoded(self, data: bytes, channel: int = 0) -> Samples:
        """Return the samples of one channel; an incomplete last frame is left out."""
        whole = data[: len(data) // self.frame * self.frame]
        flat = ulaw_decoded(whole) if self.encoding == _ULAW else np.frombuffer(whole, "<i2") / 32768
        return flat[channel :: self.channels]


def wav_layout(raw: bytes) -> WavLayout:
    """Read the header of a wav file; ValueError if it is none or is not complete."""
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise ValueError("not a wav file")
    place, form = 12, None
    while place + 8 <= len(raw):
        name, length = struct.unpack_from("<4sI", raw, place)
        place += 8
        if name == b"fmt " and place + 16 <= len(raw):
            form = struct.unpack_from("<HHIIHH", raw, place)
        if name == b"data" and form is not None:
            encoding, channels, rate = form[:3]
            return WavLayout(place, length if length < 0xFFFFFF00 else 0, rate, channels, encoding)
        place += length + length % 2
    raise ValueError("the wav header is not complete")


def ulaw_encoded(samples: Samples) -> bytes:
    """Return G.711 µ-law (ITU-T G.711 table 2a), one byte a sample."""
    linear = np.clip(np.round(samples * 32768), -32635, 32635).astype(np.int64)
    magnitude = np.abs(linear) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(linear < 0, 0x80, 0)
    return bytes((~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8))


def ulaw_decoded(data: bytes) -> Samples:
    """Return the samples of G.711 µ-law bytes."""
    code = ~np.frombuffer(data, np.uint8).astype(np.int64) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 0x07)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude) / 32768


def _power(samples: Samples) -> Samples:
    """Return the power in each bin of the spectrum, without the constant part."""
    if not len(samples):
        return np.zeros(1)
    spectrum = np.fft.rfft((samples - samples.mean()) * np.hanning(len(samples)))
    return np.square(np.abs(spectrum))
