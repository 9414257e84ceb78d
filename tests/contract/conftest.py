"""The edge under uvloop, as in production."""

from collections.abc import AsyncIterator

import pytest
import uvloop

from tests.support.edge import Edge, serving_edge


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serving_edge() as served:
        yield served
