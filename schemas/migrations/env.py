"""What Alembic runs: the revisions become SQL text, which schemas/database.py executes by asyncpg.

So there is one Postgres driver in the house; a revision cannot read data, only write SQL.
"""

from alembic import context

context.configure(dialect_name="postgresql")
with context.begin_transaction():
    context.run_migrations()
