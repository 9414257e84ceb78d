"""Reading the interaction log back, on both databases."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from cti_server.domain.records import Record
from cti_server.store.contact_log import ContactFilter, contact, contact_story, list_contacts
from cti_server.store.database import Database
from cti_server.store.errors import InvalidCursor
from cti_server.store.rows import row_of, write_rows
from tests.support.records import contact_record, event_record

START = datetime.fromtimestamp(1_700_000_000, UTC)


async def keep(database: Database, *records: Record) -> None:
    await database.write(partial(write_rows, rows=[row_of(record) for record in records]))


async def test_a_contact_reads_back_as_it_was_kept(database: Database) -> None:
    await keep(database, contact_record(1, 2, ended_at=1_700_000_061.123456, summary="已解决"))
    found = await contact(database, "pbx-a-1.1")
    assert found is not None
    assert found.ended_at == START + timedelta(seconds=61, microseconds=123456)
    assert found.arrived_at.tzinfo is UTC
    assert (found.summary, found.data, found.recovered) == ("已解决", {"客户": "王小明"}, False)
    assert await contact(database, "pbx-a-2.1") is None


async def test_pages_neither_repeat_nor_skip(database: Database) -> None:
    same_moment = 1_700_000_500.0
    await keep(
        database,
        *(contact_record(number, 1) for number in range(20)),
        *(contact_record(number, 1, arrived_at=same_moment) for number in range(100, 120)),
    )
    seen, cursor = [], None
    for _ in range(6):
        page = await list_contacts(database, ContactFilter(), limit=7, cursor=cursor)
        seen += [each.contact_id for each in page.contacts]
        cursor = page.next_cursor
    assert cursor is None
    assert len(seen) == len(set(seen)) == 40
    newest_first = sorted((f"pbx-a-{number}.1" for number in range(100, 120)), reverse=True)
    assert seen == newest_first + [f"pbx-a-{number}.1" for number in range(19, -1, -1)]


async def test_new_contacts_do_not_shift_the_pages(database: Database) -> None:
    await keep(database, *(contact_record(number, 1) for number in range(10)))
    first = await list_contacts(database, ContactFilter(), limit=5)
    await keep(database, contact_record(99, 1))
    second = await list_contacts(database, ContactFilter(), limit=5, cursor=first.next_cursor)
    assert [each.contact_id for each in second.contacts] == [f"pbx-a-{n}.1" for n in (4, 3, 2, 1, 0)]
    assert second.next_cursor is None


async def test_filters(database: Database) -> None:
    await keep(
        database,
        contact_record(1, 1, group_id="vtm", agent_id="1005"),
        contact_record(2, 2),
        contact_record(3, 1, agent_id=None),
        event_record(3, 2, agent_id="1005"),
    )

    async def found(**wanted: object) -> list[str]:
        page = await list_contacts(database, ContactFilter(**wanted))  # type: ignore[arg-type]  # as the test says
        return [each.contact_id for each in page.contacts]

    assert await found(group_id="vtm") == ["pbx-a-1.1"]
    assert await found(state="ended") == ["pbx-a-2.1"]
    assert await found(agent_id="1005") == ["pbx-a-3.1", "pbx-a-1.1"]
    assert await found(since=START + timedelta(seconds=2)) == ["pbx-a-3.1", "pbx-a-2.1"]
    assert await found(until=START + timedelta(seconds=2)) == ["pbx-a-1.1"]
    assert await found(agent_id="x") == []
    assert await found(within=(frozenset({"vtm"}), "x")) == ["pbx-a-1.1"]
    assert await found(within=(frozenset(), "1005")) == ["pbx-a-3.1", "pbx-a-1.1"]
    assert await found(within=(frozenset({"vtm"}), "1005"), agent_id="x") == []


@pytest.mark.parametrize("cursor", ["", "x", "中文", "bm90aGluZw==", "IA=="])
async def test_senseless_cursors_are_refused(database: Database, cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        await list_contacts(database, ContactFilter(), cursor=cursor)


async def test_a_story_is_told_in_order(database: Database) -> None:
    def event(name: str, at: float) -> Record:
        return Record(name, "contact_event", at, {"contact_id": "pbx-a-1.1", "kind": "k"})

    await keep(
        database,
        event("1.20.0", 5.0),
        event("1.3.10", 5.0),
        event("1.3.9", 5.0),
        event("1.99.0", 4.0),
        event_record(2, 1),
        contact_record(1, 1),
        Record("r", "recording", 6.0, {"recording_id": "r", "contact_id": "pbx-a-1.1", "state": "stored"}),
    )
    story = await contact_story(database, "pbx-a-1.1")
    assert story is not None
    assert [each.id for each in story.events] == ["1.99.0", "1.3.9", "1.3.10", "1.20.0"]
    assert story.contact is not None
    assert [each.recording_id for each in story.recordings] == ["r"]
    assert await contact_story(database, "unknown") is None


async def test_a_story_without_its_contact_is_told_all_the_same(database: Database) -> None:
    await keep(database, event_record(1, 2))
    story = await contact_story(database, "pbx-a-1.1")
    assert story is not None
    assert story.contact is None
