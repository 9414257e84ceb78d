"""A month of each agent (REQUIREMENTS F4): the reports' figures, and what only a month shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from cti_server.reports.facts import Fact
from cti_server.reports.figures import ratio
from cti_server.reports.report import By, Question, Row, report
from cti_server.reports.resolution import CustomerCall, Resolution, resolution


def scorecard(
    facts: Iterable[Fact],
    calls: Iterable[CustomerCall],
    question: Question,
    within: timedelta,
    now: datetime,
) -> list[Row]:
    """One row per agent; `question` is by agent, over one month."""
    found = resolution(calls, question.start, question.until, within, now)
    return with_resolution(report(facts, replace(question, by=By.AGENT), now), found)


def with_resolution(rows: Iterable[Row], found: Mapping[str, Resolution]) -> list[Row]:
    """A report's rows of agents, with what only a month shows."""
    return [replace(row, values={**row.values, **_more(row, found.get(row.key))}) for row in rows]


def _more(row: Row, resolved: Resolution | None) -> dict[str, float | int | None]:
    contacts, transfers = row.values["contacts"] or 0, row.values["transfers"] or 0
    own = resolved or Resolution()
    return {
        "transfer_rate": ratio(transfers, contacts),
        "resolution_counted": own.counted,
        "first_contact_resolution": ratio(own.resolved, own.counted),
    }
