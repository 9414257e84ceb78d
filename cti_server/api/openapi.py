"""OpenAPI as it is published: FastAPI's, with our problem documents for errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from cti_server.api.models.http import Problem
from cti_server.api.problems import MEDIA_TYPE

REF = "#/components/schemas/{model}"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that may answer with problem documents of these statuses."""
    content = {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def published(app: FastAPI, version: str) -> dict[str, Any]:
    """The document of `/openapi.json`."""
    document = get_openapi(
        title="CTI server",
        version=version,
        description="The HTTP side of the contact centre. The agent socket is described by `/asyncapi.json`.",
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schema = Problem.model_json_schema(ref_template=REF)
    schemas.update(schema.pop("$defs", {}))
    schemas["Problem"] = schema
    return document
