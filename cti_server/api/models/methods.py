"""The one table of methods: name → models, roles, command. Nothing else decides what a client may call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cti_server.api.models import params as p
from cti_server.api.models import results as r
from cti_server.api.models.fields import Model
from cti_server.domain import signals as s
from cti_server.domain.audience import Matter, Topic, roles_for

SEAT_ROLES = frozenset({"agent", "team_leader"})
"""Who works contacts from a seat."""
SUPERVISORS = roles_for(Matter.LISTENING)
WATCHERS = roles_for(*Topic)
LEADERS = roles_for(Matter.LEADING)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a command comes from: time (epoch seconds), the client's request id, the agent."""

    at: float
    request_id: str
    agent_id: str


CommandFactory = Callable[[Origin, Any], s.Command]


@dataclass(frozen=True, slots=True)
class Method:
    """One method. Without `command` the session itself answers; with one, the session needs the seat."""

    name: str
    does: str
    params: type[Model]
    result: type[Model]
    roles: frozenset[str] = frozenset()
    """One of these is needed; empty: anybody with a session."""
    command: CommandFactory | None = None
    seatless: bool = False
    """A command that needs no seat: any session of the person may ask."""


def _sign_in(origin: Origin, params: p.SignInParams) -> s.Command:
    return s.SignIn(origin.at, origin.request_id, origin.agent_id, params.station, params.station_mode)


def _sign_out(origin: Origin, params: p.SignOutParams) -> s.Command:
    return s.SignOut(origin.at, origin.request_id, origin.agent_id, params.reason)


def _set_state(origin: Origin, params: p.SetStateParams) -> s.Command:
    return s.SetState(origin.at, origin.request_id, origin.agent_id, params.state, params.reason)


def _on_contact(command: type[s.ContactCommand]) -> CommandFactory:
    def factory(origin: Origin, params: p.ContactParams) -> s.Command:
        return command(origin.at, origin.request_id, origin.agent_id, params.contact_id)

    return factory


def _set_data(origin: Origin, params: p.SetDataParams) -> s.Command:
    return s.SetData(origin.at, origin.request_id, origin.agent_id, params.contact_id, params.data)


def _consult(origin: Origin, params: p.ConsultParams) -> s.Command:
    to = p.target(params.to)
    return s.ConsultParty(origin.at, origin.request_id, origin.agent_id, params.contact_id, to)


def _drop_leg(origin: Origin, params: p.DropLegParams) -> s.Command:
    return s.DropLeg(origin.at, origin.request_id, origin.agent_id, params.contact_id, params.leg_id)


def _transfer(origin: Origin, params: p.TransferParams) -> s.Command:
    to = p.target(params.to)
    return s.TransferContact(origin.at, origin.request_id, origin.agent_id, params.contact_id, to)


def _dial(origin: Origin, params: p.DialParams) -> s.Command:
    return s.Dial(
        origin.at,
        origin.request_id,
        origin.agent_id,
        params.to(),
        params.group or "",
        params.campaign or "",
        params.data,
    )


def _send_dtmf(origin: Origin, params: p.SendDtmfParams) -> s.Command:
    return s.SendDtmf(origin.at, origin.request_id, origin.agent_id, params.contact_id, params.digits)


def _wrap_up(origin: Origin, params: p.WrapUpParams) -> s.Command:
    return s.WrapUp(
        origin.at,
        origin.request_id,
        origin.agent_id,
        params.contact_id,
        params.disposition,
        params.summary,
        params.next_state or "",
        params.call_back_at or "",
    )


def _seat(name: str, does: str, params: type[Model], result: type[Model], command: CommandFactory) -> Method:
    roles = SEAT_ROLES | SUPERVISORS if name.startswith("agent.") else SEAT_ROLES
    return Method(name, does, params, result, roles, command)


def _call(name: str, does: str, command: type[s.ContactCommand]) -> Method:
    return _seat(name, does, p.ContactParams, r.ContactResult, _on_contact(command))


def _supervise(mode: str) -> CommandFactory:
    def factory(origin: Origin, params: p.SuperviseParams) -> s.Command:
        return s.SuperviseParty(
            origin.at,
            origin.request_id,
            origin.agent_id,
            mode,
            params.agent_id or "",
            params.contact_id or "",
        )

    return factory


def _stop(origin: Origin, _: p.NoParams) -> s.Command:
    return s.StopSupervising(origin.at, origin.request_id, origin.agent_id)


def _force_state(origin: Origin, params: p.ForceStateParams) -> s.Command:
    return s.ForceState(
        origin.at, origin.request_id, origin.agent_id, params.agent_id, params.state, params.reason
    )


