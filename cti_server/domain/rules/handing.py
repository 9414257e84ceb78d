"""A contact that goes on with somebody else: after-call work of the agent who handed it on (A4, A6)."""

from __future__ import annotations

from typing import Any

from cti_server.domain.agent import Agent, AgentEvent, AskedState
from cti_server.domain.contact import Contact, ContactState
from cti_server.domain.events import Event
from cti_server.domain.rules import seats
from cti_server.domain.signals import WrapUp
from cti_server.domain.step import Step
from cti_server.domain.views import agent_view, contact_view


def hand_on(step: Step, contact: Contact, agent: Agent) -> None:
    """The agent's part is over and is wrapped up; whose the contact is now is the caller's to say.

    The agent's leg has been dropped by the caller, and the agent was talking.
    """
    contact.wrapping.append(agent.agent_id)
    agent.apply(AgentEvent.FINISH_TALK, step.at)
    step.set_timer(f"after_call:{agent.agent_id}", step.state.groups[contact.group_id].wrap_up_time)
    step.tell_agent(agent, Event.AGENT_STATE_CHANGED)


def part_of(step: Step, command: WrapUp) -> tuple[Contact, Agent] | None:
    """The contact and the agent when that agent wraps up its part of a contact it handed on."""
    contact = step.state.contacts.get(command.contact_id)
    agent = step.state.agents.get(command.agent_id)
    return (contact, agent) if contact and agent and agent.agent_id in contact.wrapping else None


def wrap_up_part(step: Step, contact: Contact, agent: Agent, command: WrapUp) -> dict[str, Any]:
    """Register this agent's outcome in the contact's story. The contact's own is its last agent's."""
    asked = seats.asked_state(command.next_state) if command.next_state else None
    _close(step, contact, agent, asked, {"disposition": command.disposition, "summary": command.summary})
    return {"contact": contact_view(contact, agent), "agent": agent_view(step.state, agent)}


def after_call_over(step: Step, agent_id: str) -> None:
    """After-call work ran out of time."""
    contact = next((c for c in step.state.contacts.values() if agent_id in c.wrapping), None)
    if contact:
        _close(step, contact, step.state.agents[agent_id], None, {})


def _close(
    step: Step, contact: Contact, agent: Agent, asked: AskedState | None, outcome: dict[str, Any]
) -> None:
    contact.wrapping.remove(agent.agent_id)
    step.clear_timer(f"after_call:{agent.agent_id}")
    agent.contact_ids.remove(contact.contact_id)
    step.tell_part(contact, agent, Event.CONTACT_WRAPPED_UP, outcome)
    if contact.state is ContactState.ENDED:
        step.remember_end(contact)
    seats.become_free(step, agent, asked)
