"""`GET /ws`: whether a socket may be opened at all; then its session runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocket

from cti_server.api.errors import OriginNotAllowed, ServerStopping, UnsupportedSubprotocol
from cti_server.api.hub import Hub
from cti_server.api.messages import preferred
from cti_server.api.problems import problem_response
from cti_server.api.serving import LINK
from cti_server.api.session import Session
from cti_server.engine.port import Overloaded
from cti_server.errors import CtiError

SUBPROTOCOL = "cti.v1"


def agent_socket(hub: Hub) -> Callable[[WebSocket], Awaitable[None]]:
    """The endpoint of the agent socket."""

    async def endpoint(websocket: WebSocket) -> None:
        language = preferred(websocket.headers.get("accept-language"))
        refusal = _refusal(hub, websocket)
        if refusal:
            await websocket.receive()  # the connect message, which comes before any answer
            await websocket.send_denial_response(problem_response(refusal, language))
            return
        offered = websocket.scope["subprotocols"]
        await websocket.accept(SUBPROTOCOL if offered else None)
        session = Session(hub, websocket, websocket.scope["extensions"][LINK], language)
        hub.enter(session)
        await session.run()

    return endpoint


def _refusal(hub: Hub, websocket: WebSocket) -> CtiError | None:
    """Why the upgrade is refused, if it is."""
    if hub.stopping:
        return ServerStopping()
    if hub.full:
        return Overloaded()
    origin = websocket.headers.get("origin")
    missing_is_fine = origin is None and hub.settings.allow_missing_origin
    if not missing_is_fine and origin not in hub.settings.allowed_origins:
        return OriginNotAllowed()
    offered = websocket.scope["subprotocols"]
    if offered and SUBPROTOCOL not in offered:
        return UnsupportedSubprotocol()
    return None
