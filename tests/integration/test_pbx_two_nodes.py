"""Service numbers of after the rendering, at two real nodes: both have them, who was away when it is back."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cti_server.asterisk.pbx_link import PbxAddress, PbxLink
from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.world import World
from tests.support.pbx import RunningNode, running_node
from tests.support.raw_ami import raw_ami

pytestmark = [pytest.mark.asterisk, pytest.mark.usefixtures("asterisk")]
DEADLINE = 20


class TwoNodes:
    """The real world and a real link to each node; of the effects only numbers go out."""

    def __init__(self, *nodes: RunningNode) -> None:
        self.world = World()
        self.post(s.EpochBegan(time.time(), 1))
        self.post(s.LeaderStarted(time.time(), 1))
        self.links: dict[str, PbxLink] = {}
        for node in nodes:
            self.hold(node)

    def hold(self, node: RunningNode) -> None:
        """A new link to the node, to be run."""
        ami = node.ami
        address = PbxAddress(node.config.name, ami.host, ami.port, ami.user, ami.secret)
        link = PbxLink(address, self.post, lambda: None, lambda: 0.0, called=lambda _call: None)
        self.links[link.name] = link

    def post(self, signal: s.Signal) -> None:
        """Take it in as the engine does, when it comes."""
        signal = replace(signal, at=signal.at or time.time())
        for effect in self.world.apply(signal).effects:
            if isinstance(effect, e.NoteNumbers):
                self.links[effect.node].perform(effect)

    def numbers(self, version: int, *numbers: str) -> None:
        """What operations changed."""
        group, plans = s.GroupProfile("general", "综合", "General"), dict.fromkeys(numbers, "general")
        self.post(s.DirectoryLoaded(time.time(), (), (group,), plans, (), version=version))

    async def noted(self, name: str, version: int) -> None:
        async with asyncio.timeout(DEADLINE):
            await self.links[name].numbers.noted(version)


async def served(node: RunningNode) -> set[str]:
    """The numbers that the node's own database has."""
    async with raw_ami(node.ami) as ami:
        entries = await ami.listing("DBGetTree", Family="cti/number")
    return {entry["Key"].rpartition("/")[2] for entry in entries if "Key" in entry}


async def test_both_have_a_new_number_and_who_was_away_catches_up(tmp_path: Path) -> None:
    async with running_node(tmp_path, name="pbx-a") as one, running_node(tmp_path, name="pbx-b") as two:
        both = TwoNodes(one, two)
        both.numbers(1, "4000", "4010")
        running = {name: asyncio.create_task(link.run()) for name, link in both.links.items()}
        try:
            for node in (one, two):
                await both.noted(node.config.name, 1)
                assert await served(node) == {"4000", "4010"}
            running.pop("pbx-b").cancel()
            both.post(s.NodeDown(0.0, "pbx-b", "away"))
            both.numbers(2, "4000", "4020")
            await both.noted("pbx-a", 2)
            assert (await served(one), await served(two)) == ({"4000", "4020"}, {"4000", "4010"})
            await two.process.stop()
            await two.process.start()
            await two.process.wait_ready()
            assert await served(two) == {"4000", "4010"}
            both.hold(two)
            running["pbx-b"] = asyncio.create_task(both.links["pbx-b"].run())
            await both.noted("pbx-b", 2)
            assert await served(two) == {"4000", "4020"}
        finally:
            for task in running.values():
                task.cancel()
            await asyncio.gather(*running.values(), return_exceptions=True)
