"""One server process: everything built, joined, run and ended in order."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module

import uvloop
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from cti_server.api.auth import Authenticator
from cti_server.api.guards import RedisLoginGuard, RedisOneTimeStore
from cti_server.api.http import all_routes, create_app
from cti_server.api.serving import serve
from cti_server.api.settings import ApiSettings
from cti_server.api.tokens import Tokens
from cti_server.asterisk.agi_server import AgiServer
from cti_server.asterisk.arrivals import Arrivals
from cti_server.asterisk.inbound import inbound
from cti_server.asterisk.menu import menu
from cti_server.asterisk.pbx_link import PbxAddress, PbxLink
from cti_server.bootstrap.campaigning import StoredCampaigns
from cti_server.bootstrap.directory import directory_signal
from cti_server.bootstrap.disks import Disks, folders
from cti_server.bootstrap.garbage import collect_when_quiet
from cti_server.bootstrap.interaction_log import StoredCredentials, StoredInteractionLog
from cti_server.bootstrap.log_upkeep import LogUpkeep
from cti_server.bootstrap.node_sounds import missing_sounds
from cti_server.bootstrap.outgoing import MessageDesk, senders
from cti_server.bootstrap.past_contacts import StoredPastContacts
from cti_server.bootstrap.recording_desk import RecordingDesk, intakes
from cti_server.bootstrap.report_process import ReportProcess, forked_reports
from cti_server.bootstrap.reporting import StoredReports
from cti_server.bootstrap.routing_desk import RoutingDesk
from cti_server.bootstrap.standby import stand_by
from cti_server.bootstrap.surroundings import Surroundings
from cti_server.bootstrap.token_key import token_key
from cti_server.bootstrap.voicemail_desk import StoredVoicemails
from cti_server.bootstrap.wallboard import Wallboard
from cti_server.dialler.dialler import Dialler
from cti_server.domain import signals as s
from cti_server.domain.customer import CustomerProfile
from cti_server.domain.records import Record
from cti_server.engine.journal import Journal, connect_redis
from cti_server.engine.lives import LifeFile
from cti_server.engine.site import Site
from cti_server.engine.steady_clock import SteadyClock
from cti_server.logs import LogFile, configure_logging
from cti_server.messaging.dispatcher import Dispatcher
from cti_server.settings import PbxNodeSettings, Settings
from cti_server.store import contact_log, recordings
from cti_server.store.carrier import Carrier, forked_carrier
from cti_server.store.customers import customer
from cti_server.store.database import Database
from cti_server.store.drain import OutboxDrain
from cti_server.store.identity import CustomerIdentities
from cti_server.store.keeper import RecordKeeper
from cti_server.store.messages import StoredMessages
from cti_server.store.outbox import Outbox
from cti_server.store.passwords import CHEAP, STANDARD, Passwords

SWITCH = 0.0005
"""Seconds that a thread which works for the disk may keep the event loop from going on, instead of 0.005."""
LATE = ("aiosqlite", "anyio._backends._asyncio", "encodings.idna", "uvicorn.lifespan.off")
"""What libraries import when they first need it: in a server that serves, everybody would wait for that."""


def prepare() -> None:
    """Do what takes long and needs neither settings nor a connection, so that a standby has it done."""
    for module in LATE:
        import_module(module)
    all_routes()


def serve_until_told() -> None:
    """Run a server until SIGINT or SIGTERM, with a standby behind it. SystemExit as of `stand_by`."""
    log_file = configure_logging()
    stand_by()
    settings = Settings()
    # Reports first: a later process would hold the carrier's line open. The second is for what is quick.
    reports = ReportProcess(forked_reports()), ReportProcess(forked_reports())
    carrier = Carrier(settings.database_url, forked_carrier())
    sys.setswitchinterval(SWITCH)
    uvloop.run(_run(settings, carrier, reports, log_file))


async def _run(
    settings: Settings, carrier: Carrier, reports: Sequence[ReportProcess], log_file: LogFile
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        server = await Server.build(settings, carrier, reports, log_file, stack)
        await server.serve(stop)


class Server:
    """Everything one server process is made of."""

    def __init__(
        self,
        settings: Settings,
        redis: Redis,
        database: Database,
        outbox: Outbox,
        carrier: Carrier,
        *,
        reports: Sequence[ReportProcess],
        log_file: LogFile,
    ) -> None:
        self.settings, self.redis, self.database = settings, redis, database
        self.keeper = RecordKeeper(outbox)
        self.passwords = Passwords(CHEAP if settings.cheap_passwords else STANDARD)
        self.disks = Disks(folders(settings))
        self.recordings = RecordingDesk(
            intakes(settings.nodes, settings.recordings_dir, self.disks),
            self.keeper,
            self._live_contacts,
            partial(recordings.known, database),
        )
        self.reports = StoredReports(database, lambda: self.site.world.state, *(each.do for each in reports))
        self.drain = OutboxDrain(outbox, carrier, delivered=self.reports.delivered)
        self.wallboard = Wallboard(lambda: self.site.world.state, self.reports)
        self.senders = senders(settings)
        self.messages = StoredMessages(database)
        self.dialler = Dialler(database, lambda: self.site.world.state, self._apply)
        self.surroundings = Surroundings(
            self._links,
            self.keeper,
            self.drain,
            self.recordings.contact_ended,
            self._told,
            jobs=(self._send_messages, self._dial, self.wallboard.run, self._keep_logs_small),
            disks=self.disks,
            log_file=log_file,
        )
        self.lives = LifeFile(settings.outbox_dir / f"{settings.server_name}.lives")
        self.site = Site(
            Journal(redis, settings.site),
            self.surroundings,
            self._directory,
            lives=self.lives,
            clock=SteadyClock(),
        )
        self.routing = RoutingDesk(
            database,
            lambda: directory_signal(database, settings.outside, s.RoutingChanged),
            self.site.apply,
            self.site.routing_version,
            self.surroundings.numbers_noted,
            missing=partial(missing_sounds, settings.nodes),
        )
        self.arrivals = Arrivals(
            self.site.apply,
            lambda: self.site.world.state,
            self._customer,
            self.surroundings.channel_gone,
        )
        self.agi = AgiServer(
            settings.agi_host,
            settings.agi_port,
            {
                "inbound": inbound(
                    self._node_of,
                    self.arrivals,
                    lambda: self.site.world.state,
                    self.surroundings.channel_life,
                    self.surroundings.ahead_of,
                ),
                "menu": menu(
                    self._node_of,
                    self.site.apply,
                    lambda: self.site.world.state,
                    CustomerIdentities(database, self.passwords),
                    self.site.lease.check,
                ),
            },
        )

    @classmethod
    async def build(
        cls,
        settings: Settings,
        carrier: Carrier,
        reports: Sequence[ReportProcess],
        log_file: LogFile,
        stack: AsyncExitStack,
    ) -> Server:
        """Open what has to be open before anything runs; `stack` closes it, and the processes."""
        stack.push_async_callback(carrier.close)
        for each in reports:
            stack.push_async_callback(each.close)
        redis = connect_redis(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        database = Database(settings.database_url)
        stack.push_async_callback(database.close)
        outbox = await Outbox.open(settings.outbox_dir)
        stack.push_async_callback(outbox.close)
        server = cls(settings, redis, database, outbox, carrier, reports=reports, log_file=log_file)
        stack.callback(server.passwords.close)
        stack.callback(server.lives.close)
        return server

    async def serve(self, stop: asyncio.Event) -> None:
        """Run everything until `stop`."""
        settings = self.settings
        await self.agi.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                background = [
                    tasks.create_task(self.keeper.run(), name="keeper"),
                    tasks.create_task(self.drain.run(), name="drain"),
                    tasks.create_task(self.recordings.run(), name="recordings"),
                    tasks.create_task(self.site.run(), name="site"),
                    tasks.create_task(collect_when_quiet(self._signals), name="garbage"),
                    tasks.create_task(self.routing.run(), name="routing settings"),
                    tasks.create_task(self.disks.run(), name="disks"),
                ]
                await serve(self._app(), settings.http_host, settings.http_port, stop=stop)
                for task in reversed(background):
                    task.cancel()
        finally:
            await self.agi.close()
            await self.surroundings.close()

    def _app(self) -> FastAPI:
        tokens = Tokens([token_key(self.settings.token_key_file)], RedisOneTimeStore(self.redis))
        credentials = StoredCredentials(self.database, self.passwords)
        return create_app(
            self.site,
            auth=Authenticator(credentials, RedisLoginGuard(self.redis), tokens),
            log=StoredInteractionLog(self.database),
            past=StoredPastContacts(self.database, lambda: self.site.world.state),
            reports=self.reports,
            routing=self.routing,
            wallboard=self.wallboard,
            voicemails=StoredVoicemails(self.database, self.settings.recordings_dir),
            campaigns=StoredCampaigns(self.database, lambda: self.site.world.state, self.site.execute),
            messages=MessageDesk(
                self.messages, frozenset(self.senders), lambda: self.site.world.state.outside
            ),
            settings=ApiSettings(allowed_origins=frozenset(self.settings.origins)),
            registry=CollectorRegistry(),
        )

    # --- what the parts ask of each other -----------------------------------------------------------

    async def _dial(self) -> None:
        await self.dialler.run()

    async def _apply(self, signal: s.Signal) -> None:
        await self.site.apply(signal)

    def _told(self, records: Sequence[Record]) -> None:
        self.reports.kept(records)
        self.dialler.told(records)
        self.wallboard.kept(records)

    async def _keep_logs_small(self) -> None:
        known = partial(contact_log.ended, self.database)
        await LogUpkeep(self.settings, self.surroundings.rotate_logs, known).run()

    async def _send_messages(self) -> None:
        await Dispatcher(self.messages, self.senders, self.site.lease.check).run()

    def _links(self) -> dict[str, PbxLink]:
        return {node.name: self._link(node) for node in self.settings.nodes}

    def _link(self, node: PbxNodeSettings) -> PbxLink:
        address = PbxAddress(
            node.name,
            node.ami_host,
            node.ami_port,
            node.ami_user,
            node.ami_secret.get_secret_value(),
            node.cel_file,
            node.cel_columns,
        )
        return PbxLink(
            address,
            self.site.post,
            self.site.lease.check,
            lambda: self._seen_until(node.name),
            called=self.arrivals.begin,
        )

    def _signals(self) -> int:
        return self.site.counters.signals

    def _node_of(self, channel: str) -> str:
        """The node whose systemname the channel's Uniqueid begins with."""
        return next((n.name for n in self.settings.nodes if channel.startswith(f"{n.name}-")), "")

    def _seen_until(self, name: str) -> float:
        node = self.site.world.state.nodes.get(name)
        return node.seen_until if node else 0.0

    async def _customer(self, number: str) -> CustomerProfile:
        return await customer(self.database, number)

    async def _directory(self) -> s.DirectoryLoaded | None:
        return await directory_signal(self.database, self.settings.outside)

    def _live_contacts(self) -> set[str]:
        return {contact.contact_id for contact in self.site.world.state.contacts.values() if contact.live}
