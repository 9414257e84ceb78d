"""Figures against the channel event log: what agrees, and each way in which they can differ."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cti_server.asterisk.cel import station
from cti_server.bootstrap.report_check import as_text
from cti_server.reports.cel_check import Check, Deviation, Totals, What, check
from cti_server.reports.facts import Fact

BEGIN = datetime(2026, 11, 21, 1, tzinfo=UTC)
ONE, TWO = "pbx-a-1.1", "pbx-a-1.2"
CUSTOMER, AGENT, COLLEAGUE = "PJSIP/trunk-00000001", "PJSIP/1001-00000002", "PJSIP/1002-browser-00000003"
OUTSIDE = "PJSIP/outside-00000004"


def row(seconds: float, event: str, channel: str, name: str, bridge: str = "") -> dict[str, str]:
    extra = json.dumps({"bridge_id": bridge}) if bridge else ""
    ours = event if event.startswith("CTI_") else ""
    at = f"{BEGIN.timestamp() + seconds:.6f}"
    return {
        "eventtype": event,
        "eventtime": at,
        "userdeftype": ours,
        "channame": name,
        "uniqueid": channel,
        "eventextra": extra,
    }


def fact(
    seconds: float, state: str, kind: str = "", agent: str = "", contact: str = ONE, **data: Any
) -> Fact:
    at = BEGIN + timedelta(seconds=seconds)
    known = {"group": "general", "number": "4000", **data}
    return Fact(f"1.{int(seconds * 1000)}.0", at, kind or f"contact.{state}", state, contact, agent, known)


ROWS = [
    row(0, "CHAN_START", ONE, CUSTOMER),
    row(0.1, "CTI_ENTRY", ONE, CUSTOMER),
    row(5, "CHAN_START", "s-1", AGENT),
    row(6, "BRIDGE_ENTER", "s-1", AGENT, "idle"),  # alone in its holding bridge
    row(10, "BRIDGE_EXIT", "s-1", AGENT, "idle"),
    row(10, "BRIDGE_ENTER", "s-1", AGENT, "b"),
    row(10, "BRIDGE_ENTER", ONE, CUSTOMER, "b"),
    row(20, "BRIDGE_EXIT", ONE, CUSTOMER, "b"),  # on hold, the agent asks a colleague
    row(20, "BRIDGE_EXIT", "s-1", AGENT, "b"),
    row(21, "CHAN_START", "s-2", COLLEAGUE),
    row(22, "BRIDGE_ENTER", "s-1", AGENT, "c"),
    row(22, "BRIDGE_ENTER", "s-2", COLLEAGUE, "c"),
    row(25, "BRIDGE_EXIT", "s-1", AGENT, "c"),
    row(25, "BRIDGE_EXIT", "s-2", COLLEAGUE, "c"),
    row(26, "BRIDGE_ENTER", ONE, CUSTOMER, "d"),  # back to the customer for a moment
    row(26, "BRIDGE_ENTER", "s-1", AGENT, "d"),
    row(28, "BRIDGE_EXIT", "s-1", AGENT, "d"),
    row(28, "BRIDGE_EXIT", ONE, CUSTOMER, "d"),
    row(30, "BRIDGE_ENTER", ONE, CUSTOMER, "e"),  # conference; the agent leaves, the colleague goes on
    row(30, "BRIDGE_ENTER", "s-1", AGENT, "e"),
    row(30, "BRIDGE_ENTER", "s-2", COLLEAGUE, "e"),
    row(35, "BRIDGE_EXIT", "s-1", AGENT, "e"),
    row(40, "CHAN_END", ONE, CUSTOMER),
]
FACTS = [
    fact(0.1, "ivr", "contact.arrived"),
    fact(2, "queued"),
    fact(10.1, "active", "contact.connected", "1001"),
    fact(20.1, "held", agent="1001"),
    fact(20.9, "consulting", "contact.consult_started", "1001", talking_to="nobody"),
    fact(22.1, "consulting", "contact.consult_connected", "1001", talking_to="consulted"),
    fact(26.1, "consulting", "contact.alternated", "1001", talking_to="customer"),
    fact(27, "consulting", "contact.data_changed", "1001", talking_to="customer"),
    fact(28.1, "consulting", "contact.alternated", "1001", talking_to="consulted"),
    fact(30.1, "conference", "contact.conferenced", "1001", talking_to="all"),
    fact(35.1, "active", "contact.transferred", "1002"),
    fact(40.1, "wrap_up", "contact.ended", "1002"),
]
TALK = 10 + 2 + 10


def checked(
    rows: Iterable[dict[str, str]] = ROWS, facts: Iterable[Fact] = FACTS, tolerance: float = 1.0
) -> Check:
    return check(rows, facts, station, BEGIN, BEGIN + timedelta(hours=1), tolerance=tolerance)


def told(found: Check) -> list[tuple[str, What]]:
    return [(deviation.contact_id, deviation.what) for deviation in found.deviations]


def test_they_agree() -> None:
    found = checked()
    assert found.agrees, found
    assert (found.in_cel.contacts, found.in_cel.answered) == (1, 1)
    assert found.in_cel.talk == pytest.approx(TALK)
    assert found.reported.talk == pytest.approx(TALK, abs=0.1)


def test_the_order_of_rows_does_not_matter() -> None:
    assert checked(reversed(ROWS)).in_cel.talk == pytest.approx(TALK)


def test_what_differs_is_named() -> None:
    assert told(checked(facts=[])) == [(ONE, What.MISSING)]
    other = [replace(one, id=f"2{one.id}", contact_id=TWO) for one in FACTS]
    assert told(checked(facts=[*FACTS, *other])) == [(TWO, What.UNKNOWN)]
    never = [fact(0.1, "ivr", "contact.arrived"), fact(2, "queued"), fact(40, "ended")]
    assert told(checked(facts=never)) == [(ONE, What.ANSWERED), (ONE, What.TALK)]
    late = [*FACTS[:-1], fact(43, "wrap_up", "contact.ended", "1002")]
    assert told(checked(facts=late)) == [(ONE, What.ENDED)]  # three joins: talk may differ by 3 s
    assert told(checked(tolerance=0.01))[0] == (ONE, What.ANSWERED)


def test_who_is_let_go_hears_so_after_the_contact() -> None:
    """Nobody was free for whom a campaign called."""
    facts = [fact(0.1, "dialling", "contact.dialling"), fact(2, "queued"), fact(4, "ended", "contact.ended")]
    rows = [ROWS[0], ROWS[1], row(14, "CHAN_END", ONE, CUSTOMER)]
    assert told(checked(rows, facts)) == [(ONE, What.ENDED)]
    assert checked([*rows, row(4.1, "CTI_LET_GO", ONE, CUSTOMER)], facts).agrees


def test_a_phone_that_picks_up_while_its_agent_rejects_has_not_answered() -> None:
    """They are joined for a tenth of a second, and the next agent has the customer."""
    crossed = [
        row(8, "BRIDGE_ENTER", "s-9", COLLEAGUE, "x"),
        row(8, "BRIDGE_ENTER", ONE, CUSTOMER, "x"),
        row(8.1, "BRIDGE_EXIT", ONE, CUSTOMER, "x"),
        row(8.1, "BRIDGE_EXIT", "s-9", COLLEAGUE, "x"),
    ]
    assert told(checked([*ROWS, *crossed])) == [(ONE, What.ANSWERED)]
    rejected = [
        fact(7, "offered", agent="1002"),
        fact(8.02, "queued", "contact.rejected"),
        fact(9, "offered", agent="1001"),
    ]
    found = checked([*ROWS, *crossed], [*FACTS, *rejected])
    assert found.agrees, found
    begin, end = ROWS[0], row(9, "CHAN_END", ONE, CUSTOMER)
    gone = [*FACTS[:2], *rejected[:2], fact(9, "ended")]
    found = checked([begin, ROWS[1], *crossed, end], gone)
    assert found.agrees, found
    assert found.in_cel.answered == 0
    soon = [*gone[:-1], fact(8.3, "active", "contact.connected", "1001"), fact(9, "ended")]
    found = checked([begin, ROWS[1], *crossed, end], soon)
    assert found.agrees, found  # the next one had it at once: a join as short, and the one that counts
    assert found.in_cel.answered == 1
    longer = [{**one, "eventtime": str(float(one["eventtime"]) + 1)} for one in crossed[2:]]
    assert told(checked([*ROWS, *crossed[:2], *longer], [*FACTS, *rejected])) == [(ONE, What.ANSWERED)]


def test_a_phone_that_picks_up_while_the_caller_is_fetched_back_has_not_answered() -> None:
    joined = [
        row(8, "BRIDGE_ENTER", "s-9", COLLEAGUE, "x"),
        row(8, "BRIDGE_ENTER", ONE, CUSTOMER, "x"),
        row(8.2, "BRIDGE_EXIT", ONE, CUSTOMER, "x"),
        row(8.2, "BRIDGE_EXIT", "s-9", COLLEAGUE, "x"),
    ]
    fetched = fact(7.9, "queued", "contact.unserved")
    found = checked([*ROWS[:2], *joined, ROWS[-1]], [*FACTS[:2], fetched, fact(40, "ended")])
    assert found.agrees, found
    assert found.in_cel.answered == 0


def test_an_end_that_asterisk_does_not_know_of() -> None:
    found = checked(ROWS[:-1])
    assert Deviation(ONE, What.ENDED, BEGIN.timestamp() + 40.1, None) in found.deviations


def test_hold_at_the_phone_is_talk_to_asterisk() -> None:
    facts = [
        *FACTS[:3],
        fact(12, "held", "contact.held", "1001", at_phone=True),
        fact(15, "active", "contact.retrieved", "1001"),
        *FACTS[3:],
    ]
    found = checked(facts=facts)
    assert found.agrees, found
    assert found.reported.talk == pytest.approx(TALK, abs=0.1)


def test_a_number_outside_is_nobody_to_talk_to() -> None:
    rows = [
        *ROWS[:-1],
        row(40, "BRIDGE_EXIT", "s-2", COLLEAGUE, "e"),
        row(41, "BRIDGE_ENTER", "x-1", OUTSIDE, "f"),
        row(41, "BRIDGE_ENTER", ONE, CUSTOMER, "f"),
        row(60, "CHAN_END", ONE, CUSTOMER),
    ]
    facts = [*FACTS[:-1], fact(40.1, "outside", "contact.transferred"), fact(60.1, "ended")]
    assert checked(rows, facts).agrees


def test_what_nobody_watched_counts_by_the_log() -> None:
    """Answered by the fallback queue, ended before the server was back."""
    alone = [row for row in ROWS if float(row["eventtime"]) - BEGIN.timestamp() <= 10]
    rows = [*alone, row(14, "CHAN_END", ONE, CUSTOMER)]
    begin = BEGIN.timestamp()
    times: dict[str, Any] = {"agent_id": "1001", "connected_at": begin + 10, "ended_at": begin + 14}
    facts = [
        *FACTS[:2],
        fact(20, "queued", "contact.answered_unserved", **times),
        fact(20.1, "ended"),
    ]
    assert checked(rows, facts).agrees
    unknown = fact(20, "ended", "contact.recovered", arrived_at=begin, **times)
    assert checked(rows, [unknown]).agrees


def test_whom_the_fallback_queue_lost_again_talked_until_then() -> None:
    """Fetched back in the moment a phone took it, it waited on, and left."""
    alone = [row for row in ROWS if float(row["eventtime"]) - BEGIN.timestamp() <= 10]
    rows = [*alone, row(12, "BRIDGE_EXIT", ONE, CUSTOMER, "b"), row(40, "CHAN_END", ONE, CUSTOMER)]
    answered_at = BEGIN.timestamp() + 10
    facts = [
        *FACTS[:2],
        fact(11, "queued", "contact.answered_unserved", connected_at=answered_at),
        fact(12, "queued", "contact.waits_again"),
        fact(40, "ended"),
    ]
    assert checked(rows, facts).agrees


def test_only_whoever_came_within_the_time() -> None:
    found = check(ROWS, FACTS, station, BEGIN + timedelta(seconds=1), BEGIN + timedelta(hours=1))
    assert found.agrees
    assert found.in_cel.contacts == 0


def test_torn_extras_are_passed_over() -> None:
    torn = [{**ROWS[3], "eventextra": text} for text in ("{", "[]", "7")]
    assert checked([*torn, *ROWS]).agrees


def test_what_people_read() -> None:
    deviation = Deviation(ONE, What.ENDED, 1.0, 2.5)
    lines = as_text(Check(Totals(2, 1, 61.25), Totals(2, 1, 61.0), [deviation]), BEGIN, BEGIN)
    assert lines[0] == "2026-11-21 01:00 – 2026-11-21 01:00: they differ 不一致"
    assert lines[2].split() == ["contacts", "联络", "2", "2"]
    assert lines[4].split()[-2:] == ["61.2", "61.0"]
    assert lines[5:] == ["pbx-a-1.1 ended: 1.0 / 2.5"]
