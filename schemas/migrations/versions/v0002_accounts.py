"""Accounts: who has one (as a keyed hash), its refresh tokens (as hashes), our signing keys (sealed)."""

from alembic import op

revision = "0002"
down_revision = "0001"

# What must not be read by whoever reads a backup is a hash, or sealed with STOPCAST_ACCOUNT_KEY
# (gateway/accounts/vault.py). consent_revocations has no account: it outlives the erased one until
# Apple has answered (docs/decisions/0022).
SQL = """
CREATE TABLE accounts (
    account uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject bytea NOT NULL UNIQUE CHECK (octet_length(subject) = 32),
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE refresh_families (
    family bytea PRIMARY KEY CHECK (octet_length(family) = 16),
    account uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    current bytea NOT NULL CHECK (octet_length(current) = 32),
    previous bytea CHECK (octet_length(previous) = 32),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON refresh_families (account);
CREATE INDEX ON refresh_families (expires_at);

CREATE TABLE used_nonces (
    nonce bytea PRIMARY KEY CHECK (octet_length(nonce) = 32),
    expires_at timestamptz NOT NULL
);
CREATE INDEX ON used_nonces (expires_at);

CREATE TABLE apple_consents (
    account uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    client_id text NOT NULL,
    sealed_token bytea NOT NULL,
    PRIMARY KEY (account, client_id)
);

CREATE TABLE consent_revocations (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client_id text NOT NULL,
    sealed_token bytea NOT NULL,
    asked_at timestamptz NOT NULL DEFAULT now(),
    tried_at timestamptz
);

CREATE TABLE signing_keys (
    key_id text PRIMARY KEY,
    public_key text NOT NULL,
    sealed_private_key bytea NOT NULL,
    active_from timestamptz NOT NULL UNIQUE
)
"""


def upgrade() -> None:
    op.execute(SQL)
