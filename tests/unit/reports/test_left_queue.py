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


def test_the_wait_ends_where_a_customer_is_led_to_a_message() -> None:
    """How long it listens and speaks there is nobody's delay; nor is who listens for long a short abandon."""
    led = [of_contact("V1", "10:00:00", "queued"), of_contact("V1", "10:00:15", "voicemail")]
    left = of_contact("V1", "10:00:45", "ended", kind="contact.message_left")
    silent = [
        of_contact("V2", "10:01:00", "queued"),
        of_contact("V2", "10:01:02", "voicemail"),
        of_contact("V2", "10:01:12", "ended"),
    ]
    back = [
        of_contact("V3", "10:02:00", "queued"),
        of_contact("V3", "10:02:05", "voicemail"),
        of_contact("V3", "10:02:06", "queued"),
        of_contact("V3", "10:02:10", "active", "1001", kind="contact.connected"),
        of_contact("V3", "10:02:20", "ended", "1001"),
    ]
    question = Question(By.QUEUE, *DAY)
    (figures, *_) = (row.values for row in report([*led, left, *silent, *back], question, LATER))
    assert (figures["asked"], figures["voicemails"], figures["abandoned"]) == (3, 1, 1)
    assert (figures["longest_wait"], figures["time_to_abandon"], figures["speed_of_answer"]) == (15, 2, 9)
    (during, *_) = (row.values for row in report(led, question, LATER))
    assert during["longest_wait"] == 15
