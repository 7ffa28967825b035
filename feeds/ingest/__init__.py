"""The process that owns feeds: polls, leases, publishes."""
