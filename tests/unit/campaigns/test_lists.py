"""CSV as banks' people make it: encodings, line ends, quotation marks, and every reason to refuse a row."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cti_server.campaigns.errors import EmptyList, MissingColumn
from cti_server.campaigns.lists import ListReader, Refused, Row, RowRefusal, as_csv
from cti_server.campaigns.numbers import normal_number
from cti_server.domain.outside import OutsideRules

ALLOWS = OutsideRules().allows


def read(content: bytes, piece: int = 10**9, regions: frozenset[str] | None = None) -> list[Row | Refused]:
    reader = ListReader(ALLOWS, regions)
    found = []
    for start in range(0, len(content), piece):
        found += reader.feed(content[start : start + piece])
    return found + reader.feed(b"", final=True)


@pytest.mark.parametrize(
    ("written", "dialled"),
    [
        ("13800138000", "13800138000"),
        (" 138-0013 8000 ", "13800138000"),
        ("+86 138 0013 8000", "13800138000"),
        ("0086-13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("'13800138000", "13800138000"),
        ("(010) 8888.6666", "01088886666"),
        ("+86 10 8888 6666", "01088886666"),
        ("+86 400 123 4567", "4001234567"),
        ("0044 20 7946 0000", "+442079460000"),
        ("1.38E+10", ""),
        ("138 0013 800x", ""),
        ("", ""),
        ("12", ""),
        ("1" * 21, ""),
        ("=13800138000", ""),
    ],
)
def test_numbers_as_people_write_them(written: str, dialled: str) -> None:
    assert normal_number(written) == dialled


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("piece", [1, 3, 7, 4096])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_encoding_in_any_pieces(encoding: str, piece: int, end: str) -> None:
    lines = ["号码,姓名,备注", '13800138000,"张, 伟","他说 ""好"""', "", f"13800138001,李𠮷,{'长' * 900}"]
    rows = read(end.join(lines).encode(encoding), piece)
    assert [(r.line, r.number, r.name) for r in rows if isinstance(r, Row)] == [
        (2, "13800138000", "张, 伟"),
        (3, "13800138001", "李𠮷"),
    ]
    assert isinstance(rows[0], Row)
    assert rows[0].data == {"备注": '他说 "好"'}


def test_gb18030_is_known_late() -> None:
    """Thousands of rows in plain ASCII come before the first character that tells."""
    ascii_rows = b"".join(b"139%08d,x\r\n" % n for n in range(2000))
    reader = ListReader(ALLOWS, None)
    rows = reader.feed(b"number,name\r\n" + ascii_rows)
    assert len(rows) == 2000
    rows += reader.feed("13800138000,张伟\r\n".encode("gb18030"))
    rows += reader.feed(b"", final=True)
    assert reader.encoding == "gb18030"
    assert isinstance(rows[-1], Row)
    assert rows[-1].name == "张伟"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("hello,a,", RowRefusal.NOT_A_NUMBER),
        (",a,", RowRefusal.NOT_A_NUMBER),
        ("120,a,", RowRefusal.NUMBER_NOT_ALLOWED),
        ("13800138000,a", RowRefusal.MISSING_COLUMN),
        ("13800138000,a,,d", RowRefusal.TOO_MANY_COLUMNS),
        ("13800138000,a,mars", RowRefusal.UNKNOWN_REGION),
        (f"13800138000,{'a' * 1001},", RowRefusal.VALUE_TOO_LONG),
        ("13800138000,a\x00b,", RowRefusal.BAD_CHARACTERS),
        ('13800138000,"a"b,', RowRefusal.BAD_CSV),
        (f'13800138000,"{"a" * 17_000}', RowRefusal.BAD_CSV),
    ],
)
def test_a_refused_row_does_not_harm_the_next(line: str, code: RowRefusal) -> None:
    content = f"number,name,region\n{line}\n13800138001,b,\n".encode()
    rows = read(content, 1000, frozenset({""}))
    assert isinstance(rows[0], Refused)
    assert (rows[0].line, rows[0].code) == (2, code)
    assert [r.number for r in rows if isinstance(r, Row)] == ["13800138001"]


def test_bytes_that_are_no_text() -> None:
    rows = read("number,name\n13800138000,张".encode() + b"\xff\xff\n13800138001,b\n")
    assert [type(row) for row in rows] in ([Refused, Row], [Row, Row])
    rows = read("number,name\n13800138000,张伟\n".encode() + b"x" * 0 + b"13800138002,\xe5\n13800138001,b\n")
    assert [r.number for r in rows if isinstance(r, Row)][-1] == "13800138001"


@pytest.mark.parametrize(
    ("content", "error"),
    [(b"", EmptyList), (b"\n\n", EmptyList), (b"a,b\n", MissingColumn), (b"\xff\xfe\x00n", MissingColumn)],
)
def test_what_is_no_list(content: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(content)


def test_columns_of_the_same_name_and_none() -> None:
    rows = read(b"number,number,,note\n13800138000,2,3,4\n")
    assert isinstance(rows[0], Row)
    assert rows[0].data == {"column_2": "2", "column_3": "3", "note": "4"}


def test_the_report_is_no_spreadsheet_program() -> None:
    cells = ["=HYPERLINK(1)", "@x", "-x", "+8613800138000", "张伟"]
    lines = list(csv.reader(io.StringIO(as_csv(["number"], [(2, "duplicate", cells)]).decode("utf-8-sig"))))
    assert lines[1] == ["2", "duplicate", "'=HYPERLINK(1)", "'@x", "'-x", "+8613800138000", "张伟"]


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_in_any_pieces_read_alike(noise: bytes, piece: int) -> None:
    content = b"number,name\n" + noise
    assert read(content, piece) == read(content)
