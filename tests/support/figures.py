"""What the reports say of a test's centre, against what Asterisk logged."""

from __future__ import annotations

from datetime import UTC, datetime

from cti_server.asterisk import cel
from cti_server.reports.cel_check import Check, check
from cti_server.reports.facts import of_contact
from cti_server.reports.report import MARGIN
from cti_server.store import report_log
from cti_server.store.database import Database
from tests.support.centre import TestCentre, eventually


async def figures_agree(
    centre: TestCentre, since: float = 0.0, *, tolerance: float = 1.0, deadline: float = 15
) -> Check:
    """The comparison of all calls that came after `since` (epoch seconds), once it agrees.

    The last records may be on their way to the database, hence the deadline.
    """
    begin, end = datetime.fromtimestamp(max(since, 86_400.0), UTC), datetime.now(UTC)
    database = Database(centre.database_url)

    async def look() -> Check:
        facts = await report_log.events_of_contacts(database, begin - MARGIN, end + MARGIN, of_contact)
        return check(centre.cel(), facts, cel.station, begin, end, tolerance=tolerance)

    try:
        return await eventually(look, lambda found: found.agrees, "as Asterisk's log tells", deadline)
    finally:
        await database.close()
