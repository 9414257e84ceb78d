"""Changes that name the version they were made from: of two people who change at once, the second is told."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import Depends, Header, Response

from cti_server.api.settings_errors import PreconditionRequired

_ETAG = re.compile(r'"([0-9]{1,9})"')


def expected(if_match: Annotated[str | None, Header()] = None) -> int:
    """The version the change was made from. Raises PreconditionRequired."""
    found = _ETAG.fullmatch(if_match or "")
    if found is None:
        raise PreconditionRequired
    return int(found[1])


Expected = Annotated[int, Depends(expected)]


def tag(response: Response, version: int) -> None:
    """The version as the `ETag`."""
    response.headers["ETag"] = f'"{version}"'
