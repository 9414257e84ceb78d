"""The book of service numbers against a node's database in memory, which the dialplan writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from cti_server.asterisk import number_book
from cti_server.asterisk.ami_client import AmiClient
from cti_server.asterisk.ami_codec import AmiMessage
from cti_server.asterisk.ami_fields import Fields, encode_action
from cti_server.asterisk.number_book import NumberBook
from cti_server.domain.effects import NotedNumber, NoteNumbers
from cti_server.engine.port import NotLeader
from cti_server.errors import AmiUnavailable, CtiError


class Node:
    """What `AmiClient` is to the book, with the dialplan behind it."""

    def __init__(self) -> None:
        self.there: dict[str, str] = {}
        self.connected = True
        self.failing: CtiError | None = None
        self.deaf = False
        """The dialplan does not write, as after a hang-up in the middle."""
        self.written = 0

    async def list_action(self, name: str, fields: Fields) -> list[AmiMessage]:
        assert (name, fields) == ("DBGetTree", {"Family": "cti"})
        return [cast("AmiMessage", {"Key": key, "Val": value}) for key, value in self.there.items()]

    async def action(self, name: str, fields: Fields) -> None:
        if self.failing:
            raise self.failing
        assert encode_action(name, fields)
        self.written += 1
        if self.deaf:
            return
        variables: Any = fields["Variable"]
        for note in filter(None, variables["CTI_NOTES"].split("&")):
            number, _, plan = note.partition(":")
            self.there.pop(f"/cti/number/{number}", None)
            if plan:
                self.there[f"/cti/number/{number}"] = plan
        if variables["CTI_NOTES_VERSION"]:
            self.there["/cti/numbers"] = variables["CTI_NOTES_VERSION"]


@asynccontextmanager
async def kept(node: Node) -> AsyncIterator[NumberBook]:
    book = NumberBook("pbx-a", cast("AmiClient", node))
    keeping = asyncio.create_task(book.keep())
    try:
        yield book
        assert not keeping.done()
    finally:
        keeping.cancel()


def wanted(version: int, **numbers: str) -> NoteNumbers:
    """`n4000="general:welcome:zh"`."""
    noted = tuple(NotedNumber(name[1:], *plan.split(":")) for name, plan in numbers.items())
    return NoteNumbers("pbx-a", version, noted)


async def noted(book: NumberBook, version: int) -> None:
    async with asyncio.timeout(10):
        await book.noted(version)


async def test_what_differs_is_put_right_and_what_is_right_left_alone() -> None:
    node = Node()
    node.there = {
        "/cti/number/4000": "general:welcome:zh",
        "/cti/number/4007": "vtm::zh",
        "/cti/numbers": "3",
    }
    async with kept(node) as book:
        book.want(wanted(4, n4000="general:welcome:zh", n4010="cards::en"))
        await noted(book, 4)
        assert node.there == {
            "/cti/number/4000": "general:welcome:zh",
            "/cti/number/4010": "cards::en",
            "/cti/numbers": "4",
        }
        was = node.written
        book.want(wanted(5, n4000="general:welcome:zh", n4010="cards::en"))
        await noted(book, 5)
        assert node.written == was


async def test_after_a_new_connection_it_looks_again() -> None:
    node = Node()
    async with kept(node) as book:
        book.want(wanted(0, n4000="general::"))
        await noted(book, 0)
        node.there.clear()
        book.forget()
        book.want(wanted(0, n4000="general::"))
        await noted(book, 0)
    assert node.there == {"/cti/number/4000": "general::", "/cti/numbers": "0"}


async def test_many_numbers_go_in_portions_and_the_mark_comes_last() -> None:
    node = Node()
    many = {f"n40{number:03}": "credit_card:for_credit_card:zh" for number in range(200)}
    async with kept(node) as book:
        book.want(wanted(1, **many))
        await noted(book, 1)
    assert len(node.there) == 201
    assert node.written > 5


@pytest.mark.parametrize("trouble", ["failing", "deaf"])
async def test_what_failed_is_tried_again(trouble: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETRY", "PAUSE"):
        monkeypatch.setattr(number_book, name, 0.001)
    node = Node()
    setattr(node, trouble, AmiUnavailable("no answer") if trouble == "failing" else True)
    async with kept(node) as book:
        book.want(wanted(1, n4000="general::zh"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await book.noted(1)
        node.failing, node.deaf = None, False
        await noted(book, 1)
    assert node.there == {"/cti/number/4000": "general::zh", "/cti/numbers": "1"}


async def test_who_leads_no_longer_writes_nothing() -> None:
    node = Node()
    node.failing = NotLeader("another one leads")
    async with kept(node) as book:
        book.want(wanted(1, n4000="general::zh"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await book.noted(1)
    assert node.there == {}


@pytest.mark.parametrize(
    "odd",
    [
        NotedNumber("40&00", "general", "", "zh"),
        NotedNumber("4000", "general:x", "", "zh"),
        NotedNumber("4000", "general", "a,b", "zh"),
        NotedNumber("4000", "general", "", "${SHELL(id)}"),
        NotedNumber("", "general", "", "zh"),
    ],
)
async def test_what_means_something_to_a_dialplan_is_left_out(odd: NotedNumber) -> None:
    node = Node()
    async with kept(node) as book:
        book.want(NoteNumbers("pbx-a", 1, (odd, NotedNumber("4001", "general", "", "zh"))))
        await noted(book, 1)
    assert node.there == {"/cti/number/4001": "general::zh", "/cti/numbers": "1"}
