"""The database's directory as the domain's signal."""

from __future__ import annotations

import structlog

from cti_server.domain import signals as s
from cti_server.domain.outside import OutsideRules
from cti_server.domain.policy import Greeting
from cti_server.store.database import Database
from cti_server.store.directory import load_directory
from cti_server.store.errors import StoreUnavailable

log = structlog.get_logger(__name__)


async def directory_signal(
    database: Database, outside: OutsideRules, kind: type[s.DirectoryLoaded] = s.DirectoryLoaded
) -> s.DirectoryLoaded | None:
    """Who works here, behind which numbers and phones; None when the database is away (the old one stays)."""
    try:
        directory = await load_directory(database)
    except StoreUnavailable as error:
        log.warning("directory.not_loaded", code=error.code)
        return None
    return kind(
        at=0.0,
        agents=tuple(
            s.AgentProfile(a.agent_id, a.name, a.roles, dict(a.groups), dict(a.skills))
            for a in directory.agents.values()
            if a.enabled
        ),
        groups=tuple(
            s.GroupProfile(g.group_id, g.name_zh, g.name_en, g.ring_timeout, g.wrap_up_time, g.policy)
            for g in directory.groups.values()
        ),
        service_numbers={n.number: n.group_id for n in directory.service_numbers.values()},
        ivrs={n.number: n.ivr for n in directory.service_numbers.values() if n.ivr},
        stations=tuple(directory.stations),
        holidays=tuple(directory.holidays),
        greetings={
            n.number: Greeting(n.greeting, n.language[:2]) for n in directory.service_numbers.values()
        },
        priorities=directory.priorities,
        version=directory.routing_version,
        outside=outside,
    )
