"""What a handler can do with the channel that asks."""

import asyncio
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from cti_server.asterisk.agi_codec import (
    AgiDecoder,
    AgiEnvironment,
    AgiHangupNotice,
    AgiReply,
    encode_command,
)
from cti_server.asterisk.ami_fields import VARIABLE_NAME
from cti_server.errors import AgiCommandFailed, AgiHangup, AgiInvalidArgument

_READ: Final = 4096
_OK: Final = 200
_DEAD_CHANNEL: Final = 511
_DIGITS: Final = re.compile(r"[0-9*#]*")


@dataclass(frozen=True, slots=True)
class Digits:
    """What a caller typed, and whether it ended because the time was up."""

    digits: str
    timed_out: bool


class AgiSession:
    """One channel's session. One command at a time, each of which may raise the same errors.

    Raises:
        AgiHangup: the channel is gone, or Asterisk closed the connection.
        AgiCommandFailed: Asterisk did not do it.
        AgiInvalidArgument: an argument must not be sent so; nothing was written.
    """

    def __init__(
        self,
        environment: AgiEnvironment,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        decoder: AgiDecoder,
    ) -> None:
        self._environment = environment
        self._reader, self._writer, self._decoder = reader, writer, decoder
        self._replies: deque[AgiReply] = deque()
        self._is_hung_up = False

    @property
    def environment(self) -> dict[str, str]:
        """Everything that Asterisk told at the beginning, by its names without `agi_`."""
        return self._environment.values

    @property
    def uniqueid(self) -> str:
        """The channel's Uniqueid."""
        return self.environment.get("uniqueid", "")

    @property
    def channel(self) -> str:
        """The channel's name."""
        return self.environment.get("channel", "")

    @property
    def language(self) -> str:
        """The channel's language, such as `en`."""
        return self.environment.get("language", "")

    @property
    def script(self) -> str:
        """The script that the dialplan named."""
        return self._environment.script

    @property
    def arguments(self) -> list[str]:
        """What the dialplan passed."""
        return self._environment.arguments

    async def set_variable(self, name: str, value: str | int) -> None:
        """Set a variable of the channel, or a dialplan function such as `CHANNEL(language)`."""
        await self._do("SET VARIABLE", _variable(name), value)

    async def get_variable(self, name: str) -> str | None:
        """A variable of the channel, None when it is not set."""
        reply = await self._do("GET VARIABLE", _variable(name))
        return reply.data or "" if reply.result == "1" else None

    async def answer(self) -> None:
        """Answer the channel if it has not been."""
        await self._do("ANSWER")

    async def exec(self, application: str, *arguments: str) -> str:
        """Run a dialplan application; returns its result. An unknown one fails."""
        if not application.isidentifier():
            raise AgiInvalidArgument("application", "not the name of an application")
        reply = await self._do("EXEC", application, ",".join(arguments))
        if reply.result == "-2":
            raise AgiCommandFailed(f"no application {application}", detail={"status": reply.status})
        return reply.result

    async def stream_file(self, prompt: str, escape_digits: str = "") -> str:
        """Play a prompt; returns the digit that cut it short, or an empty text."""
        reply = await self._do("STREAM FILE", prompt, _digits(escape_digits))
        return chr(int(reply.result)) if reply.result.isdecimal() and reply.result != "0" else ""

    async def get_data(self, prompt: str, *, seconds: float, max_digits: int) -> Digits:
        """Play a prompt and collect digits, up to `#`, `max_digits`, or a pause of `seconds`."""
        reply = await self._do("GET DATA", prompt, int(seconds * 1000), max_digits)
        return Digits(reply.result, timed_out=reply.data == "timeout")

    async def verbose(self, message: str, level: int = 1) -> None:
        """Write to Asterisk's console. No customer's name or number."""
        await self._do("VERBOSE", message, level)

    async def _do(self, command: str, *arguments: str | int) -> AgiReply:
        line = encode_command(command, *arguments)
        if self._is_hung_up:
            raise AgiHangup("the channel has been hung up")
        try:
            self._writer.write(line)
            await self._writer.drain()
            reply = await self._reply()
        except OSError:
            raise AgiHangup("Asterisk closed the session") from None
        if reply.status == _OK and reply.result != "-1":
            return reply
        if reply.status == _DEAD_CHANNEL or await self._has_ended():
            raise AgiHangup("the channel has been hung up")
        raise AgiCommandFailed(f"Asterisk did not do {command}", detail={"status": reply.status})

    async def _has_ended(self) -> bool:
        """Whether the channel is gone.

        Asterisk answers the command that a hang-up cut short before it says HANGUP, and says HANGUP before it
        reads another command (`run_agi` in res_agi.c): so one that does nothing brings the notice out.
        """
        if not self._is_hung_up:
            try:
                self._writer.write(encode_command("NOOP"))
                await self._writer.drain()
                await self._reply()
            except (OSError, AgiHangup):
                return True
        return self._is_hung_up

    async def _reply(self) -> AgiReply:
        while not self._replies:
            data = await self._reader.read(_READ)
            if not data:
                raise AgiHangup("Asterisk closed the session")
            for item in self._decoder.feed(data):
                if isinstance(item, AgiHangupNotice):
                    self._is_hung_up = True
                elif isinstance(item, AgiReply):
                    self._replies.append(item)
        return self._replies.popleft()


Handler = Callable[[AgiSession], Awaitable[None]]
"""Serves one session of one script."""


def _variable(name: str) -> str:
    if not VARIABLE_NAME.fullmatch(name):
        raise AgiInvalidArgument("name", "not the name of a channel variable")
    return name


def _digits(digits: str) -> str:
    if not _DIGITS.fullmatch(digits):
        raise AgiInvalidArgument("escape_digits", "not digits")
    return digits
