"""A number outside as the third party of a contact."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, Channel
from tests.unit.domain import centre as c
from tests.unit.domain.agreement import check_agreement
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import MODES, agent, agent_channel, code, contact, kinds, talking

OUTSIDE = "13900000009"
NUMBER = Target(TargetKind.NUMBER, OUTSIDE)
BOTH = pytest.mark.parametrize("mode", MODES)


def third(centre: Centre) -> Channel:
    return next(channel for channel in centre.pbx.channels.values() if channel.third)


def connected(centre: Centre, contact_id: str) -> bool:
    consult = contact(centre, contact_id).consult
    return consult is not None and consult.connected


def asking(mode: str) -> tuple[Centre, str]:
    """The number outside rings, the customer is on hold."""
    centre, contact_id = talking(mode)
    centre.command(s.ConsultParty, "1001", contact_id, NUMBER)
    centre.settle()
    return centre, contact_id


def asked(mode: str) -> tuple[Centre, str]:
    """It answered."""
    centre, contact_id = asking(mode)
    centre.pbx.third_answers(third(centre).channel)
    centre.settle()
    return centre, contact_id


def share(centre: Centre, *channels: str) -> bool:
    bridges = {centre.pbx.channels[channel].bridge for channel in channels}
    return len(bridges) == 1 and "" not in bridges


@BOTH
def test_it_rings_and_the_agent_hears_it(mode):
    centre, contact_id = asking(mode)
    found = contact(centre, contact_id)
    assert found.state == "consulting"
    assert not connected(centre, contact_id)
    assert centre.pbx.channels[agent_channel(centre, contact_id)].context == "cti-dialling"
    assert OUTSIDE not in str([(o.notifications, o.records) for o in centre.told])
    assert OUTSIDE not in repr([o.effects for o in centre.told])


@BOTH
def test_talk_alternate_and_cancel(mode):
    centre, contact_id = asked(mode)
    own = agent_channel(centre, contact_id)
    outside = third(centre).channel
    assert connected(centre, contact_id)
    assert share(centre, own, outside)
    assert code(centre, s.Alternate, "1001", contact_id) is None
    centre.settle()
    assert share(centre, own, contact_id)
    assert code(centre, s.Alternate, "1001", contact_id) is None
    centre.settle()
    assert share(centre, own, outside)
    assert code(centre, s.CancelConsult, "1001", contact_id) is None
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    assert share(centre, own, contact_id)
    assert outside not in centre.pbx.channels


@BOTH
@pytest.mark.parametrize("conferred", [True, False])
@pytest.mark.parametrize("ends", ["customer", "outside"])
def test_completed_whoever_hangs_up_ends_it(mode, conferred, ends):
    centre, contact_id = asked(mode)
    outside = third(centre).channel
    if conferred:
        assert code(centre, s.Conference, "1001", contact_id) is None
        centre.settle()
        assert share(centre, agent_channel(centre, contact_id), contact_id, outside)
    reply = centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    assert reply is None
    assert centre.replies[centre.commands[-1]][0].result is not None
    assert (contact(centre, contact_id).state, agent(centre).state) == ("outside", "wrap_up")
    assert share(centre, contact_id, outside)
    centre.pbx.hang_up(contact_id if ends == "customer" else outside)
    centre.settle()
    assert code(centre, s.WrapUp, "1001", contact_id, "done") is None
    assert contact_id not in centre.state.contacts
    assert not {contact_id, outside} & set(centre.pbx.channels)
    rows = [r.data for o in centre.told for r in o.records if r.kind == "contact"]
    assert rows[-1]["end_reason"] == "transferred_outside"
    assert "contact.transferred" in kinds(centre, contact_id)


@BOTH
def test_hung_up_in_the_moment_of_completing(mode):
    """They talk already, and the agent's program wants to end it: it is the agent's no more."""
    centre, contact_id = asked(mode)
    centre.command(s.CompleteTransfer, "1001", contact_id)
    while centre.pbx.sources() or not any(isinstance(one, e.Connect) for one in centre.told[-1].effects):
        if centre.pbx.effects and not centre.pbx.sources():
            centre.pbx.carry_out()
        else:
            centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.command(s.HangUp, "1001", contact_id)
    hang_up = centre.commands[-1]
    centre.pbx.carry_out()
    for source in (third(centre).channel, contact_id):
        while source in centre.pbx.sources():
            centre.apply(centre.pbx.read(source))
    assert contact(centre, contact_id).operation is None
    assert centre.replies[hang_up][0].error_code == "contact_ended"
    centre.settle()
    assert contact_id not in centre.pbx.channels


@BOTH
def test_gone_as_soon_as_joined_leaves_the_customer_on_hold(mode):
    """Its end is told before the customer's entering their bridge. Found by the machine."""
    centre, contact_id = asked(mode)
    outside = third(centre).channel
    centre.command(s.CompleteTransfer, "1001", contact_id)
    while not centre.pbx.channels[contact_id].bridge:
        if centre.pbx.effects:
            centre.pbx.carry_out()
        else:
            centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    centre.pbx.hang_up(outside)
    while outside in centre.pbx.sources():
        centre.apply(centre.pbx.read(outside))
    assert centre.replies[centre.commands[-1]][0].error_code == "consult_ended"
    centre.settle()
    assert contact(centre, contact_id).state == "held"
    check_agreement(centre)
    assert code(centre, s.Retrieve, "1001", contact_id) is None
    centre.settle()
    check_agreement(centre)
    assert contact(centre, contact_id).state == "active"


