"""Run by alembic: on the connection, and in the transaction, that schema.py hands in."""

from alembic import context

attributes = context.config.attributes
context.configure(
    connection=attributes["connection"],
    version_table=attributes["version_table"],
    version_table_schema=attributes["schema"],
    render_as_batch=True,
)
context.run_migrations()
