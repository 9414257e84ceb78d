"""What the centre offers to its edges (agent sockets, HTTP): the one interface that `api` knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from cti_server.domain.signals import Command
from cti_server.engine.news import News
from cti_server.errors import CtiError

Listener = Callable[[Sequence[News]], None]
"""Called in order, from the event loop, with what one happening tells the agent; must not block or raise."""


class CommandRefused(CtiError):  # noqa: N818  # likewise
    """The command was not done; `code` is the refusal's (`cti_server.domain.errors`)."""

    def __init__(self, code: str, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.code = code  # type: ignore[misc]  # the one error whose code is not known to its class
        self.retryable = retryable  # type: ignore[misc]  # likewise


class NotLeader(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """This server does not lead (another one does, or the journal is out of reach); nothing was done."""

    code: ClassVar[str] = "not_leader"
    retryable: ClassVar[bool] = True


class JournalUnavailable(CtiError):  # noqa: N818  # likewise
    """The journal (Redis) is out of reach; nothing was done."""

    code: ClassVar[str] = "journal_unavailable"
    retryable: ClassVar[bool] = True


class Overloaded(CtiError):  # noqa: N818  # likewise
    """Too much is waiting to be applied; nothing was done."""

    code: ClassVar[str] = "overloaded"
    retryable: ClassVar[bool] = True


class RequestIdReused(CtiError):  # noqa: N818  # likewise
    """The agent's request id stands for another request already; nothing was done."""

    code: ClassVar[str] = "request_id_reused"


@dataclass(frozen=True, slots=True)
class Resume:
    """Where a client's knowledge ends."""

    epoch: int
    seq: int


@dataclass(frozen=True, slots=True)
class Joined:
    """The answer to a client that attaches: views of now, and what it missed if it could be resumed.

    With `resumed`, `missed` holds every notification after the client's `seq`, without a gap; later ones come
    through the listener. Without, `missed` is empty and `agent` / `contacts` are the snapshot as of `seq`.
    """

    epoch: int
    seq: int
    resumed: bool
    agent: dict[str, Any]
    contacts: list[dict[str, Any]]
    system: dict[str, Any]
    missed: tuple[News, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependency:
    """Health of one thing the server needs: name, whether it works, and a word for people (no secrets)."""

    name: str
    ready: bool
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """For `/health/ready`: ready when every dependency in `required` is."""

    dependencies: tuple[Dependency, ...]
    required: frozenset[str] = field(default_factory=frozenset)

    @property
    def ready(self) -> bool:
        """Whether this server can serve agents now."""
        return all(d.ready for d in self.dependencies if d.name in self.required)


@dataclass(frozen=True, slots=True)
class Figure:
    """One value for `/metrics`. A counter's name ends in `_total`; no personal data in labels."""

    name: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def counts(self) -> bool:
        """Whether it is a counter."""
        return self.name.endswith("_total")


class Centre(Protocol):
    """The running centre, as its edges see it."""

    async def execute(self, command: Command) -> dict[str, Any]:
        """Do a command once and return its result when the outcome is known.

        A command with the agent's own `request_id` of the last 24 h is answered with the first outcome and
        not done again. Raises CommandRefused, NotLeader, JournalUnavailable, Overloaded.
        """

    async def join(self, agent_id: str, listener: Listener, resume: Resume | None) -> Joined:
        """Attach a client of the agent. From here on `listener` gets each notification, gapless after `seq`.

        Raises NotLeader, and CommandRefused `unknown_agent` when the directory does not have the agent.
        """

    async def leave(self, agent_id: str, listener: Listener) -> None:
        """Detach; when it was the agent's last client, the agent counts as disconnected. Never raises."""

    def sequence(self, agent_id: str) -> tuple[int, int]:
        """`(epoch, seq)` of the agent's last notification (for `session.ping`)."""

    def roles(self, agent_id: str) -> tuple[str, ...]:
        """Roles of the person, for authorisation at the edge; empty when unknown.

        Raises NotLeader while that cannot be told: a server that has not recovered yet knows nobody.
        """

    def health(self) -> Health:
        """Readiness by dependency."""

    def figures(self) -> Sequence[Figure]:
        """For `/metrics`, as they are now."""
