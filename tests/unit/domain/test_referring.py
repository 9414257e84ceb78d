"""A phone passes its customer on by itself (REFER): the same as `contact.transfer`, or nothing at all."""

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from cti_server.domain.rules.conversation import REFUSED_TIME
from cti_server.domain.target import Target, TargetKind
from tests.unit.domain import centre as c
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    accepted,
    agent,
    agent_channel,
    conferring,
    consulting,
    contact,
    events,
    kinds,
    opened,
    pick_up,
    seated,
    talking,
)

OUTSIDE = "13900000001"


def refer(centre: Centre, contact_id: str, to: str, *, hangs_up: bool = False) -> None:
    """The agent's phone asks; `hangs_up`: without waiting for an answer."""
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, to)
    if hangs_up:
        centre.pbx.hang_up(channel)
    centre.settle()


def stories(mode: str, to: Target, typed: str, *, hangs_up: bool = False) -> tuple[Centre, Centre, str]:
    """Two equal centres, one in which the seat asks for it, one in which the phone does."""
    by_seat, contact_id = talking(mode)
    by_phone, same = talking(mode)
    assert same == contact_id
    for centre in (by_seat, by_phone):
        seated(centre, "1002")
        seated(centre, "1003")
    by_seat.command(s.TransferContact, "1001", contact_id, to)
    by_seat.settle()
    refer(by_phone, contact_id, typed, hangs_up=hangs_up)
    return by_seat, by_phone, contact_id


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("to", "typed"),
    [
        (Target(TargetKind.GROUP, "credit_card"), "4001"),
        (Target(TargetKind.GROUP, "credit_card"), "credit_card"),
        (Target(TargetKind.AGENT, "1002"), "1002"),
        (Target(TargetKind.NUMBER, OUTSIDE), OUTSIDE),
    ],
)
@pytest.mark.parametrize("hangs_up", [False, True])
def test_it_is_the_seats_transfer(mode, to, typed, hangs_up):
    by_seat, by_phone, contact_id = stories(mode, to, typed, hangs_up=hangs_up)
    assert kinds(by_phone, contact_id) == kinds(by_seat, contact_id)
    for one in ("1002", "1003"):
        assert events(by_phone, one) == events(by_seat, one)
    assert [x for x in events(by_phone) if x.startswith("contact")] == [
        x for x in events(by_seat) if x.startswith("contact")
    ]
    seat, phone = contact(by_seat, contact_id), contact(by_phone, contact_id)
    assert (seat.state, seat.agent_id, seat.group_id, seat.priority, seat.wrapping) == (
        phone.state,
        phone.agent_id,
        phone.group_id,
        phone.priority,
        phone.wrapping,
    )
    assert agent(by_phone).state == "wrap_up"
    assert len(by_phone.state.outside_calls) == len(by_seat.state.outside_calls)


def test_a_phone_that_holds_may_do_it():
    centre, contact_id = talking()
    centre.pbx.hold(agent_channel(centre, contact_id))
    centre.settle()
    assert contact(centre, contact_id).held_at_phone
    refer(centre, contact_id, "4001")
    assert contact(centre, contact_id).state == "queued"
    assert not contact(centre, contact_id).held_at_phone


def test_an_extension_is_the_agent_who_sits_there():
    centre, contact_id = talking()
    centre.apply(s.AgentConnected(centre.now, "1002"))
    centre.command(s.SignIn, "1002", "1003", "on_demand")
    centre.command(s.SetState, "1002", "ready")
    centre.apply(c.directory(centre.now, agents=tuple(a for a in c.AGENTS if a.agent_id != "1003")))
    refer(centre, contact_id, "1003")
    assert contact(centre, contact_id).agent_id == "1002"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("to", "code"),
    [
        ("110", "number_not_allowed"),
        ("1001", "target_is_self"),
        ("1002", "agent_not_available"),
        ("nobody", "number_not_allowed"),
    ],
)
def test_refused_they_go_on_talking(mode, to, code):
    centre, contact_id = talking(mode)
    refer(centre, contact_id, to)
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id, found.referred_to) == ("active", "1001", "")
    assert "contact.transferred" not in events(centre)
    notes = [
        record.data
        for outcome in centre.told
        for record in outcome.records
        if record.data.get("kind") == "contact.transfer_refused"
    ]
    assert [note["data"]["code"] for note in notes] == [code]
    bridge = centre.pbx.channels[contact_id].bridge
    assert bridge
    assert bridge == centre.pbx.channels[agent_channel(centre, contact_id)].bridge


