"""Parameters of the socket's methods."""

from __future__ import annotations

from typing import Any, Self

from pydantic import ConfigDict, Field, NonNegativeInt, model_validator

from cti_server.api.models.fields import (
    DialNumber,
    Digits,
    Identifier,
    JsonData,
    Later,
    Model,
    OptionalWord,
    Sentence,
    TokenText,
    Word,
)
from cti_server.api.models.views import (
    AskableState,
    StationModeName,
    TopicName,
)
from cti_server.domain.target import Target, TargetKind


def _example(**values: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [values]})


class ResumePoint(Model):
    """Where the client's knowledge ends: the last notification it has."""

    epoch: NonNegativeInt
    seq: NonNegativeInt


class OpenParams(Model):
    """`session.open`."""

    model_config = _example(token="eyJhbGciOiJIUzI1NiJ9.e30.c2ln", resume={"epoch": 1, "seq": 42})  # noqa: S106  # no token

    token: TokenText = Field(repr=False)
    resume: ResumePoint | None = None


class NoParams(Model):
    """None."""

    model_config = _example()


class SignInParams(Model):
    """`agent.sign_in`."""

    model_config = _example(station="1001", station_mode="on_demand", take_over=False)

    station: Word = Field(
        description="The phone's extension, or `browser` for the phone in the agent's page."
    )
    station_mode: StationModeName = "on_demand"
    take_over: bool = Field(default=False, description="Move the seat here from another live session.")


class SignOutParams(Model):
    """`agent.sign_out`."""

    model_config = _example(reason="end_of_shift")

    reason: OptionalWord = ""


class SetStateParams(Model):
    """`agent.set_state`."""

    model_config = _example(state="not_ready", reason="break")

    state: AskableState
    reason: OptionalWord = ""


class ContactParams(Model):
    """A command on one contact."""

    model_config = _example(contact_id="pbx-a-1795282224.12")

    contact_id: Identifier


class GroupTarget(Model):
    """Whoever of a group is free."""

    group: Word


class AgentTarget(Model):
    """One agent."""

    agent_id: Word


class NumberTarget(Model):
    """A number outside the centre."""

    number: DialNumber = Field(repr=False)


TargetChoice = GroupTarget | AgentTarget | NumberTarget
"""Exactly one of the three."""


def target(chosen: TargetChoice) -> Target:
    """The domain's form of it."""
    ((key, value),) = chosen.model_dump().items()
    return Target(TargetKind(key), value)


class ConsultParams(Model):
    """`contact.consult`."""

    model_config = _example(contact_id="pbx-a-1795282224.12", to={"agent_id": "1002"})

    contact_id: Identifier
    to: TargetChoice


class TransferParams(Model):
    """`contact.transfer`."""

    model_config = _example(contact_id="pbx-a-1795282224.12", to={"group": "credit_card"})

    contact_id: Identifier
    to: TargetChoice


class DialParams(Model):
    """`contact.dial`: exactly one of `number` and `agent_id`."""

    model_config = _example(number="13900000001", group="general", data={"reason": "call_back"})

    number: DialNumber | None = Field(default=None, repr=False)
    agent_id: Word | None = None
    group: Word | None = Field(
        default=None, description="For whom you call: whose number is shown. Left out: your first group."
    )
    campaign: Word | None = None
    data: JsonData = Field(default_factory=dict, description="The contact's attached data.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.number is None) == (self.agent_id is None):
            raise ValueError("name either number or agent_id")
        return self

    def to(self) -> Target:
        """Whom to call."""
        if self.number is not None:
            return Target(TargetKind.NUMBER, self.number)
        return Target(TargetKind.AGENT, self.agent_id or "")


class DropLegParams(Model):
    """`contact.drop_leg`."""

    model_config = _example(contact_id="pbx-a-1795282224.12", leg_id="leg-3")

    contact_id: Identifier
    leg_id: Identifier


class TopicsParams(Model):
    """`subscribe` and `unsubscribe`."""

    model_config = _example(topics=["agents", "queues"])

    topics: list[TopicName] = Field(min_length=1, max_length=8)


class SuperviseParams(Model):
    """`supervisor.listen` and its like: whose conversation, by agent or by contact."""

    model_config = _example(agent_id="1002")

    agent_id: Word | None = None
    contact_id: Identifier | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.agent_id is None) == (self.contact_id is None):
            raise ValueError("name either agent_id or contact_id")
        return self


class ForceStateParams(Model):
    """`supervisor.set_agent_state`."""

    model_config = _example(agent_id="1002", state="not_ready", reason="training")

    agent_id: Word
    state: AskableState
    reason: OptionalWord = ""


class ForceSignOutParams(Model):
    """`supervisor.sign_out_agent`."""

    model_config = _example(agent_id="1002", reason="left_the_desk")

    agent_id: Word
    reason: OptionalWord = ""


class SendDtmfParams(Model):
    """`contact.send_dtmf`. The digits are kept nowhere."""

    model_config = _example(contact_id="pbx-a-1795282224.12", digits="1#")

    contact_id: Identifier
    digits: Digits = Field(repr=False)


class SetDataParams(Model):
    """`contact.set_data`."""

    model_config = _example(contact_id="pbx-a-1795282224.12", data={"card_type": "credit", "draft": None})

    contact_id: Identifier
    data: JsonData = Field(description="Merged into the attached data; null removes a key.")


class WrapUpParams(Model):
    """`contact.wrap_up`."""

    model_config = _example(
        contact_id="pbx-a-1795282224.12", disposition="resolved", summary="Card unblocked", next_state="ready"
    )

    contact_id: Identifier
    disposition: Word
    summary: Sentence = ""
    next_state: AskableState | None = Field(
        default=None, description="Left out: the pending state, else ready."
    )
    call_back_at: Later | None = Field(
        default=None,
        description="When a campaign shall call again; with a disposition that says `call_back`.",
    )
