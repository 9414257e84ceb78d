"""The customer directory: who calls, and strangers when in doubt."""

import pytest

from cti_server.domain.customer import STRANGER, CustomerProfile
from cti_server.store.customers import customer
from cti_server.store.database import Database
from cti_server.store.passwords import CHEAP, Passwords
from cti_server.store.schema import upgrade
from cti_server.store.seed import seed
from cti_server.store.tables import customers


async def test_who_calls(database_url: str) -> None:
    await upgrade(database_url)
    database, passwords = Database(database_url), Passwords(CHEAP)
    bad = {"number": "1", "name": "", "tier": "", "elder": False, "language": "", "dedicated_agent": ""}
    try:
        await seed(database, passwords)
        await database.write(lambda c: c.execute(customers.insert(), [{**bad, "requires": {"en": "much"}}]))
        vip = await customer(database, "13900000001")
        assert vip == CustomerProfile("钱伟", "vip", dedicated_agent="1001")
        assert (await customer(database, "13900000002")).elder
        assert (await customer(database, "13900000003")).language == "en"
        for nobody in ("13800138000", "", "1"):
            assert await customer(database, nobody) == STRANGER
    finally:
        passwords.close()
        await database.close()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://127.0.0.1:1/none"])
async def test_with_the_database_away_everybody_is_a_stranger(url: str) -> None:
    database = Database(url)
    try:
        assert await customer(database, "13900000001") == STRANGER
    finally:
        await database.close()
