"""Names of keys and channels in Redis.

What must change in one script shares a hash tag, so that it shares a Cluster slot. Real stop ids
contain `/`, spaces and `}`: they are percent-encoded inside the tag.
"""

from urllib.parse import quote, unquote

FEEDS = "stopcast:feeds"
_CHANNEL = "stopcast:patches:"


def board(stop_id: str) -> str:
    """Hash: version, fence, frame (a finished snapshot), base (its version), patches by version."""
    return f"stopcast:board:{{{quote(stop_id, safe=':')}}}"


def channel(stop_id: str) -> str:
    """Sharded channel of a stop's patches."""
    return f"{_CHANNEL}{{{quote(stop_id, safe=':')}}}"


def stop_of_channel(name: bytes) -> str:
    """The stop id that `channel` made this name of."""
    return unquote(name.decode()[len(_CHANNEL) + 1 : -1])


def feed(feed_id: str) -> str:
    """Hash: status, clocks, owner, lineage, complete, report (schemas/feed_state.py)."""
    return f"stopcast:feed:{{{feed_id}}}"


def lease(feed_id: str) -> str:
    """String `<owner> <fence>` with a time to live: who may write this feed's boards."""
    return f"stopcast:lease:{{{feed_id}}}"


def parents(feed_id: str) -> str:
    """Hash: stop_id of an entrance, node or boarding area to the stop that has its board."""
    return f"stopcast:parents:{{{feed_id}}}"


def stops(feed_id: str) -> str:
    """Set: the GTFS stop_ids that have boards."""
    return f"stopcast:stops:{{{feed_id}}}"


def limit(kind: str, name: str) -> str:
    """Hash: what an address or a subject has used of its limits (gateway/limits/count.lua)."""
    return f"stopcast:limit:{kind}:{quote(name, safe=':')}"
