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
        ('13800138000,"never closed,', RowRefusal.BAD_CSV),
        (f'13800138000,"{"a" * 17_000}', RowRefusal.BAD_CSV),
        (f"13800138000,{'a' * 70_000},", RowRefusal.VALUE_TOO_LONG),
        ('"13800138\n000",a,', RowRefusal.BAD_CHARACTERS),
        ("13800138000\t1,a,", RowRefusal.BAD_CHARACTERS),
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


def test_a_mark_that_is_never_closed_costs_its_own_line() -> None:
    content = b'number,name\n13800138000,"a\n13800138001,b\n13800138002,"c, d"\n'
    content += b'13800138003,"e\nf"\n13800138004,g"h\n'
    for piece in (1, 5, 10**9):
        rows = read(content, piece)
        assert [row.code for row in rows if isinstance(row, Refused)] == [RowRefusal.BAD_CSV]
        taken = [(row.line, row.number, row.name) for row in rows if isinstance(row, Row)]
        assert taken == [
            (3, "13800138001", "b"),
            (4, "13800138002", "c, d"),
            (5, "13800138003", "e\nf"),
            (6, "13800138004", 'g"h'),
        ]


def test_a_line_too_long_is_one_row_in_any_pieces() -> None:
    content = b"number,name\n13800138000," + b"x" * 300_000 + b"\n13800138001,b\n"
    for piece in (4096, 70_000, 10**9):
        rows = read(content, piece)
        assert isinstance(rows[0], Refused)
        assert (len(rows), rows[0].code, rows[1].line) == (2, RowRefusal.VALUE_TOO_LONG, 3)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_what_spreadsheets_save(delimiter: str, encoding: str) -> None:
    lines = [delimiter.join(cells) for cells in (("手机号", "姓名"), ("13800138000", '"张; 伟,\t一"'))]
    (row,) = read("\r\n".join(lines).encode(encoding), 3)
    assert isinstance(row, Row) or "\t" in delimiter  # a tab within a cell is refused there, and nowhere read
    assert row.content[:1] == ("13800138000",)


def test_one_spoiled_byte_does_not_make_all_names_unreadable() -> None:
    content = "number,name\n13800138000,张".encode() + b"\xff\n" + "13800138001,李娜\n".encode()
    refused, taken = read(content)
    assert isinstance(refused, Refused)
    assert isinstance(taken, Row)
    assert taken.name == "李娜"


def test_columns_of_the_same_name_and_none() -> None:
    rows = read(b"number,number,,note\n13800138000,2,3,4\n")
    assert isinstance(rows[0], Row)
    assert rows[0].data == {"column_2": "2", "column_3": "3", "note": "4"}


def test_the_report_is_no_spreadsheet_program() -> None:
    plain = ["+8613800138000", "+86 138-0013.8000", "-1", "张伟", "a=1", ""]
    formulas = ["=HYPERLINK(1)", "@x", "-x", "-2+3+cmd|' /C calc'!A0", "+1+1", " =1", "＝1", "\n=1", "\t"]
    content = as_csv(["number", "=1"], [(2, "duplicate", plain + formulas)])
    lines = list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))
    assert lines[0] == ["row", "code", "number", "'=1"]
    assert lines[1] == ["2", "duplicate", *plain, *(f"'{cell}" for cell in formulas)]


@given(st.binary(max_size=400), st.integers(1, 50))
def test_any_bytes_in_any_pieces_read_alike(noise: bytes, piece: int) -> None:
    content = b"number,name\n" + noise
    assert read(content, piece) == read(content)
