"""Everything the leader drives: PBX links, the keeper of records, finished recordings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress

import structlog

from cti_server.asterisk.inbound import ChannelLife
from cti_server.asterisk.pbx_link import PbxLink
from cti_server.bootstrap.disks import Disks
from cti_server.domain.effects import Effect
from cti_server.domain.records import Record
from cti_server.engine.port import Dependency, Figure
from cti_server.logs import LogFile
from cti_server.store.drain import OutboxDrain
from cti_server.store.keeper import RecordKeeper

log = structlog.get_logger(__name__)

NOTED_WITHIN = 2.0
"""Seconds in which a node has written down which service numbers there are."""


class Surroundings:
    """Implements `engine.outside.Outside`."""

    def __init__(
        self,
        links: Callable[[], Mapping[str, PbxLink]],
        keeper: RecordKeeper,
        drain: OutboxDrain,
        ended: Callable[[str, str, bool], None],
        reports: Callable[[Sequence[Record]], None],
        *,
        jobs: Sequence[Callable[[], Coroutine[None, None, None]]] = (),
        disks: Disks,
        log_file: LogFile,
    ) -> None:
        """`links` makes fresh ones for each leadership, in which `jobs` run, too.

        `ended(node, contact_id, talked)` is told of ends, `reports` of every record.
        """
        self._disks, self._log_file = disks, log_file
        self._jobs = jobs
        self._make_links, self._keeper, self._drain, self._ended = links, keeper, drain, ended
        self._reports = reports
        self._links: Mapping[str, PbxLink] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def lead(self, term: int) -> None:
        """See `Outside.lead`."""
        self._links = self._make_links()
        for link in self._links.values():
            self._begin(link.run(), f"pbx {link.name} term {term}", self._ended_link)
        for job in self._jobs:
            self._begin(job(), f"{job.__qualname__} term {term}", self._ended_job)

    def _begin(
        self, work: Coroutine[None, None, None], name: str, ended: Callable[[asyncio.Task[None]], None]
    ) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(ended)

    def _ended_link(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("pbx.link_failed", link=task.get_name(), exc_info=task.exception())

    def _ended_job(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            log.error("leader.job_failed", job=task.get_name(), exc_info=task.exception())

    def follow(self) -> None:
        """See `Outside.follow`."""
        for task in self._tasks:
            task.cancel()
        self._links = {}

    async def close(self) -> None:
        """End all links."""
        self.follow()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def perform(self, effects: Sequence[Effect]) -> None:
        """See `Outside.perform`."""
        by_node: dict[str, list[Effect]] = {}
        for effect in effects:
            by_node.setdefault(effect.node, []).append(effect)
        for node, asked in by_node.items():
            link = self._links.get(node)
            if link:
                link.perform(*asked)
            else:
                names = [type(effect).__name__ for effect in asked]
                log.warning("pbx.no_such_node", node=node, effects=names)

    def keep(self, records: Sequence[Record]) -> None:
        """See `Outside.keep`."""
        self._keeper.keep(records)
        self._reports(records)
        for record in records:
            # The contact's row, as of the moment its conversation ended (with an agent, or outside).
            if record.kind == "contact" and record.data["state"] in ("wrap_up", "ended"):
                talked = record.data["connected_at"] is not None
                self._ended(record.data["node"], record.data["contact_id"], talked)

    async def kept(self) -> None:
        """See `Outside.kept`."""
        await self._keeper.kept()

    async def ahead_of(self, node: str, channel: str) -> tuple[str, str]:
        """The leg that the node rings ahead for a call, and the station's address."""
        link = self._links.get(node)
        return await link.ahead_of(channel) if link else ("", "")

    async def channel_life(self, node: str, channel: str) -> ChannelLife:
        """Whether the node has this channel, or had it a moment ago."""
        link = self._links.get(node)
        return await link.channel_life(channel) if link else ChannelLife.UNKNOWN

    def channel_gone(self, node: str, channel: str) -> bool:
        """Whether the node told us of this channel's end, a moment ago."""
        link = self._links.get(node)
        return link is not None and link.has_gone(channel)

    async def rotate_logs(self, node: str) -> bool:
        """Have a node put its own log aside; False when it is out of reach. Raises AmiError."""
        link = self._links.get(node)
        if link is None or not link.serving:
            return False
        await link.client.action("LoggerRotate")
        return True

    async def numbers_noted(self, version: int) -> None:
        """Return when every node in reach has the service numbers of that version, or will not soon."""
        near = [link.numbers.noted(version) for link in self._links.values() if link.serving]
        with suppress(TimeoutError):
            async with asyncio.timeout(NOTED_WITHIN):
                await asyncio.gather(*near)

    def dependencies(self) -> tuple[Dependency, ...]:
        """See `Outside.dependencies`."""
        down = [name for name, link in self._links.items() if not link.serving]
        up = bool(self._links) and len(down) < len(self._links)
        drain = self._drain.status()
        return (
            Dependency("pbx", up, f"{len(self._links) - len(down)} of {len(self._links)} nodes"),
            Dependency("database", drain.healthy, f"{drain.backlog} records waiting"),
            self._disks.dependency(),
        )

    def figures(self) -> Sequence[Figure]:
        """See `Outside.figures`."""
        return [
            Figure("cti_records_waiting_for_disk", self._keeper.waiting),
            Figure("cti_records_waiting_for_database", self._drain.status().backlog),
            Figure("cti_pbx_nodes_up", sum(link.serving for link in self._links.values())),
            Figure("cti_log_lines_lost_total", self._log_file.lost),
            *self._disks.figures(),
            *(figure for link in self._links.values() for figure in _round_trips(link)),
        ]


def _round_trips(link: PbxLink) -> list[Figure]:
    trips = link.client.round_trips
    return [
        Figure("cti_ami_round_trip_seconds", seconds, (("node", link.name), ("quantile", quantile)))
        for quantile, seconds in (("0.5", trips.p50), ("0.99", trips.p99))
    ]
