"""An arriving call becomes a contact, once, whatever its caller does and whoever tells of it first."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import cast

import pytest

from cti_server.asterisk.agi_session import AgiSession
from cti_server.asterisk.arrivals import Arrivals, Call
from cti_server.asterisk.inbound import ChannelLife, inbound
from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.policy import Greeting
from cti_server.domain.state import WorldState
from cti_server.engine.port import NotLeader
from cti_server.errors import AgiHangup

CHANNEL = "pbx-a-1.7"
CALL = Call("pbx-a", CHANNEL, "4000", "general", "", "13800138000", "zh")


class Session:
    """What Asterisk told at the beginning; each command finds the channel hung up."""

    uniqueid = CHANNEL
    language = "zh"

    def __init__(self, *arguments: str) -> None:
        self.arguments = list(arguments)
        self.environment = {"callerid": "13800138000"}

    async def get_variable(self, _name: str) -> str | None:
        raise AgiHangup

    async def set_variable(self, _name: str, _value: str) -> None:
        raise AgiHangup


class Met:
    """Arrivals with the world as it is, and what they made of the calls; `looked_up` may be held back."""

    def __init__(self, *, gone: bool = False) -> None:
        self.applied: list[s.Signal] = []
        self.asked: list[str] = []
        self.ahead = "", ""
        self.state = WorldState()
        self.looked_up = asyncio.Event()
        self.looked_up.set()
        self.leads = True
        self.arrivals = Arrivals(
            self._apply, lambda: self.state, self._customer, lambda _node, _channel: gone
        )

    async def _apply(self, signal: s.Signal) -> None:
        if not self.leads:
            raise NotLeader("not now")
        self.applied.append(signal)

    async def _customer(self, _number: str) -> CustomerProfile:
        await self.looked_up.wait()
        return CustomerProfile()

    async def question(self, *arguments: str, life: ChannelLife = ChannelLife.LIVE) -> None:
        """The call's question by FastAGI, from beginning to end."""

        async def life_of(_node: str, channel: str) -> ChannelLife:
            self.asked.append(channel)
            return life

        async def ahead_of(_node: str, _channel: str) -> tuple[str, str]:
            return self.ahead

        handle = inbound(lambda _channel: "pbx-a", self.arrivals, lambda: self.state, life_of, ahead_of)
        await handle(cast("AgiSession", Session(*arguments)))


async def test_a_caller_who_hangs_up_while_it_is_asked_about_is_a_contact_all_the_same() -> None:
    met = Met()
    await met.question("4000", "general")
    [arrived] = met.applied
    assert isinstance(arrived, s.ContactArrived)
    assert (arrived.channel, arrived.service_number, arrived.group_id) == (CHANNEL, "4000", "general")


@pytest.mark.parametrize("life", [ChannelLife.GONE, ChannelLife.LIVE])
async def test_whose_end_was_told_before_the_contact_began_is_ended_at_once(life: ChannelLife) -> None:
    met = Met(gone=True)
    await met.question("4000", "general", life=life)
    arrived, left = met.applied
    assert isinstance(arrived, s.ContactArrived)
    assert isinstance(left, s.ChannelGone)
    assert left.channel == CHANNEL


async def test_a_channel_that_nobody_knows_is_nobody_s_call() -> None:
    met = Met()
    await met.question("4000", "general", life=ChannelLife.UNKNOWN)
    assert met.applied == []


async def test_the_question_waits_for_what_the_node_s_own_word_began() -> None:
    met = Met()
    met.looked_up.clear()
    met.arrivals.begin(CALL)
    met.arrivals.begin(CALL)
    question = asyncio.create_task(met.question("4000", "general", life=ChannelLife.UNKNOWN))
    await asyncio.sleep(0)
    assert not question.done()
    met.looked_up.set()
    await question
    assert [type(signal) for signal in met.applied] == [s.ContactArrived]
    assert met.asked == []  # the node told of it: it need not be asked about


async def test_what_failed_on_the_node_s_word_is_tried_again_with_the_question() -> None:
    met = Met()
    met.leads = False
    met.arrivals.begin(CALL)
    for _ in range(3):  # the attempt, its end, what follows its end
        await asyncio.sleep(0)
    assert not met.arrivals.known(CHANNEL)
    met.leads = True
    await met.question("4000", "general")
    assert [type(signal) for signal in met.applied] == [s.ContactArrived]
    assert met.asked == [CHANNEL]


@pytest.mark.parametrize(
    ("dialplan", "server", "ungreeted"),
    [("", None, True), ("brief", None, False), ("brief", "", True), ("", "x", False)],
)
async def test_who_is_not_greeted_waits_at_once(dialplan: str, server: str | None, ungreeted: bool) -> None:
    met = Met()
    if server is not None:
        met.state.greetings["4000"] = Greeting(server, "zh")
    await met.question("4000", "general", dialplan)
    [arrived] = met.applied
    assert isinstance(arrived, s.ContactArrived)
    assert arrived.ungreeted is ungreeted


async def test_the_question_is_quicker_than_the_node_s_word_and_a_phone_rings_ahead() -> None:
    met = Met()
    met.ahead = "leg-1", "1001"
    met.state.ahead["pbx-a"] = {"4000": "1001:1:22"}
    await met.question("4000", "general")
    again = met.arrivals.begin(replace(CALL, ahead="leg-1", ahead_at="1001"))
    assert again is not None
    await again
    told = [(one.ahead, one.ahead_at) for one in met.applied if isinstance(one, s.ContactArrived)]
    assert told == [("leg-1", "1001")] * 2


async def test_where_nobody_is_rung_ahead_the_node_is_not_asked_whom_it_rings() -> None:
    met = Met()
    met.ahead = "leg-1", "1001"
    await met.question("4000", "general")
    [arrived] = met.applied
    assert isinstance(arrived, s.ContactArrived)
    assert not arrived.ahead
