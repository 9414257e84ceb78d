"""Who leaves the queue for something else is neither answered nor abandoned."""

from __future__ import annotations

from datetime import timedelta

from cti_server.reports.report import By, Question, report
from tests.unit.reports.test_example import DAY, LATER, of_contact

FACTS = [
    of_contact("K1", "10:00:00", "queued"),
    of_contact("K1", "10:00:03", "ended", kind="contact.callback_agreed"),
    of_contact("K1", "10:00:03", "ended", kind="contact.ended"),
    of_contact("K2", "10:00:03", "queued", direction="outbound"),
    of_contact("K2", "10:02:00", "offered", "1001", direction="outbound"),
    of_contact("K2", "10:02:05", "dialling", "1001", direction="outbound"),
    of_contact("K2", "10:02:10", "active", "1001", kind="contact.connected", direction="outbound"),
    of_contact("K2", "10:03:10", "ended", "1001", direction="outbound"),
    of_contact("K3", "10:04:00", "queued", direction="outbound"),
    of_contact("K3", "11:04:00", "ended", direction="outbound"),
]


def test_a_callback_counts_once_and_its_call_as_dialled() -> None:
    question = Question(By.QUEUE, *DAY)
    row = next(row for row in report(FACTS, question, LATER + timedelta(hours=1)) if row.key == "general")
    figures = row.values
    assert (figures["asked"], figures["callbacks"], figures["abandoned"], figures["answered"]) == (1, 1, 0, 0)
    assert figures["short_abandons"] == 0
    assert (figures["dialled"], figures["dialled_answered"]) == (1, 1), "nobody called K3"
