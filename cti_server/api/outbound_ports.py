"""What the edge needs for campaigns and messages; bootstrap passes in what implements it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

from cti_server.campaigns.kept import Campaign, Counts, Import, Record, Version
from cti_server.campaigns.model import Change, Settings
from cti_server.messaging.model import Medium, Message


class Campaigns(Protocol):
    """Campaigns, their lists, the do-not-call list. Everything may raise `database_unavailable`."""

    def groups(self) -> frozenset[str]:
        """Every group of the directory."""

    def caller_ids(self) -> frozenset[str]:
        """Numbers of the centre's own that a called party may be shown."""

    async def create(self, name: str, settings: Settings, by: str) -> Campaign:
        """Keep a new campaign."""

    async def campaign(self, campaign_id: str) -> Campaign:
        """Raises UnknownCampaign."""

    async def all(self, groups: frozenset[str] | None) -> Sequence[Campaign]:
        """Those of the groups (None: of all), the newest first."""

    async def change(self, campaign_id: str, what: Change, by: str) -> Campaign:
        """Raises UnknownCampaign, CampaignState, EndInThePast."""

    async def edit(
        self,
        campaign_id: str,
        expected: int,
        wished: Callable[[Campaign], tuple[str, Settings]],
        *,
        author: str,
        why: str,
    ) -> Campaign:
        """Change name and settings to what `wished` makes of the campaign; unchanged: no new version.

        Raises UnknownCampaign, CampaignState, EndInThePast, RegionInUse, `version_conflict`.
        """

    async def versions(self, campaign_id: str) -> Sequence[Version]:
        """The newest first."""

    async def version_of(self, campaign_id: str, version: int) -> tuple[str, Settings] | None:
        """Name and settings as they were."""

    async def counts(self, campaign_id: str) -> Counts:
        """How far it is."""

    async def audited(self, campaign_id: str) -> Sequence[dict[str, Any]]:
        """Rows of `campaign_audit`, the newest first."""

    async def import_list(self, campaign_id: str, pieces: AsyncIterator[bytes], by: str) -> Import:
        """Read a CSV as it comes; `campaign_id` empty for the do-not-call list.

        Raises UnknownCampaign, CampaignState, EmptyList, MissingColumn. Rows kept before a failure stay.
        """

    async def imports(self, campaign_id: str) -> Sequence[Import]:
        """The newest first."""

    async def refused(self, campaign_id: str, import_id: str) -> bytes:
        """The refused rows of an import as CSV. Raises UnknownImport."""

    async def preview(self, campaign: Campaign, agent_id: str) -> Record:
        """The record the agent shall look at. Raises NothingToCall."""

    async def skip(self, campaign: Campaign, record_id: str, agent_id: str) -> None:
        """The agent does not call it. Raises UnknownRecord."""

    async def dial(self, campaign: Campaign, record_id: str, agent_id: str, request_id: str) -> str:
        """Let the agent call the record; the contact's id. Raises UnknownRecord, NothingToCall, NoSeat.

        Raises CommandRefused as `contact.dial` does; the attempt then counts as failed.
        """

    async def forbid(self, number: str, reason: str, by: str) -> None:
        """Put a number on the do-not-call list, if it is not there."""

    async def permit(self, number: str, reason: str, by: str) -> None:
        """Take it off. Raises NotListed."""

    async def forbidden(self, number: str) -> bool:
        """Whether it is listed."""

    async def forbidden_numbers(self) -> tuple[int, Sequence[dict[str, Any]]]:
        """How many there are, and the newest rows in clear: the edge masks them."""


class Messages(Protocol):
    """E-mail and SMS. Everything but `media` and `allows` may raise `database_unavailable`."""

    def media(self) -> frozenset[Medium]:
        """Those that this centre has a provider for."""

    def allows(self, number: str) -> bool:
        """Whether the number is on the allow-list."""

    async def keep(self, wanted: Mapping[str, str], by: str, request_id: str) -> Message:
        """Keep a message (medium, address, subject, body, contact_id). Raises MessageRepeated."""

    async def message(self, message_id: str) -> Message:
        """Raises UnknownMessage."""

    async def of_contact(self, contact_id: str) -> Sequence[Message]:
        """Oldest first."""
