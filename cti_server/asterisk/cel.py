"""Calls that nobody watched, read from Asterisk's channel event log (CEL, csv)."""

from __future__ import annotations

import csv
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from cti_server.asterisk import cel_files
from cti_server.domain.signals import ContactRecovered

CelRow = dict[str, str]
_STATION_CHANNEL = re.compile(r"PJSIP/([0-9]{2,8}(?:-browser)?)-[0-9a-f]{8}")
_DIALLED = "CTI_DIALLED"
BEGINNINGS = ("CTI_ENTRY", _DIALLED)
"""Our own events by which a customer's channel is known: it called, or answered our call."""
_WRITTEN_LATE = 60.0
"""Seconds by which a row may be written before the time that stands in it, by a clock that was set."""
TAIL_BYTES = 8 << 20
"""How much of a long log is read: some 20,000 calls."""


def read_rows(path: Path, columns: tuple[str, ...]) -> list[CelRow]:
    """The log's tail, oldest first; empty when there is no log (yet)."""
    return list(rows(path, columns, tail=TAIL_BYTES))


def rows(
    path: Path, columns: tuple[str, ...], *, tail: int | None = None, since: float = 0.0
) -> Iterator[CelRow]:
    """The log's rows one by one, oldest first, also of what was put aside of it (`cel_files`).

    `tail`: of its last bytes only. `since`, epoch seconds: files that hold only older rows may be left out.
    """
    with cel_files.whole_log(path, since - _WRITTEN_LATE) as files:
        for file, start in _from_where(files, tail):
            file.seek(start)
            if start:
                file.readline()
            yield from rows_of(file, columns)


def rows_of(file: Iterable[bytes], columns: tuple[str, ...]) -> Iterator[CelRow]:
    """One file's rows, without those that are torn."""
    for line in file:  # one by one: a torn quote must not swallow the next row
        text = line.decode("utf-8", errors="replace").replace("\0", "").strip("\r\n")
        yield from filter(_whole, csv.DictReader([text], fieldnames=list(columns)))


def _from_where(files: Sequence[BinaryIO], tail: int | None) -> list[tuple[BinaryIO, int]]:
    """The files to read, and from which byte on."""
    if tail is None:
        return [(file, 0) for file in files]
    found: list[tuple[BinaryIO, int]] = []
    for file in reversed(files):
        size = file.seek(0, 2)
        found.insert(0, (file, max(size - tail, 0)))
        tail -= size
        if tail <= 0:
            break
    return found


def station(channel_name: str) -> str:
    """Address of the station that the channel leads to; empty for any other channel."""
    found = _STATION_CHANNEL.fullmatch(channel_name)
    return found[1] if found else ""


def _whole(row: CelRow) -> bool:
    """Not torn by a crash or a full disk, nor more than a row (then the surplus stands under None)."""
    if None in row or None in row.values():
        return False
    try:
        return bool(row["uniqueid"]) and float(row["eventtime"]) > 0
    except ValueError:
        return False


def ended_calls(node: str, rows: Sequence[CelRow], since: float) -> list[ContactRecovered]:
    """Customers' calls that ended after `since` (epoch seconds), as the log tells them."""
    channels: dict[str, list[CelRow]] = defaultdict(list)
    answers: dict[str, tuple[str, float]] = {}
    for row in rows:
        channels[row["uniqueid"]].append(row)
        address = station(row["channame"])
        bridge = _bridge(row)
        if address and bridge:
            answers.setdefault(bridge, (address, float(row["eventtime"])))
    calls = (_call(node, own, answers) for own in channels.values())
    return [call for call in calls if call and call.ended_at >= since]


def _call(node: str, rows: list[CelRow], answers: dict[str, tuple[str, float]]) -> ContactRecovered | None:
    """One channel's story; None unless it is a customer's and complete."""
    entry = next((row for row in rows if row["userdeftype"] in BEGINNINGS), None)
    end = next((row for row in rows if row["eventtype"] == "CHAN_END"), None)
    if entry is None or end is None:
        return None
    first, _, group = str(_extra(entry).get("extra", "")).partition(":")
    dialled = entry["userdeftype"] == _DIALLED
    bridges = (_bridge(row) for row in rows)
    answer = next((answers[bridge] for bridge in bridges if bridge in answers), None)
    return ContactRecovered(
        at=0.0,
        node=node,
        channel=entry["uniqueid"],
        service_number="" if dialled else first,
        group_id=group,
        customer_number="" if dialled else entry["num"],  # of a channel that we called, that is our own
        arrived_at=float(rows[0]["eventtime"]),
        ended_at=float(end["eventtime"]),
        connected_at=answer[1] if answer else None,
        station=answer[0] if answer else "",
        direction=first if dialled else "inbound",
    )


def _bridge(row: CelRow) -> str:
    """The bridge that the row's channel entered, empty for other rows."""
    return str(_extra(row).get("bridge_id", "")) if row["eventtype"] == "BRIDGE_ENTER" else ""


def _extra(row: CelRow) -> dict[str, object]:
    try:
        extra = json.loads(row["eventextra"] or "{}")
    except ValueError:
        return {}
    return extra if isinstance(extra, dict) else {}
