"""Telephone numbers as people write them, to the form that is dialled."""

from __future__ import annotations

import re
import unicodedata

_BETWEEN = re.compile(r"[\s.()/\-‐‑‒–—]+")
_NUMBER = re.compile(r"[+]?[0-9]{3,20}")
_HOME = re.compile(r"(?:[+]|00)86")
_MOBILE = re.compile(r"86(1[3-9][0-9]{9})")


def normal_number(text: str) -> str:
    """Digits, with a leading + for other countries; empty when it is no number.

    Full-width digits, spaces, brackets and dashes are understood, and China's own country code is dropped (a
    landline gets its 0 back).
    """
    plain = _BETWEEN.sub("", unicodedata.normalize("NFKC", text).strip().lstrip("'"))
    if not _NUMBER.fullmatch(plain):
        return ""
    home = _HOME.match(plain)
    if home:
        rest = plain[home.end() :]
        return rest if re.fullmatch(r"1[3-9][0-9]{9}|0.*|[48]00.*", rest) else f"0{rest}"
    mobile = _MOBILE.fullmatch(plain)
    if mobile:
        return mobile[1]
    return f"+{plain[2:]}" if plain.startswith("00") else plain
