"""AGI without I/O: what Asterisk writes on a FastAGI connection, and the commands we write.

Asterisk first sends `agi_…: value` lines up to an empty one, then answers each command with one line (several
for a usage error, or when a variable's value holds line breaks), and may say `HANGUP` at any time.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cti_server.errors import AgiInvalidArgument, AgiProtocolError

MAX_LINE: Final = 8 * 1024
"""Bytes of a line from Asterisk; a value of a variable has 4 KiB at most."""
MAX_LINES: Final = 256
"""Lines of the environment (Asterisk sends about 25), or of one answer."""
MAX_ANSWER: Final = 64 * 1024
"""Characters of one answer."""
MAX_COMMAND: Final = 2000
"""Bytes. Asterisk cuts a command at 2,047 and would read the rest as a command of its own."""

_ENTRY: Final = re.compile(r"(agi_[a-z0-9_]+): ?(.*)", re.DOTALL)
_ANSWER: Final = re.compile(r"(\d{3})([ -])(.*)", re.DOTALL)
_RESULT: Final = re.compile(r"result=(-?[^\s(]*)(?: \((.*)\))?(?: endpos=(\d+))?\s*", re.DOTALL)
_VALUE_BEGINS: Final = re.compile(r"200 result=-?[^\s(]* \(")
_VALUE_ENDS: Final = re.compile(r"\)(?: endpos=\d+)?\s*\Z")
_BREAKS: Final = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class AgiEnvironment:
    """What Asterisk tells of the channel at the beginning, by its names without `agi_`."""

    values: dict[str, str]

    @property
    def script(self) -> str:
        """The path of the address that the dialplan called, `route` of `agi://host/route?x=1`."""
        return self.values.get("network_script", "").partition("?")[0]

    @property
    def arguments(self) -> list[str]:
        """What the dialplan passed after the address."""
        numbered = (self.values.get(f"arg_{number}") for number in range(1, MAX_LINES))
        return [value for value in numbered if value is not None]


@dataclass(frozen=True, slots=True)
class AgiReply:
    """An answer. `status` 200 carries `result`, perhaps `data` (what stands in parentheses) and `endpos`."""

    status: int
    result: str = ""
    data: str | None = None
    endpos: int | None = None


@dataclass(frozen=True, slots=True)
class AgiHangupNotice:
    """Asterisk says that the channel has been hung up."""


AgiItem = AgiEnvironment | AgiReply | AgiHangupNotice


class AgiDecoder:
    """Turns the bytes of one connection into items, however they were cut into reads. Memory is bounded."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._environment: dict[str, str] | None = {}
        self._answer: list[str] = []
        self._answer_size = 0

    def feed(self, data: bytes) -> list[AgiItem]:
        """Take what was read and return the items that it completes, in order.

        Raises:
            AgiProtocolError: the peer is not Asterisk, or sends more than it would. The connection is of no
                further use.
        """
        self._buffer += data
        *lines, rest = bytes(self._buffer).split(b"\n")
        self._buffer = bytearray(rest)
        if any(len(line) > MAX_LINE for line in (*lines, rest)):
            raise AgiProtocolError(f"a line of more than {MAX_LINE} bytes")
        items: list[AgiItem] = []
        for line in lines:
            items.extend(self._line(line.decode(errors="replace").removesuffix("\r")))
        if self._environment is not None:
            self._check_beginning(rest)
        return items

    def _check_beginning(self, rest: bytes) -> None:
        """Whoever does not begin as Asterisk does is found out before its first line ends."""
        if not b"agi_".startswith(rest[:4].rstrip(b"\r")):
            raise AgiProtocolError("the peer does not begin as Asterisk does")

    def _line(self, line: str) -> Iterator[AgiItem]:
        if self._environment is not None:
            yield from self._environment_line(line, self._environment)
        elif self._answer:
            yield from self._answer_line(line)
        elif line == "HANGUP":
            yield AgiHangupNotice()
        elif line:
            yield from self._answer_line(line)

    def _environment_line(self, line: str, values: dict[str, str]) -> Iterator[AgiItem]:
        if not line:
            if not values:
                raise AgiProtocolError("an environment without an entry")
            self._environment = None
            yield AgiEnvironment(values)
            return
        entry = _ENTRY.fullmatch(line)
        if entry is None or len(values) >= MAX_LINES:
            raise AgiProtocolError("not an environment")
        values[entry[1].removeprefix("agi_")] = entry[2]

    def _answer_line(self, line: str) -> Iterator[AgiItem]:
        self._answer.append(line)
        self._answer_size += len(line)
        if len(self._answer) > MAX_LINES or self._answer_size > MAX_ANSWER:
            raise AgiProtocolError("an answer without an end")
        if _is_unfinished(self._answer[0], line):
            return
        text = "\n".join(self._answer)
        self._answer, self._answer_size = [], 0
        if not text.startswith("100 "):
            yield _reply(text)


def _is_unfinished(first: str, last: str) -> bool:
    """Whether an answer goes on: a usage text up to its closing `520 `, or a value with line breaks."""
    if first.startswith("520-"):
        return not last.startswith("520 ")
    return _VALUE_BEGINS.match(first) is not None and _VALUE_ENDS.search(last) is None


def _reply(text: str) -> AgiReply:
    answer = _ANSWER.fullmatch(text)
    if answer is None:
        raise AgiProtocolError("not an answer")
    status = int(answer[1])
    if status != 200:  # noqa: PLR2004 (AGI's own status)
        return AgiReply(status)
    result = _RESULT.fullmatch(answer[3])
    if result is None:
        raise AgiProtocolError("an answer without a result")
    return AgiReply(status, result[1], result[2], int(result[3]) if result[3] else None)


def encode_command(command: str, *arguments: str | int) -> bytes:
    """The bytes of one command: its words as they are, each argument in quotes.

    Raises:
        AgiInvalidArgument: an argument would not reach Asterisk as it was meant. The error names which one
            and never repeats it.
    """
    words = [command]
    for position, argument in enumerate(arguments, 1):
        text = str(argument)
        if _BREAKS.search(text):
            raise AgiInvalidArgument(f"{command} {position}", "holds a line break or a NUL")
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        words.append(f'"{escaped}"')
    try:
        line = " ".join(words).encode() + b"\n"
    except UnicodeEncodeError:
        raise AgiInvalidArgument(command, "is not valid Unicode") from None
    if len(line) > MAX_COMMAND:
        raise AgiInvalidArgument(command, f"longer than {MAX_COMMAND} bytes")
    return line
