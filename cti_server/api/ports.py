"""What the edge needs from elsewhere, as Protocols; bootstrap passes in what implements them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cti_server.domain.audience import Reach
from cti_server.domain.doubts import Sound
from cti_server.domain.settings import Change, RoutingSettings
from cti_server.reports.resolution import Resolution
from cti_server.reports.work import Work

Made = TypeVar("Made")
Shown = TypeVar("Shown")


class Credentials(Protocol):
    """Knows agents' passwords."""

    async def verify(self, agent_id: str, password: str) -> bool:
        """Whether the agent exists, is enabled and has this password; takes the same time either way.

        Raises the store's error (`database_unavailable`, retryable) when it cannot be known.
        """


class OneTimeStore(Protocol):
    """Remembers what was used once. Raises AuthStoreUnavailable when it cannot."""

    async def use(self, token_id: str, lifetime: float) -> bool:
        """True the first time, False ever after; may forget after `lifetime` seconds."""


class LoginGuard(Protocol):
    """Refuses logins after repeated failures. Raises AuthStoreUnavailable when it cannot count.

    Failures count for the account at the address they come from, so that a stranger elsewhere keeps nobody
    out; and, more of them and for less long, for the account at all addresses from which nobody ever logged
    in to it. Every attempt is counted before the password is looked at, so that parallel guesses count too.
    """

    async def attempt(self, agent_id: str, address: str) -> float:
        """Count an attempt. 0 when it may go on, else the seconds until the account is open again."""

    async def succeeded(self, agent_id: str, address: str) -> None:
        """The password was right: forget the failures there, and remember the address."""

    async def undecided(self, agent_id: str, address: str) -> None:
        """The password could not be checked: that attempt does not count."""


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """Which contacts of the interaction log, newest first."""

    seen: Reach | None = None
    """What may be seen: contacts of its groups, and those in which its agent had a part; None: all."""
    agent_id: str | None = None
    group_id: str | None = None
    state: str | None = None
    arrived_from: datetime | None = None
    arrived_to: datetime | None = None
    limit: int = 50
    cursor: str | None = None
    """`ContactPage.next_cursor` of the page before."""


@dataclass(frozen=True, slots=True)
class ContactPage:
    """One page; the rows have the columns of the table `contacts`, instants as aware datetimes."""

    rows: Sequence[dict[str, Any]]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Team:
    """What a team leader leads: groups, their agents and their service numbers."""

    groups: frozenset[str]
    agents: frozenset[str]
    numbers: frozenset[str]


class PastContacts(Protocol):
    """What a customer had to do with the centre before."""

    async def past(self, contact_id: str, seen: Reach, limit: int) -> Sequence[dict[str, Any]]:
        """Rows of the same customer's earlier contacts, the newest first; none without a number.

        `seen`: what the person may see who asks; or it has to have the contact, or be offered it. Raises
        ContactNotFound, ContactOfAnother, ContactOfAnotherGroup, the store's `database_unavailable`.
        """


class Reports(Protocol):
    """What reports are made of. Raises `database_unavailable`."""

    async def worked_out(self, work: Work[Made], shown: Callable[[Made], Shown]) -> Shown:
        """`shown` of what `work` makes of all that happened in its time, stored or not yet.

        Both go to another process, pickled. It may take many seconds, in which all others are served as ever.
        """

    async def resolved(
        self, start: datetime, until: datetime, within: timedelta, now: datetime
    ) -> Mapping[str, Resolution]:
        """By agent: see `reports.resolution`. As long, and as little in others' way."""

    def knows(self, agent_id: str) -> bool:
        """Whether the directory has somebody with that id."""

    def team(self, agent_id: str) -> Team:
        """Whom and what the person leads; empty for whom there is nothing."""


WallboardListener = Callable[[str, dict[str, Any]], None]
"""Called with a watcher's agent id and its new wallboard; must not block or raise."""


class Wallboard(Protocol):
    """Live figures."""

    def listen(self, tell: WallboardListener) -> None:
        """`tell` gets each subscriber's wallboard when it has changed, at most once a second."""

    async def view(self, agent_id: str) -> dict[str, Any]:
        """The wallboard as the person sees it now."""


@dataclass(frozen=True, slots=True)
class RoutingVersion:
    """A version of the routing settings, with its changes against the one before."""

    version: int
    at: datetime
    author: str
    why: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class RoutingSaved:
    """A version just made; whether the running centre lives by it already."""

    version: RoutingVersion
    in_effect: bool


class Routing(Protocol):
    """The routing settings and all their versions. Raises `database_unavailable`."""

    async def current(self) -> tuple[int, RoutingSettings]:
        """The settings in force and their version."""

    async def save(self, expected: int, settings: RoutingSettings, *, author: str, why: str) -> RoutingSaved:
        """Make checked settings those in force. Raises `version_conflict`, `not_leader`: nothing was done."""

    async def versions(self, limit: int, before: int | None) -> Sequence[RoutingVersion]:
        """The newest first."""

    async def settings_of(self, version: int) -> RoutingSettings | None:
        """Those of a version, None when there is none."""

    async def missing(self, wanted: Collection[Sound]) -> frozenset[Sound]:
        """Sounds that a PBX node is known to lack."""


class InteractionLog(Protocol):
    """The interaction log (REQUIREMENTS G4). Raises `database_unavailable`, `invalid_cursor`."""

    async def contacts(self, query: ContactQuery) -> ContactPage:
        """One page of contacts, numbers in clear: the edge masks them."""

    async def contact(self, contact_id: str) -> dict[str, Any] | None:
        """One contact's row, or None."""

    async def contact_story(self, contact_id: str) -> Sequence[dict[str, Any]]:
        """Rows of `contact_events` of the contact, oldest first."""


class Voicemails(Protocol):
    """Messages that customers left. Raises `database_unavailable`.

    Rows have the columns of the table `voicemails`, and `path` and `duration_s` of the recording (None until
    it was taken in); instants are aware datetimes, numbers in clear.
    """

    async def listed(
        self, groups: Collection[str] | None, state: str | None, limit: int
    ) -> Sequence[Mapping[str, Any]]:
        """The newest first, of these groups; None: of all."""

    async def found(self, contact_id: str) -> Mapping[str, Any] | None:
        """One message, or None."""

    async def audio(self, contact_id: str, agent_id: str) -> Path | None:
        """Its recording, noted as heard by that person; None when there is none (yet)."""

    async def take_on(self, contact_id: str, agent_id: str, *, by: str, from_others: bool) -> bool:
        """False when it is handled, or another's and stays so."""

    async def handle(self, contact_id: str, agent_id: str, note: str, *, any_ones: bool) -> bool:
        """False when it is handled already, or another's."""
