"""Agents' programs, which know what they were told: sockets that drop, come back and resume."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from hypothesis.stateful import rule

from cti_server.domain import signals as s
from cti_server.domain.events import Notification
from cti_server.domain.views import agent_view, contact_view
from tests.unit.domain.life.drive import SEATS, Drive, agents

AGENT = ("state", "reason", "pending_state", "contact_ids")
CONTACT = ("state", "consult", "recording", "customer", "data")
"""What an agent's screen is made of."""


def differ(told: dict[str, Any], there: dict[str, Any], keys: Iterable[str]) -> dict[str, tuple[Any, Any]]:
    """What was told and what is so, where they differ."""
    return {key: (told[key], there[key]) for key in keys if told[key] != there[key]}


@dataclass(slots=True)
class Program:
    """A program's picture, made of every notification in order: an answer may be older than they are."""

    agent_id: str
    on: bool = True
    seq: int = 0
    me: dict[str, Any] = field(default_factory=dict)
    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def hears(self, notification: Notification) -> None:
        """One more; none is left out, none comes twice."""
        if notification.seq == 1:  # taken out of the directory, and put back
            self.seq = 0
        assert notification.seq == self.seq + 1, (self.agent_id, notification.seq, self.seq)
        self.seq = notification.seq
        self._shows(notification.params)

    def _shows(self, told: dict[str, Any]) -> None:
        if told.get("agent", {}).get("agent_id") == self.agent_id:
            self.me = told["agent"]
        if "contact" in told:
            self.contacts[told["contact"]["contact_id"]] = told["contact"]


class Programs(Drive):
    """What is on the screens is what is so, whenever the socket was away."""

    def __init__(self) -> None:
        super().__init__()
        self.programs = {agent_id: Program(agent_id) for agent_id in SEATS}
        self._read = 0

    @rule(agent=agents)
    def socket_drops_or_resumes(self, agent: str) -> None:
        """Who comes back hears first what it missed."""
        program = self.programs[agent]
        self._programs_hear()
        program.on = not program.on
        kind = s.AgentConnected if program.on else s.AgentDisconnected
        self.centre.apply(kind(self.centre.now, agent))

    def _programs_hear(self) -> None:
        """What was told since; a program whose socket is away hears it when it resumes."""
        for outcome in self.centre.told[self._read :]:
            for notification in outcome.notifications:
                if notification.agent_id in self.programs:
                    self.programs[notification.agent_id].hears(notification)
        self._read = len(self.centre.told)

    @rule()
    def screens_tell_the_truth(self) -> None:
        """Each agent's own state, and each contact it has."""
        self._programs_hear()
        state = self.centre.state
        for agent_id, program in self.programs.items():
            agent = state.agents.get(agent_id)
            if agent is None or not agent.signed_in:
                continue
            wrong = differ(program.me, agent_view(state, agent), AGENT)
            assert not wrong, (agent_id, wrong)
            for contact_id in agent.contact_ids:
                if agent_id in state.contacts[contact_id].wrapping:
                    continue  # handed on: how it goes on is no longer told
                there = contact_view(state.contacts[contact_id], agent)
                wrong = differ(program.contacts[contact_id], there, CONTACT)
                assert not wrong, (agent_id, contact_id, wrong)
