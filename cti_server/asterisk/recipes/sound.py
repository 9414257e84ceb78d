"""Microphones, digits, recordings."""

from __future__ import annotations

from cti_server.asterisk.ami_fields import Fields, dtmf_digits
from cti_server.asterisk.recipes.actions import Action, set_variable
from cti_server.domain import effects as e

DIGIT_MS = 100
"""Asterisk does nothing else for this manager connection while a digit sounds."""


def mute(effect: e.Mute) -> list[Action]:
    """The agent is not heard."""
    return _microphone(effect.channel, "on", "1")


def unmute(effect: e.Unmute) -> list[Action]:
    """The agent is heard again."""
    return _microphone(effect.channel, "off", "")


def _microphone(channel: str, switch: str, noted: str) -> list[Action]:
    """By the dialplan's function: the MuteAudio action would need the right to run programs.

    CTI_MUTED tells a later snapshot, for the function itself cannot be read.
    """
    fields: Fields = {"Channel": channel, "Variable": "MUTEAUDIO(in)", "Value": switch}
    return [Action("Setvar", fields), set_variable(channel, "CTI_MUTED", noted)]


def send_digits(effect: e.SendDigits) -> list[Action]:
    """One action each."""
    return [
        Action("PlayDTMF", {"Channel": effect.channel, "Digit": digit, "Duration": DIGIT_MS})
        for digit in dtmf_digits(effect.digits)
    ]


def pause_recording(effect: e.PauseRecording) -> list[Action]:
    """Both directions are silent in it."""
    return _mute_recording(effect.channel, 1, "1")


def resume_recording(effect: e.ResumeRecording) -> list[Action]:
    """Both directions are in it again."""
    return _mute_recording(effect.channel, 0, "")


def _mute_recording(channel: str, state: int, noted: str) -> list[Action]:
    fields: Fields = {"Channel": channel, "Direction": "both", "State": state}
    return [Action("MixMonitorMute", fields), set_variable(channel, "CTI_PAUSED", noted)]
