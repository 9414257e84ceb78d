"""The tables of outbound campaigns and of messages, beside `tables`."""

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, UniqueConstraint

from cti_server.store.tables import ID, Json, UtcDateTime, metadata

campaigns = Table(
    "campaigns",
    metadata,
    Column("campaign_id", String(ID), primary_key=True),
    Column("name", Text, nullable=False),
    Column("group_id", String(ID), nullable=False),
    Column("state", String(16), nullable=False),  # campaigns.model.State
    Column("settings", Json, nullable=False),  # campaigns.model.Settings
    Column("created_by", String(ID), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),  # of name and settings
)

campaign_versions = Table(
    "campaign_versions",  # written once
    metadata,
    Column("campaign_id", String(ID), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False),
    Column("author", String(ID), nullable=False),
    Column("why", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", Json, nullable=False),
    Column("changes", Json, nullable=False),
)

campaign_records = Table(
    "campaign_records",
    metadata,
    Column("record_id", String(ID), primary_key=True),
    Column("campaign_id", String(ID), nullable=False),
    Column("import_id", String(ID), nullable=False),
    Column("line", Integer, nullable=False),  # in the file
    Column("number", String(32), nullable=False),
    Column("name", Text, nullable=False),
    Column("region", String(64), nullable=False),
    Column("data", Json, nullable=False),
    Column("state", String(16), nullable=False),  # open | held (an agent looks at it) | dialling | closed
    Column("closed", String(32), nullable=False),  # why; empty while it is not
    Column("due_at", UtcDateTime, nullable=False),
    Column("call_back", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("outcomes", Json, nullable=False),  # outcome to how often
    Column("agent_id", String(ID), nullable=False),  # who looks at it; empty: nobody
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("campaign_id", "number", name="uq_campaign_records_campaign_id_number"),
    Index(None, "campaign_id", "state", "due_at"),
    Index(None, "number"),
)

campaign_attempts = Table(
    "campaign_attempts",
    metadata,
    Column("attempt_id", String(ID), primary_key=True),  # the channel's Uniqueid: the contact's id
    Column("campaign_id", String(ID), nullable=False),
    Column("record_id", String(ID), nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("node", Text, nullable=False),
    Column("placed_at", UtcDateTime, nullable=False),
    Column("person_at", UtcDateTime, nullable=True),  # a person was heard
    Column("ended_at", UtcDateTime, nullable=True),
    Column("outcome", String(16), nullable=False),  # empty while under way
    Column("agent_id", String(ID), nullable=False),
    Column("disposition", Text, nullable=False),
    UniqueConstraint("record_id", "attempt", name="uq_campaign_attempts_record_id_attempt"),
    Index(None, "campaign_id", "placed_at"),
    Index(None, "outcome", "placed_at"),
)

campaign_imports = Table(
    "campaign_imports",
    metadata,
    Column("import_id", String(ID), primary_key=True),
    Column("campaign_id", String(ID), nullable=False),  # empty: the do-not-call list
    Column("state", String(16), nullable=False),  # running | done | failed
    Column("encoding", String(16), nullable=False),
    Column("columns", Json, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("accepted", Integer, nullable=False),
    Column("refused", Json, nullable=False),  # code to how many
    Column("created_by", String(ID), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
    Column("alive_at", UtcDateTime, nullable=True),  # last sign of life of the server that reads it
    Index(None, "campaign_id", "started_at"),
)

campaign_refused_rows = Table(
    "campaign_refused_rows",
    metadata,
    Column("import_id", String(ID), primary_key=True),
    Column("line", Integer, primary_key=True),
    Column("code", String(32), nullable=False),
    Column("content", Json, nullable=False),  # {"cells": [...]}
)

do_not_call = Table(
    "do_not_call",
    metadata,
    Column("number", String(32), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("added_by", String(ID), nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
    Index(None, "added_at"),
)

campaign_audit = Table(
    "campaign_audit",
    metadata,
    Column("id", String(ID), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(ID), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object_id", String(ID), nullable=False),  # campaign, import, or empty
    Column("data", Json, nullable=False),  # never a number or a name of a customer
    Index(None, "object_id", "at"),
)

messages = Table(
    "messages",
    metadata,
    Column("message_id", String(ID), primary_key=True),
    Column("request_id", String(ID), nullable=False),  # the client's own; one message each
    Column("medium", String(16), nullable=False),  # email | sms
    Column("address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("contact_id", String(ID), nullable=False),  # empty: belongs to none
    Column("created_by", String(ID), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("state", String(16), nullable=False),  # waiting | sending | sent | failed | unknown
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("why", String(64), nullable=False),  # of the last failure: a code, no text of the provider's
    Column("sent_at", UtcDateTime, nullable=True),
    UniqueConstraint("created_by", "request_id", name="uq_messages_created_by_request_id"),
    Index(None, "state", "due_at"),
    Index(None, "contact_id"),
)
