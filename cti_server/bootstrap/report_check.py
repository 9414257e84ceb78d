"""`cti report check`: the reports' figures against Asterisk's channel event log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from cti_server.asterisk import cel
from cti_server.errors import CtiError
from cti_server.reports.cel_check import TOLERANCE, Check, check
from cti_server.reports.facts import of_contact
from cti_server.reports.report import MARGIN
from cti_server.settings import PbxNodeSettings, Settings
from cti_server.store import report_log
from cti_server.store.database import Database


class NothingToCheck(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """No settings, or no node whose channel event log can be reached."""

    code = "nothing_to_check"


async def check_figures(
    settings: Settings, since: datetime, until: datetime, tolerance: float = TOLERANCE
) -> Check:
    """Compare what the database has with every node's log. What waits in an outbox is not in the database.

    Raises NothingToCheck, StoreUnavailable.
    """
    if not any(node.cel_file for node in settings.nodes):
        raise NothingToCheck("no node's cel_file is set")
    database = Database(settings.database_url)
    try:
        facts = await report_log.events_of_contacts(database, since - MARGIN, until + MARGIN, of_contact)
    finally:
        await database.close()
    rows = await asyncio.to_thread(_rows, settings.nodes, since.timestamp())
    return check(rows, facts, cel.station, since, until, tolerance=tolerance)


def _rows(nodes: Sequence[PbxNodeSettings], since: float) -> list[cel.CelRow]:
    """Calls that came since then have no older rows."""
    logs = ((node.cel_file, node.cel_columns) for node in nodes if node.cel_file)
    return [row for path, columns in logs for row in cel.rows(path, columns, since=since)]


def settings_of(var: Path) -> Settings:
    """Those of the centre of `cti up` in the folder, running or not; else CTI_SETTINGS' and CTI_…'s."""
    file = var / "run/server.json"
    return Settings(**json.loads(file.read_text())) if file.exists() else Settings()


def as_json(found: Check) -> str:
    """The result for programs: ids and times, no numbers of customers."""
    return json.dumps({"agrees": found.agrees, **asdict(found)})


def as_text(found: Check, since: datetime, until: datetime) -> list[str]:
    """The result for people, line by line."""
    times = f"{since:%Y-%m-%d %H:%M} – {until:%Y-%m-%d %H:%M}"
    verdict = "they agree 一致" if found.agrees else "they differ 不一致"
    lines = [f"{times}: {verdict}", f"{'':20}{'reports 报表':>18}{'Asterisk':>14}"]
    lines += [
        f"{name:20}{one:>20}{other:>14}"
        for name, one, other in (
            ("contacts 联络", found.reported.contacts, found.in_cel.contacts),
            ("answered 接通", found.reported.answered, found.in_cel.answered),
            ("talk 通话 (s)", f"{found.reported.talk:.1f}", f"{found.in_cel.talk:.1f}"),
        )
    ]
    return lines + [f"{one.contact_id} {one.what}: {one.reported} / {one.in_cel}" for one in found.deviations]
