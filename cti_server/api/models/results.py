"""Results of the socket's methods."""

from __future__ import annotations

from pydantic import Field

from cti_server.api.models.fields import (
    Instant,
    Model,
)
from cti_server.api.models.views import (
    AgentView,
    ContactView,
    QueueView,
    SystemView,
    TopicName,
)


class OpenResult(Model):
    """With `resumed` the missed notifications follow at once; `seq` is the last of them."""

    epoch: int
    seq: int
    resumed: bool
    agent: AgentView
    contacts: list[ContactView]
    system: SystemView = Field(description="As of `seq`, also when resumed.")


class SubscribeResult(Model):
    """All topics subscribed to by now, and of those just asked for how it is now."""

    topics: list[TopicName]
    agents: list[AgentView] | None = None
    queues: list[QueueView] | None = None
    contacts: list[ContactView] | None = None


class PingResult(Model):
    """`seq` is the agent's last notification."""

    seq: int
    server_time: Instant


class AgentResult(Model):
    """The agent as it is now."""

    agent: AgentView


class ContactResult(Model):
    """The contact as it is now."""

    contact: ContactView


class TransferResult(Model):
    """The contact as the agent sees it from now on, and the agent, both in after-call work."""

    contact: ContactView
    agent: AgentView


class DialResult(Model):
    """The contact that begins, and the agent, reserved for it."""

    contact: ContactView
    agent: AgentView


class WrapUpResult(Model):
    """The contact, ended, and the agent, free."""

    contact: ContactView
    agent: AgentView
