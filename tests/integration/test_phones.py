"""The phones of the tests on a real Asterisk: before they may judge the product, they are judged themselves.

The product lets no phone call another; these tests add a few numbers of their own to a node's dialplan.
"""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from asterisk_config.install import install
from asterisk_config.node import render
from asterisk_config.process import NodeProcess
from tests.support.audio import AGENT_TONE, BROWSER_TONE, COLLEAGUE_TONE, CUSTOMER_TONE
from tests.support.browser_phone import BrowserPhone
from tests.support.callers import SippCallers
from tests.support.harm import sip_garbage
from tests.support.pbx import PASSWORD, RunningNode, node_config
from tests.support.phones import BaresipPhone

pytestmark = pytest.mark.asterisk

MUSIC, TWO_SECONDS = "7000", "7002"
DIALPLAN = """
[phones-of-tests]
exten => _100X,1,Dial(PJSIP/${EXTEN},20)
exten => _100X-browser,1,Dial(PJSIP/${EXTEN},20)
exten => 7000,1,Answer()
 same => n,MusicOnHold(default)
exten => 7002,1,Answer()
 same => n,Wait(2)
 same => n,Hangup()
[cti-agents](+)
include => phones-of-tests
exten => _100X!,1,Goto(phones-of-tests,${EXTEN},1)
[cti-inbound](+)
exten => _100X!,1,Goto(phones-of-tests,${EXTEN},1)
exten => _700X,1,Goto(phones-of-tests,${EXTEN},1)
"""


@asynccontextmanager
async def node_where_phones_call(tmp_path: Path) -> AsyncIterator[RunningNode]:
    rendered = render(node_config(), install())
    with (rendered.home / "etc/extensions.conf").open("a") as dialplan:
        dialplan.write(DIALPLAN)
    process = NodeProcess(rendered)
    await process.start()
    try:
        await process.wait_ready()
        yield RunningNode(rendered, process)
    finally:
        await process.stop()
        shutil.copytree(rendered.home / "log", tmp_path / "asterisk-log")
        rendered.remove()


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[RunningNode]:
    async with node_where_phones_call(tmp_path) as running:
        yield running


@pytest.fixture
async def agent(node: RunningNode) -> AsyncIterator[BaresipPhone]:
    async with BaresipPhone("1001", PASSWORD, str(node.sip), AGENT_TONE) as phone:
        await phone.registered()
        yield phone


@pytest.fixture
async def customer(node: RunningNode) -> AsyncIterator[BaresipPhone]:
    async with BaresipPhone.customer("13800000001", str(node.sip)) as phone:
        yield phone


async def connected(caller: BaresipPhone, called: BaresipPhone | BrowserPhone) -> None:
    await caller.dial(called.user)
    await called.event("CALL_INCOMING")
    await called.accept()
    await caller.event("CALL_ESTABLISHED")
    await called.event("CALL_ESTABLISHED")
    await asyncio.gather(called.hears(caller.tone_hz), caller.hears(called.tone_hz))


async def test_two_phones_hear_each_other_and_nothing_else(
    agent: BaresipPhone, customer: BaresipPhone
) -> None:
    await connected(customer, agent)
    shares = await asyncio.gather(
        agent.hears(CUSTOMER_TONE, share=0.99), customer.hears(AGENT_TONE, share=0.99)
    )
    assert min(shares) >= 0.99
    await asyncio.gather(agent.does_not_hear(AGENT_TONE), customer.does_not_hear(CUSTOMER_TONE))
    await customer.hang_up()
    await agent.event("CALL_CLOSED")
    await agent.stops_hearing(CUSTOMER_TONE)
    assert agent.calls == customer.calls == []


async def test_a_phone_holds_by_itself_again_and_again(agent: BaresipPhone, customer: BaresipPhone) -> None:
    await connected(customer, agent)
    for _ in range(2):
        await agent.hold()
        await customer.hears_music()
        await asyncio.gather(customer.does_not_hear(AGENT_TONE), agent.does_not_hear(CUSTOMER_TONE))
        await agent.resume()
        await asyncio.gather(agent.hears(CUSTOMER_TONE), customer.hears(AGENT_TONE))


async def test_a_muted_phone_is_not_heard_but_hears(agent: BaresipPhone, customer: BaresipPhone) -> None:
    await connected(customer, agent)
    await agent.mute()
    await customer.stops_hearing(AGENT_TONE)
    await asyncio.gather(customer.does_not_hear(AGENT_TONE), agent.hears(CUSTOMER_TONE))
    await agent.mute()
    await customer.hears(AGENT_TONE)


async def test_digits_arrive_in_order(agent: BaresipPhone, customer: BaresipPhone) -> None:
    await connected(customer, agent)
    await customer.send_dtmf("1590#*")
    assert [(await agent.event("CALL_DTMF_START")).detail for _ in range(6)] == list("1590#*")


