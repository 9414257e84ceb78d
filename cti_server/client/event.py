"""What the centre tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Event:
    """A notification: its name and whole `params`."""

    name: str
    params: dict[str, Any]

    @property
    def seq(self) -> int:
        """Its number within the epoch."""
        return int(self.params["seq"])

    @property
    def contact(self) -> dict[str, Any]:
        """The contact's new view; empty for events of the agent."""
        view: dict[str, Any] = self.params.get("contact", {})
        return view

    @property
    def queue(self) -> dict[str, Any]:
        """The queue's new view; empty for other events."""
        view: dict[str, Any] = self.params.get("queue", {})
        return view

    @property
    def agent(self) -> dict[str, Any]:
        """The agent's new view; empty for events of a contact."""
        view: dict[str, Any] = self.params.get("agent", {})
        return view
