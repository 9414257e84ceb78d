"""A campaign's calls in the world: a person finds an agent or is let go, a machine troubles nobody."""

from typing import Any

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from tests.fakes.pbx import BUSY
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    ON_DEMAND,
    PERSISTENT,
    agent,
    called,
    contact,
    opened,
    pick_up,
    seated,
)

CALL = "pbx-a-cam-000000000001"
NUMBER = "13900000001"


def placed(centre: Centre, call: str = CALL, **more) -> None:
    fields = {
        "node": "pbx-a",
        "channel": call,
        "campaign": "k1",
        "group_id": "general",
        "number": NUMBER,
        "name": "张伟",
        "shown": "4001",
        "ring_time": 20.0,
        "patience": 2.0,
    }
    centre.apply(s.CampaignCall(centre.now, **{**fields, **more}))
    centre.settle()


def reached(centre: Centre, who: str = "person", call: str = CALL) -> None:
    centre.pbx.customer_answers(call)
    centre.pbx.heard(call, who)
    centre.settle()


def effects(centre: Centre) -> list[type]:
    return [type(x) for o in centre.told for x in o.effects]


def ended(centre: Centre, call: str = CALL) -> dict[str, Any]:
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    return next(row for row in reversed(rows) if row["contact_id"] == call)


def test_a_person_talks_to_a_free_agent_at_once():
    centre = opened()
    seated(centre, mode=PERSISTENT)
    placed(centre, data={"card": "gold"})
    (call,) = [x for o in centre.told for x in o.effects if isinstance(x, e.CallCustomer)]
    assert (call.channel, call.number, call.shown, call.detect) == (CALL, NUMBER, "4001", True)
    assert (contact(centre, CALL).state, agent(centre).state) == ("dialling", "ready")
    reached(centre)
    assert (contact(centre, CALL).state, agent(centre).state) == ("active", "talking")
    assert contact(centre, CALL).data == {"card": "gold"}
    centre.pass_time(10)
    assert contact(centre, CALL).state == "active"


def test_a_phone_on_demand_is_picked_up():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    placed(centre)
    reached(centre)
    centre.pass_time(5)
    pick_up(centre)
    assert contact(centre, CALL).state == "active"


def test_before_everybody_who_waits():
    centre = opened()
    called(centre)
    placed(centre)
    reached(centre)
    group = centre.state.groups["general"]
    assert group.waiting[0] == CALL


def test_nobody_is_free():
    centre = opened()
    placed(centre)
    reached(centre)
    centre.pass_time(1.9)
    assert contact(centre, CALL).state == "queued"
    centre.pass_time(0.2)
    assert CALL not in centre.state.contacts
    assert e.Apologise in effects(centre)
    row = ended(centre)
    assert (row["state"], row["end_reason"]) == ("ended", "abandoned")
    assert row["queued_at"] is not None
    seated(centre)
    assert agent(centre).state == "ready"


@pytest.mark.parametrize(("after", "reason"), [(0.4, "hung_up"), (1.999, "hung_up"), (2.0, "abandoned")])
def test_somebody_who_rings_off_while_we_listen(after: float, reason: str):
    """Sooner than anybody may be let wait: not reached. Later: kept waiting by us."""
    centre = opened()
    seated(centre, mode=PERSISTENT)
    placed(centre)
    centre.pbx.customer_answers(CALL)
    centre.pbx.heard(CALL, "hangup", after)
    centre.settle()
    row = ended(centre)
    assert (row["state"], row["end_reason"], row["queued_at"]) == ("ended", reason, None)
    assert agent(centre).state == "ready"


def test_an_agent_who_becomes_free_in_time():
    centre = opened()
    placed(centre)
    reached(centre)
    centre.pass_time(1.0)
    seated(centre, mode=PERSISTENT)
    centre.settle()
    assert contact(centre, CALL).state == "active"


def test_a_transferred_one_waits_as_long_as_anybody():
    centre = opened()
    seated(centre, mode=PERSISTENT)
    placed(centre)
    reached(centre)
    assert contact(centre, CALL).patience == 0.0


