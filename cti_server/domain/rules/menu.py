"""A caller in the menu of its service number (REQUIREMENTS B3): from arrival to the group it waits in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from cti_server.domain import ivr, ivr_questions, ivr_walk
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.events import Event
from cti_server.domain.ivr import Ivr
from cti_server.domain.ivr_walk import Turn
from cti_server.domain.rules import callbacks, identity, preference, waiting
from cti_server.domain.signals import MenuAnswered
from cti_server.domain.step import Step

NO_MENU = Ivr()


def begin(step: Step, contact: Contact, *, language_known: bool) -> None:
    """On arrival: into the menu, or to the number's group; with nothing open behind it, it is told so."""
    settings = _settings(step, contact)
    walk = ivr_walk.begin(settings, language_known=language_known)
    if walk and contact.customer.elder and settings.elder_direct:
        contact.ivr_path.append("elder")
        _go_to(step, contact, settings.elder_group)
    elif walk and waiting.any_open(step, (contact.group_id, *ivr.groups(settings))):
        contact.walk = walk
    else:
        waiting.find_open(step, contact)


def question(settings: Mapping[str, Ivr], contact: Contact) -> ivr_questions.Question | None:
    """What the caller is to be told and asked now; None when it has no menu."""
    own = settings.get(contact.service_number, NO_MENU)
    return ivr_questions.question(own, contact.walk) if contact.walk else None


def answered(step: Step, fact: MenuAnswered) -> None:
    """The caller pressed something, or nothing. An answer to a question of before says nothing."""
    contact = step.state.contacts.get(fact.channel)
    if contact and identity.running(contact):
        identity.answered(step, contact, fact)
        return
    if contact and contact.state is not ContactState.IVR:
        callbacks.answered(step, contact, fact)
        return
    walk = contact.walk if contact else None
    if contact is None or walk is None or fact.serial != walk.serial:
        return
    turn = ivr_walk.pressed(_settings(step, contact), walk, fact.answer, fact.subject)
    if fact.customer and fact.answer == ivr_walk.Check.RIGHT:
        preference.proved(step, contact, fact.customer)
    _go_on(step, contact, turn)


def left(step: Step, contact: Contact) -> None:
    """It came to wait with the menu unfinished: the dialplan was on its own."""
    if contact.walk and not contact.walk.over:
        contact.walk = replace(contact.walk, asked=ivr_walk.Asked.NOTHING)
        contact.ivr_path.append("unserved")
        waiting.find_open(step, contact)


def _go_on(step: Step, contact: Contact, turn: Turn) -> None:
    contact.walk = turn.walk
    contact.ivr_path.extend(turn.path)
    contact.language = turn.language or contact.language
    if turn.walk.over:
        _go_to(step, contact, turn.group)
    if turn.path:
        step.tell_contact(contact, Event.CONTACT_IVR_CHANGED)


def _go_to(step: Step, contact: Contact, group_id: str) -> None:
    if group_id in step.state.groups:
        contact.group_id = group_id
    waiting.find_open(step, contact)


def _settings(step: Step, contact: Contact) -> Ivr:
    return step.state.ivrs.get(contact.service_number, NO_MENU)
