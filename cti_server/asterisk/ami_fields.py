"""The only place where bytes for Asterisk's manager interface are made.

Asterisk splits what it reads at CR LF and nowhere else, so a line break in a value starts a header of the
sender's choice, or another action. A line of more than 1,022 bytes makes Asterisk 22 drop what it has of the
message and take *the rest* for a new one (seen on 22.10.1), which comes to the same. Both are refused here,
together with everything else that would reach Asterisk otherwise than it was meant.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

from cti_server.errors import AmiInvalidField

Scalar = str | int
"""A value on one line; a bool is written as `true` or `false`."""
FieldValue = Scalar | Sequence[Scalar] | Mapping[str, Scalar]
"""A sequence repeats its key; a mapping repeats it as `NAME=value`, quoted, for channel variables."""
Fields = Mapping[str, FieldValue]

MAX_LINE: Final = 1000
"""Bytes of one header. Asterisk takes 1,022 with the line's end."""
MAX_HEADERS: Final = 120
"""Asterisk takes 128."""

VARIABLE_NAME: Final = re.compile(r"_{0,2}[A-Za-z][A-Za-z0-9_]{0,79}(\([A-Za-z0-9,_-]{0,79}\))?")
"""A channel variable or a dialplan function with plain arguments; `_` and `__` before it pass it on."""

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_BREAKS: Final = re.compile(r"[\r\n\0]")
_RESERVED: Final = frozenset({"action", "actionid"})
_ADDRESS: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_DIGITS: Final = re.compile(r"[0-9*#A-D]{1,32}")
_NUMBER: Final = re.compile(r"\+?[0-9*#]{1,32}")


def encode_action(name: str, fields: Fields | None = None, *, action_id: str | None = None) -> bytes:
    """The bytes of one action, ready to be written.

    Raises:
        AmiInvalidField: a key or a value that would not reach Asterisk as it was meant. The error names the
            field and never repeats the value.
    """
    if not _NAME.fullmatch(name):
        raise AmiInvalidField("Action", "not the name of an action")
    lines = [f"Action: {name}".encode()]
    if action_id is not None:
        lines.append(_line("ActionID", action_id))
    for key, value in (fields or {}).items():
        _check_key(key)
        lines.extend([_line(key, one) for one in _values(key, value)])
    if len(lines) > MAX_HEADERS:
        raise AmiInvalidField("Action", f"more than {MAX_HEADERS} headers")
    return b"\r\n".join([*lines, b"", b""])


@lru_cache(maxsize=256)
def _check_key(key: str) -> None:
    """The same few again and again, for they are in our code."""
    if not _NAME.fullmatch(key):
        raise AmiInvalidField("(key)", "not the name of a header")
    if key.lower() in _RESERVED:
        raise AmiInvalidField(key, "is set by the client itself")


def _values(key: str, value: FieldValue) -> Iterable[Scalar]:
    if isinstance(value, str | int):
        return (value,)
    if isinstance(value, bytes):  # a sequence of whole numbers, to the type checker too
        raise AmiInvalidField(key, "is bytes, not a text")
    if isinstance(value, Mapping):
        return [_assignment(key, name, one) for name, one in value.items()]
    return value


def _assignment(key: str, name: str, value: Scalar) -> str:
    """`NAME="value"`: without quotes a comma would end the value and begin another variable."""
    if not VARIABLE_NAME.fullmatch(name):
        raise AmiInvalidField(key, "not the name of a channel variable")
    quoted = _text(key, value).replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{quoted}"'


def _text(key: str, value: Scalar) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int):
        raise AmiInvalidField(key, "neither a text nor a whole number")
    return str(value)


def _line(key: str, value: Scalar) -> bytes:
    text = _text(key, value)
    if _BREAKS.search(text):
        raise AmiInvalidField(key, "holds a line break or a NUL")
    try:
        line = f"{key}: {text}".encode()
    except UnicodeEncodeError:
        raise AmiInvalidField(key, "is not valid Unicode") from None
    if len(line) > MAX_LINE:
        raise AmiInvalidField(key, f"longer than {MAX_LINE} bytes")
    return line


def station_channel(address: str) -> str:
    """The dial string of an agent's station, `1001` or `1001-browser` → `PJSIP/…`.

    The pattern leaves out what has a meaning in a dial string: `&` (rings another device as well), `/`, `@`.

    Raises:
        AmiInvalidField: not an address of a station.
    """
    if not _ADDRESS.fullmatch(address):
        raise AmiInvalidField("Channel", "not the address of a station")
    return f"PJSIP/{address}"


def dtmf_digits(digits: str) -> str:
    """The digits, which are 0-9, *, #, A-D.

    Raises:
        AmiInvalidField: something else is among them, none is there, or too many.
    """
    if not _DIGITS.fullmatch(digits):
        raise AmiInvalidField("Digit", "not digits that can be sent")
    return digits


def outside_number(number: str) -> str:
    """The number, for a variable of the dialplan that dials it.

    Raises:
        AmiInvalidField: not a number that can be dialled.
    """
    if not _NUMBER.fullmatch(number):
        raise AmiInvalidField("Value", "not a number that can be dialled")
    return number


def trunk_channel(number: str, trunk: str) -> str:
    """The dial string of an outside number through a trunk → `PJSIP/NUMBER@TRUNK`.

    Raises:
        AmiInvalidField: not a number that can be dialled, or not the name of a trunk.
    """
    if not _NUMBER.fullmatch(number):
        raise AmiInvalidField("Channel", "not a number that can be dialled")
    if not _ADDRESS.fullmatch(trunk):
        raise AmiInvalidField("Channel", "not the name of a trunk")
    return f"PJSIP/{number}@{trunk}"


def local_channel(extension: str, context: str) -> str:
    """The dial string of a dialplan place → `Local/EXTENSION@CONTEXT`.

    Raises:
        AmiInvalidField: not the name of a place in the dialplan.
    """
    if not (_ADDRESS.fullmatch(extension) and _ADDRESS.fullmatch(context)):
        raise AmiInvalidField("Channel", "not a place in the dialplan")
    return f"Local/{extension}@{context}"
