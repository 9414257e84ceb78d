"""The demo customer directory; a bank puts its own behind the same function."""

from typing import Any

import msgspec
import structlog
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.customer import STRANGER, CustomerProfile
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable
from cti_server.store.tables import customers

_DEADLINE = 0.5
"""A caller is not kept waiting for it: in doubt it is a stranger's call."""
_NOT_KNOWN = "customer_not_looked_up"

_PROFILE = [customers.c[field] for field in CustomerProfile.__dataclass_fields__]

log = structlog.get_logger(__name__)


async def customer(database: Database, number: str) -> CustomerProfile:
    """Who calls from that number; a stranger when nobody is known or the database does not answer in time."""
    if not number:
        return STRANGER
    try:
        rows = await database.glance(_query(number), deadline=_DEADLINE)
        return _profile(rows[0]) if rows else STRANGER
    except StoreUnavailable as error:
        log.warning(_NOT_KNOWN, code=error.code)
        return STRANGER


async def profile(connection: AsyncConnection, number: str) -> CustomerProfile | None:
    """The customer of that number in the directory; None for nobody."""
    row = (await connection.execute(_query(number))).mappings().one_or_none()
    return None if row is None else _profile({str(name): value for name, value in row.items()})


def _query(number: str) -> Select[Any]:
    return select(*_PROFILE).where(customers.c.number == number)


def _profile(row: dict[str, object]) -> CustomerProfile:
    """A stranger for a row that cannot be read."""
    try:
        return msgspec.convert({**row, "requires": row["requires"] or {}}, CustomerProfile)
    except msgspec.ValidationError as error:
        log.error(_NOT_KNOWN, why=str(error))  # noqa: TRY400  # the text says all
        return STRANGER
