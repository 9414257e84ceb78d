"""The demo customer directory; a bank puts its own behind the same function."""

from typing import Any

import msgspec
import structlog
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.customer import STRANGER, CustomerProfile
from cti_server.store.database import Database
from cti_server.store.errors import StoreUnavailable
from cti_server.store.tables import customers

_DEADLINE = 0.5
"""A caller is not kept waiting for it: in doubt it is a stranger's call."""
_NOT_KNOWN = "customer_not_looked_up"

_FIELDS = tuple(CustomerProfile.__dataclass_fields__)
_QUERY = select(*(customers.c[field] for field in _FIELDS)).where(customers.c.number == bindparam("caller"))

log = structlog.get_logger(__name__)


async def customer(database: Database, number: str) -> CustomerProfile:
    """Who calls from that number; a stranger when nobody is known or the database does not answer in time."""
    if not number:
        return STRANGER
    try:
        rows = await database.glance(_QUERY, {"caller": number}, deadline=_DEADLINE)
        return _profile(rows[0]) if rows else STRANGER
    except StoreUnavailable as error:
        log.warning(_NOT_KNOWN, code=error.code)
        return STRANGER


async def profile(connection: AsyncConnection, number: str) -> CustomerProfile | None:
    """The customer of that number in the directory; None for nobody."""
    row = (await connection.execute(_QUERY, {"caller": number})).one_or_none()
    return None if row is None else _profile(tuple(row))


def _profile(row: tuple[Any, ...]) -> CustomerProfile:
    """A stranger for a row that cannot be read. The values may be as SQLite keeps them."""
    known = dict(zip(_FIELDS, row, strict=True))
    try:
        requires = known["requires"]
        requires = msgspec.json.decode(requires) if isinstance(requires, str) else requires
        plain = {**known, "elder": bool(known["elder"]), "requires": requires or {}}
        return msgspec.convert(plain, CustomerProfile)
    except msgspec.MsgspecError as error:
        log.error(_NOT_KNOWN, why=str(error))  # noqa: TRY400  # the text says all
        return STRANGER
