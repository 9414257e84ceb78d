"""Every version of the routing settings, who made it and why: written once, never altered."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
SQLITE = """
CREATE TRIGGER routing_versions_no_{verb} BEFORE {verb} ON routing_versions
BEGIN SELECT RAISE(ABORT, 'routing_versions is written once'); END
"""
POSTGRESQL = """
CREATE FUNCTION cti_written_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION '% is written once', TG_TABLE_NAME USING ERRCODE = 'restrict_violation'; END $$
"""


def upgrade() -> None:
    op.create_table(
        "routing_versions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=128), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("version", name="pk_routing_versions"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(POSTGRESQL)
        op.execute(
            "CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON routing_versions "
            "FOR EACH STATEMENT EXECUTE FUNCTION cti_written_once()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(verb=verb))
