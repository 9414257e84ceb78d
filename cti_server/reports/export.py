"""Reports as files: CSV for programs, XLSX for people."""

from __future__ import annotations

import csv
from io import BytesIO, StringIO

import xlsxwriter

from cti_server.reports.report import Row
from cti_server.spreadsheet import harmless

CSV_TYPE = "text/csv; charset=utf-8"
XLSX_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_RATES = frozenset(
    {
        "connect_rate",
        "service_level",
        "abandon_rate",
        "occupancy",
        "transfer_rate",
        "first_contact_resolution",
    }
)


def header(rows: list[Row]) -> list[str]:
    """Names of the columns."""
    return ["begin", "end", "key", *(rows[0].values if rows else ())]


def as_csv(rows: list[Row]) -> bytes:
    """UTF-8 with a byte order mark, which spreadsheets want; a figure that there is none of stays empty."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(header(rows))
    for row in rows:
        writer.writerow([row.begin.isoformat(), row.end.isoformat(), harmless(row.key), *row.values.values()])
    return text.getvalue().encode("utf-8-sig")


def as_xlsx(rows: list[Row]) -> bytes:
    """One sheet, the first line frozen, rates as percentages; all texts are plain strings, no formulas."""
    made = BytesIO()
    book = xlsxwriter.Workbook(made, {"in_memory": True})
    sheet = book.add_worksheet("report")
    percent, bold = book.add_format({"num_format": "0.00%"}), book.add_format({"bold": True})
    for column, name in enumerate(header(rows)):
        sheet.write_string(0, column, name, bold)
    for line, row in enumerate(rows, start=1):
        for column, text in enumerate((row.begin.isoformat(), row.end.isoformat(), row.key)):
            sheet.write_string(line, column, text)
        for column, (name, value) in enumerate(row.values.items(), start=3):
            if value is not None:
                sheet.write_number(line, column, value, percent if name in _RATES else None)
    sheet.freeze_panes(1, 3)
    book.close()
    return made.getvalue()
