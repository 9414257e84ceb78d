"""The do-not-call list: numbers that no campaign calls."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from cti_server.api.access import Having
from cti_server.api.models.campaigns import (
    ForbiddenList,
    ForbiddenNumber,
    ImportList,
    ImportView,
    NumberAsked,
    NumberForbidden,
    NumberTold,
)
from cti_server.api.openapi import problems
from cti_server.api.routes_campaigns import (
    CSV,
    CSV_BODY,
    JSON,
    Campaigner,
    ImportId,
    instant,
    refused_file,
    shown_import,
)
from cti_server.campaigns.errors import NotANumber
from cti_server.campaigns.numbers import normal_number
from cti_server.domain.views import masked

router = APIRouter(prefix="/api/v1/do-not-call", tags=["campaigns"])
_REFUSED = problems(400, 401, 403, 413, 415, 422, 503)


def _number(body: NumberAsked) -> str:
    """Raises NotANumber."""
    number = normal_number(body.number)
    if not number:
        raise NotANumber
    return number


@router.post("", dependencies=JSON, responses=_REFUSED, summary="Never call this number")
async def forbid(having: Having, known: Campaigner, body: NumberForbidden) -> NumberTold:
    """Holds from now on for every campaign, also for numbers that are on its list already."""
    number = _number(body)
    await having.campaigns.forbid(number, body.reason, known.agent_id)
    return NumberTold(number=masked(number), listed=True)


@router.post(
    "/removals",
    dependencies=JSON,
    responses={**_REFUSED, **problems(404)},
    summary="This number may be called again",
)
async def permit(having: Having, known: Campaigner, body: NumberForbidden) -> NumberTold:
    """Records that were closed for it stay closed."""
    number = _number(body)
    await having.campaigns.permit(number, body.reason, known.agent_id)
    return NumberTold(number=masked(number), listed=False)


@router.post("/checks", dependencies=JSON, responses=_REFUSED, summary="Is this number on the list?")
async def check(having: Having, known: Campaigner, body: NumberAsked) -> NumberTold:  # noqa: ARG001  # the role
    """A number never stands in an address, where logs would keep it."""
    number = _number(body)
    return NumberTold(number=masked(number), listed=await having.campaigns.forbidden(number))


@router.get("", responses=problems(401, 403, 503), summary="How many numbers, and the newest")
async def listed(having: Having, known: Campaigner) -> ForbiddenList:  # noqa: ARG001  # the role
    """Numbers are masked."""
    total, rows = await having.campaigns.forbidden_numbers()
    newest = [
        ForbiddenNumber(
            number=masked(row["number"]),
            reason=row["reason"],
            added_by=row["added_by"],
            added_at=instant(row["added_at"]),
        )
        for row in rows
    ]
    return ForbiddenList(total=total, newest=newest)


@router.post(
    "/imports",
    status_code=201,
    dependencies=CSV,
    openapi_extra=CSV_BODY,
    responses=problems(401, 403, 408, 413, 415, 422, 503),
    summary="Import numbers that are not to be called",
)
async def import_numbers(having: Having, known: Campaigner, request: Request) -> ImportView:
    """CSV with a column `number`, and `reason` if there is one. What is listed already is a `duplicate`."""
    return shown_import(await having.campaigns.import_list("", request.stream(), known.agent_id))


@router.get("/imports", responses=problems(401, 403, 503), summary="Imports into the do-not-call list")
async def imports(having: Having, known: Campaigner) -> ImportList:  # noqa: ARG001  # the role
    """The newest first."""
    return ImportList(imports=[shown_import(one) for one in await having.campaigns.imports("")])


@router.get(
    "/imports/{import_id}/refused.csv",
    response_class=Response,
    responses=problems(401, 403, 404, 422, 503),
    summary="The refused rows of an import into the do-not-call list",
)
async def refused(having: Having, known: Campaigner, import_id: ImportId) -> Response:  # noqa: ARG001  # the role
    """Row number, code, and the row's own content."""
    return refused_file(await having.campaigns.refused("", import_id), import_id)
