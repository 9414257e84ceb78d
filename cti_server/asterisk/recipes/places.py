"""Channels sent to places of the dialplan: joined, held, conferred, supervised, let wait, hung up."""

from __future__ import annotations

import math

from cti_server.asterisk.recipes.actions import Action, both, in_use, redirect, set_variable
from cti_server.domain import effects as e
from cti_server.domain.agent import SupervisionMode

LARGEST_NUMBER = 20
"""There are prompts for the numbers up to it; larger ones are said as many."""


def connect(effect: e.Connect) -> list[Action]:
    """The dialplan's `cti-connect` joins them, because the manager may not start a recording itself."""
    return [
        set_variable(effect.channel, "CTI_PEER", effect.agent_channel),
        *(in_use((effect.address,)) if effect.address else ()),
        redirect(effect.channel, "cti-connect"),
    ]


def hold_customer(effect: e.HoldCustomer) -> list[Action]:
    """The customer to music, the station to its own place."""
    return [_aside(effect.channel, "cti-hold", effect.agent_channel)]


def _aside(channel: str, context: str, agent_channel: str) -> Action:
    """The station goes past the step that calls it free: the fallback queue must not ring it meanwhile."""
    return both(redirect(channel, context), redirect(agent_channel, "cti-station", priority="place"))


def identify_customer(effect: e.IdentifyCustomer) -> list[Action]:
    """As a hold. What the dialplan asks first is set before; CTI_HUSHED: the recording is silent."""
    asked = effect.question
    return [
        set_variable(effect.channel, "CTI_PEER", effect.agent_channel),
        set_variable(effect.channel, "CTI_ASK", "&".join(f"cti/{name}" for name in asked.prompts)),
        set_variable(effect.channel, "CTI_DIGITS", str(asked.digits)),
        set_variable(effect.channel, "CTI_SECONDS", f"{asked.seconds:g}"),
        set_variable(effect.channel, "CTI_STEP", str(effect.serial)),
        set_variable(effect.channel, "CTI_HUSHED", "1" if effect.silent else ""),
        redirect(effect.channel, "cti-identify")
        if effect.parted
        else _aside(effect.channel, "cti-identify", effect.agent_channel),
    ]


def move(effect: e.Move) -> list[Action]:
    """One or two, each to a place of its own."""
    first = redirect(effect.channel, effect.place.value)
    if not effect.other:
        return [first]
    return [both(first, redirect(effect.other, effect.other_place.value))]


def join(effect: e.Join) -> list[Action]:
    """The third party is joined with the agent, unrecorded."""
    return [
        set_variable(effect.channel, "CTI_PEER", effect.agent_channel),
        *in_use(effect.addresses),
        redirect(effect.channel, "cti-join"),
    ]


def confer(effect: e.Confer) -> list[Action]:
    """The conference's name is the customer's channel: one contact, one conference."""
    channels = (effect.channel, *effect.others)
    return [
        *(set_variable(channel, "CTI_CONFERENCE", effect.channel) for channel in channels),
        *in_use(effect.addresses),
        *_into_conference(effect, channels),
    ]


def _into_conference(effect: e.Confer, channels: tuple[str, ...]) -> list[Action]:
    """One Redirect for the two who share a bridge."""
    moves = {
        channel: redirect(channel, "cti-conference", "customer" if channel == effect.channel else "agent")
        for channel in channels
    }
    pair = effect.talking if len(effect.talking) == 2 else ()  # noqa: PLR2004  # Redirect takes two
    alone = [moves[channel] for channel in channels if channel not in pair]
    return [both(*(moves[channel] for channel in pair)), *alone] if pair else alone


_SPY_OPTIONS = {
    SupervisionMode.LISTEN: "",
    SupervisionMode.WHISPER: "w",
    SupervisionMode.BARGE: "B",
}


def supervise(effect: e.Supervise) -> list[Action]:
    """The dialplan's `cti-supervise` spies on the agent's channel."""
    return [
        set_variable(effect.channel, "CTI_SPY", effect.agent_channel),
        set_variable(effect.channel, "CTI_SPY_MODE", effect.mode.value),
        set_variable(effect.channel, "CTI_SPY_OPTION", _SPY_OPTIONS[effect.mode]),
        *in_use((effect.address,)),
        redirect(effect.channel, "cti-supervise"),
    ]


def return_to_queue(effect: e.ReturnToQueue) -> list[Action]:
    """Back into the waiting loop, perhaps of another group."""
    group = [set_variable(effect.channel, "CTI_GROUP", effect.group_id)] if effect.group_id else []
    return [
        set_variable(effect.channel, "CTI_CONNECTED", ""),
        set_variable(effect.channel, "CTI_FALLBACK_QUEUE", ""),
        *group,
        redirect(effect.channel, "cti-wait"),
    ]


def take_message(effect: e.TakeMessage) -> list[Action]:
    """The dialplan records it."""
    return [redirect(effect.channel, "cti-voicemail")]


def tell_place(effect: e.TellPlace) -> list[Action]:
    """The dialplan's waiting loop says it at its next turn."""
    minutes = "" if effect.wait is None else _spoken(max(math.ceil(effect.wait / 60), 1))
    return [
        set_variable(effect.channel, "CTI_POSITION", _spoken(effect.position)),
        set_variable(effect.channel, "CTI_WAIT_MINUTES", minutes),
        set_variable(effect.channel, "CTI_OFFER", "1" if effect.callback else ""),
        set_variable(effect.channel, "CTI_SAY", "1"),
    ]


def _spoken(number: int) -> str:
    """The name of the prompt that says it."""
    return f"number_{number}" if number <= LARGEST_NUMBER else "number_many"


def apologise(effect: e.Apologise) -> list[Action]:
    """Told that nobody can help now, then let go."""
    return [redirect(effect.channel, "cti-let-go")]


def play_outcome(effect: e.PlayOutcome) -> list[Action]:
    """The agent hears what became of a call."""
    tone = set_variable(effect.channel, "CTI_TONE", "busy" if effect.busy else "congestion")
    return [tone, redirect(effect.channel, "cti-tone")]


def hang_up(effect: e.HangUpChannel) -> list[Action]:
    """Normal clearing."""
    return [Action("Hangup", {"Channel": effect.channel, "Cause": 16})]
