"""What a caller writes into its INVITE stays text: no forged events, no other's call, no false trunk."""

import asyncio
import socket

from tests.support.centre import TestCentre, eventually
from tests.support.raw_caller import RawCaller
from tests.support.seats import seat
from tests.support.whole_centre import SHARED, shared_centre

pytestmark = SHARED
centre = shared_centre()


def escaped(text: str) -> str:
    return "".join(c if c.isalnum() else f"%{ord(c):02x}" for c in text)


def invite(
    centre: TestCentre, user: str, exten: str = "4000", source: str = "127.0.0.1", *, name: str = ""
) -> str:
    """Send one INVITE, return the first final or 1xx status line that is not 100."""
    host, _, port = centre.sip.partition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.bind((source, 0))
        sender.settimeout(5)
        own = f"{source}:{sender.getsockname()[1]}"
        ip = f"IN IP4 {source}"
        sdp = f"v=0\r\no=- 1 1 {ip}\r\ns=-\r\nc={ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n"
        head = [
            f"INVITE sip:{exten}@{centre.sip} SIP/2.0",
            f"Via: SIP/2.0/UDP {own};branch=z9hG4bK{sender.getsockname()[1]}",
            f"From: {name}<sip:{user}@{own}>;tag=1",
            f"To: <sip:{exten}@{centre.sip}>",
            f"Call-ID: {sender.getsockname()[1]}",
            "CSeq: 1 INVITE",
            f"Contact: <sip:x@{own}>",
            "Max-Forwards: 70",
            "Content-Type: application/sdp",
            f"Content-Length: {len(sdp)}",
        ]
        sender.sendto(("\r\n".join(head) + "\r\n\r\n" + sdp).encode(), (host, int(port)))
        while True:
            status = sender.recv(4096).split(b"\r\n")[0].decode()
            if " 100 " not in status:
                return status


async def test_nobody_takes_a_callers_place_in_a_conversation(centre: TestCentre) -> None:
    """INVITE with Replaces: the stranger would be heard and not recorded. First, while nobody else waits."""
    caller = RawCaller(centre.sip)
    try:
        async with seat(centre, "1001", "persistent") as agent:
            dialog = await asyncio.to_thread(caller.call, "first")
            contact_id = await agent.next_contact()
            await asyncio.to_thread(caller.call, "stranger", dialog.replaces)

            def only_they_talk(rows: list[str]) -> bool:
                trunk = [row for row in rows if row.startswith("PJSIP/trunk")]
                return len(trunk) == 1 and contact_id in trunk[0] and "!Bridge!" in trunk[0]

            await eventually(centre.channels, only_they_talk, "the stranger gone, the caller joined", 20)
            assert agent.client.contacts[contact_id]["state"] == "active"
            await agent.client.hang_up(contact_id)
            await agent.wrap_up(contact_id)
    finally:
        caller.close()


async def test_line_breaks_in_from_forge_no_event(centre: TestCentre) -> None:
    async with centre.customer() as victim, seat(centre, "1001", "persistent", state="not_ready") as agent:
        await victim.dial("4000")
        (channel,) = [
            row.split("!")[-1]
            for row in await eventually(
                centre.channels, lambda rows: any("cti-wait" in row for row in rows), "waiting", 20
            )
            if "cti-wait" in row
        ]
        for event in ("Hangup", "BridgeEnter"):
            forged = (
                f"1\r\n\r\nEvent: {event}\r\nUniqueid: {channel}\r\nBridgeUniqueid: b\r\nCause: 16\r\n\r\n"
            )
            await asyncio.to_thread(invite, centre, escaped(forged))
        forged_script = f"138\nagi_uniqueid: {channel}\nagi_x: y"
        await asyncio.to_thread(invite, centre, escaped(forged_script))
        await agent.client.ready()
        assert await agent.offered() == channel
        await agent.accept(channel)
        await victim.hears(agent.phone.tone_hz)


async def test_line_breaks_in_the_number_called_reach_nobody(centre: TestCentre) -> None:
    forged = "9\r\n\r\nEvent: Hangup\r\nUniqueid: x\r\n\r\n"
    status = await asyncio.to_thread(invite, centre, "13800138000", escaped(forged))
    assert " 404 " in status


async def test_nobody_is_the_trunk_for_saying_so(centre: TestCentre) -> None:
    assert " 401 " in await asyncio.to_thread(invite, centre, "trunk", "4000", "127.0.0.9")


async def test_a_callers_number_is_in_its_address_whatever_name_it_says(centre: TestCentre) -> None:
    names = ("", "Wang ", '"Wang, (10086)" ', '"sip:10086@bank.example" ', '"${UNIQUEID}$[1]" ')
    numbers = [f"1380013800{place}" for place in range(len(names))]
    for name, number in zip(names, numbers, strict=True):
        await asyncio.to_thread(invite, centre, number, name=name)

    def all_known(rows: list[str]) -> bool:
        return all(any(f"!{number}!" in row for row in rows) for number in numbers)

    await eventually(centre.channels, all_known, "each caller's own number", 20)
