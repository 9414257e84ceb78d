"""A notification as it is kept and passed on: encoded once, however many are told of it."""

from __future__ import annotations

import msgspec

from cti_server.domain.events import Notification

_encode = msgspec.json.Encoder().encode


class News(msgspec.Struct, frozen=True, gc=False):
    """Where it stands in the agent's history, which event it is, and its `params` as JSON.

    Hundreds of thousands are kept. As text they hold nothing for the garbage collector to look into, whose
    full pass over as many views would be a pause of seconds.
    """

    epoch: int
    seq: int
    event: str
    params: bytes


def news_of(notification: Notification) -> News:
    """The notification, encoded."""
    params = notification.params
    return News(params["epoch"], notification.seq, notification.event.value, _encode(params))
