"""Ingesters that may stand still for a while."""

import pytest


@pytest.fixture(autouse=True)
def _long_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test here waits for a lease to end, and none must end where a machine is busy."""
    monkeypatch.setattr("feeds.ingest.ingester.LEASE_TTL", 600)
