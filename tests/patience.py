"""Limits of the program that no test is about: as long as a test waits for what must come true.

They are seconds that whoever is asked has, be it Redis, Postgres, an issuer or a client. A machine that
is busy, or stands still, makes all of these slow at once, and then a limit would decide the test.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.client import PATIENCE

_LIMITS = (
    "gateway.accounts.apple.TIMEOUT",
    "gateway.auth.key_set.TIMEOUT",
    "gateway.database.TIMEOUT",
    "gateway.intake.PATIENCE",
    "gateway.limits.ledger.DEADLINE",
    "gateway.link.SILENCE",
    "gateway.load.deployment.CONNECT_TIMEOUT",
    "gateway.stores.PATIENCE",
)


@contextmanager
def patient_limits() -> Iterator[None]:
    """Until the block ends; a test that is about one of them sets it inside."""
    with pytest.MonkeyPatch.context() as patch:
        for limit in _LIMITS:
            patch.setattr(limit, PATIENCE)
        of_redis = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), PATIENCE)
        patch.setattr("schemas.shards._TIMEOUTS", of_redis)
        yield
