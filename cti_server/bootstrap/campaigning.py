"""What the edge asks about campaigns: the store's own functions, and the world for groups."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from cti_server.campaigns.errors import NoSeat
from cti_server.campaigns.kept import Campaign, Counts, Import, Record, Version
from cti_server.campaigns.lists import ListReader, as_csv
from cti_server.campaigns.model import Change, Outcome, Settings
from cti_server.dialler.dialler import attached, new_attempt
from cti_server.domain import signals as s
from cti_server.domain.state import WorldState
from cti_server.domain.target import Target, TargetKind
from cti_server.engine.port import CommandRefused
from cti_server.errors import CtiError
from cti_server.store import campaign_lists, campaign_settings, campaigns, dialling, do_not_call, previews
from cti_server.store.database import Database

Execute = Callable[[s.Command], Awaitable[dict[str, Any]]]
Clock = Callable[[], float]
BATCH = 500
"""Rows kept in one transaction."""
log = structlog.get_logger(__name__)


class StoredCampaigns:
    """`api.outbound_ports.Campaigns`."""

    def __init__(
        self, database: Database, state: Callable[[], WorldState], execute: Execute, clock: Clock = time.time
    ) -> None:
        self._database, self._state, self._execute, self._clock = database, state, execute, clock

    def groups(self) -> frozenset[str]:
        """See the port."""
        return frozenset(self._state().groups)

    def caller_ids(self) -> frozenset[str]:
        """See the port."""
        state = self._state()
        shown = {state.outside.default_caller_id, *state.outside.caller_ids.values(), *state.service_numbers}
        return frozenset(shown - {""})

    async def create(self, name: str, settings: Settings, by: str) -> Campaign:
        """See the port."""
        return await campaigns.create(self._database, name, settings, by)

    async def campaign(self, campaign_id: str) -> Campaign:
        """See the port."""
        return await campaigns.campaign(self._database, campaign_id)

    async def all(self, groups: frozenset[str] | None) -> Sequence[Campaign]:
        """See the port."""
        return await campaigns.list_campaigns(self._database, groups)

    async def change(self, campaign_id: str, what: Change, by: str) -> Campaign:
        """See the port."""
        return await campaigns.change(self._database, campaign_id, what, by)

    async def edit(
        self, campaign_id: str, expected: int, wished: campaign_settings.Edit, *, author: str, why: str
    ) -> Campaign:
        """See the port."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        return await campaign_settings.edit(
            self._database, campaign_id, expected, wished, author=author, why=why, now=now
        )

    async def versions(self, campaign_id: str) -> Sequence[Version]:
        """See the port."""
        return await campaign_settings.versions(self._database, campaign_id)

    async def version_of(self, campaign_id: str, version: int) -> tuple[str, Settings] | None:
        """See the port."""
        return await campaign_settings.version_of(self._database, campaign_id, version)

    async def counts(self, campaign_id: str) -> Counts:
        """See the port."""
        return await campaigns.counts(self._database, campaign_id)

    async def audited(self, campaign_id: str) -> Sequence[dict[str, Any]]:
        """See the port."""
        return await campaigns.audited(self._database, campaign_id)

    async def import_list(self, campaign_id: str, pieces: AsyncIterator[bytes], by: str) -> Import:
        """See the port."""
        under_way = _Importing(
            self._database, self._reader(await self._settings(campaign_id)), campaign_id, by
        )
        return await under_way.run(pieces)

    async def _settings(self, campaign_id: str) -> Settings | None:
        if campaign_id == campaign_lists.DNC:
            return None
        return (await self.campaign(campaign_id)).settings

    def _reader(self, settings: Settings | None) -> ListReader:
        if settings is None:
            return ListReader(lambda _: True, None)
        return ListReader(self._state().outside.allows, frozenset(settings.hours))

    async def imports(self, campaign_id: str) -> Sequence[Import]:
        """See the port."""
        return await campaign_lists.imports(self._database, campaign_id)

    async def refused(self, campaign_id: str, import_id: str) -> bytes:
        """See the port."""
        found, rows = await campaign_lists.refused_rows(self._database, campaign_id, import_id)
        return await asyncio.to_thread(as_csv, found.columns, rows)

    async def preview(self, campaign: Campaign, agent_id: str) -> Record:
        """See the port."""
        return await previews.hold(self._database, campaign, agent_id, self._clock())

    async def skip(self, campaign: Campaign, record_id: str, agent_id: str) -> None:
        """See the port."""
        await previews.skip(self._database, campaign, record_id, agent_id, self._clock())

    async def dial(self, campaign: Campaign, record_id: str, agent_id: str, request_id: str) -> str:
        """See the port."""
        state = self._state()
        agent = state.agents.get(agent_id)
        station = state.stations.get(agent.station or "") if agent else None
        if station is None:
            raise NoSeat
        attempt_id = new_attempt(station.node)
        begin = (attempt_id, station.node, self._clock())
        record = await previews.begin_held(self._database, campaign, record_id, agent_id, begin)
        command = s.Dial(
            self._clock(),
            request_id,
            agent_id,
            Target(TargetKind.NUMBER, record.number),
            campaign.settings.group_id,
            campaign.campaign_id,
            {**attached(campaign, record), "name": record.name},
            attempt_id,
        )
        try:
            await self._execute(command)
        except CommandRefused as refused:
            if refused.code != "outcome_unknown":
                failed = dialling.Result(attempt_id, Outcome.FAILED, self._clock())
                await dialling.settle(self._database, failed)
            raise
        return attempt_id

    async def forbid(self, number: str, reason: str, by: str) -> None:
        """See the port."""
        await do_not_call.forbid(self._database, number, reason, by)

    async def permit(self, number: str, reason: str, by: str) -> None:
        """See the port."""
        await do_not_call.permit(self._database, number, reason, by)

    async def forbidden(self, number: str) -> bool:
        """See the port."""
        return await do_not_call.forbidden(self._database, number)

    async def forbidden_numbers(self) -> tuple[int, Sequence[dict[str, Any]]]:
        """See the port."""
        return await do_not_call.forbidden_numbers(self._database)


