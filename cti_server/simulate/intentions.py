"""What an agent of a simulation means to do in a conversation, by pattern and chance."""

from __future__ import annotations

from random import Random

from cti_server.simulate.patterns import Pattern


def meant(pattern: Pattern, chance: Random) -> list[str]:
    """Commands on a contact in conversation, in order, before the agent hangs up."""
    steps: list[str] = []
    if chance.random() < pattern.hold:
        steps += ["contact.hold", "contact.retrieve"]
    if chance.random() < pattern.sound:
        steps += chance.choice(
            [
                ["contact.mute", "contact.unmute"],
                ["contact.send_dtmf"],
                ["recording.pause", "recording.resume"],
            ]
        )
    if chance.random() < pattern.consult:
        steps.append("contact.consult")
        steps += ["contact.alternate"] * (chance.random() < 0.3)  # noqa: PLR2004  # a share
        steps += chance.choice(
            [
                ["contact.complete_transfer"],
                ["contact.cancel_consult"],
                ["contact.conference", "contact.cancel_consult"],
                ["contact.conference", "contact.complete_transfer"],
            ]
        )
    elif chance.random() < pattern.transfer:
        steps.append("contact.transfer")
    return steps
