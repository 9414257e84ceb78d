"""The PBX did not do what was wanted: who wanted it is told, the state follows by resync."""

from __future__ import annotations

from cti_server.domain import errors
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.effects import Resync
from cti_server.domain.rules import (
    audio,
    channel_facts,
    consult_facts,
    dialling_facts,
    fallback,
    identity,
    offers,
    operations,
    seats,
    supervision,
    transfers,
    voicemail,
    watching,
)
from cti_server.domain.rules.watching import APART_TIME
from cti_server.domain.signals import ChannelGone, EffectFailed
from cti_server.domain.step import Step

_LEFT_BEHIND = ("HangUpChannel", "PlayOutcome", "Unmute")
"""Done to a phone's channel that is in no contact any more."""


def effect_failed(step: Step, fact: EffectFailed) -> None:
    """The PBX did not do it: answer the command that wanted it; the state follows by resync."""
    if fact.effect in fallback.EFFECTS:
        fallback.failed(step, fact)
        return
    if fact.effect == "RingStation":
        _ring_failed(step, fact)
        return
    if fact.effect == "Supervise":
        _supervision_failed(step, fact)
        return
    contact = channel_facts.contact_on(step, fact.channel)
    if contact:
        _contact_effect_failed(step, fact, contact)
    elif fact.effect in _LEFT_BEHIND and fact.code == errors.OutcomeUnknown.code:
        step.do(Resync(fact.node))  # a phone may be hanging there, or be muted for the next customer


def _contact_effect_failed(step: Step, fact: EffectFailed, contact: Contact) -> None:
    if fact.effect == "CallThird":
        consult_facts.third_failed(step, contact, fact)
    elif contact.consult and fact.effect in ("Connect", "Move", "Join", "Confer"):
        consult_facts.failed(step, contact, _refusal(fact))
    elif contact.state is ContactState.DIALLING and fact.effect in (
        "CallCustomer",
        "CallColleague",
        "HangUpChannel",
    ):
        dialling_facts.effect_failed(step, contact, fact)
    elif fact.effect == "TakeMessage":
        voicemail.failed(step, contact, _refusal(fact))
    elif fact.effect == "SendOutside":
        transfers.outside_failed(step, contact, _refusal(fact))
    elif audio.is_ours(fact.effect):
        audio.effect_failed(step, contact, fact)
    elif fact.effect == "HangUpChannel" and fact.code == errors.PbxRefused.code:
        # Most likely it is gone already and its ChannelGone is on its way.
        watching.watch(step, contact, APART_TIME)
    elif fact.effect == "IdentifyCustomer" and fact.code == errors.PbxRefused.code:
        identity.not_sent(step, contact, _refusal(fact))
    elif fact.effect in ("Connect", "HoldCustomer", "HangUpChannel", "IdentifyCustomer"):
        _switch_failed(step, fact, contact)


def _supervision_failed(step: Step, fact: EffectFailed) -> None:
    found = channel_facts.station_on(step, fact.channel)
    if found:
        supervision.end(step, found[1], _refusal(fact))


def _ring_failed(step: Step, fact: EffectFailed) -> None:
    found = channel_facts.station_on(step, fact.channel)
    if not found:
        return
    if found[1].station_wait and fact.code != errors.PbxRefused.code:
        seats.give_up_station(step, found[1], _refusal(fact))
        return
    channel_facts.channel_gone(step, ChannelGone(fact.at, fact.node, fact.channel, cause=0))


def _refusal(fact: EffectFailed) -> type[errors.Refusal]:
    return errors.refusals().get(fact.code, errors.PbxRefused)


def _switch_failed(step: Step, fact: EffectFailed, contact: Contact) -> None:
    if fact.code == errors.OutcomeUnknown.code and operations.awaited(step, contact):
        step.do(Resync(contact.node))  # which shows it, if anything does
        return
    if fact.code == errors.OutcomeUnknown.code:
        watching.outcome_unknown(step, contact)
        return
    if fact.effect == "HangUpChannel":
        watching.take_back_hang_up(contact)
    operations.refuse_operation(step, contact, _refusal(fact))
    if contact.state is ContactState.OFFERED:
        offers.withdraw(step, contact, None)
    watching.watch(step, contact, APART_TIME)
