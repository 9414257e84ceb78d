"""Agents' phones: SIPp registers them at the node, answers what rings them, speaks by RTP."""

from __future__ import annotations

from collections.abc import Sequence

from cti_server.simulate.about import Person
from cti_server.simulate.errors import SippMissing
from cti_server.simulate.party import Party, scenario
from cti_server.simulate.sipp import FOR_EVER, Sipp
from cti_server.simulate.waiting import until

ANSWER_MS = 1
"""How long a phone rings by itself; SIPp has no shorter pause."""


class Phones(Party):
    """The phones of these people, all in one process, in `async with`: registered at its beginning.

    A phone rings for `answer_ms` milliseconds, then picks up by itself; with `leave_ms` it hangs up by itself
    so long after.
    """

    def __init__(
        self,
        node_sip: str,
        people: Sequence[Person],
        *,
        answer_ms: int = ANSWER_MS,
        leave_ms: int = FOR_EVER,
    ) -> None:
        self.people = people
        self._make = (node_sip, answer_ms, leave_ms)
        super().__init__(self._process())

    def _process(self) -> Sipp:
        node_sip, answer_ms, leave_ms = self._make
        scenarios = {
            "registration": scenario("registration"),
            "phone": scenario("phone", answer_ms=max(answer_ms, 1), leave_ms=leave_ms),
        }
        rows = (
            f"{p.sip_user};[authentication username={p.sip_user} password={p.sip_password}];"
            for p in self.people
        )
        count = len(self.people)
        load = ["-sf", "{registration}", "-oocsf", "{phone}", "-m", str(count), "-l", "10000", "-r", "50"]
        return Sipp(node_sip, scenarios, rows, load)

    async def registered(self, deadline: float = 15.0) -> None:
        """Return once the node has let all of them in. Raises SippMissing with SIPp's complaints."""
        wanted = len(self.people)
        if not await until(lambda: self._sipp.figures().get("GenericCounter1(C)", 0) >= wanted, deadline):
            told = self._sipp.last_words()
            raise SippMissing(f"phones are not registered after {deadline} s:\n{told}")

    async def vanish(self) -> None:
        """Be gone as phones without power are: no BYE, no goodbye to the registrar."""
        await self._sipp.kill()

    async def come_back(self) -> None:
        """After `vanish`: another process, registered anew."""
        await self._sipp.__aexit__(None, None, None)
        self._sipp = self._process()
        await self._sipp.__aenter__()

    def unregister(self) -> None:
        """Say goodbye to the node; what rings meanwhile is still answered."""
        self._sipp.message(range(1, len(self.people) + 1))
