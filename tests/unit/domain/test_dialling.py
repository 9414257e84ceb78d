"""Calls the centre makes: the agent's phone first, then the customer's; what comes of it, what is refused."""

from typing import TypeVar

import pytest

from cti_server.domain import effects as e
from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from cti_server.domain.rules.operations import OPERATION_TIME
from cti_server.domain.target import Target, TargetKind
from tests.fakes.pbx import BUSY, NO_ANSWER, NORMAL, OUT_OF_ORDER
from tests.unit.domain import centre as c
from tests.unit.domain.centre import Centre
from tests.unit.domain.scenes import (
    MODES,
    ON_DEMAND,
    PERSISTENT,
    accepted,
    agent,
    agent_channel,
    called,
    code,
    contact,
    events,
    kinds,
    opened,
    pick_up,
    ringing,
    seated,
    talking,
)

OUTSIDE = "13900000001"
T = TypeVar("T", bound=e.Effect)
NUMBER = Target(TargetKind.NUMBER, OUTSIDE)


def asked(centre: Centre, agent_id: str = "1001", to: Target = NUMBER, **more) -> str:
    """The agent dials; the id in the answer."""
    reply = centre.command(s.Dial, agent_id, to, **more)
    assert reply is not None
    assert reply.result is not None, reply.error_code
    return str(reply.result["contact"]["contact_id"])


def dialling(mode: str = PERSISTENT, *, ready: bool = True) -> tuple[Centre, str]:
    """The customer's phone rings."""
    centre = opened()
    seated(centre, mode=mode, ready=ready)
    contact_id = asked(centre)
    pick_up(centre)
    return centre, contact_id


def dialled(mode: str = PERSISTENT) -> tuple[Centre, str]:
    """The customer talks."""
    centre, contact_id = dialling(mode)
    centre.pbx.customer_answers(contact_id)
    centre.settle()
    return centre, contact_id


def effects(centre: Centre, kind: type[T]) -> list[T]:
    return [x for o in centre.told for x in o.effects if isinstance(x, kind)]


@pytest.mark.parametrize("mode", MODES)
def test_the_agents_phone_first_then_the_customers(mode):
    centre = opened()
    seated(centre, mode=mode)
    contact_id = asked(centre, data={"reason": "loan"}, group_id="general")
    found = contact(centre, contact_id)
    assert (found.state, found.direction, found.data) == ("dialling", "outbound", {"reason": "loan"})
    assert agent(centre).state == "reserved"
    assert bool(effects(centre, e.CallCustomer)) == (mode == PERSISTENT)
    pick_up(centre)
    (call,) = effects(centre, e.CallCustomer)
    assert (call.channel, call.number, call.agent_channel) == (
        contact_id,
        OUTSIDE,
        agent_channel(centre, contact_id),
    )
    assert OUTSIDE not in repr(call)
    centre.pbx.customer_answers(contact_id)
    centre.settle()
    assert (contact(centre, contact_id).state, agent(centre).state) == ("active", "talking")
    assert contact(centre, contact_id).recording == "recording"
    centre.pbx.hang_up(contact_id)
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason) == ("wrap_up", "customer_hung_up")
    assert code(centre, s.WrapUp, "1001", contact_id, "sold") is None
    assert agent(centre).state == "ready"
    assert kinds(centre, contact_id)[-1] == "contact.wrapped_up"
    assert "contact.queued" not in kinds(centre, contact_id)
    assert OUTSIDE not in str([(o.notifications) for o in centre.told])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("cause", "reason"),
    [(BUSY, "busy"), (NO_ANSWER, "no_answer"), (21, "rejected"), (1, "invalid_number"), (34, "not_reached")],
)
def test_called_in_vain(mode, cause, reason):
    centre, contact_id = dialling(mode)
    centre.pbx.hang_up(contact_id, cause)
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason, agent(centre).state) == ("wrap_up", reason, "wrap_up")
    (tone,) = effects(centre, e.PlayOutcome)
    assert tone.busy is (reason == "busy")
    assert not ringing(centre)
    assert code(centre, s.WrapUp, "1001", contact_id, "try_again") is None
    assert agent(centre).state == "ready"
    assert found.connected_at is None
    centre.settle()
    waiting = called(centre)
    accepted(centre, waiting)
    assert contact(centre, waiting).state == "active"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ready", [True, False])
def test_given_up_by_the_agent(mode, ready):
    centre, contact_id = dialling(mode, ready=ready)
    assert code(centre, s.HangUp, "1001", contact_id) is None
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason) == ("wrap_up", "cancelled")
    assert centre.replies[centre.commands[-1]][0].result is not None
    assert contact_id not in centre.pbx.channels
    assert code(centre, s.WrapUp, "1001", contact_id, "later") is None
    assert agent(centre).state == ("ready" if ready else "not_ready")


