"""Every version of a campaign's settings, written once, never altered; signs of life of imports."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
FIRST = """
INSERT INTO campaign_versions (campaign_id, version, at, author, why, name, settings, changes)
SELECT campaign_id, 1, created_at, created_by, '', name, settings, '[]' FROM campaigns
"""
SQLITE = """
CREATE TRIGGER campaign_versions_no_{verb} BEFORE {verb} ON campaign_versions
BEGIN SELECT RAISE(ABORT, 'campaign_versions is written once'); END
"""


def upgrade() -> None:
    op.add_column("campaigns", sa.Column("version", sa.Integer(), server_default="1", nullable=False))
    op.create_table(
        "campaign_versions",
        sa.Column("campaign_id", sa.String(length=128), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author", sa.String(length=128), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("settings", JSON, nullable=False),
        sa.Column("changes", JSON, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "version", name="pk_campaign_versions"),
    )
    op.execute(FIRST)
    op.add_column("campaign_imports", sa.Column("alive_at", sa.DateTime(timezone=True), nullable=True))
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER written_once BEFORE UPDATE OR DELETE OR TRUNCATE ON campaign_versions "
            "FOR EACH STATEMENT EXECUTE FUNCTION cti_written_once()"
        )
    else:
        for verb in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(verb=verb))
