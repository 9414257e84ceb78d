"""One agent calls another: what they may do, how it ends, what is refused."""

import pytest

from cti_server.domain import signals as s
from cti_server.domain.allowed_actions import allowed_actions
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    ON_DEMAND,
    agent,
    agent_channel,
    code,
    contact,
    events,
    kinds,
    opened,
    pick_up,
    ringing,
    seated,
)

COLLEAGUE = Target(TargetKind.AGENT, "1002")
BOTH = pytest.mark.parametrize("mode", MODES)


def dialled(centre: Centre) -> str:
    reply = centre.command(s.Dial, "1001", COLLEAGUE, data={"about": "lunch"})
    assert reply is not None
    assert reply.result is not None
    return str(reply.result["contact"]["contact_id"])


def calling(mode: str, *, ready: bool = True) -> tuple[Centre, str]:
    """Agent 1001 has dialled agent 1002, who has not answered; its own phone is there."""
    centre = opened()
    seated(centre, "1001", mode, ready=ready)
    seated(centre, "1002", mode)
    contact_id = dialled(centre)
    centre.settle()
    for channel in ringing(centre):
        centre.pbx.answer(channel)
    centre.settle()
    return centre, contact_id


def talking(mode: str, *, ready: bool = True) -> tuple[Centre, str]:
    centre, contact_id = calling(mode, ready=ready)
    assert code(centre, s.Accept, "1002", contact_id) is None
    pick_up(centre)
    return centre, contact_id


def colleague_channel(centre: Centre, contact_id: str) -> str:
    leg = contact(centre, contact_id).colleague_leg
    assert leg is not None
    return leg.channel


def over(centre: Centre, contact_id: str, reason: str, *states: str) -> None:
    centre.settle()
    assert contact_id not in centre.state.contacts
    assert contact_id not in centre.pbx.channels
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert (rows[-1]["end_reason"], rows[-1]["direction"]) == (reason, "internal")
    assert [agent(centre, one).state.value for one in ("1001", "1002")] == list(states)
    assert "contact.wrapped_up" not in kinds(centre, contact_id)
    assert not ringing(centre)


@BOTH
@pytest.mark.parametrize("ends", ["1001", "1002", "phone of 1001", "phone of 1002"])
def test_called_taken_and_ended(mode, ends):
    centre, contact_id = talking(mode)
    assert [agent(centre, one).state for one in ("1001", "1002")] == ["talking", "talking"]
    assert centre.replies[centre.commands[-1]][0].result is not None
    assert "contact.offered" in events(centre, "1002")
    assert "contact.connected" in events(centre, "1002")
    if ends.startswith("phone"):
        of_caller = ends.endswith("1001")
        leaves = (agent_channel if of_caller else colleague_channel)(centre, contact_id)
        centre.pbx.hang_up(leaves)
    else:
        assert code(centre, s.HangUp, ends, contact_id) is None
    lost = {"phone of 1001": 0, "phone of 1002": 1}.get(ends) if mode != ON_DEMAND else None
    states = ["not_ready" if lost == place else "ready" for place in range(2)]
    over(centre, contact_id, "agent_hung_up", *states)


@BOTH
def test_what_both_may_do(mode):
    centre, contact_id = talking(mode)
    found = contact(centre, contact_id)
    assert allowed_actions(found, agent(centre, "1002")) == ["contact.hang_up"]
    mine = allowed_actions(found, agent(centre))
    assert {"contact.hold", "contact.mute", "contact.set_data"} <= set(mine)
    assert not {"contact.transfer", "contact.consult"} & set(mine)
    assert code(centre, s.Hold, "1002", contact_id) == "not_your_contact"
    for kind in (s.TransferContact, s.ConsultParty):
        assert code(centre, kind, "1001", contact_id, Target(TargetKind.GROUP, "general")) == (
            "action_not_allowed"
        )
    for done in (s.Hold, s.Retrieve, s.MuteMicrophone):
        assert code(centre, done, "1001", contact_id) is None
        centre.settle()
    assert contact(centre, contact_id).state == "active"


@BOTH
@pytest.mark.parametrize("ready", [True, False])
def test_given_up_while_it_rings(mode, ready):
    if mode == ON_DEMAND:
        centre = opened()
        seated(centre, "1001", mode, ready=ready)
        seated(centre, "1002", mode)
        contact_id = dialled(centre)
        centre.settle()
        centre.pbx.answer(ringing(centre)[0])
        centre.settle()
    else:
        centre, contact_id = calling(mode, ready=ready)
    assert agent(centre, "1002").state == "reserved"
    assert code(centre, s.HangUp, "1001", contact_id) is None
    over(centre, contact_id, "cancelled", "ready" if ready else "not_ready", "ready")


def test_both_phones_leave_while_something_is_under_way():
    centre, contact_id = talking("persistent")
    centre.command(s.SendDtmf, "1001", contact_id, "1")
    centre.pbx.effects.clear()
    for channel in (colleague_channel(centre, contact_id), agent_channel(centre, contact_id)):
        centre.pbx.hang_up(channel)
    centre.settle()
    assert contact_id not in centre.state.contacts
    assert not any(key.endswith(contact_id) for key in centre.state.timers)
    assert centre.replies[centre.commands[-1]][0].error_code == "contact_ended"


@BOTH
@pytest.mark.parametrize("told", [0, 1, 2, 3])
def test_the_calling_phone_passes_on_and_hangs_up(mode, told):
    """There is no customer to pass on: the call is over, and no queue waits for the colleague."""
    centre, contact_id = talking(mode)
    caller = agent_channel(centre, contact_id)
    centre.pbx.refer(caller, "4001")
    centre.pbx.hang_up(caller)
    for source in (*[contact_id] * told, *[caller] * 2):
        if source in centre.pbx.sources():
            centre.apply(centre.pbx.read(source))
    over(centre, contact_id, "agent_hung_up", "ready" if mode == ON_DEMAND else "not_ready", "ready")
    assert "contact.queued" not in kinds(centre, contact_id)


def test_refused_by_the_colleague():
    centre, contact_id = calling("persistent")
    assert code(centre, s.Reject, "1002", contact_id) is None
    over(centre, contact_id, "rejected", "ready", "not_ready")


def test_the_colleagues_phone_is_busy_or_not_answered():
    centre = opened()
    seated(centre, "1001")
    for how in ("busy", "no_answer"):
        seated(centre, "1002", ON_DEMAND)
        contact_id = dialled(centre)
        centre.settle()
        if how == "busy":
            centre.pbx.hang_up(ringing(centre)[0], BUSY)
        else:
            centre.pass_time(21)
        over(centre, contact_id, how, "ready", "not_ready")
        assert centre.pbx.channels[centre.state.stations["1001"].channel or ""].context == "cti-station"


@BOTH
def test_a_server_that_dies_loses_no_call(mode):
    centre, contact_id = talking(mode)
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    centre.restart()
    centre.pbx.hang_up(contact_id)
    centre.connect()
    over(centre, contact_id, "gone_unseen", "ready", "ready")


def test_refused():
    centre = opened()
    seated(centre, "1001")
    for to, why in (("9999", "unknown_agent"), ("1001", "target_is_self"), ("1002", "agent_not_available")):
        assert code(centre, s.Dial, "1001", Target(TargetKind.AGENT, to)) == why
    seated(centre, "1002", ready=False)
    assert code(centre, s.Dial, "1001", COLLEAGUE) == "agent_not_available"
    assert not centre.state.contacts
