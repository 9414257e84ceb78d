"""Calls by other means on the real centre: the example program, a browser station, under garbage."""

import asyncio
import sys
from pathlib import Path

from tests.support.audio import BROWSER_TONE, CUSTOMER_TONE
from tests.support.browser_phone import BrowserPhone
from tests.support.centre import TestCentre
from tests.support.harm import port_scan, sip_garbage
from tests.support.phones import BaresipPhone
from tests.support.seats import seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
OUTSIDE = "13900000001"
EXAMPLE = Path(__file__).parents[2] / "docs/examples/agent.py"
centre = shared_centre()


async def test_the_example_program_of_the_docs_takes_a_call(centre: TestCentre) -> None:
    async with centre.phone("1001", answermode="auto") as phone:
        await phone.registered(20)
        program = await asyncio.create_subprocess_exec(
            sys.executable,
            str(EXAMPLE),
            str(centre.centre.plan.centre_json),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            assert program.stdout is not None
            async with asyncio.timeout(30):
                assert b"ready" in await program.stdout.readline()
                async with centre.customer() as customer:
                    await customer.dial("4000")
                    said = (await program.stdout.read()).decode().splitlines()
                    assert await program.wait() == 0
        finally:
            if program.returncode is None:
                program.kill()
                await program.wait()
    assert said == [
        "contact.accept active",
        "contact.hold held",
        "contact.retrieve active",
        "contact.hang_up wrap_up",
    ]


async def test_an_agent_serves_from_the_browser_alone(centre: TestCentre) -> None:
    person = centre.person("1010")
    sip_ws = centre.about["nodes"][0]["sip_ws"]
    password = person["browser_station"]["sip_password"]
    async with (
        BrowserPhone("1010-browser", password, sip_ws, answermode="auto", tone_hz=BROWSER_TONE) as phone,
        seat(centre, "1010", state="signed_out") as agent,
        centre.customer(tone_hz=CUSTOMER_TONE) as customer,
    ):
        await phone.registered(20)
        view = (await agent.client.sign_in("browser", "persistent"))["station"]
        assert (view["address"], view["state"]) == ("1010-browser", "connected")
        await agent.client.ready()
        await customer.dial("4001")
        contact_id = await agent.offered()
        await agent.client.accept(contact_id)
        await customer.hears(BROWSER_TONE)
        await phone.hears(CUSTOMER_TONE)
        await agent.client.hold(contact_id)
        await customer.hears_music()
        await phone.transfer("4000")  # there is nobody to pass on while the seat holds
        assert (await phone.event("TRANSFER_ANSWERED", 20)).detail in ("404", "400")
        await agent.client.retrieve(contact_id)
        await customer.hears(BROWSER_TONE)
        await _may_not_be_passed_on(centre, phone, customer)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id, "not_ready")
        await agent.client.sign_out()


async def _may_not_be_passed_on(centre: TestCentre, phone: BrowserPhone, customer: BaresipPhone) -> None:
    """What a phone asks for in vain (REFER) leaves its call as it is, with and without a server.

    200 where a last sound of the agent's reached the customer after Asterisk had begun (docs/asterisk.md).
    """
    perhaps, never = ("503", "200"), ("404",)
    for asked, codes in (("110", perhaps), ("sip", never), ("1010", perhaps)):
        await _asks(phone, customer, asked, codes)
    await phone.transfer("4000", replacing=True)
    assert (await phone.event("TRANSFER_ANSWERED", 20)).detail[0] in "456"
    await phone.hears(CUSTOMER_TONE)
    await customer.hears(BROWSER_TONE)
    with centre.server_restart:
        centre.kill_server()
        await _asks(phone, customer, OUTSIDE, perhaps)  # while the last beat counts
        await _asks(phone, customer, OUTSIDE, never)


async def _asks(phone: BrowserPhone, customer: BaresipPhone, to: str, codes: tuple[str, ...]) -> None:
    await phone.transfer(to)
    assert (await phone.event("TRANSFER_ANSWERED", 20)).detail in codes
    await phone.hears(CUSTOMER_TONE)
    await customer.hears(BROWSER_TONE)


async def test_garbage_and_scans_do_no_harm_to_a_call(centre: TestCentre) -> None:
    host, _, sip_port = centre.sip.partition(":")
    ports = centre.centre.plan.ports
    async with seat(centre, "1001") as agent, centre.customer() as customer:
        await customer.dial("4000")
        contact_id = await agent.next_contact()
        await customer.hears(agent.phone.tone_hz)
        assert await asyncio.to_thread(sip_garbage, host, int(sip_port), 1, 500) == 500
        for port in (ports.agi, ports.http, ports.ami):
            await port_scan(host, port)
        await customer.hears(agent.phone.tone_hz)
        await agent.client.hold(contact_id)
        await agent.client.retrieve(contact_id)
        await agent.client.hang_up(contact_id)
        await agent.wrap_up(contact_id, "ready")
        async with centre.customer("13800138001") as next_customer:
            await next_customer.dial("4000")
            await agent.client.hang_up(await agent.next_contact())