@pytest.mark.parametrize(
    ("effect", "failure", "over"),
    [
        ("CallCustomer", "pbx_refused", True),
        ("CallCustomer", "outcome_unknown", False),
        ("HangUpChannel", "pbx_refused", False),
    ],
)
def test_it_is_over_only_when_the_pbx_says_that_it_could_not_call(effect, failure, over):
    centre, contact_id = dialling()
    centre.apply(s.EffectFailed(centre.now, "pbx-a", effect, contact_id, failure))
    centre.pass_time(OPERATION_TIME + 1)
    assert (contact(centre, contact_id).state == "wrap_up") is over
    assert (e.Resync("pbx-a") in effects(centre, e.Resync)) is not over


def test_given_up_before_the_own_phone_was_picked_up():
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = asked(centre)
    reply = centre.command(s.HangUp, "1001", contact_id)
    assert reply is not None
    assert reply.result is not None
    assert reply.result["contact"]["end_reason"] == "cancelled"
    centre.settle()
    assert not centre.pbx.channels
    assert agent(centre).state == "ready"
    assert not effects(centre, e.CallCustomer)


def test_a_look_at_the_pbx_before_anybody_is_called_ends_nothing():
    """There is no customer's channel yet that could be missed."""
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = asked(centre)
    centre.settle()
    centre.disconnect()
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state == "dialling"
    pick_up(centre)
    assert len(effects(centre, e.CallCustomer)) == 1


@pytest.mark.parametrize("how", ["refused", "not_answered", "not_registered"])
def test_the_own_phone_does_not_answer(how):
    centre = opened()
    seated(centre, mode=ON_DEMAND)
    contact_id = asked(centre)
    if how == "not_registered":
        centre.pbx.registered.discard("1001")
    centre.settle()
    if how == "refused":
        centre.pbx.refuse(ringing(centre)[0])
    elif how == "not_answered":
        centre.pass_time(21)
    centre.settle()
    assert contact_id not in centre.state.contacts
    assert (agent(centre).state, agent(centre).reason in ("no_answer", "station_no_answer")) == (
        "not_ready",
        True,
    )
    assert not effects(centre, e.CallCustomer)
    assert kinds(centre, contact_id)[-1] == "contact.ended"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("cause", "reason"), [(NORMAL, "cancelled"), (OUT_OF_ORDER, "station_lost")])
def test_the_agents_phone_leaves_while_the_customers_rings(mode, cause, reason):
    centre, contact_id = dialling(mode)
    centre.pbx.hang_up(agent_channel(centre, contact_id), cause)
    centre.settle()
    assert contact_id not in centre.pbx.channels
    assert (contact(centre, contact_id).state, contact(centre, contact_id).end_reason) == ("wrap_up", reason)
    code(centre, s.WrapUp, "1001", contact_id, "done")
    assert agent(centre).state == ("not_ready" if mode == PERSISTENT else "ready")


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_dies_while_it_rings(mode):
    centre, contact_id = dialling(mode)
    centre.restart()
    centre.pbx.customer_answers(contact_id)
    centre.connect()
    centre.settle()
    assert (contact(centre, contact_id).state, agent(centre).state) == ("active", "talking")
    assert code(centre, s.Hold, "1001", contact_id) is None
    centre.settle()
    assert contact(centre, contact_id).state == "held"


@pytest.mark.parametrize("mode", MODES)
def test_a_server_that_dies_while_it_rings_in_vain(mode):
    centre, contact_id = dialling(mode)
    centre.restart()
    centre.pbx.hang_up(contact_id, BUSY)
    centre.connect()
    centre.settle()
    centre.pass_time(6)
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason) == ("wrap_up", "gone_unseen")


def test_a_server_that_dies_before_the_customer_is_called():
    centre = opened()
    seated(centre)
    contact_id = asked(centre)
    centre.restart()
    centre.connect()
    centre.settle()
    assert contact(centre, contact_id).state == "dialling"
    centre.pass_time(6)
    centre.settle()
    assert contact(centre, contact_id).end_reason == "gone_unseen"
    assert contact_id not in centre.pbx.channels


def test_a_customer_who_answers_when_the_agents_phone_is_gone_waits_for_another():
    centre, contact_id = dialling()
    seated(centre, "1002")
    centre.disconnect()
    centre.pbx.hang_up(agent_channel(centre, contact_id))
    centre.pbx.customer_answers(contact_id)
    centre.pbx.on_its_own(contact_id)
    centre.connect()
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id) == ("offered", "1002")
    assert (agent(centre).state, agent(centre).reason) == ("not_ready", "station_lost")