async def test_a_second_call_waits_and_is_taken_by_turns(
    node: RunningNode, agent: BaresipPhone, customer: BaresipPhone
) -> None:
    async with BaresipPhone.customer("13800000002", str(node.sip), COLLEAGUE_TONE) as second:
        await connected(customer, agent)
        first_call = agent.calls[0]
        await connected(second, agent)
        await customer.hears_music()
        await agent.hold()
        await second.hears_music()
        await agent.resume(first_call)
        await asyncio.gather(agent.hears(CUSTOMER_TONE), customer.hears(AGENT_TONE))
        await second.does_not_hear(AGENT_TONE)


async def test_a_phone_rejects_leaves_returns_and_vanishes(
    node: RunningNode, agent: BaresipPhone, customer: BaresipPhone
) -> None:
    await customer.dial("1001")
    await agent.event("CALL_INCOMING")
    await agent.hang_up()
    assert "486" in (await customer.event("CALL_CLOSED")).detail
    await agent.unregister()
    await customer.dial("1001")
    await customer.event("CALL_CLOSED")
    assert agent.happened("CALL_INCOMING") == 1
    await agent.register()
    await connected(customer, agent)
    await agent.kill()
    await customer.stops_hearing(AGENT_TONE)


async def test_a_wrong_password_is_told_at_once(node: RunningNode) -> None:
    async with BaresipPhone("1001", "not-the-password", str(node.sip)) as phone:
        with pytest.raises(AssertionError, match=r"not let in: 40[13]"):
            await phone.registered()


async def test_an_automatic_phone_answers_by_itself(node: RunningNode, customer: BaresipPhone) -> None:
    async with BaresipPhone("1002", PASSWORD, str(node.sip), COLLEAGUE_TONE, answermode="auto") as colleague:
        await colleague.registered()
        await customer.dial("1002")
        await asyncio.gather(colleague.hears(CUSTOMER_TONE), customer.hears(COLLEAGUE_TONE))


async def test_twenty_customers_at_once_none_fails(node: RunningNode) -> None:
    async with SippCallers(str(node.sip), MUSIC, calls=20, rate=20, talk_ms=1500) as callers:
        up = await callers.all_answered()
        assert up.failed == 0
        stats = await callers.finished()
    assert (stats.created, stats.successful, stats.failed, stats.dropped) == (20, 20, 0, 0)


async def test_customers_the_centre_hangs_up_on_are_counted(node: RunningNode) -> None:
    async with SippCallers(str(node.sip), TWO_SECONDS, calls=5, talk_ms=None) as callers:
        stats = await callers.finished()
    assert (stats.successful, stats.failed, stats.dropped) == (5, 0, 5)


async def test_refused_customers_are_counted(node: RunningNode) -> None:
    async with SippCallers(str(node.sip), "1009", calls=3) as callers:
        stats = await callers.finished()
        assert "SIP/2.0" in callers.errors()
    assert (stats.answered, stats.successful, stats.failed) == (0, 0, 3)


async def test_customers_speak_and_hang_up_when_told(node: RunningNode, agent: BaresipPhone) -> None:
    async with SippCallers(str(node.sip), "1001", talk_ms=None, tone_hz=CUSTOMER_TONE) as callers:
        await agent.event("CALL_INCOMING")
        await agent.accept()
        await agent.hears(CUSTOMER_TONE)
        assert (await callers.all_answered()).current == 1
        await callers.hang_up()
        await agent.event("CALL_CLOSED")
    assert callers.stats().successful == 1


async def test_garbage_does_not_disturb_a_conversation(
    node: RunningNode, agent: BaresipPhone, customer: BaresipPhone
) -> None:
    await connected(customer, agent)
    assert sip_garbage(node.sip.host, node.sip.port, seed=1, n=500) == 500
    await asyncio.gather(agent.hears(CUSTOMER_TONE), customer.hears(AGENT_TONE))
    assert node.process.running


async def test_a_browser_phone_and_a_sip_phone_hear_each_other(
    node: RunningNode, agent: BaresipPhone
) -> None:
    async with BrowserPhone("1002-browser", PASSWORD, node.sip_ws) as browser:
        await browser.registered()
        await connected(agent, browser)
        await asyncio.gather(agent.hears(BROWSER_TONE, share=0.99), browser.hears(AGENT_TONE, share=0.99))
        await browser.hold()
        await asyncio.gather(agent.hears_music(), browser.stops_hearing(AGENT_TONE))
        await browser.resume()
        await asyncio.gather(agent.hears(BROWSER_TONE), browser.hears(AGENT_TONE))
        await browser.send_dtmf("5")
        assert (await agent.event("CALL_DTMF_START")).detail == "5"
        await browser.mute()
        await agent.stops_hearing(BROWSER_TONE)
        await agent.hang_up()
        await browser.event("CALL_CLOSED")


async def test_a_browser_phone_calls_and_hangs_up(node: RunningNode, agent: BaresipPhone) -> None:
    async with BrowserPhone("1002-browser", PASSWORD, node.sip_ws) as browser:
        await browser.registered()
        await browser.dial("1001")
        await agent.event("CALL_INCOMING")
        await agent.accept()
        await asyncio.gather(agent.hears(BROWSER_TONE), browser.hears(AGENT_TONE))
        await browser.hang_up()
        await agent.event("CALL_CLOSED")
        await browser.unregister()
        await browser.register()
