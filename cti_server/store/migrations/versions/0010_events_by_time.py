"""Reports and the wallboard find the events of a time without looking at all others."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_contact_events_at", "contact_events", ["at"], unique=False)
    op.create_index("ix_agent_events_at", "agent_events", ["at"], unique=False)
