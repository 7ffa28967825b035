"""What the gateway reads from the environment; docs/configuration.md lists all."""

from pydantic import Field

from schemas.settings import Settings


class GatewaySettings(Settings):
    """Limits and intervals of the streams. Times are seconds, sizes bytes."""

    drain_grace: float = Field(
        5, ge=0, description="After the first SIGTERM: /readyz says 503, the socket still accepts."
    )
    drain_window: float = Field(
        20, ge=0, description="Then open streams are closed one by one, spread over this time."
    )
    max_stops: int = Field(50, ge=1, description="Stops in one stream.")
    max_streams: int = Field(20_000, ge=1, description="Open streams of one process.")
    starts_per_turn: int = Field(
        50,
        ge=1,
        description="New streams in one turn of the event loop; others wait, up to start_timeout, "
        "so that a crowd that comes at once does not hold up open streams.",
    )
    stream_lifetime: float = Field(
        3600,
        ge=0,
        description="A stream is closed after about this time (plus or minus a fifth), so that "
        "streams spread over new gateways; 0: never.",
    )
    retry: float = Field(
        2, gt=0, description="Reconnection delay told to clients (plus or minus a half)."
    )
    heartbeat: float = Field(15, gt=0, description="Between two heartbeats of a stream.")
    start_timeout: float = Field(
        5,
        gt=0,
        description="How long a new stream waits for its turn, and then for boards, before it is "
        "told to retry.",
    )
    compress: bool = Field(default=True, description="Streams are gzip for clients that accept it.")
    write_buffer: int = Field(
        64 * 1024, ge=1024, description="Unsent bytes above which a client is conflated."
    )
    send_buffer: int = Field(
        64 * 1024, ge=4096, description="SO_SNDBUF: what the kernel holds unsent for a connection."
    )
    frozen_limit: float = Field(
        60, gt=0, description="A client that takes nothing for this long is aborted."
    )
    tail_patches: int = Field(
        100, ge=1, description="Patches kept behind a board before its snapshot is fetched anew."
    )
    tail_bytes: int = Field(64 * 1024, ge=1, description="The same, in bytes.")
    linger: float = Field(
        10, ge=0, description="How long a stop is followed after its last stream ended."
    )
    feed_poll: float = Field(2, gt=0, description="Between two looks at the feeds' states.")
    owner_timeout: float = Field(
        15, gt=0, description="A feed whose ingester was silent for this long is `down`."
    )
    sweep: float = Field(
        30, gt=0, description="Between two comparisons of all followed boards with Redis."
    )
