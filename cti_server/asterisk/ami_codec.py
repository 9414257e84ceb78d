"""AMI without I/O: bytes in, messages out.

Framing as Asterisk 22 writes it: one greeting line, then messages of `Key: value` lines, each line ended by
CR LF and each message by an empty line. What we send is made by `ami_fields` and handed on here.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Final, Self, overload

from cti_server.asterisk.ami_fields import (
    Fields,
    FieldValue,
    encode_action,
    local_channel,
    station_channel,
    trunk_channel,
)
from cti_server.errors import AmiProtocolError

__all__ = [
    "AmiDecoder",
    "AmiKind",
    "AmiMessage",
    "FieldValue",
    "Fields",
    "encode_action",
    "local_channel",
    "station_channel",
    "trunk_channel",
]

GREETING: Final = b"Asterisk Call Manager/"
MAX_GREETING: Final = 256
"""Bytes. Asterisk's own greeting has 30."""
MAX_MESSAGE: Final = 256 * 1024
"""Bytes. A plain event has 400; a `Status` entry with many variables a few thousand."""

_EOL: Final = b"\r\n"
_END: Final = b"\r\n\r\n"
_EVENT: Final = "Event: "
_RESPONSE: Final = "Response: "
_ACTION_ID: Final = "\r\nActionID: "


_NEEDLES: Final[dict[str, str]] = {}
"""What to look for in a message's text for a header; made once for each key."""
_MAX_NEEDLES: Final = 1024
"""Keys kept. Ours are a few dozen, all written in the code."""


def _needle(key: str) -> str:
    needle = f"\r\n{key}: "
    if len(_NEEDLES) < _MAX_NEEDLES:
        _NEEDLES[key] = needle
    return needle


class AmiKind(StrEnum):
    """Whether a message answers one of our actions or tells what happened."""

    EVENT = "event"
    RESPONSE = "response"


class AmiMessage:
    """One event or response. `name` is the event's name, or `Success`, `Error`, `Goodbye` … of a response.

    Headers are looked up in the text when asked for: a handler reads a few of some twenty, and finding them
    costs much less than taking all of them apart. Keys are compared exactly as Asterisk spells them.
    """

    __slots__ = ("_text", "kind", "name")

    def __init__(self, kind: AmiKind, name: str, text: str) -> None:
        """`text` is the message as received, lines ended by CR LF, the last one without."""
        self.kind = kind
        self.name = name
        self._text = text

    @classmethod
    def event(cls, name: str, headers: Mapping[str, str | Sequence[str]] | None = None) -> Self:
        """Make an event by hand, for example in a test; a sequence repeats its key."""
        return cls._made(AmiKind.EVENT, "Event", name, headers)

    @classmethod
    def response(cls, name: str, headers: Mapping[str, str | Sequence[str]] | None = None) -> Self:
        """Make a response by hand; `name` is `Success`, `Error` …."""
        return cls._made(AmiKind.RESPONSE, "Response", name, headers)

    @classmethod
    def _made(
        cls, kind: AmiKind, first: str, name: str, headers: Mapping[str, str | Sequence[str]] | None
    ) -> Self:
        lines = [f"{first}: {name}"]
        for key, value in (headers or {}).items():
            lines.extend(f"{key}: {one}" for one in ([value] if isinstance(value, str) else value))
        return cls(kind, name, "\r\n".join(lines))

    @property
    def success(self) -> bool:
        """Whether a response is a good one; every event is."""
        return self.kind is AmiKind.EVENT or self.name in {"Success", "Follows", "Goodbye"}

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: str) -> str: ...
    def get(self, key: str, default: str | None = None) -> str | None:
        """The first value of a header; `Event` and `Response` themselves are `name`."""
        try:
            needle = _NEEDLES[key]
        except KeyError:
            needle = _needle(key)
        # It copies the rest of the message, some hundred bytes; CPython's `find` costs more than that.
        _, found, rest = self._text.partition(needle)
        return rest.partition("\r\n")[0] if found else default

    def __getitem__(self, key: str) -> str:
        value = self.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __contains__(self, key: str) -> bool:
        return f"\r\n{key}: " in self._text

    def pairs(self) -> Iterable[tuple[str, str]]:
        """Every header in order, repeated ones too, without the first line."""
        for line in self._text.split("\r\n")[1:]:
            key, found, value = line.partition(": ")
            if found:
                yield key, value

    def headers(self) -> dict[str, str]:
        """Every header, the last value of a repeated one."""
        lines = self._text.split("\r\n")[1:]
        try:
            return dict([line.split(": ", 1) for line in lines])
        except ValueError:  # a line that is no header
            return dict(self.pairs())

    def get_all(self, key: str) -> list[str]:
        """Every value of a header that may be repeated (`Output`, `Variable` …), in order."""
        return [value for name, value in self.pairs() if name == key]

    def variables(self, prefix: str = "") -> dict[str, str]:
        """Channel variables that the message carries, as `Variable` or `ChanVariable` lines (`NAME=value`).

        An event about two channels has the second one's under a prefix, such as `Dest`.
        """
        keys = {f"{prefix}Variable", f"{prefix}ChanVariable"}
        assignments = (value.partition("=") for key, value in self.pairs() if key in keys)
        return {name: value for name, found, value in assignments if found}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AmiMessage):
            return NotImplemented
        return (self.kind, self._text) == (other.kind, other._text)

    def __hash__(self) -> int:
        return hash((self.kind, self._text))

    def __repr__(self) -> str:
        """Without the headers: they hold customers' numbers, and a repr ends up in logs."""
        return f"<AmiMessage {self.kind} {self.name}>"


