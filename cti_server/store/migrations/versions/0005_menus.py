"""Menus of service numbers; cards and PINs of the demo customers."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.add_column("service_numbers", sa.Column("menu", JSON, nullable=True))
    op.add_column("customers", sa.Column("card", sa.String(length=128), nullable=True))
    op.add_column("customers", sa.Column("pin_hash", sa.Text(), nullable=True))
    op.add_column("customers", sa.Column("pin_failures", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("customers", sa.Column("pin_failed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_customers_card", "customers", ["card"], unique=True)
