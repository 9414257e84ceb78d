"""The demo directory of docs and `make up`: groups, numbers, people and phones of a small centre.

People: 1001-1020 agents, 2001-2002 team leaders, 3001 quality inspector, 4001 operations, 5001 auditor,
9001 administrator.
"""

import asyncio
import secrets
import string
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Table, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from cti_server.domain.ivr_questions import PIN_DIGITS
from cti_server.store.database import Database
from cti_server.store.passwords import Passwords
from cti_server.store.tables import agent_groups, agents, customers, groups, service_numbers, stations

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that look alike
_PASSWORD_LENGTH = 14
_LEVEL, _HELPING_LEVEL = 5, 1
_DEADLINE = 10.0

_GROUPS = (
    # group, zh, en, seconds to ring, seconds of after-call work, service number
    ("general", "综合服务", "General service", 20.0, 60.0, "4000"),
    ("credit_card", "信用卡", "Credit cards", 20.0, 60.0, "4001"),
    ("elder", "老年客户专席", "Elderly customers", 30.0, 90.0, "4002"),
    ("vtm", "远程视频柜员", "Video tellers", 20.0, 120.0, "4003"),
)
_POLICIES: dict[str, dict[str, Any]] = {
    "general": {"announce_every": 20.0, "callback": True},
    "credit_card": {"announce_every": 30.0, "overflow_to": "general", "overflow_after": 120.0},
    # who was asked first stays responsible for an elderly customer for the day
    "elder": {
        "announce_every": 45.0,
        "overflow_to": "general",
        "overflow_after": 60.0,
        "preference_time": 20.0,
        "last_agent_within": 86_400.0,
    },
    "vtm": {"overflow_to": "voicemail", "overflow_after": 15.0},
}
_CUSTOMERS = (
    # number, name, tier, elder, language, dedicated agent, card or customer number
    ("13900000001", "钱伟", "vip", False, "", "1001", "62000001"),
    ("13900000002", "沈桂英", "", True, "", "", "62000002"),
    ("13900000003", "James Lee", "", False, "en", "", "62000003"),
    ("13900000004", "蒋德福", "vip", True, "", "", "62000004"),
)
_MENU_NUMBER = "4005"
_MENU: dict[str, Any] = {
    "languages": ["zh", "en"],
    "elder_group": "elder",
    "menus": {
        "main": [
            {"key": "1", "prompt": "for_general", "group": "general"},
            {"key": "2", "prompt": "for_credit_card", "group": "credit_card", "identify": True},
            {"key": "3", "prompt": "for_identity", "identify": True},
        ]
    },
}
"""Behind the one demo number that has a menu; the others lead straight to their groups."""
_AGENT_NAMES = (
    *("陈思远", "林晓雯", "黄志强", "吴佳慧", "周子轩", "徐静怡", "孙浩然"),
    *("马丽娜", "朱文博", "胡雨桐", "郭建国", "何美玲", "高俊杰", "罗秋月"),
    *("郑凯文", "梁雪梅", "谢天宇", "宋婉清", "唐立新", "许若兰"),
)
_AGENT_GROUPS = (
    *[("general",)] * 4,
    *[("general", "elder")] * 4,
    *[("general", "credit_card")] * 4,
    *[("credit_card",)] * 4,
    *[("elder", "vtm")] * 2,
    *[("general", "vtm")] * 2,
)
_OTHERS = (
    ("2001", "韩冬梅", ("team_leader",), ("general", "elder")),
    ("2002", "冯国华", ("team_leader",), ("credit_card", "vtm")),
    ("3001", "曹雅琴", ("quality_inspector",), ()),
    ("4001", "彭伟明", ("operations_manager", "operations_engineer"), ()),
    ("5001", "曾慧敏", ("auditor",), ()),
    ("9001", "萧振宇", ("administrator",), ()),
)
_SEATED = frozenset({"agent", "team_leader", "quality_inspector"})  # roles that need a phone
_Person = tuple[str, str, tuple[str, ...], tuple[str, ...]]


def people() -> tuple[_Person, ...]:
    """Everybody: agent id, name, roles, groups."""
    numbered = enumerate(zip(_AGENT_NAMES, _AGENT_GROUPS, strict=True), start=1001)
    return (*((str(number), name, ("agent",), of) for number, (name, of) in numbered), *_OTHERS)


