"""The outbox of messages: each is kept before anything else happens, and taken by one server at a time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Update, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.errors import CtiError
from cti_server.messaging.errors import MessageRepeated, UnknownMessage
from cti_server.messaging.model import Medium, Message, MessageState
from cti_server.store.campaign_tables import messages
from cti_server.store.campaigns import new_id
from cti_server.store.database import Database

CLAIM = 120.0
"""Seconds after which a message that a server claimed and did not begin to hand over is due again."""
_SHOWN = (
    *(messages.c.message_id, messages.c.medium, messages.c.address, messages.c.subject, messages.c.body),
    *(messages.c.contact_id, messages.c.created_by, messages.c.created_at, messages.c.state),
    *(messages.c.attempts, messages.c.why, messages.c.sent_at),
)


class Unclaimed(CtiError):  # noqa: N818  # as in cti_server.errors
    """The message is another server's by now."""

    code = "message_unclaimed"


class StoredMessages:
    """`messaging.dispatcher.MessageOutbox`, and what the edge asks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, wanted: Mapping[str, str], by: str, request_id: str) -> Message:
        """Keep a new message; the same request again gives the same message.

        `wanted` has medium, address, subject, body, contact_id. Raises MessageRepeated, StoreUnavailable.
        """
        now = datetime.now(UTC)
        values = {
            **wanted,
            "message_id": new_id("message"),
            "request_id": request_id,
            "created_by": by,
            "created_at": now,
            "state": MessageState.WAITING.value,
            "attempts": 0,
            "due_at": now,
            "why": "",
            "sent_at": None,
        }
        mine = (messages.c.created_by == by) & (messages.c.request_id == request_id)

        async def work(connection: AsyncConnection) -> Message:
            insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            await connection.execute(insert(messages).values(**values).on_conflict_do_nothing())
            row = (await connection.execute(select(messages).where(mine))).mappings().one()
            if any(row[name] != value for name, value in wanted.items()):
                raise MessageRepeated
            return _message(row)

        return await self._database.write(work)

    async def message(self, message_id: str) -> Message:
        """Raises UnknownMessage, StoreUnavailable."""
        query = select(*_SHOWN).where(messages.c.message_id == message_id)

        async def work(connection: AsyncConnection) -> Message:
            row = (await connection.execute(query)).mappings().one_or_none()
            if row is None:
                raise UnknownMessage
            return _message(row)

        return await self._database.read(work)

    async def of_contact(self, contact_id: str) -> list[Message]:
        """A contact's messages, oldest first. Raises StoreUnavailable."""
        query = select(*_SHOWN).where(messages.c.contact_id == contact_id).order_by(messages.c.created_at)

        async def work(connection: AsyncConnection) -> list[Message]:
            return [_message(row) for row in (await connection.execute(query.limit(200))).mappings()]

        return await self._database.read(work)

    async def recover(self, repeatable: frozenset[Medium]) -> int:
        """See MessageOutbox."""
        left = messages.c.state == MessageState.SENDING.value
        again = messages.c.medium.in_([medium.value for medium in repeatable])
        due = {"due_at": datetime.now(UTC)}

        async def work(connection: AsyncConnection) -> int:
            claimed = update(messages).where(messages.c.state == MessageState.CLAIMED.value)
            back = await connection.execute(claimed.values(state=MessageState.WAITING.value, **due))
            safe = update(messages).where(left, again)
            once_more = await connection.execute(safe.values(state=MessageState.WAITING.value, **due))
            rest = update(messages).where(left)
            unknown = await connection.execute(
                rest.values(state=MessageState.UNKNOWN.value, why="server_ended")
            )
            return int(back.rowcount + once_more.rowcount + unknown.rowcount)

        return await self._database.write(work)

    async def claim(self, media: frozenset[Medium], most: int) -> list[Message]:
        """See MessageOutbox."""
        now = datetime.now(UTC)
        due = (
            select(messages.c.message_id)
            .where(
                messages.c.state.in_([MessageState.WAITING.value, MessageState.CLAIMED.value]),
                messages.c.due_at <= now,
                messages.c.medium.in_([medium.value for medium in media]),
            )
            .order_by(messages.c.due_at)
            .limit(most)
            .with_for_update(skip_locked=True)
        )

        async def work(connection: AsyncConnection) -> list[Message]:
            ids = list((await connection.execute(due)).scalars())
            if not ids:
                return []
            taken = update(messages).where(messages.c.message_id.in_(ids))
            await connection.execute(
                taken.values(
                    state=MessageState.CLAIMED.value,
                    attempts=messages.c.attempts + 1,
                    due_at=now + timedelta(seconds=CLAIM),
                )
            )
            rows = (
                await connection.execute(select(*_SHOWN).where(messages.c.message_id.in_(ids)))
            ).mappings()
            return [_message(row) for row in rows]

        return await self._database.write(work)

    async def handing_over(self, message: Message) -> None:
        """See MessageOutbox. Raises Unclaimed."""
        await self._change(_ours(message, MessageState.CLAIMED).values(state=MessageState.SENDING.value))

    async def settle(self, message: Message, state: MessageState, why: str = "", after: float = 0.0) -> None:
        """See MessageOutbox. Raises Unclaimed."""
        now = datetime.now(UTC)
        sent = {"sent_at": now} if state is MessageState.SENT else {}
        values = {"state": state.value, "why": why, "due_at": now + timedelta(seconds=after), **sent}
        await self._change(_ours(message, MessageState.CLAIMED, MessageState.SENDING).values(**values))

    async def _change(self, statement: Update) -> None:
        async def work(connection: AsyncConnection) -> None:
            if (await connection.execute(statement)).rowcount != 1:
                raise Unclaimed

        await self._database.write(work)


def _ours(message: Message, *states: MessageState) -> Update:
    """The row, if this attempt at it is still ours."""
    return update(messages).where(
        messages.c.message_id == message.message_id,
        messages.c.attempts == message.attempts,
        messages.c.state.in_([state.value for state in states]),
    )


def _message(row: Mapping[Any, Any]) -> Message:
    plain = {column.name: row[column.name] for column in _SHOWN}
    return Message(**{**plain, "medium": Medium(plain["medium"]), "state": MessageState(plain["state"])})
