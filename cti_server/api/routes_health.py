"""Health and figures, for whoever operates the server; none of it is personal."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from cti_server.api.access import Having
from cti_server.api.errors import NotReady
from cti_server.api.models.http import DependencyHealth, Live, Ready
from cti_server.api.openapi import problems
from cti_server.engine.port import Centre, Figure

router = APIRouter(tags=["operation"])


@router.get("/health/live", summary="Whether the process answers")
async def live() -> Live:
    """Always, as long as it does."""
    return Live()


@router.get("/health/ready", responses=problems(503), summary="Whether agents can be served")
async def ready(having: Having) -> Ready:
    """Each dependency by name; 503 with the same list when a required one is not there."""
    health = having.centre.health()
    dependencies = [
        DependencyHealth(name=d.name, ready=d.ready, required=d.name in health.required, detail=d.detail)
        for d in health.dependencies
    ]
    if not health.ready:
        missing = ", ".join(d.name for d in dependencies if d.required and not d.ready)
        raise NotReady(
            f"not there: {missing}", detail={"dependencies": [d.model_dump() for d in dependencies]}
        )
    return Ready(dependencies=dependencies)


class _Figures(Collector):
    """The centre's figures as they are at this moment."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for figure in sorted(self._centre.figures(), key=lambda figure: figure.name):
            family = families.setdefault(figure.name, _family(figure))
            family.add_sample(figure.name, dict(figure.labels), figure.value)
        yield from families.values()


def _family(figure: Figure) -> Metric:
    kind = CounterMetricFamily if figure.counts else GaugeMetricFamily
    return kind(figure.name, figure.name.replace("_", " "))


@router.get("/metrics", response_class=Response, summary="Figures for Prometheus")
async def metrics(having: Having) -> Response:
    """The exposition format of Prometheus."""
    figures = CollectorRegistry()
    figures.register(_Figures(having.centre))
    text = generate_latest(having.hub.metrics.registry) + generate_latest(figures)
    return Response(text, media_type=CONTENT_TYPE_LATEST)
