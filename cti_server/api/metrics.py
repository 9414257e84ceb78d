"""Figures of the edge for Prometheus; labels hold method names and codes only, never who."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

UNKNOWN = "unknown"
"""Label for a method that is not in the table: what clients make up must not become a label."""
OK = "ok"


class ApiMetrics:
    """Counters of one server, in the registry given."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.sockets = Gauge("cti_sockets_open", "Agent sockets open now", registry=registry)
        self.notifications = Counter(
            "cti_notifications_sent", "Notifications queued to clients", registry=registry
        )
        self.slow = Counter("cti_slow_clients_cut", "Clients cut for not reading", registry=registry)
        self.requests = Counter(
            "cti_requests", "Requests on agent sockets by outcome", ["method", "code"], registry=registry
        )
        self.latency = Histogram(
            "cti_request_seconds",
            "From a request read to its answer queued",
            ["method"],
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=registry,
        )
        self._requests, self._latency = cache(self.requests.labels), cache(self.latency.labels)

    def request(self, method: str, code: str, seconds: float) -> None:
        """Count one request and its outcome."""
        self._requests(method, code).inc()
        self._latency(method).observe(seconds)