def test_caps_count_and_hold():
    centre, contact_id = talking()
    rules = OutsideRules(agent_calls_per_hour=0)
    centre.apply(c.directory(centre.now, outside=rules))
    refer(centre, contact_id, OUTSIDE)
    assert contact(centre, contact_id).state == "active"
    assert not [x for o in centre.told for x in o.effects if isinstance(x, e.SendOutside)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("at_once", [False, True])
def test_refused_and_the_phone_hangs_up_the_customer_is_not_cut_off(mode, at_once):
    centre, contact_id = talking(mode)
    channel = agent_channel(centre, contact_id)
    refer(centre, contact_id, "110", hangs_up=at_once)
    if not at_once:
        centre.pbx.hang_up(channel)
        centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.priority) == ("queued", 1)
    assert centre.pbx.channels[contact_id].context == "cti-wait"
    seated(centre, "1002")
    accepted(centre, contact_id, "1002")
    assert contact(centre, contact_id).state == "active"


def test_later_a_phone_that_hangs_up_ends_the_conversation():
    centre, contact_id = talking()
    refer(centre, contact_id, "110")
    centre.pass_time(REFUSED_TIME)
    centre.pbx.hang_up(agent_channel(centre, contact_id))
    centre.settle()
    assert contact(centre, contact_id).state == "wrap_up"


@pytest.mark.parametrize("scene", [consulting, conferring])
def test_with_a_third_party_there_it_is_refused(scene):
    centre, contact_id = scene()
    refer(centre, contact_id, "4001")
    assert contact(centre, contact_id).state == scene.__name__.replace("conferring", "conference")


def test_with_a_third_party_aside_it_is_refused_and_they_go_on():
    centre, contact_id = consulting()
    centre.command(s.Alternate, "1001", contact_id)
    centre.settle()
    refer(centre, contact_id, "4001")
    found = contact(centre, contact_id)
    assert (found.state, found.consult.talk if found.consult else "") == ("consulting", "customer")
    assert centre.pbx.channels[contact_id].bridge


def test_a_server_that_dies_meanwhile_decides_when_it_is_back():
    centre, contact_id = talking()
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    centre.apply(centre.pbx.read(channel))  # the wish is known, that the customer waits is not
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).group_id == "credit_card"


def test_a_wish_that_no_server_heard_is_undone():
    centre, contact_id = talking()
    centre.pbx.refer(agent_channel(centre, contact_id), "4001")
    centre.restart()
    centre.connect()
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.group_id) == ("active", "general")
    assert centre.pbx.channels[contact_id].bridge


def told(centre: Centre, *sources: str) -> None:
    """All that these channels tell, one after the other."""
    for source in sources:
        while source in centre.pbx.sources():
            centre.apply(centre.pbx.read(source))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("hangs_up", [False, True])
@pytest.mark.parametrize("customer_first", [False, True])
def test_either_channel_may_tell_of_it_first(mode, hangs_up, customer_first):
    centre, contact_id = talking(mode)
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    if hangs_up:
        centre.pbx.hang_up(channel)
    told(centre, *((contact_id, channel) if customer_first else (channel, contact_id)))
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.group_id, found.referred_to) == ("queued", "credit_card", "")
    assert kinds(centre, contact_id).count("contact.transferred") == 1
    assert agent(centre).state == "wrap_up"


@pytest.mark.parametrize("mode", MODES)
def test_refused_before_the_phone_told_of_it_it_is_not_asked_twice(mode):
    centre, contact_id = talking(mode)
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "110")
    told(centre, contact_id, channel)
    assert contact(centre, contact_id).referred_to == ""
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    assert kinds(centre, contact_id).count("contact.transfer_refused") == 1
    centre.pbx.refer(channel, "4001")
    told(centre, channel)
    assert contact(centre, contact_id).referred_to == "4001"
    centre.settle()
    assert contact(centre, contact_id).group_id == "credit_card"


