"""Calls that nobody watched, out of the channel event log; what is torn in it is passed over."""

import json
from pathlib import Path

import pytest

from asterisk_config.surface import CEL_COLUMNS
from cti_server.asterisk import cel

CUSTOMER, STATION = "PJSIP/trunk-00000001", "PJSIP/1001-00000002"


def line(event: str, at: float, channel: str, uniqueid: str, **more: str) -> str:
    row = dict.fromkeys(CEL_COLUMNS, "")
    row |= {"eventtype": event, "eventtime": f"{at:.6f}", "channame": channel, "uniqueid": uniqueid, **more}
    return ",".join('"' + row[name].replace('"', '""') + '"' for name in CEL_COLUMNS)


def extra(**values: str) -> str:
    return json.dumps(values)


STORY = [
    line("CHAN_START", 10, CUSTOMER, "pbx-a-1.1"),
    line(
        "CTI_ENTRY",
        11,
        CUSTOMER,
        "pbx-a-1.1",
        userdeftype="CTI_ENTRY",
        num="13800138000",
        eventextra=extra(extra="4000:general"),
    ),
    line("BRIDGE_ENTER", 20, STATION, "x-2", eventextra=extra(bridge_id="b")),
    line("BRIDGE_ENTER", 20.1, CUSTOMER, "pbx-a-1.1", eventextra=extra(bridge_id="b")),
    line("CHAN_END", 30, CUSTOMER, "pbx-a-1.1"),
]


def told(tmp_path: Path, text: str, since: float = 0.0) -> list[tuple[object, ...]]:
    path = tmp_path / "cel.csv"
    path.write_bytes(text.encode())
    return told_of(path, since)


def told_of(path: Path, since: float = 0.0) -> list[tuple[object, ...]]:
    calls = cel.ended_calls("pbx-a", cel.read_rows(path, CEL_COLUMNS), since)
    return [
        (c.channel, c.service_number, c.group_id, c.arrived_at, c.connected_at, c.ended_at, c.station)
        for c in calls
    ]


WHOLE = ("pbx-a-1.1", "4000", "general", 10.0, 20.0, 30.0, "1001")


def test_a_whole_call(tmp_path: Path) -> None:
    assert told(tmp_path, "\n".join(STORY)) == [WHOLE]
    assert told(tmp_path, "\n".join(STORY), since=31) == []
    assert told(tmp_path, "\n".join(STORY[:-1])) == []


@pytest.mark.parametrize(
    "torn",
    [
        "\0\0\0\0",
        '"CHAN_START","1795',
        "x,y",
        '"CHAN_END","soon","","","","","","","","u","","",""',
        "," * 40,
    ],
)
def test_torn_rows_are_passed_over(tmp_path: Path, torn: str) -> None:
    assert told(tmp_path, "\n".join([STORY[0], torn, *STORY[1:], torn])) == [WHOLE]


def test_no_log_yet(tmp_path: Path) -> None:
    assert cel.read_rows(tmp_path / "none.csv", CEL_COLUMNS) == []


def test_somebody_whom_we_called(tmp_path: Path) -> None:
    entry = line(
        "CTI_DIALLED",
        11,
        CUSTOMER,
        "pbx-a-out-1",
        userdeftype="CTI_DIALLED",
        num="4000",
        eventextra=extra(extra="outbound:general"),
    )
    path = tmp_path / "cel.csv"
    path.write_text(
        "\n".join(
            line(event, at, CUSTOMER, "pbx-a-out-1") for event, at in (("CHAN_START", 5), ("CHAN_END", 30))
        )
        + "\n"
        + entry
    )
    (call,) = cel.ended_calls("pbx-a", cel.read_rows(path, CEL_COLUMNS), 0.0)
    assert (call.direction, call.group_id, call.service_number, call.customer_number) == (
        "outbound",
        "general",
        "",
        "",
    )