def test_a_call_that_asterisk_cannot_make():
    centre = opened()
    seated(centre)
    contact_id = asked(centre)
    centre.pbx.effects.clear()
    centre.apply(s.EffectFailed(centre.now, "pbx-a", "CallCustomer", contact_id, "pbx_refused"))
    centre.pass_time(1.5)
    centre.settle()
    found = contact(centre, contact_id)
    assert (found.state, found.end_reason) == ("wrap_up", "not_reached")


def test_on_hold_transferred_consulted_like_any_contact():
    centre, contact_id = dialled()
    for kind in (s.Hold, s.Retrieve, s.MuteMicrophone, s.UnmuteMicrophone):
        assert code(centre, kind, "1001", contact_id) is None
        centre.settle()
    assert code(centre, s.SetData, "1001", contact_id, {"a": 1}) is None
    seated(centre, "1003")
    assert (
        code(centre, s.TransferContact, "1001", contact_id, Target(TargetKind.GROUP, "credit_card")) is None
    )
    centre.settle()
    accepted(centre, contact_id, "1003")
    found = contact(centre, contact_id)
    assert (found.state, found.agent_id, found.direction, found.data) == (
        "active",
        "1003",
        "outbound",
        {"a": 1},
    )


def test_whose_number_is_shown():
    centre = opened()
    rules = OutsideRules(caller_ids={"credit_card": "4001"}, default_caller_id="4000")
    centre.apply(s.DirectoryLoaded(centre.now, c.AGENTS, c.GROUPS, dict(c.NUMBERS), c.STATIONS, rules))
    for agent_id, group, shown in (("1001", "", "4000"), ("1002", "credit_card", "4001")):
        seated(centre, agent_id)
        contact_id = asked(centre, agent_id, group_id=group)
        assert effects(centre, e.CallCustomer)[-1].shown == shown
        assert contact(centre, contact_id).service_number == shown


@pytest.mark.parametrize(
    ("group", "refusal"), [("nobodys", "unknown_group"), ("credit_card", "not_your_group")]
)
def test_for_whom_one_may_call(group, refusal):
    centre = opened()
    seated(centre)
    assert code(centre, s.Dial, "1001", NUMBER, group) == refusal


def test_refused_in_every_other_state():
    centre = opened()
    assert code(centre, s.Dial, "nobody", NUMBER) == "unknown_agent"
    assert code(centre, s.Dial, "1001", NUMBER) == "not_signed_in"
    seated(centre)
    assert code(centre, s.Dial, "1001", Target(TargetKind.NUMBER, "110")) == "number_not_allowed"
    centre.pbx.hang_up(centre.state.stations["1001"].channel or "")
    centre.settle()
    assert code(centre, s.Dial, "1001", NUMBER) == "station_not_registered"
    assert code(centre, s.Dial, "1001", NUMBER, "", "", {"a": "x" * 40_000}) == "station_not_registered"
    centre, _ = talking()
    assert code(centre, s.Dial, "1001", NUMBER) == "contact_in_progress"
    centre, contact_id = dialling()
    assert code(centre, s.Dial, "1001", NUMBER) == "contact_in_progress"
    assert code(centre, s.Hold, "1001", contact_id) == "action_not_allowed"
    centre = opened()
    seated(centre)
    assert code(centre, s.Dial, "1001", NUMBER, "", "", {"a": "x" * 40_000}) == "data_too_large"
    assert not agent(centre).outside_calls
    centre.disconnect()
    assert code(centre, s.Dial, "1001", NUMBER) == "pbx_unavailable"


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        (OutsideRules(agent_calls_per_hour=1), "agent_cap_reached"),
        (OutsideRules(calls_per_minute=1), "centre_cap_reached"),
    ],
)
def test_caps(rules, refusal):
    centre = opened()
    centre.apply(s.DirectoryLoaded(centre.now, c.AGENTS, c.GROUPS, dict(c.NUMBERS), c.STATIONS, rules))
    seated(centre)
    contact_id = asked(centre)
    centre.settle()
    code(centre, s.HangUp, "1001", contact_id)
    centre.settle()
    code(centre, s.WrapUp, "1001", contact_id, "done")
    assert code(centre, s.Dial, "1001", NUMBER) == refusal
    centre.pass_time(3601)
    assert asked(centre)


def test_what_the_agent_is_told():
    centre, contact_id = dialling(ON_DEMAND)
    assert events(centre)[-2:] == ["contact.dialling", "contact.dialling"]
    centre.pbx.customer_answers(contact_id)
    centre.settle()
    assert "contact.connected" in events(centre)