class AmiDecoder:
    """Turns the bytes of one connection into messages, however they were cut into reads.

    Events named in `wanted` are given back (all of them when it is None), and any event that carries an
    `ActionID`, since it may be part of a list that was asked for; nothing is spent on the others.
    Responses are always given back.
    """

    def __init__(self, wanted: Iterable[str] | None = None, *, max_message: int = MAX_MESSAGE) -> None:
        self._wanted = None if wanted is None else frozenset(wanted)
        self._max_message = max_message
        self._buffer = bytearray()
        self.version: str | None = None
        """The protocol version that the greeting told, for example `11.0.0`."""
        self.skipped = 0
        """Events nobody wanted."""
        self.unasked = 0
        """Messages given back that are no wanted events: responses, and what carries an `ActionID`."""
        self.malformed = 0
        """Messages that were neither an event nor a response."""
        self.invalid_utf8 = 0
        """Messages, wanted or not, in which bytes had to be replaced by U+FFFD."""

    def feed(self, data: bytes) -> list[AmiMessage]:
        """Take what was read and return the messages that it completes, in order.

        Raises:
            AmiProtocolError: the peer is not Asterisk or a message is too large. The connection is of no
                further use, and messages completed by the same read are lost with it.
        """
        buffer = self._buffer
        search_from = max(0, len(buffer) - len(_END) + 1)
        buffer += data
        if self.version is None:
            if not self._take_greeting():
                return []
            search_from = 0
        if buffer.find(_END, search_from) < 0:
            self._check_size(len(buffer))
            return []
        end = buffer.rfind(_END)
        complete = bytes(buffer[:end])
        del buffer[: end + len(_END)]
        self._check_size(len(buffer))
        if len(complete) > self._max_message:
            self._check_size(max(map(len, complete.split(_END))))
        return self._messages(self._parts(complete))

    def _parts(self, complete: bytes) -> list[str]:
        """Whole messages as text; decoding all at once costs less than picking out those that are wanted."""
        try:
            return complete.decode().split("\r\n\r\n")
        except UnicodeDecodeError:
            return [self._replaced(part) for part in complete.split(_END)]

    def _replaced(self, part: bytes) -> str:
        try:
            return part.decode()
        except UnicodeDecodeError:
            self.invalid_utf8 += 1
            return part.decode(errors="replace")

    def _take_greeting(self) -> bool:
        line, found, _ = self._buffer.partition(_EOL)
        if not GREETING.startswith(bytes(line[: len(GREETING)])) or len(line) > MAX_GREETING:
            raise AmiProtocolError("the peer does not greet as Asterisk's manager does")
        if not found:
            return False
        if len(line) <= len(GREETING):
            raise AmiProtocolError("the greeting names no version")
        self.version = bytes(line[len(GREETING) :]).decode(errors="replace")
        del self._buffer[: len(line) + len(_EOL)]
        return True

    def _check_size(self, size: int) -> None:
        if size > self._max_message:
            raise AmiProtocolError(f"a message of more than {self._max_message} bytes")

    def _messages(self, parts: list[str]) -> list[AmiMessage]:
        wanted, event = self._wanted, AmiKind.EVENT
        messages: list[AmiMessage] = []
        for part in parts:
            if not part.startswith(_EVENT):
                self._unusual(part, messages)
                continue
            name = part.partition("\r\n")[0][7:]  # 7: what `Event: ` takes
            if wanted is None or name in wanted:
                messages.append(AmiMessage(event, name, part))
            elif _ACTION_ID in part:
                self.unasked += 1
                messages.append(AmiMessage(event, name, part))
            else:
                self.skipped += 1
        return messages

    def _unusual(self, part: str, messages: list[AmiMessage]) -> None:
        """A response, a message with an empty line too many before it, or what cannot be made out."""
        if part.startswith(_RESPONSE):
            name = part.partition("\r\n")[0][len(_RESPONSE) :]
            self.unasked += 1
            messages.append(AmiMessage(AmiKind.RESPONSE, name, part))
        elif part.startswith("\r\n"):
            messages.extend(self._messages([part.lstrip("\r\n")]))
        elif part:
            self.malformed += 1