@pytest.mark.parametrize(("end", "reason"), [("machine", "machine"), (BUSY, "busy")])
def test_called_in_vain(end: str | int, reason: str):
    centre = opened()
    seated(centre)
    placed(centre)
    if isinstance(end, str):
        reached(centre, end)
    else:
        centre.pbx.hang_up(CALL, end)
        centre.settle()
    row = ended(centre)
    assert (row["state"], row["end_reason"], row["queued_at"]) == ("ended", reason, None)
    assert agent(centre).state == "ready"


def test_one_attempt_is_one_call():
    centre = opened()
    placed(centre)
    placed(centre)
    centre.pbx.hang_up(CALL, BUSY)
    centre.settle()
    placed(centre)
    calls = [x for o in centre.told for x in o.effects if isinstance(x, e.CallCustomer)]
    assert len(calls) == 1


@pytest.mark.parametrize("why", ["number", "cap", "group", "node", "link"])
def test_what_cannot_be_placed_is_over(why: str):
    centre = opened()
    if why == "cap":
        centre.state.outside = OutsideRules(calls_per_minute=0)
    if why == "link":
        centre.disconnect()
    more = {"number": {"number": "110"}, "group": {"group_id": "nowhere"}, "node": {"node": "pbx-z"}}
    placed(centre, **more.get(why, {}))
    assert CALL not in centre.state.contacts
    assert ended(centre)["end_reason"] == "not_placed"
    assert e.CallCustomer not in effects(centre)


def test_an_apology_that_was_lost_is_told_again():
    centre = opened()
    placed(centre)
    reached(centre)
    centre.pass_time(2.1)
    centre.pbx.channels[CALL].context = "cti-wait"
    centre.disconnect()
    centre.connect()
    centre.settle()
    assert centre.pbx.channels[CALL].context == "cti-let-go"


@pytest.mark.parametrize("server", [True, False])
def test_the_join_with_a_nailed_up_phone_was_lost(server: bool):
    """With the server, or with the link; nobody clicks for it, so nobody would ask for it again."""
    centre = opened()
    seated(centre)
    placed(centre)
    centre.pbx.customer_answers(CALL)
    centre.pbx.heard(CALL, "person")
    while not centre.pbx.effects:
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    assert contact(centre, CALL).state == "offered"
    if server:
        centre.restart()
    else:
        centre.disconnect(unknown=True)
    centre.connect()
    centre.settle()
    assert (contact(centre, CALL).state, contact(centre, CALL).agent_id) == ("active", "1001")


@pytest.mark.parametrize("answered", [True, False])
def test_nobody_is_let_go_unseen(answered: bool):
    """The fallback queue, alone for a while, may have found somebody for whom nobody was free."""
    centre = opened()
    placed(centre)
    reached(centre)
    seated(centre, ready=False)
    centre.disconnect()
    centre.pbx.on_its_own(CALL)
    if answered:
        centre.pbx.fallback_answers(CALL, "1001")
    centre.pass_time(10.0)
    assert contact(centre, CALL).state == "queued"
    centre.connect()
    centre.settle()
    if answered:
        assert (contact(centre, CALL).state, contact(centre, CALL).agent_id) == ("active", "1001")
        assert e.Apologise not in effects(centre)
    else:
        centre.pass_time(1.1)
        centre.settle()
        assert centre.pbx.channels[CALL].context == "cti-let-go"


def test_who_answers_while_no_server_lives_is_let_go():
    centre = opened()
    placed(centre)
    centre.disconnect()
    centre.pbx.customer_answers(CALL)
    centre.pbx.channels[CALL].context = "cti-let-go"
    centre.connect()
    centre.settle()
    centre.pbx.hang_up(CALL)
    centre.settle()
    assert ended(centre)["end_reason"] == "abandoned"


@pytest.mark.parametrize("while_away", [True, False])
def test_who_was_let_go_and_went_to_the_fallback_queue_instead_is_not_kept(while_away: bool):
    """The apology was lost with the link, and the dialplan took the caller elsewhere."""
    centre = opened()
    placed(centre)
    reached(centre)
    centre.pass_time(2.2)
    centre.disconnect()
    centre.pbx.on_its_own(CALL)
    if not while_away:
        centre.connect()
        while centre.pbx.sources():
            centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
        centre.pbx.effects.clear()
        centre.pbx.next_turn(CALL)
    else:
        centre.connect()
    centre.settle()
    assert centre.pbx.channels[CALL].context == "cti-let-go"