@BOTH
def test_the_customer_who_is_back_first_from_the_three_way_call_is_not_left_to_wait(mode):
    centre, contact_id = asked(mode)
    outside = third(centre).channel
    code(centre, s.Conference, "1001", contact_id)
    centre.settle()
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    centre.apply(s.CustomerPlaced(centre.now, "pbx-a", contact_id, "wait"))
    ended = [x.channel for x in centre.told[-1].effects if isinstance(x, e.HangUpChannel)]
    assert ended == [outside, contact_id]
    centre.settle()
    assert not {contact_id, outside} & set(centre.pbx.channels)


@BOTH
def test_busy_leaves_the_customer_on_hold(mode):
    centre, contact_id = asking(mode)
    centre.pbx.hang_up(third(centre).channel, BUSY)
    centre.settle()
    assert contact(centre, contact_id).state == "held"
    assert centre.pbx.channels[agent_channel(centre, contact_id)].context == "cti-station"
    assert code(centre, s.Retrieve, "1001", contact_id) is None
    centre.settle()
    assert contact(centre, contact_id).state == "active"


@BOTH
def test_a_call_in_doubt_may_still_be_answered(mode):
    centre, contact_id = asking(mode)
    channel = third(centre).channel
    centre.apply(s.EffectFailed(centre.now, "pbx-a", "CallThird", channel, "outcome_unknown"))
    assert e.Resync("pbx-a") in centre.told[-1].effects
    centre.settle()
    centre.pbx.third_answers(channel)
    centre.settle()
    assert connected(centre, contact_id)


@BOTH
def test_a_call_that_the_pbx_refused_leaves_the_customer_on_hold(mode):
    centre, contact_id = talking(mode)
    centre.command(s.ConsultParty, "1001", contact_id, NUMBER)
    (call,) = [x for o in centre.told for x in o.effects if isinstance(x, e.CallThird)]
    centre.settle()
    del centre.pbx.channels[call.channel]
    centre.apply(s.EffectFailed(centre.now, "pbx-a", "CallThird", call.channel, "pbx_refused"))
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).consult) == ("held", None)


@BOTH
def test_cancelled_while_it_rings(mode):
    centre, contact_id = asking(mode)
    assert code(centre, s.CancelConsult, "1001", contact_id) is None
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    assert not [channel for channel in centre.pbx.channels.values() if channel.third]


@BOTH
def test_busy_in_the_moment_of_cancelling_the_customer_comes_back_all_the_same(mode):
    """The agent stays where the customer is on its way to. Found by the machine."""
    centre, contact_id = asking(mode)
    centre.command(s.CancelConsult, "1001", contact_id)
    outside = third(centre).channel
    centre.pbx.hang_up(outside, BUSY)
    while outside in centre.pbx.sources():
        centre.apply(centre.pbx.read(outside))
    assert centre.replies[centre.commands[-1]][0].error_code == "consult_ended"
    centre.settle()
    check_agreement(centre)
    assert contact(centre, contact_id).state == "active"
    assert share(centre, contact_id, agent_channel(centre, contact_id))


@BOTH
def test_the_agents_phone_leaves(mode):
    centre, contact_id = asked(mode)
    centre.pbx.hang_up(agent_channel(centre, contact_id))
    centre.settle()
    assert contact(centre, contact_id).state == "outside"
    assert share(centre, contact_id, third(centre).channel)


@BOTH
def test_a_server_that_dies_loses_nobody(mode):
    centre, contact_id = asked(mode)
    outside = third(centre).channel
    code(centre, s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state == "outside"
    centre.restart()
    centre.pbx.hang_up(outside)
    centre.connect()
    centre.settle()
    assert contact_id not in centre.pbx.channels


def test_refused():
    centre, contact_id = talking()
    assert code(centre, s.ConsultParty, "1001", contact_id, Target(TargetKind.NUMBER, "110")) == (
        "number_not_allowed"
    )
    rules = OutsideRules(calls_per_minute=0)
    centre.apply(s.DirectoryLoaded(centre.now, c.AGENTS, c.GROUPS, dict(c.NUMBERS), c.STATIONS, rules))
    assert code(centre, s.ConsultParty, "1001", contact_id, NUMBER) == "centre_cap_reached"
    assert not [x for o in centre.told for x in o.effects if isinstance(x, e.CallThird)]


@BOTH
def test_whose_place_a_stranger_took_is_joined_again(mode):
    """By INVITE with Replaces; nobody of the centre is in the conversation. Found by the machine."""
    centre, contact_id = asked(mode)
    centre.command(s.CompleteTransfer, "1001", contact_id)
    centre.settle()
    for channel in (contact_id, third(centre).channel):
        centre.pbx.takes_its_place(channel)
        centre.settle()
        centre.pass_time(1.1)
        centre.settle()
        assert not [ch for ch in centre.pbx.channels.values() if ch.stranger]
        assert share(centre, contact_id, third(centre).channel)


@BOTH
def test_consulted_in_the_moment_in_which_both_are_apart_the_customer_is_on_hold(mode):
    """Where a conversation ended it would hear goodbye without a server. Found by the machine."""
    centre, contact_id = talking(mode)
    centre.pbx.takes_its_place(agent_channel(centre, contact_id))
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    assert not centre.pbx.channels[contact_id].bridge
    assert code(centre, s.ConsultParty, "1001", contact_id, NUMBER) is None
    centre.settle()
    assert centre.pbx.channels[contact_id].context == "cti-hold"
    centre.pbx.third_answers(third(centre).channel)
    centre.settle()
    assert connected(centre, contact_id)
    check_agreement(centre)
