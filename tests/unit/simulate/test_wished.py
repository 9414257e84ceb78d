"""Customers who want a call-back or leave a message: counted, and held against what the others say."""

import io
import wave
from array import array
from dataclasses import replace
from typing import Any

import pytest

from cti_server.client import Event
from cti_server.simulate.customers import CustomerCounts
from cti_server.simulate.messages import Heard, speaks
from cti_server.simulate.outside import OutsideCounts
from cti_server.simulate.report import LeftOver, Report, made
from cti_server.simulate.show import tables
from cti_server.simulate.tally import Tally

SETTING = {
    "pattern": "queueing",
    "seed": 1,
    "agents": 2,
    "station_mode": "persistent",
    "seconds": 60.0,
    "interrupted": False,
}


def contact(
    number: str, reason: str, direction: str = "inbound", connected: str | None = None
) -> dict[str, Any]:
    return {
        "direction": direction,
        "customer_number": f"{number}****0001",
        "end_reason": reason,
        "queued_at": "2026-11-21T08:00:00Z",
        "connected_at": connected,
        "state": "ended",
    }


LOG = [
    contact("135", "callback"),
    contact("135", "callback"),
    contact("135", "agent_hung_up", connected="2026-11-21T08:00:05Z"),
    contact("136", "voicemail"),
    contact("135", "agent_hung_up", "outbound", "2026-11-21T08:01:00Z"),
    contact("135", "customer_hung_up", "outbound", "2026-11-21T08:01:00Z"),
]
SIPP = CustomerCounts(created=4, answered=4, ended_by_centre=4, call_backs=3, messages=1, keys=9)
FIGURES = {
    "asked": 4,
    "answered": 1,
    "answered_in_time": 1,
    "speed_of_answer": 5.0,
    "callbacks": 2,
    "dialled_answered": 2,
}


def report(
    customers: CustomerCounts = SIPP,
    outside: OutsideCounts | None = None,
    heard: Heard | None = None,
    log: list[dict[str, Any]] = LOG,
    **figures: int,
) -> Report:
    tally = Tally(waits={"a": 5.0}, ours={"b1": "outbound", "b2": "outbound"}, called_back={"b1", "b2"})
    return made(
        SETTING,
        customers=customers,
        tally=tally,
        log=log,
        centre={**FIGURES, **figures},
        left_over=LeftOver(),
        outside=outside or OutsideCounts(answered=2, called_back=2),
        heard=heard or Heard(1, 1),
    )


def test_all_is_well() -> None:
    told = report()
    assert told.good, told.disagreements
    assert told.lost == 0
    back, spoken = told.call_backs, told.messages
    assert (back.wanted, back.kept, back.otherwise, back.reached) == (3, 2, 1, 2)
    assert (spoken.wanted, spoken.left, spoken.otherwise, spoken.with_sound) == (1, 1, 0, 1)
    assert told.as_dict()["call_backs"]["kept"] == 2
    assert len(tables(told)) == 3


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (report(replace(SIPP, call_backs=4)), "wanted a call-back"),
        (report(callbacks=1), "call-backs promised"),
        (report(outside=OutsideCounts(answered=2, called_back=1)), "called back"),
        (report(log=LOG[:-1]), "called back, talked"),
        (report(replace(SIPP, messages=2)), "wanted to leave a message"),
        (report(heard=Heard(0, 1)), "messages with sound"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_disagreement_is_named(told: Report, what: str) -> None:
    assert what in [comparison.what for comparison in told.disagreements]
    assert tables(told)
    assert not told.good


def test_a_program_tells_calls_back_from_other_calls_outside() -> None:
    tally = Tally()
    for name, back in (("b", {"wish_id": "a"}), ("d", None)):
        view = {"contact_id": name, "direction": "outbound", "state": "active", "callback": back}
        tally.told(Event("contact.connected", {"contact": view}))
    assert (tally.called_back, set(tally.ours)) == ({"b"}, {"b", "d"})


@pytest.mark.parametrize(
    ("sides", "heard"), [((20_000, 0), True), ((0, 20_000), False), ((0, 0), False)], ids=str
)
def test_whether_the_customer_speaks_in_a_recording(sides: tuple[int, int], heard: bool) -> None:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(array("h", sides * 800).tobytes())
    assert speaks(file.getvalue()) is heard
    assert not speaks(b"")
