"""Texts of others in files that a spreadsheet program will open."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"\s*[=@＝＠]|\s*[-+＋－]|[\t\r\n]")
"""How a formula begins; full-width signs count in programs set up for Chinese."""
_PLAIN = re.compile(r"[-+]?[0-9][0-9 ().-]*")
"""A number or a telephone number: the worst that a sum of digits can do is to look wrong."""


def harmless(cell: str) -> str:
    """The text; with an apostrophe in front if a spreadsheet would take it for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) and not _PLAIN.fullmatch(cell) else cell
