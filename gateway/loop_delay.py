"""How late the event loop is, by samples: what waits for it waits for so long, too."""

import asyncio

from gateway.histogram import Histogram

# Seconds between two samples; a turn that is shorter than this may go unseen, a longer one does not.
INTERVAL = 0.1


async def sample(delays: Histogram) -> None:
    """For ever: sleep, and see by how much longer it took than asked for."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        delays.observe(int((loop.time() - due) * 1e6))
