"""The edge under uvloop, as in production."""

from collections.abc import AsyncIterator

import pytest
import structlog
import uvloop

from tests.support.edge import Edge, serving_edge


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item):
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """The default renders each with all its variables, which takes seconds."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])


@pytest.fixture
async def edge() -> AsyncIterator[Edge]:
    async with serving_edge() as served:
        yield served
