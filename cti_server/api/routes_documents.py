"""The published contract: AsyncAPI, and a page about all of it that needs nothing from elsewhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from starlette.responses import HTMLResponse

from cti_server.api.asyncapi import document
from cti_server.api.docs_page import POLICY, page

router = APIRouter()


@router.get("/asyncapi.json", include_in_schema=False)
async def asyncapi(request: Request) -> dict[str, Any]:
    """The agent socket as AsyncAPI 3.0."""
    return document(request.app.version)


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> Response:
    """Both interfaces for people."""
    html = page(request.app.openapi(), document(request.app.version))
    return HTMLResponse(html, headers={"Content-Security-Policy": POLICY})