@pytest.mark.parametrize("to", ["4001", "110"])
def test_its_channel_told_and_the_customer_leaves(to):
    centre, contact_id = talking()
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, to)
    centre.pbx.hang_up(contact_id)
    told(centre, contact_id, channel)
    centre.settle()
    assert contact(centre, contact_id).state in ("wrap_up", "ended")
    assert contact_id not in centre.pbx.channels


@pytest.mark.parametrize("mode", MODES)
def test_its_channel_told_and_the_server_dies_before_the_phone_does(mode):
    centre, contact_id = talking(mode)
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    told(centre, contact_id)
    centre.restart()
    centre.connect()
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.group_id) == ("queued", "credit_card")


def test_another_phones_wish_is_not_its_agents():
    centre, contact_id = talking()
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    centre.pbx.facts.clear()
    other = s.CustomerPlaced(
        centre.now, "pbx-a", contact_id, "referred", "4000", "general", by="x", to="4001"
    )
    centre.apply(other)
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).group_id) == ("active", "general")


def test_transferred_by_the_seat_and_the_phone_at_once_it_waits_where_it_should():
    """The link breaks, and with it the server's own way to bring the customer there."""
    centre, contact_id = talking()
    channel = agent_channel(centre, contact_id)
    centre.command(s.TransferContact, "1001", contact_id, Target(TargetKind.GROUP, "credit_card"))
    centre.pbx.refer(channel, "4001")
    centre.disconnect()
    centre.connect()
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.group_id, found.on_its_way) == ("queued", "credit_card", False)
    assert centre.pbx.channels[contact_id].context == "cti-wait"


def test_somebody_is_consulted_meanwhile_and_the_customer_is_put_on_hold():
    centre, contact_id = talking()
    seated(centre, "1002")
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "110")
    for source in (channel, contact_id):  # the wish, and that it left the conversation; not yet where it is
        centre.apply(centre.pbx.read(source))
    centre.command(s.ConsultParty, "1001", contact_id, Target(TargetKind.AGENT, "1002"))
    centre.settle()
    assert centre.pbx.channels[contact_id].context == "cti-hold"
    found = contact(centre, contact_id)
    assert (found.state, found.referred_to) == ("consulting", "")


def test_before_the_call_is_known_to_be_answered_it_is_joined_again():
    """The facts of two channels may come in either order."""
    centre = opened()
    seated(centre)
    reply = centre.command(s.Dial, "1001", Target(TargetKind.NUMBER, OUTSIDE))
    assert reply is not None
    assert reply.result is not None
    contact_id = reply.result["contact"]["contact_id"]
    pick_up(centre)
    centre.pbx.customer_answers(contact_id)
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    while contact_id in centre.pbx.sources():
        centre.apply(centre.pbx.read(contact_id))
    assert contact(centre, contact_id).state == "dialling"
    centre.settle()
    assert contact(centre, contact_id).state == "active"
    assert centre.pbx.channels[contact_id].bridge == centre.pbx.channels[channel].bridge != ""


def test_consulting_and_back_with_the_customer_the_phone_passes_on_and_hangs_up():
    """That it is not undone, since the phone is gone, is told only after the colleague was to take over."""
    centre, contact_id = consulting()
    centre.command(s.Alternate, "1001", contact_id)
    centre.settle()
    centre.pbx.announces = True
    channel = agent_channel(centre, contact_id)
    centre.pbx.refer(channel, "4001")
    centre.pbx.hang_up(channel)
    for source in (contact_id, channel):
        while source in centre.pbx.sources():
            centre.apply(centre.pbx.read(source))
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id, found.consult) == ("active", "1002", None)
    assert centre.pbx.channels[contact_id].bridge


@pytest.mark.parametrize("mode", MODES)
def test_while_a_command_is_under_way_the_phone_changes_nothing(mode):
    """What is under way will show; to bring customer and agent together would undo it."""
    centre, contact_id = talking(mode)
    centre.pbx.refer(agent_channel(centre, contact_id), "4001")
    centre.command(s.Hold, "1001", contact_id)
    asked = len(centre.told)
    while centre.pbx.sources():
        centre.apply(centre.pbx.read(centre.pbx.sources()[0]))
    assert "contact.transfer_refused" in kinds(centre, contact_id)
    assert not [x for o in centre.told[asked:] for x in o.effects if isinstance(x, e.Connect)]
    centre.settle()
    assert (contact(centre, contact_id).state, contact(centre, contact_id).agent_id) == ("held", "1001")
