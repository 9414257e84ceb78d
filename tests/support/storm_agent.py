"""An agent or team leader of a storm: everything that a program may ask, by chance."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any, Final

from cti_server.client import CtiRequestError, Event
from cti_server.simulate.about import About, Person
from cti_server.simulate.agent import SimulatedAgent
from cti_server.simulate.patterns import PATTERNS
from cti_server.simulate.tally import Tally
from tests.support.storm_outside import anybody_outside

ON_CONTACT: Final = (
    "contact.accept",
    "contact.reject",
    "contact.hold",
    "contact.retrieve",
    "contact.identify",
    "contact.hang_up",
    "contact.mute",
    "contact.unmute",
    "contact.send_dtmf",
    "contact.transfer",
    "contact.consult",
    "contact.alternate",
    "contact.complete_transfer",
    "contact.cancel_consult",
    "contact.conference",
    "contact.drop_leg",
    "contact.set_data",
    "contact.wrap_up",
    "recording.pause",
    "recording.resume",
)
SUPERVISION: Final = ("listen", "whisper", "barge", "intercept", "stop")
_WEIGHTS: Final = {"contact.accept": 8, "contact.wrap_up": 8, "contact.reject": 0.5, "contact.hang_up": 0.6}
_WILD: Final = 0.08
"""Share of commands that the contact's view does not offer."""
_LEAVES: Final = 0.02
"""Share of commands with which an agent would sign out, contact or not."""
_PATIENT: Final = 0.9
"""How often a ready agent waits instead of changing its mind."""
_DIALS: Final = (0.6, 0.2)
"""Below it an agent without a contact calls somebody: one who is not ready, one who is."""
_UNREADY: Final = 0.25
"""Share of contacts after which an agent is not ready: else customers leave it no time to call anybody."""
MODES: Final = ("persistent", "on_demand")


class StormAgent(SimulatedAgent):
    """An agent or team leader who does anything."""

    def __init__(self, about: About, person: Person, mode: str, tally: Tally, chance: Random) -> None:
        super().__init__(about, person, mode, pattern=PATTERNS["everything"], tally=tally, chance=chance)
        self.agent_id = person.agent_id
        self.history: list[Event] = []
        self.codes: dict[str, int] = {}
        self._heard: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """With every event noted."""
        self._heard = asyncio.create_task(self._note())
        await super().begin()

    async def _note(self) -> None:
        async for event in self.client.events:
            self.history.append(event)

    async def ask(self, method: str, **params: Any) -> bool:
        """In a storm every refusal is in order but those that `assert_calm` names."""
        self.tally.commands += 1
        try:
            await self.client.request(method, **params)
        except CtiRequestError as refused:
            self.codes[refused.code] = self.codes.get(refused.code, 0) + 1
            return False
        self.tally.outcomes[method] += 1
        return True

    async def work(self) -> None:
        """One thing after the other until cancelled."""
        while True:
            if self.state == "ready" and self.chance.random() < _PATIENT:
                await self.until_news(0.5)
                continue
            method, params = self._choice()
            if not await self.ask(method, **params) and self.state == "signed_out":
                await asyncio.sleep(0.2)
            await self.pause(0.02, 0.25)

    def _choice(self) -> tuple[str, dict[str, Any]]:
        chance, contact = self.chance, self.contact()
        if self.state == "signed_out":
            return self._sign_in()
        if chance.random() < _LEAVES:
            return "agent.sign_out", {}
        if "team_leader" in self.person.roles and chance.random() < (0.2 if contact else 0.6):
            return self._supervision()
        if contact is None:
            return self._idle()
        offered = [method for method in contact["allowed_actions"] if method in ON_CONTACT]
        if not offered or chance.random() < _WILD:
            offered = [*ON_CONTACT]
        method = chance.choices(offered, [_WEIGHTS.get(name, 1) for name in offered])[0]
        return method, {"contact_id": contact["contact_id"], **self._more(method, contact)}

    def _sign_in(self) -> tuple[str, dict[str, Any]]:
        self.mode = self.chance.choice(MODES)
        return "agent.sign_in", {"station": self.person.sip_user, "station_mode": self.mode}

    def _idle(self) -> tuple[str, dict[str, Any]]:
        luck = self.chance.random()
        if luck < 0.02:
            return "contact.hold", {"contact_id": "pbx-a-1.1"}
        if luck < _DIALS[self.state == "ready"]:
            return "contact.dial", self._called()
        state = "ready" if luck < 0.9 else self.chance.choice(["not_ready", "busy"])
        return "agent.set_state", {"state": state}

    def _called(self) -> dict[str, str]:
        if self.chance.random() < 0.3:
            return self._some_colleague()
        return {"number": anybody_outside(self.chance)}

    def _supervision(self) -> tuple[str, dict[str, Any]]:
        luck, what = self.chance.random(), self.chance.choice(SUPERVISION)
        if luck < 0.1:
            whom = self.chance.choice(self.colleagues).person.agent_id
            if luck < 0.02:
                return "supervisor.sign_out_agent", {"agent_id": whom}
            return "supervisor.set_agent_state", {"agent_id": whom, "state": "ready"}
        if what == "stop":
            return "supervisor.stop", {}
        talking = [c for c in self.colleagues if c is not self and c.state == "talking"]
        whom = self.chance.choice(talking or self.colleagues).person.agent_id
        return f"supervisor.{what}", {"agent_id": whom}

    def _more(self, method: str, contact: dict[str, Any]) -> dict[str, Any]:
        if method in ("contact.transfer", "contact.consult"):
            return {"to": self._anybody()}
        if method == "contact.send_dtmf":
            return {"digits": "1#"}
        if method == "contact.drop_leg":
            return {"leg_id": self.chance.choice(contact["legs"])["leg_id"]}
        if method == "contact.set_data":
            return {"data": {"storm": self.chance.randrange(100)}}
        if method == "contact.wrap_up":
            unready = self.chance.random() < _UNREADY
            return {"disposition": "storm", "next_state": "not_ready" if unready else "ready"}
        return {}

    def _anybody(self) -> dict[str, str]:
        groups = ["general", "credit_card", "elder"]
        luck = self.chance.random()
        if luck < 0.3:
            return {"group": self.chance.choice(groups)}
        if luck < 0.45:
            return {"number": anybody_outside(self.chance)}
        return self._some_colleague()

    def _some_colleague(self) -> dict[str, str]:
        free = [c.person.agent_id for c in self.colleagues if c.state == "ready"]
        everybody = [c.person.agent_id for c in self.colleagues]
        return {"agent_id": self.chance.choice(free or everybody)}
