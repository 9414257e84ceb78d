"""The tables, as SQLAlchemy Core: one definition for SQLite and PostgreSQL.

Only the directory has foreign keys. The log tables have none on purpose: a fact that happened is kept even
when its contact's own record was set aside or its agent has been removed from the directory since.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """An instant: timestamptz in PostgreSQL, UTC text in SQLite, always UTC-aware in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database; raises ValueError for an instant without time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        instant = value.astimezone(UTC)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


Json = JSON().with_variant(JSONB(), "postgresql")
ID = 128  # longest identifier we accept; Asterisk's unique ids have at most 149, ours are far shorter


def _data() -> Column[Any]:
    return Column("data", Json, nullable=False)


groups = Table(
    "groups",
    metadata,
    Column("group_id", String(ID), primary_key=True),
    Column("name_zh", Text, nullable=False),
    Column("name_en", Text, nullable=False),
    Column("ring_timeout_s", Float, nullable=False),
    Column("wrap_up_s", Float, nullable=False),
    Column("policy", Json, nullable=True),  # of routing, as domain.policy.Policy; NULL: the defaults
)

holidays = Table(
    "holidays",
    metadata,
    Column("day", String(10), primary_key=True),  # local, like 2026-10-01
    Column("name", Text, nullable=False),
)

routing_versions = Table(
    "routing_versions",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("author", String(ID), nullable=False),
    Column("why", Text, nullable=False),
    Column("settings", Json, nullable=False),  # whole, as domain.settings.RoutingSettings
    Column("changes", Json, nullable=False),  # against the version before
)

agents = Table(
    "agents",
    metadata,
    Column("agent_id", String(ID), primary_key=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("roles", Json, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("skills", Json, nullable=True),  # beside the groups: skill to level, 1 (low) to 10
)

agent_groups = Table(
    "agent_groups",
    metadata,
    Column("agent_id", ForeignKey("agents.agent_id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("groups.group_id", ondelete="CASCADE"), primary_key=True),
    Column("level", Integer, nullable=False),  # of skill, 1 (low) to 10
)

service_numbers = Table(
    "service_numbers",
    metadata,
    Column("number", String(ID), primary_key=True),
    Column("group_id", ForeignKey("groups.group_id"), nullable=False),
    Column("language", String(16), nullable=False),
    Column("greeting", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("menu", Json, nullable=True),  # as domain.ivr.Ivr; NULL: straight to the group
)

stations = Table(
    "stations",
    metadata,
    Column("address", String(ID), primary_key=True),
    Column("kind", String(16), nullable=False),  # udp | browser
    Column("agent_id", ForeignKey("agents.agent_id", ondelete="SET NULL"), nullable=True),
)

customers = Table(
    "customers",
    metadata,
    Column("number", String(ID), primary_key=True),  # the one they call from
    Column("name", Text, nullable=False),
    Column("tier", String(16), nullable=False),  # vip, or empty
    Column("elder", Boolean, nullable=False),
    Column("language", String(16), nullable=False),  # of the prompts; empty: the service number's
    Column("dedicated_agent", String(ID), nullable=False),  # empty: none
    Column("requires", Json, nullable=True),  # skill to the lowest level
    Column("card", String(ID), nullable=True),  # or customer number: what is typed in the menu
    Column("pin_hash", Text, nullable=True),  # Argon2id; NULL: no PIN
    Column(
        "pin_failures", Integer, nullable=False, server_default="0"
    ),  # wrong ones since the last right one
    Column("pin_failed_at", UtcDateTime, nullable=True),
    Index(None, "card", unique=True),
)

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", String(ID), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("medium", String(16), nullable=False),
    Column("direction", String(16), nullable=False),
    Column("state", String(32), nullable=False),
    Column("service_number", Text),
    Column("customer_number", Text),
    Column("group_id", String(ID)),
    Column("agent_id", String(ID)),
    Column("arrived_at", UtcDateTime, nullable=False),
    Column("queued_at", UtcDateTime),
    Column("offered_at", UtcDateTime),
    Column("connected_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("end_reason", Text),
    Column("disposition", Text),
    Column("summary", Text),
    Column("recovered", Boolean, nullable=False),
    Column("node", Text),
    _data(),
    Index(None, "arrived_at", "contact_id"),
    Index(None, "agent_id", "arrived_at"),
    Index(None, "group_id", "arrived_at"),
    Index(None, "state", "arrived_at"),
    Index(None, "customer_number", "arrived_at"),
)

contact_events = Table(
    "contact_events",
    metadata,
    Column("id", String(ID * 2), primary_key=True),
    Column("contact_id", String(ID), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("agent_id", String(ID)),
    Column("leg_id", String(ID)),
    _data(),
    Index(None, "contact_id", "at"),
    Index(None, "agent_id", "at"),
    Index(None, "at"),
)

agent_events = Table(
    "agent_events",
    metadata,
    Column("id", String(ID * 2), primary_key=True),
    Column("agent_id", String(ID), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("kind", String(64), nullable=False),
    Column("state", String(32)),
    Column("reason", Text),
    _data(),
    Index(None, "agent_id", "at"),
    Index(None, "at"),
)

recordings = Table(
    "recordings",
    metadata,
    Column("recording_id", String(ID), primary_key=True),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("contact_id", String(ID), nullable=False),
    Column("node", Text),
    Column("path", Text),
    Column("format", String(16)),
    Column("channels", Integer),
    Column("sample_rate", Integer),
    Column("duration_s", Float),
    Column("size", BigInteger),
    Column("sha256", String(64)),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("state", String(32), nullable=False),
    _data(),
    Index(None, "contact_id"),
    Index(None, "started_at"),
)

voicemails = Table(
    "voicemails",
    metadata,
    Column("contact_id", String(ID), primary_key=True),
    Column("group_id", String(ID), nullable=False),
    Column("service_number", Text, nullable=False),
    Column("customer_number", Text, nullable=False),
    Column("language", String(16), nullable=False),
    Column("left_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),  # new | assigned | handled
    Column("agent_id", String(ID)),  # who works on it, or did
    Column("changed_at", UtcDateTime),
    Column("note", Text),
    Index(None, "group_id", "left_at"),
    Index(None, "state", "left_at"),
)