class _Importing:
    """One import under way."""

    def __init__(self, database: Database, reader: ListReader, campaign_id: str, by: str) -> None:
        self._database, self._reader = database, reader
        self._campaign_id, self._by = campaign_id, by

    async def run(self, pieces: AsyncIterator[bytes]) -> Import:
        """Keep what comes; the import as it ended. What breaks it is raised after it was noted as failed."""
        now = await campaign_lists.begin(self._database, self._campaign_id, self._by)
        living = asyncio.create_task(self._live(now))
        try:
            return await self._read(now, pieces)
        finally:
            living.cancel()

    async def _read(self, now: Import, pieces: AsyncIterator[bytes]) -> Import:
        try:
            async for piece in pieces:
                now = await self._keep(now, piece, final=False)
            now = await self._keep(now, b"", final=True)
        except BaseException:
            await asyncio.shield(self._failed(now))
            raise
        log.info("campaign.imported", import_id=now.import_id, rows=now.rows, accepted=now.accepted)
        return await campaign_lists.finish(self._database, now, "done")

    async def _keep(self, now: Import, piece: bytes, *, final: bool) -> Import:
        found = self._reader.feed(piece, final=final)
        for start in range(0, len(found), BATCH):
            batch = found[start : start + BATCH]
            now = await campaign_lists.add(
                self._database, now, batch, self._reader.encoding, self._reader.columns
            )
        return now

    async def _live(self, now: Import) -> None:
        """Tell that it is being read, however slowly the file comes."""
        while True:
            await asyncio.sleep(campaign_lists.ALIVE_EVERY)
            with contextlib.suppress(CtiError):
                await campaign_lists.alive(self._database, now)

    async def _failed(self, now: Import) -> None:
        try:
            await campaign_lists.finish(self._database, now, "failed")
        except CtiError as error:
            log.warning("campaign.import_not_ended", import_id=now.import_id, code=error.code)
