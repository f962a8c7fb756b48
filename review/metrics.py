"""Metrics for Prometheus: requests by route, and decisions."""

import time

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Histogram(
            "tagger_review_request_seconds",
            "Time that requests took, by route.",
            ["method", "route", "status"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
            registry=self._registry,
        )
        self.decisions = Counter(
            "tagger_review_decisions_total", "Decisions recorded.", ["outcome", "how"], registry=self._registry
        )
        self.conflicts = Counter(
            "tagger_review_conflicts_total",
            "Decisions on images that somebody had changed since.",
            registry=self._registry,
        )

    def page(self) -> bytes:
        """Return all of them in Prometheus' text format."""
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that times requests by their route, whose ids are left out, and tells who is known how long."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = getattr(scope.get("route"), "path", "other")
                if scope["path"].startswith("/api/v1/") and route.startswith("/"):
                    route = f"/api/v1{route}"  # an included router does not know its prefix
                timed = self._metrics.requests.labels(scope["method"], route, str(message["status"]))
                took_s = time.perf_counter() - began
                timed.observe(took_s)
                if "person" in scope.get("state", {}):  # whoever guesses passwords is not told
                    MutableHeaders(scope=message)["Server-Timing"] = f"app;dur={1000 * took_s:.1f}"
            await send(message)

        await self._app(scope, receive, send_measured)
