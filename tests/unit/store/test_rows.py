"""Records become rows: right columns and types, nothing dropped, senseless content refused."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cti_server.domain.records import Record
from cti_server.store.errors import ContentRefused
from cti_server.store.rows import OTHER, row_of

CONTACT: dict[str, Any] = {
    "contact_id": "pbx-a-1.1",
    "version": 3,
    "medium": "voice",
    "direction": "inbound",
    "state": "ended",
    "arrived_at": 1_700_000_000.25,
}


def test_times_become_utc_instants_and_missing_columns_null() -> None:
    values = row_of(Record("c1", "contact", 1.0, CONTACT)).values
    assert values["arrived_at"] == datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)
    assert values["ended_at"] is None
    assert values["recovered"] is False
    assert values["data"] == {}


def test_keys_without_a_column_are_kept() -> None:
    values = row_of(Record("c1", "contact", 1.0, {**CONTACT, "data": {"a": 1}, "priority": 5})).values
    assert values["data"] == {"a": 1, OTHER: {"priority": 5}}


def test_event_takes_id_and_time_from_the_record() -> None:
    record = Record("e1", "contact_event", 0.5, {"contact_id": "pbx-a-1.1", "kind": "contact.held"})
    values = row_of(record).values
    assert (values["id"], values["at"]) == ("e1", datetime(1970, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC))


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"contact_id": None}, "contact_id"),
        ({"contact_id": 7}, "contact_id"),
        ({"contact_id": "x" * 129}, "contact_id"),
        ({"version": "3"}, "version"),
        ({"version": True}, "version"),
        ({"version": 2**63}, "version"),
        ({"arrived_at": "yesterday"}, "arrived_at"),
        ({"arrived_at": 1e30}, "arrived_at"),
        ({"arrived_at": float("nan")}, "arrived_at"),
        ({"recovered": 1}, "recovered"),
        ({"data": []}, "data"),
    ],
)
def test_senseless_content_is_refused_by_column(change: dict[str, Any], column: str) -> None:
    with pytest.raises(ContentRefused) as refusal:
        row_of(Record("c1", "contact", 1.0, {**CONTACT, **change}))
    assert str(refusal.value.detail["why"]).startswith(column)


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ContentRefused):
        row_of(Record("c1", "gossip", 1.0, {}))  # type: ignore[arg-type]  # what a newer version may write
