"""Which live session holds an agent's seat. Others of the agent may watch, not act."""

from __future__ import annotations

from typing import Protocol

from cti_server.api.errors import SeatTaken

TAKEN_OVER = 4001


class Holder(Protocol):
    """A live session."""

    agent_id: str

    async def alive(self) -> bool:
        """Whether its client answers right now."""

    def end(self, code: int, reason: str) -> None:
        """Tell the client why, and close."""


class Seats:
    """At most one holder per agent."""

    def __init__(self) -> None:
        self._holders: dict[str, Holder] = {}

    def holder(self, agent_id: str) -> Holder | None:
        """Who holds the agent's seat."""
        return self._holders.get(agent_id)

    def offer(self, session: Holder) -> None:
        """Give the seat to a session that has just opened, if nobody holds it."""
        self._holders.setdefault(session.agent_id, session)

    async def claim(self, session: Holder) -> None:
        """The session is about to act. Raises SeatTaken when another live one holds the seat.

        A holder whose client does not answer a ping (its network died, its process is frozen) has lost it.
        """
        while (holder := self._holders.setdefault(session.agent_id, session)) is not session:
            if await holder.alive():
                raise SeatTaken(
                    f"agent {session.agent_id} has another live session; take_over moves the seat"
                )
            if self._holders.get(session.agent_id) is holder:
                self._move(holder, session)

    def take_over(self, session: Holder) -> None:
        """Move the seat here; the holder is told and closed."""
        holder = self._holders.setdefault(session.agent_id, session)
        if holder is not session:
            self._move(holder, session)

    def _move(self, holder: Holder, session: Holder) -> None:
        self._holders[session.agent_id] = session
        holder.end(TAKEN_OVER, "taken_over")

    def release(self, session: Holder) -> None:
        """The session is gone, or its agent signed out."""
        if self._holders.get(session.agent_id) is session:
            del self._holders[session.agent_id]
