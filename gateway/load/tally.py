"""What all streams of a run have come to so far."""

from collections import Counter
from dataclasses import dataclass, field

from gateway.load.spread import Spread
from gateway.load.succession import Succession


@dataclass
class Tally:
    """Times are seconds; latencies are as the two clocks have them (gateway/load/clock.py)."""

    connected: int = 0  # streams that were served at least once
    open: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # attempts, by reason
    lost: Counter[str] = field(default_factory=Counter)  # streams that had been served, by reason
    goodbyes: Counter[str] = field(default_factory=Counter)
    deliveries: int = 0  # snapshots and patches
    bytes: int = 0  # as they came: head, chunk sizes and compression included
    text_bytes: int = 0  # of events, decompressed
    gaps: int = 0
    unreadable: int = 0  # answers that were not as docs/protocol.md has them
    first_event: Spread = field(default_factory=Spread)
    latency: Spread = field(default_factory=Spread)
    reconnect: Spread = field(default_factory=Spread)
    own_delay: Spread = field(default_factory=Spread)  # how late this process itself was
    succession: Succession = field(default_factory=Succession)