def _force_sign_out(origin: Origin, params: p.ForceSignOutParams) -> s.Command:
    return s.ForceSignOut(origin.at, origin.request_id, origin.agent_id, params.agent_id, params.reason)


def _over(mode: str, does: str, roles: frozenset[str]) -> Method:
    result = r.ContactResult if mode == "intercept" else r.AgentResult
    return Method(f"supervisor.{mode}", does, p.SuperviseParams, result, roles, _supervise(mode))


def _topics(command: type[s.Subscribe | s.Unsubscribe]) -> CommandFactory:
    def factory(origin: Origin, params: p.TopicsParams) -> s.Command:
        return command(origin.at, origin.request_id, origin.agent_id, tuple(params.topics))

    return factory


SESSION_OPEN = "session.open"
SESSION_PING = "session.ping"
SIGN_IN = "agent.sign_in"

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method(
            SESSION_OPEN, "Opens the session; the first request, within 10 s.", p.OpenParams, r.OpenResult
        ),
        Method(SESSION_PING, "Where the session stands.", p.NoParams, r.PingResult),
        _seat(SIGN_IN, "Takes a seat at a station.", p.SignInParams, r.AgentResult, _sign_in),
        _seat("agent.sign_out", "Leaves the seat.", p.SignOutParams, r.AgentResult, _sign_out),
        _seat("agent.set_state", "Changes the work state.", p.SetStateParams, r.AgentResult, _set_state),
        _call("contact.accept", "Takes the offered contact; answered when connected.", s.Accept),
        _call("contact.reject", "Sends the offered contact back.", s.Reject),
        _call("contact.hold", "Puts the customer on hold.", s.Hold),
        _call("contact.retrieve", "Takes the customer back.", s.Retrieve),
        _call("contact.identify", "The customer types card and PIN to the machine.", s.Identify),
        _call("contact.hang_up", "Ends the conversation.", s.HangUp),
        _seat("contact.consult", "Asks a third party.", p.ConsultParams, r.ContactResult, _consult),
        _call("contact.alternate", "Talks to the other one of the two.", s.Alternate),
        _call(
            "contact.complete_transfer",
            "Customer and third party talk, the agent leaves.",
            s.CompleteTransfer,
        ),
        _call("contact.cancel_consult", "The customer comes back, the third party leaves.", s.CancelConsult),
        _call("contact.conference", "Everybody hears everybody.", s.Conference),
        _seat("contact.drop_leg", "Takes a party out.", p.DropLegParams, r.ContactResult, _drop_leg),
        _seat("contact.transfer", "Passes the customer on.", p.TransferParams, r.TransferResult, _transfer),
        _seat("contact.dial", "Calls somebody.", p.DialParams, r.DialResult, _dial),
        _call("contact.mute", "Nobody hears the agent.", s.MuteMicrophone),
        _call("contact.unmute", "The agent is heard again.", s.UnmuteMicrophone),
        _seat("contact.send_dtmf", "Presses keys.", p.SendDtmfParams, r.ContactResult, _send_dtmf),
        _call("recording.pause", "Records silence from here on.", s.RecordingPause),
        _call("recording.resume", "Records again.", s.RecordingResume),
        Method(
            "subscribe",
            "Tells of every change from now on.",
            p.TopicsParams,
            r.SubscribeResult,
            WATCHERS,
            _topics(s.Subscribe),
            seatless=True,
        ),
        Method(
            "unsubscribe",
            "Tells no more.",
            p.TopicsParams,
            r.SubscribeResult,
            WATCHERS,
            _topics(s.Unsubscribe),
            seatless=True,
        ),
        _over("listen", "Hears a conversation, unheard.", SUPERVISORS),
        _over("whisper", "Speaks to the agent only.", LEADERS),
        _over("barge", "Speaks to agent and customer.", LEADERS),
        _over("intercept", "Takes the contact over.", LEADERS),
        Method("supervisor.stop", "Leaves the conversation.", p.NoParams, r.AgentResult, SUPERVISORS, _stop),
        Method(
            "supervisor.set_agent_state",
            "Sets another agent's work state.",
            p.ForceStateParams,
            r.AgentResult,
            LEADERS,
            _force_state,
            seatless=True,
        ),
        Method(
            "supervisor.sign_out_agent",
            "Signs another agent out.",
            p.ForceSignOutParams,
            r.AgentResult,
            LEADERS,
            _force_sign_out,
            seatless=True,
        ),
        _seat("contact.set_data", "Merges attached data.", p.SetDataParams, r.ContactResult, _set_data),
        _seat("contact.wrap_up", "Ends after-call work.", p.WrapUpParams, r.WrapUpResult, _wrap_up),
    )
}
