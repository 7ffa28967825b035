"""The Postgres schema, one Alembic revision per file in versions/."""
