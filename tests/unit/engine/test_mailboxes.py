"""Resume is gapless or it is a snapshot."""

from collections.abc import Sequence

import pytest

from cti_server.domain.events import Event, Notification
from cti_server.engine.mailboxes import KEPT, Mailboxes
from cti_server.engine.news import News


def note(seq: int) -> Notification:
    return Notification("1001", seq, Event.AGENT_STATE_CHANGED, {"epoch": 1, "seq": seq})


@pytest.fixture
def boxes() -> Mailboxes:
    boxes = Mailboxes()
    boxes.deliver(map(note, range(1, 11)))
    return boxes


def test_everything_after_the_clients_number(boxes: Mailboxes) -> None:
    assert [n.seq for n in boxes.since("1001", 7, 10) or ()] == [8, 9, 10]


def test_nothing_missed(boxes: Mailboxes) -> None:
    assert boxes.since("1001", 10, 10) == ()


@pytest.mark.parametrize(("seq", "last"), [(11, 10), (-1, 10), (3, 12)])
def test_a_gap_or_a_number_from_elsewhere_is_no_resume(boxes: Mailboxes, seq: int, last: int) -> None:
    assert boxes.since("1001", seq, last) is None


def test_too_far_behind_is_no_resume() -> None:
    boxes = Mailboxes()
    boxes.deliver(map(note, range(1, KEPT + 10)))
    assert boxes.since("1001", 1, KEPT + 9) is None


def test_listeners_hear_in_order_until_they_leave(boxes: Mailboxes) -> None:
    heard: list[int] = []

    def listener(news: Sequence[News]) -> None:
        heard.extend(each.seq for each in news)

    assert boxes.attach("1001", listener)
    boxes.deliver([note(11)])
    assert boxes.attached() == ["1001"]
    assert boxes.detach("1001", listener)
    boxes.deliver([note(12)])
    assert heard == [11]


def test_what_one_happening_tells_comes_in_one_go_and_each_agent_hears_its_own() -> None:
    boxes = Mailboxes()
    heard: dict[str, list[list[int]]] = {"1001": [], "1002": []}
    boxes.attach("1001", lambda news: heard["1001"].append([n.seq for n in news]))
    boxes.attach("1002", lambda news: heard["1002"].append([n.seq for n in news]))
    other = Notification("1002", 7, Event.CONTACT_OFFERED, {"epoch": 1, "seq": 7})
    boxes.deliver([note(1), other, note(2)])
    assert heard == {"1001": [[1, 2]], "1002": [[7]]}
