"""Who has which card, and whether a PIN is right. The directory has hashes only; tries are counted in it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.customer import CustomerProfile
from cti_server.domain.ivr_walk import Check
from cti_server.store.customers import profile
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable
from cti_server.store.passwords import Passwords
from cti_server.store.tables import customers

TRIES = 3
"""Wrong PINs of one customer, whoever typed them and in however many calls, until none counts any more."""
LOCKED_FOR = timedelta(hours=24)
"""Since the last of them."""
_DEADLINE = 0.7
"""Seconds; the caller's whole question has three."""
_NOT_CHECKED = "identity_not_checked"

log = structlog.get_logger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class CustomerIdentities:
    """The demo directory as `asterisk.menu.Identities`; a bank puts its own in this place."""

    def __init__(
        self, database: Database, passwords: Passwords, clock: Callable[[], datetime] = _now
    ) -> None:
        self._database, self._passwords, self._clock = database, passwords, clock

    async def of_card(self, card: str) -> str:
        """The number of the customer with that card or customer number; empty for nobody, or in doubt."""

        async def work(connection: AsyncConnection) -> str:
            query = select(customers.c.number).where(customers.c.card == card)
            return (await connection.execute(query)).scalar_one_or_none() or ""

        try:
            return await self._database.read(work, deadline=_DEADLINE)
        except StoreUnavailable as error:
            log.warning(_NOT_CHECKED, code=error.code)
            return ""

    async def check(self, subject: str, pin: str) -> tuple[Check, CustomerProfile | None]:
        """Whether it is that customer's PIN. A try is counted before it is looked at, so two calls gain none.

        For nobody, and for a locked customer, it takes as long.
        """
        try:
            allowed, stored = await self._database.write(
                lambda connection: self._begin_try(connection, subject), deadline=_DEADLINE
            )
            right = (await self._passwords.verify(stored, pin)).right
            if allowed and right:
                who = await self._database.write(
                    lambda connection: self._forgive(connection, subject), deadline=_DEADLINE
                )
                return Check.RIGHT, who
        except StoreUnavailable as error:
            log.warning(_NOT_CHECKED, code=error.code)
            return Check.UNAVAILABLE, None
        return (Check.LOCKED if subject and not allowed else Check.WRONG), None

    async def _begin_try(self, connection: AsyncConnection, subject: str) -> tuple[bool, str | None]:
        """Whether one more is allowed, and the stored hash."""
        now = self._clock()
        over = customers.c.pin_failed_at < now - LOCKED_FOR
        fresh = update(customers).where(customers.c.number == subject, over).values(pin_failures=0)
        await connection.execute(fresh)
        counted = (
            update(customers)
            .where(customers.c.number == subject, customers.c.pin_failures < TRIES)
            .values(pin_failures=customers.c.pin_failures + 1, pin_failed_at=now)
        )
        allowed = (await connection.execute(counted)).rowcount == 1
        query = select(customers.c.pin_hash).where(customers.c.number == subject)
        return allowed, (await connection.execute(query)).scalar_one_or_none()

    async def _forgive(self, connection: AsyncConnection, subject: str) -> CustomerProfile | None:
        fresh = update(customers).where(customers.c.number == subject)
        await connection.execute(fresh.values(pin_failures=0, pin_failed_at=None))
        return await profile(connection, subject)
