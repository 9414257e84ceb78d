"""An arriving call becomes a contact whatever its caller does meanwhile."""

from __future__ import annotations

from typing import cast

import pytest

from cti_server.asterisk.agi_session import AgiSession
from cti_server.asterisk.inbound import ChannelLife, inbound
from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.state import WorldState
from cti_server.errors import AgiHangup

CHANNEL = "pbx-a-1.7"


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


async def told(session: Session, life: ChannelLife, *, gone: bool = False) -> list[s.Signal]:
    applied: list[s.Signal] = []

    async def apply(signal: s.Signal) -> None:
        applied.append(signal)

    async def customer(_number: str) -> CustomerProfile:
        return CustomerProfile()

    async def life_of(_node: str, _channel: str) -> ChannelLife:
        return life

    handle = inbound(
        lambda _channel: "pbx-a", apply, WorldState, customer, life_of, has_gone=lambda _node, _channel: gone
    )
    await handle(cast("AgiSession", session))
    return applied


async def test_a_caller_who_hangs_up_while_it_is_asked_about_is_a_contact_all_the_same() -> None:
    [arrived] = await told(Session("4000", "general"), ChannelLife.LIVE)
    assert isinstance(arrived, s.ContactArrived)
    assert (arrived.channel, arrived.service_number, arrived.group_id) == (CHANNEL, "4000", "general")


@pytest.mark.parametrize(("life", "gone"), [(ChannelLife.GONE, False), (ChannelLife.LIVE, True)])
async def test_whose_end_was_told_before_the_contact_began_is_ended_at_once(
    life: ChannelLife, gone: bool
) -> None:
    arrived, left = await told(Session("4000", "general"), life, gone=gone)
    assert isinstance(arrived, s.ContactArrived)
    assert isinstance(left, s.ChannelGone)
    assert left.channel == CHANNEL


async def test_a_channel_that_nobody_knows_is_nobody_s_call() -> None:
    assert await told(Session("4000", "general"), ChannelLife.UNKNOWN) == []
