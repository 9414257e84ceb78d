"""The application: routes, errors, documents and the socket, on one port."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from prometheus_client import CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import WebSocketRoute

from cti_server.api import (
    errors,
    routes_activity,
    routes_auth,
    routes_campaign_settings,
    routes_campaigns,
    routes_contacts,
    routes_do_not_call,
    routes_documents,
    routes_health,
    routes_messages,
    routes_preview,
    routes_reports,
    routes_routing,
    routes_routing_versions,
    routes_voicemails,
    routes_wallboard,
)
from cti_server.api.access import Services
from cti_server.api.auth import Authenticator
from cti_server.api.hub import Hub
from cti_server.api.messages import preferred
from cti_server.api.metrics import ApiMetrics
from cti_server.api.middleware import Edge
from cti_server.api.openapi import published
from cti_server.api.outbound_ports import Campaigns, Messages
from cti_server.api.ports import InteractionLog, PastContacts, Reports, Routing, Voicemails, Wallboard
from cti_server.api.problems import problem_response
from cti_server.api.settings import ApiSettings
from cti_server.api.socket import agent_socket
from cti_server.api.validation import refusal
from cti_server.engine.port import Centre
from cti_server.errors import CtiError

VERSION = version("cti-server")
ROUTES = (
    routes_auth,
    routes_contacts,
    routes_activity,  # before the reports, whose path would take the scorecard's
    routes_reports,
    routes_routing,
    routes_routing_versions,
    routes_wallboard,
    routes_campaigns,
    routes_campaign_settings,
    routes_preview,
    routes_do_not_call,
    routes_messages,
    routes_voicemails,
    routes_health,
    routes_documents,
)
_HTTP_ERRORS: dict[int, type[errors.ApiError]] = {
    404: errors.UnknownPath,
    405: errors.MethodNotAllowed,
}


def create_app(
    centre: Centre,
    *,
    auth: Authenticator,
    log: InteractionLog,
    past: PastContacts,
    reports: Reports,
    routing: Routing,
    wallboard: Wallboard,
    campaigns: Campaigns,
    messages: Messages,
    voicemails: Voicemails,
    settings: ApiSettings | None = None,
    registry: CollectorRegistry | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """The application over a centre. `app.state.hub` ends sessions (`revoke`, `stop`).

    It needs `cti_server.api.serving.ApiServer` (or `serve`) under it: the socket uses its connection class.
    `clock` gives epoch seconds; `registry` gets the edge's figures (its own one when left out).
    """
    settings = settings or ApiSettings()
    metrics = ApiMetrics(registry or CollectorRegistry())
    hub = Hub(centre, auth.tokens, settings, metrics, clock)
    app = FastAPI(title="CTI server", version=VERSION, docs_url=None, redoc_url=None)
    app.router.routes[:] = all_routes().routes
    app.openapi = all_routes().openapi  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    app.state.services = Services(
        centre, auth, log, past, hub, reports, routing, wallboard, campaigns, messages, voicemails
    )
    app.state.hub = hub
    wallboard.listen(hub.show_wallboard)
    app.router.routes.append(WebSocketRoute("/ws", agent_socket(hub)))
    app.add_middleware(Edge, max_body=settings.max_body, max_list=settings.max_list)
    _answer_errors(app)
    return app


@cache
def all_routes() -> FastAPI:
    """The routes and their document, the same in every app: they take 0.4 s to make and know of no centre."""
    app = FastAPI(title="CTI server", version=VERSION, docs_url=None, redoc_url=None)
    for module in ROUTES:
        app.include_router(module.router)
    document = published(app, VERSION)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI's documented way to replace it
    return app


def _answer_errors(app: FastAPI) -> None:
    """Every error becomes a problem document."""

    @app.exception_handler(CtiError)
    async def ours(request: Request, error: CtiError) -> Response:
        return problem_response(error, preferred(request.headers.get("accept-language")))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        broken = any(item["type"] == "json_invalid" for item in found)
        return await ours(request, errors.ParseError() if broken else refusal(found))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        fault = _HTTP_ERRORS.get(error.status_code, errors.HttpFault)()
        language = preferred(request.headers.get("accept-language"))
        response = problem_response(fault, language, error.status_code)
        response.headers.update(error.headers or {})
        return response
