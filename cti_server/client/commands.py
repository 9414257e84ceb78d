"""What an agent program may ask for: the socket's methods as Python's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any


class Commands(ABC):
    """Each sends one request, and returns the view that its result has."""

    @abstractmethod
    async def request(self, method: str, /, **params: Any) -> dict[str, Any]:
        """Any method's result."""

    async def ping(self) -> dict[str, Any]:
        """`{seq, server_time}`."""
        return await self.request("session.ping")

    # --- the seat -----------------------------------------------------------------------------------------

    async def sign_in(
        self, station: str, mode: str = "on_demand", *, take_over: bool = False
    ) -> dict[str, Any]:
        """Take a seat; the agent's view. On a persistent station this waits for the phone."""
        result = await self.request("agent.sign_in", station=station, station_mode=mode, take_over=take_over)
        return self._agent(result)

    async def sign_out(self, reason: str = "") -> dict[str, Any]:
        """Leave the seat; the agent's view."""
        return self._agent(await self.request("agent.sign_out", reason=reason))

    async def ready(self) -> dict[str, Any]:
        """Be offered contacts; the agent's view."""
        return await self.set_state("ready")

    async def not_ready(self, reason: str = "") -> dict[str, Any]:
        """Be offered none; the agent's view."""
        return await self.set_state("not_ready", reason)

    async def set_state(self, state: str, reason: str = "") -> dict[str, Any]:
        """Ask for a work state; the agent's view."""
        return self._agent(await self.request("agent.set_state", state=state, reason=reason))

    # --- contacts -----------------------------------------------------------------------------------------

    async def accept(self, contact_id: str) -> dict[str, Any]:
        """Take the offered contact; its view once connected."""
        return self._contact(await self.request("contact.accept", contact_id=contact_id))

    async def reject(self, contact_id: str) -> dict[str, Any]:
        """Send the offered contact back; its view."""
        return self._contact(await self.request("contact.reject", contact_id=contact_id))

    async def hold(self, contact_id: str) -> dict[str, Any]:
        """Put the customer on hold; the contact's view."""
        return self._contact(await self.request("contact.hold", contact_id=contact_id))

    async def retrieve(self, contact_id: str) -> dict[str, Any]:
        """Take the customer back; the contact's view."""
        return self._contact(await self.request("contact.retrieve", contact_id=contact_id))

    async def identify(self, contact_id: str) -> dict[str, Any]:
        """Send the customer to prove who it is; the view once the machine asks it.

        `contact.identification_changed` tells how it goes; then `contact.retrieved`: it is back by itself.
        `retrieve` takes it back before.
        """
        return self._contact(await self.request("contact.identify", contact_id=contact_id))

    async def hang_up(self, contact_id: str) -> dict[str, Any]:
        """End the conversation; the contact's view."""
        return self._contact(await self.request("contact.hang_up", contact_id=contact_id))

    async def consult(self, contact_id: str, **to: str) -> dict[str, Any]:
        """Ask a third party (`group`, `agent_id` or `number`); the view once the customer is on hold."""
        return self._contact(await self.request("contact.consult", contact_id=contact_id, to=to))

    async def alternate(self, contact_id: str) -> dict[str, Any]:
        """Talk to the other one of customer and third party; the contact's view."""
        return self._contact(await self.request("contact.alternate", contact_id=contact_id))

    async def complete_transfer(self, contact_id: str) -> dict[str, Any]:
        """Leave customer and third party to each other; the contact's view."""
        return self._contact(await self.request("contact.complete_transfer", contact_id=contact_id))

    async def cancel_consult(self, contact_id: str) -> dict[str, Any]:
        """Go back to the customer; the contact's view."""
        return self._contact(await self.request("contact.cancel_consult", contact_id=contact_id))

    async def conference(self, contact_id: str) -> dict[str, Any]:
        """Everybody hears everybody; the contact's view."""
        return self._contact(await self.request("contact.conference", contact_id=contact_id))

    async def drop_leg(self, contact_id: str, leg_id: str) -> dict[str, Any]:
        """Take the third party out of the conference; the contact's view."""
        return self._contact(await self.request("contact.drop_leg", contact_id=contact_id, leg_id=leg_id))

    async def subscribe(self, *topics: str) -> dict[str, Any]:
        """Be told of every change in `agents`, `queues`, `contacts`; how it is now."""
        return await self.request("subscribe", topics=list(topics))

    async def unsubscribe(self, *topics: str) -> dict[str, Any]:
        """Be told no more; the topics that are left."""
        return await self.request("unsubscribe", topics=list(topics))

    async def supervise(self, mode: str, **whom: str) -> dict[str, Any]:
        """`listen`, `whisper` or `barge` (`agent_id` or `contact_id`); the own view."""
        return self._agent(await self.request(f"supervisor.{mode}", **whom))

    async def intercept(self, **whom: str) -> dict[str, Any]:
        """Take a contact over (`agent_id` or `contact_id`); its view."""
        return self._contact(await self.request("supervisor.intercept", **whom))

    async def stop_supervising(self) -> dict[str, Any]:
        """Leave the conversation; the own view."""
        return self._agent(await self.request("supervisor.stop"))

    async def transfer(self, contact_id: str, **to: str) -> dict[str, Any]:
        """Pass the customer on, to `group=`, `agent_id=` or `number=`; the view in after-call work."""
        return self._contact(await self.request("contact.transfer", contact_id=contact_id, to=to))

    async def dial(
        self, *, data: dict[str, Any] | None = None, group: str | None = None, **to: str
    ) -> dict[str, Any]:
        """Call `number=` or `agent_id=`, for a group; the view of the contact that begins."""
        asked: dict[str, Any] = {**to, "data": data or {}}
        if group:
            asked["group"] = group
        return self._contact(await self.request("contact.dial", **asked))

    async def mute(self, contact_id: str) -> dict[str, Any]:
        """Be heard by nobody; the contact's view."""
        return self._contact(await self.request("contact.mute", contact_id=contact_id))

    async def unmute(self, contact_id: str) -> dict[str, Any]:
        """Be heard again; the contact's view."""
        return self._contact(await self.request("contact.unmute", contact_id=contact_id))

    async def send_dtmf(self, contact_id: str, digits: str) -> dict[str, Any]:
        """Press keys towards the customer's side; the contact's view."""
        return self._contact(await self.request("contact.send_dtmf", contact_id=contact_id, digits=digits))

    async def pause_recording(self, contact_id: str) -> dict[str, Any]:
        """Have silence recorded; the contact's view."""
        return self._contact(await self.request("recording.pause", contact_id=contact_id))

    async def resume_recording(self, contact_id: str) -> dict[str, Any]:
        """Have the conversation recorded again; the contact's view."""
        return self._contact(await self.request("recording.resume", contact_id=contact_id))

    async def set_data(self, contact_id: str, **data: Any) -> dict[str, Any]:
        """Merge attached data, None removes a key; the contact's view."""
        return self._contact(await self.request("contact.set_data", contact_id=contact_id, data=data))

    async def wrap_up(
        self,
        contact_id: str,
        disposition: str,
        summary: str = "",
        next_state: str | None = None,
        *,
        call_back_at: str | None = None,
    ) -> dict[str, Any]:
        """End after-call work; the contact's last view. `call_back_at` (RFC 3339) is for campaigns."""
        asked = {"contact_id": contact_id, "disposition": disposition, "summary": summary}
        if next_state:
            asked["next_state"] = next_state
        if call_back_at:
            asked["call_back_at"] = call_back_at
        return self._contact(await self.request("contact.wrap_up", **asked))

    @staticmethod
    def _agent(result: dict[str, Any]) -> dict[str, Any]:
        view: dict[str, Any] = result["agent"]
        return view

    @staticmethod
    def _contact(result: dict[str, Any]) -> dict[str, Any]:
        view: dict[str, Any] = result["contact"]
        return view
