"""The outbox's lines: what was written is read, what was cut or altered is recognised."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti_server.domain.records import Record
from cti_server.store.errors import RecordNotSerialisable
from cti_server.store.segments import (
    Position,
    cut_torn_tail,
    decode_line,
    encode_line,
    read_lines,
    segment_path,
)

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
records = st.builds(
    Record,
    id=texts,
    kind=st.sampled_from(["contact", "contact_event", "agent_event", "recording"]),
    at=st.floats(0, 4e9),
    data=st.dictionaries(texts, values.filter(lambda value: value != float("inf")), max_size=4),
)
RECORD = Record("e1", "contact_event", 12.5, {"contact_id": "pbx-a-1.1", "note": "王小明\n第二行"})


def _finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or abs(value) != float("inf")


@given(records.filter(lambda record: _finite(record.data)))
def test_a_line_is_one_line_and_reads_back(record: Record) -> None:
    line = encode_line(record)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode_line(line) == record


@given(st.data())
def test_any_altered_byte_is_noticed(data: st.DataObject) -> None:
    line = bytearray(encode_line(RECORD))
    place = data.draw(st.integers(0, len(line) - 2))
    line[place] ^= data.draw(st.integers(1, 255))
    assert decode_line(bytes(line)) is None


@pytest.mark.parametrize("line", [b"\n", b"", b"00000000 \n", b"garbage\n", b"\x00" * 40 + b"\n"])
def test_what_is_no_line_is_noticed(line: bytes) -> None:
    assert decode_line(line) is None


@pytest.mark.parametrize(
    ("value", "kept"),
    [(2**70, float(2**70)), ("a\ud800b", "a?b"), (b"raw", "b'raw'"), ({1: 2}, {"1": 2}), ((1, 2), [1, 2])],
)
def test_odd_values_are_kept_as_well_as_can_be(value: object, kept: object) -> None:
    read = decode_line(encode_line(Record("e1", "contact_event", 1.0, {"x": value, "y": "王"})))
    assert read == Record("e1", "contact_event", 1.0, {"x": kept, "y": "王"})


@pytest.mark.parametrize("data", [{(1, 2): 3}, {"x": {b"raw": 1}}])
def test_what_is_no_json_is_refused(data: dict[Any, Any]) -> None:
    with pytest.raises(RecordNotSerialisable) as refusal:
        encode_line(Record("e1", "contact_event", 1.0, data))
    assert refusal.value.detail["record_id"] == "e1"


@pytest.mark.parametrize("kept", range(0, 2 * len(encode_line(RECORD)), 7))
def test_torn_tail_is_cut_to_the_last_whole_line(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "segment"
    line = encode_line(RECORD)
    path.write_bytes((line + line)[:kept])
    torn = cut_torn_tail(path)
    assert path.read_bytes() == line * (kept // len(line))
    assert torn == kept % len(line)


def test_reading_stops_at_the_durable_end_and_keeps_damage_as_it_stands(tmp_path: Path) -> None:
    line = encode_line(RECORD)
    bad = line.replace(b"12.5", b"13.5")
    segment_path(tmp_path, 1).write_bytes(line + bad + line + line)
    batch = read_lines(tmp_path, Position(1, 0), 3 * len(line), 100)
    assert [decode_line(each) for each in batch.lines] == [RECORD, None, RECORD]
    assert batch.lines[1] == bad
    assert batch.end == Position(1, 3 * len(line))
