"""A customer's contacts are found by its number."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "ix_contacts_customer_number_arrived_at", "contacts", ["customer_number", "arrived_at"], unique=False
    )