async def seed(
    database: Database, passwords: Passwords, known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Add what is missing of the demo directory; change nothing that is there.

    New people get their password of `known` (agent id to password), else a random one. Returned are the
    passwords of the people added now; the database has only their hashes. Raises StoreUnavailable.
    """
    present = await database.read(_present)
    new = [person for person in people() if person[0] not in present]
    clear = {agent_id: (known or {}).get(agent_id) or _random_password() for agent_id, *_ in new}
    hashes = dict(zip(clear, await asyncio.gather(*map(passwords.hash, clear.values())), strict=True))

    async def work(connection: AsyncConnection) -> list[str]:
        await _add_places(connection)
        await _add_customers(connection)
        return [person[0] for person in new if await _add_person(connection, person, hashes[person[0]])]

    added = await database.write(work, deadline=_DEADLINE)
    return {agent_id: clear[agent_id] for agent_id in added}


async def seed_pins(
    database: Database, passwords: Passwords, known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Give the demo customers who have none a PIN: of `known` (card to PIN), else a random one.

    Returned are the PINs given now, by card; the database has only their hashes. Raises StoreUnavailable.
    """
    lacking = select(customers.c.card).where(customers.c.pin_hash.is_(None), customers.c.card.is_not(None))

    async def read(connection: AsyncConnection) -> list[str]:
        return [str(card) for card in (await connection.execute(lacking)).scalars()]

    pins = {card: (known or {}).get(card) or _random_pin() for card in await database.read(read)}
    hashes = dict(zip(pins, await asyncio.gather(*map(passwords.hash, pins.values())), strict=True))

    async def write(connection: AsyncConnection) -> None:
        for card, pin_hash in hashes.items():
            mine = update(customers).where(customers.c.card == card)
            await connection.execute(mine.values(pin_hash=pin_hash))

    await database.write(write, deadline=_DEADLINE)
    return pins


def _random_pin() -> str:
    return "".join(secrets.choice(string.digits) for _ in range(PIN_DIGITS))


def _random_password() -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(_PASSWORD_LENGTH))


async def _present(connection: AsyncConnection) -> set[str]:
    return set((await connection.execute(select(agents.c.agent_id))).scalars())


async def _add_places(connection: AsyncConnection) -> None:
    for group_id, name_zh, name_en, ring, wrap_up, number in _GROUPS:
        await _add(
            connection,
            groups,
            group_id=group_id,
            name_zh=name_zh,
            name_en=name_en,
            ring_timeout_s=ring,
            wrap_up_s=wrap_up,
            policy=_POLICIES[group_id],
        )
        await _add(
            connection,
            service_numbers,
            number=number,
            group_id=group_id,
            language="zh",
            greeting="welcome",
            name=name_zh,
        )
    await _add(
        connection,
        service_numbers,
        number=_MENU_NUMBER,
        group_id="general",
        language="zh",
        greeting="welcome",
        name="自助语音",
        menu=_MENU,
    )


async def _add_customers(connection: AsyncConnection) -> None:
    for number, name, tier, elder, language, dedicated, card in _CUSTOMERS:
        await _add(
            connection,
            customers,
            number=number,
            name=name,
            tier=tier,
            elder=elder,
            language=language,
            dedicated_agent=dedicated,
            card=card,
        )


async def _add_person(connection: AsyncConnection, person: _Person, password_hash: str) -> bool:
    """False when somebody else added this person meanwhile; their password then counts."""
    agent_id, name, roles, of_groups = person
    added = await _add(
        connection,
        agents,
        agent_id=agent_id,
        name=name,
        password_hash=password_hash,
        roles=list(roles),
        enabled=True,
    )
    if not added:
        return False
    level = _LEVEL if "agent" in roles else _HELPING_LEVEL
    for group_id in of_groups:
        await _add(connection, agent_groups, agent_id=agent_id, group_id=group_id, level=level)
    if _SEATED.intersection(roles):
        await _add(connection, stations, address=agent_id, kind="udp", agent_id=agent_id)
        await _add(connection, stations, address=f"{agent_id}-browser", kind="browser", agent_id=agent_id)
    return True


async def _add(connection: AsyncConnection, table: Table, **values: Any) -> bool:
    """Insert unless it is there; whether it was inserted."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    done = await connection.execute(insert(table).values(**values).on_conflict_do_nothing())
    return bool(done.rowcount == 1)
