"""The directory and its demo content on both databases."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError

from cti_server.store.database import Database
from cti_server.store.directory import load_directory, set_password, verify_password
from cti_server.store.errors import ContentRefused
from cti_server.store.passwords import CHEAP, PasswordCost, Passwords
from cti_server.store.seed import seed
from cti_server.store.tables import agents, groups


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    made = Passwords(CHEAP)
    yield made
    made.close()


async def test_the_demo_directory_is_the_one_promised(database: Database, passwords: Passwords) -> None:
    given = await seed(database, passwords)
    directory = await load_directory(database)
    assert list(directory.agents) == [
        *(str(number) for number in range(1001, 1021)),
        *("2001", "2002", "3001", "4001", "5001", "9001"),
    ]
    assert set(given) == set(directory.agents)
    assert len(set(given.values())) == len(given)
    assert {number: entry.group_id for number, entry in directory.service_numbers.items()} == {
        "4000": "general",
        "4001": "credit_card",
        "4002": "elder",
        "4003": "vtm",
        "4005": "general",
    }
    assert [number for number, entry in directory.service_numbers.items() if entry.ivr] == ["4005"]
    assert directory.agents["1001"].groups == {"general": 5}
    assert directory.agents["2001"].roles == ("team_leader",)
    assert any(len(agent.groups) > 1 for agent in directory.agents.values())
    assert directory.groups["elder"].name_zh == "老年客户专席"
    assert directory.groups["general"].ring_timeout == 20.0
    assert directory.stations["1001"].kind == "udp"
    assert directory.stations["1001-browser"].agent_id == "1001"
    assert "5001" not in directory.stations


async def test_passwords_work_and_only_theirs(database: Database, passwords: Passwords) -> None:
    given = await seed(database, passwords, known={"1002": "chosen"})
    assert given["1002"] == "chosen"
    assert await verify_password(database, passwords, "1001", given["1001"])
    assert await verify_password(database, passwords, "1002", "chosen")
    assert not await verify_password(database, passwords, "1001", given["1003"])
    assert not await verify_password(database, passwords, "7777", given["1001"])
    await database.write(
        lambda connection: connection.execute(
            update(agents).where(agents.c.agent_id == "1001").values(enabled=False)
        )
    )
    assert not await verify_password(database, passwords, "1001", given["1001"])


async def test_seeding_again_changes_nothing(database: Database, passwords: Passwords) -> None:
    given = await seed(database, passwords)
    before = await load_directory(database)
    assert await seed(database, passwords, known={"1001": "other"}) == {}
    assert await load_directory(database) == before
    assert await verify_password(database, passwords, "1001", given["1001"])
    await database.write(
        lambda connection: connection.execute(delete(agents).where(agents.c.agent_id == "1001"))
    )
    assert list(await seed(database, passwords, known={"1001": "other"})) == ["1001"]
    assert await verify_password(database, passwords, "1001", "other")


async def test_two_servers_seeding_at_once_agree(database: Database, passwords: Passwords) -> None:
    first, second = await asyncio.gather(seed(database, passwords), seed(database, passwords))
    assert not set(first) & set(second)
    for agent_id, password in {**first, **second}.items():
        assert await verify_password(database, passwords, agent_id, password)


async def test_a_hash_of_another_cost_is_replaced_at_sign_in(
    database: Database, passwords: Passwords
) -> None:
    dear = Passwords(PasswordCost(passes=2, memory=16, lanes=1))
    given = await seed(database, dear)
    assert await verify_password(database, passwords, "1001", given["1001"])
    assert await verify_password(database, passwords, "1001", given["1001"])
    verdict = await dear.verify(await _hash(database, "1001"), given["1001"])
    assert verdict.right
    assert verdict.better_hash is not None  # the stored one is cheap by now
    dear.close()


async def _hash(database: Database, agent_id: str) -> str:
    query = agents.select().where(agents.c.agent_id == agent_id)

    async def work(connection):
        return (await connection.execute(query)).one().password_hash

    return str(await database.read(work))


async def test_a_new_password_replaces_the_old(database: Database, passwords: Passwords) -> None:
    given = await seed(database, passwords)
    assert await set_password(database, passwords, "1001", "new one")
    assert await verify_password(database, passwords, "1001", "new one")
    assert not await verify_password(database, passwords, "1001", given["1001"])
    assert not await set_password(database, passwords, "7777", "new one")


async def test_foreign_keys_hold(database: Database, passwords: Passwords) -> None:
    await seed(database, passwords)
    with pytest.raises(ContentRefused) as refusal:
        await database.write(
            lambda connection: connection.execute(delete(groups).where(groups.c.group_id == "general"))
        )
    assert isinstance(refusal.value.__cause__, IntegrityError)
