"""A stop to ask for."""

import pytest

from tests.publisher import Publisher


@pytest.fixture
async def stop(demo: Publisher) -> str:
    await demo.publish(demo.stop("a"))
    return demo.stop("a")
