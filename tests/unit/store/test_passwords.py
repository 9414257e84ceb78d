"""Password hashes: right, wrong, unknown, made at another cost."""

import statistics
import time
from collections.abc import Iterator

import pytest

from cti_server.store.passwords import CHEAP, LONGEST, PasswordCost, Passwords


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


async def test_right_and_wrong(passwords: Passwords) -> None:
    stored = await passwords.hash("密码 with spaces")
    assert stored.startswith("$argon2id$")
    assert (await passwords.verify(stored, "密码 with spaces")).right
    assert not (await passwords.verify(stored, "密码 with space")).right
    assert (await passwords.verify(stored, "密码 with spaces")).better_hash is None


@pytest.mark.parametrize("stored", [None, "", "no hash at all"])
@pytest.mark.parametrize("password", ["", "x", "nobody's password", "x" * 10_000, "\ud800"])
async def test_nobody_is_never_right(passwords: Passwords, stored: str | None, password: str) -> None:
    assert not (await passwords.verify(stored, password)).right


async def test_another_cost_is_replaced(passwords: Passwords) -> None:
    older = Passwords(PasswordCost(passes=2, memory=16, lanes=1))
    stored = await older.hash("secret")
    older.close()
    verdict = await passwords.verify(stored, "secret")
    assert verdict.right
    assert verdict.better_hash is not None
    assert (await passwords.verify(verdict.better_hash, "secret")).better_hash is None
    assert (await passwords.verify(stored, "wrong")).better_hash is None


@pytest.mark.parametrize("password", ["", "x" * (LONGEST + 1)])
async def test_senseless_passwords_are_not_hashed(passwords: Passwords, password: str) -> None:
    with pytest.raises(ValueError, match="characters"):
        await passwords.hash(password)


async def test_an_unknown_agent_takes_as_long_as_a_wrong_password() -> None:
    costly = Passwords(PasswordCost(passes=2, memory=8192, lanes=1))
    stored = await costly.hash("secret")

    async def seconds(against: str | None) -> float:
        began = time.perf_counter()
        await costly.verify(against, "wrong")
        return time.perf_counter() - began

    pairs = [(await seconds(stored), await seconds(None)) for _ in range(15)]
    costly.close()
    assert 0.5 < statistics.median(unknown / known for known, unknown in pairs) < 2.0
