"""Actions that belong together leave in one write: Asterisk has the last as soon as it has the first."""

import asyncio
from typing import cast

import pytest

from cti_server.asterisk.ami_dispatch import EventQueue
from cti_server.asterisk.ami_protocol import AmiProtocol
from cti_server.errors import AmiInvalidField


class Written:
    """A transport that keeps what it was given, write by write."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)


def a_link() -> tuple[AmiProtocol, Written]:
    ids = map(str, range(10))
    link, written = AmiProtocol(None, EventQueue(10), ids.__next__), Written()
    link.connection_made(cast("asyncio.Transport", written))
    return link, written


async def test_one_write_in_the_order_they_were_sent() -> None:
    link, written = a_link()
    with link.together():
        answers = [link.send({"Action": name, "Channel": "c"}) for name in ("Setvar", "Redirect")]
        assert not written.writes
    (data,) = written.writes
    assert data.index(b"Action: Setvar") < data.index(b"Action: Redirect")
    assert data.count(b"\r\n\r\n") == 2
    link.data_received(b"Asterisk Call Manager/11.0.0\r\n")
    link.data_received(b"Response: Success\r\nActionID: 0\r\n\r\nResponse: Error\r\nActionID: 1\r\n\r\n")
    assert [(await answer).success for answer in answers] == [True, False]
    link.send({"Action": "Ping"})
    assert len(written.writes) == 2


async def test_what_was_sent_before_a_refused_one_is_written() -> None:
    link, written = a_link()
    with link.together():
        link.send({"Action": "Setvar", "Channel": "c"})
        with pytest.raises(AmiInvalidField):
            link.send({"Action": "Redirect", "Channel": "c\r\nAction: Command"})
    (data,) = written.writes
    assert b"Action: Setvar" in data
    assert b"Redirect" not in data
