"""Cards and PINs in the customer directory, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from cti_server.domain.ivr_walk import Check
from cti_server.store.database import Database
from cti_server.store.identity import LOCKED_FOR, TRIES, CustomerIdentities
from cti_server.store.passwords import CHEAP, Passwords
from cti_server.store.seed import seed, seed_pins
from cti_server.store.tables import customers

NUMBER, CARD, PIN = "13900000002", "62000002", "480613"


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
async def passwords(database: Database) -> AsyncIterator[Passwords]:
    made = Passwords(CHEAP)
    await seed(database, made)
    await seed_pins(database, made, {CARD: PIN})
    yield made
    made.close()


async def test_the_card_and_its_pin_name_the_customer(database: Database, passwords: Passwords) -> None:
    identities = CustomerIdentities(database, passwords)
    assert await identities.of_card(CARD) == NUMBER
    assert await identities.of_card("62009999") == await identities.of_card("") == ""
    outcome, who = await identities.check(NUMBER, PIN)
    assert outcome is Check.RIGHT
    assert who
    assert (who.name, who.elder) == ("沈桂英", True)
    for subject, pin in ((NUMBER, "000000"), (NUMBER, ""), ("", PIN), ("13800138000", PIN)):
        assert await identities.check(subject, pin) in ((Check.WRONG, None), (Check.LOCKED, None))


async def test_only_a_hash_is_stored_and_pins_are_given_once(
    database: Database, passwords: Passwords
) -> None:
    stored = [row.pin_hash for row in await database.read(lambda c: c.execute(customers.select()))]
    assert all(pin_hash.startswith("$argon2id$") for pin_hash in stored)
    assert len(set(stored)) == len(stored)
    assert await seed_pins(database, passwords, {CARD: "111111"}) == {}


async def test_locked_after_some_wrong_ones_and_open_again_later(
    database: Database, passwords: Passwords
) -> None:
    clock = Clock()
    identities = CustomerIdentities(database, passwords, clock)
    for _ in range(TRIES - 1):
        assert (await identities.check(NUMBER, "000000"))[0] is Check.WRONG
    assert (await identities.check(NUMBER, PIN))[0] is Check.RIGHT, "the right one forgives"
    for _ in range(TRIES):
        assert (await identities.check(NUMBER, "000000"))[0] is Check.WRONG
    assert (await identities.check(NUMBER, PIN))[0] is Check.LOCKED
    clock.now += LOCKED_FOR - timedelta(seconds=1)
    assert (await identities.check(NUMBER, PIN))[0] is Check.LOCKED
    clock.now += timedelta(seconds=2)
    assert (await identities.check(NUMBER, PIN))[0] is Check.RIGHT


async def test_many_calls_at_once_gain_no_tries(database: Database, passwords: Passwords) -> None:
    identities = CustomerIdentities(database, passwords)
    answers = await asyncio.gather(*(identities.check(NUMBER, "000000") for _ in range(8)))
    outcomes = [outcome for outcome, _ in answers]
    assert outcomes.count(Check.WRONG) <= TRIES
    assert Check.RIGHT not in outcomes


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://127.0.0.1:1/none"])
async def test_with_the_database_away_nobody_is_verified(url: str) -> None:
    database, passwords = Database(url), Passwords(CHEAP)
    identities = CustomerIdentities(database, passwords)
    try:
        assert await identities.of_card(CARD) == ""
        assert await identities.check(NUMBER, PIN) == (Check.UNAVAILABLE, None)
    finally:
        passwords.close()
        await database.close()
