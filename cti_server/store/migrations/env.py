"""Alembic's entry: runs the scripts on the connection that `cti_server.store.schema` hands over."""

from alembic import context

from cti_server.store.schema import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
