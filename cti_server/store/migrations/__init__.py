"""Alembic's scripts; `cti_server.store.schema` runs them."""
