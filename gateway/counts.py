"""What the gateway counts: plain integers, read by /metrics when somebody asks."""

from collections import Counter
from dataclasses import dataclass, field

from gateway.histogram import Histogram


@dataclass(slots=True)
class Counts:
    """Since the process started. The hot path adds once per message, never once per client."""

    opened: int = 0  # streams
    messages: int = 0  # received from Redis for a followed stop
    deliveries: int = 0  # events handed to streams by messages
    event_bytes: Counter[str] = field(default_factory=Counter)  # by event, before gzip
    # From a version, which is when its publication began, to the end of the turn that wrote it.
    publish_to_send: Histogram = field(default_factory=Histogram)
    loop_delay: Histogram = field(default_factory=Histogram)
    conflations: int = 0  # times a stream began to lag
    frozen: int = 0  # streams aborted because nothing was taken
    unfinished: int = 0  # connections aborted because their request did not end
    crowded_out: int = 0  # idle connections aborted to make room for new ones
    failed: int = 0  # streams aborted because writing raised
    gaps: int = 0  # messages whose `prev` did not fit
    healed: int = 0  # boards that a comparison with Redis brought up to date
    base_swaps: int = 0  # tails replaced by a fresh snapshot
    listener_connects: int = 0
    restarts: int = 0  # of background tasks that ended by an error
    # `fresh` (no cursor), `void`, `current` (nothing sent), `snapshots`
    resumes: Counter[str] = field(default_factory=Counter)
    goodbyes: Counter[str] = field(default_factory=Counter)  # by reason
    token_refusals: Counter[str] = field(default_factory=Counter)  # by reason
    requests: Counter[int] = field(default_factory=Counter)  # by status of the answer
