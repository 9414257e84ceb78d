"""Tokens: signed, short-lived, and single use where they open a socket.

An *access token* (15 min) authorises HTTP; in its first 60 s it may also open one socket. A *socket token*
(60 s) opens one socket and nothing else; a program gets one for its access token whenever it reconnects, so
that it need not keep the password. Both survive a restart of the server: the key is persistent, and what
was used is remembered outside.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from cti_server.api.errors import InvalidToken
from cti_server.api.ports import OneTimeStore

ISSUER = "cti"
ALGORITHM = "HS256"
ACCESS_LIFETIME = 900.0
SOCKET_LIFETIME = 60.0
SKEW = 5.0
"""Seconds by which clocks of two servers may differ."""
MIN_KEY = 32
MAX_TOKEN = 2048


class TokenUse(StrEnum):
    """What a token is for."""

    ACCESS = "access"
    SOCKET = "socket"


@dataclass(frozen=True, slots=True)
class Issued:
    """A new token and its lifetime in seconds."""

    token: str
    expires_in: int


class Tokens:
    """Signs and checks tokens. The first key signs; the others are still accepted (rotation)."""

    def __init__(
        self, keys: Sequence[bytes], one_time: OneTimeStore, clock: Callable[[], float] = time.time
    ) -> None:
        if not keys or any(len(key) < MIN_KEY for key in keys):
            raise ValueError(f"a signing key has at least {MIN_KEY} bytes")
        self._keys = {_key_id(key): OctKey.import_key(key) for key in keys}
        self._signing = _key_id(keys[0])
        self._one_time, self._clock = one_time, clock

    def issue(self, agent_id: str, use: TokenUse) -> Issued:
        """A new token for the agent."""
        now = self._clock()
        lifetime = ACCESS_LIFETIME if use is TokenUse.ACCESS else SOCKET_LIFETIME
        claims = {
            "iss": ISSUER,
            "sub": agent_id,
            "use": use.value,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + lifetime,
        }
        header = {"alg": ALGORITHM, "kid": self._signing}
        return Issued(jwt.encode(header, claims, self._keys[self._signing]), int(lifetime))

    def authorise(self, token: str) -> str:
        """The agent that the access token is of. Raises InvalidToken."""
        claims = self._claims(token)
        if claims["use"] != TokenUse.ACCESS:
            raise InvalidToken("this token only opens a socket", detail={"reason": "wrong_use"})
        return str(claims["sub"])

    async def open_socket(self, token: str) -> str:
        """The agent whose socket the token opens; from now on it opens none. Raises InvalidToken.

        Raises AuthStoreUnavailable when it cannot be known whether the token was used.
        """
        claims = self._claims(token)
        if self._clock() > float(claims["iat"]) + SOCKET_LIFETIME:
            raise InvalidToken("the token is too old to open a socket", detail={"reason": "expired"})
        if not await self._one_time.use(str(claims["jti"]), SOCKET_LIFETIME + 2 * SKEW):
            raise InvalidToken("the token opened a socket already", detail={"reason": "used"})
        return str(claims["sub"])

    def _claims(self, token: str) -> dict[str, Any]:
        claims = self._verified(token)
        shape = {"sub": str, "use": str, "jti": str, "iat": float | int, "exp": float | int}
        if claims.get("iss") != ISSUER or not all(isinstance(claims.get(k), t) for k, t in shape.items()):
            raise InvalidToken("the token is not ours", detail={"reason": "malformed"})
        now = self._clock()
        if claims["exp"] <= now or claims["iat"] > now + SKEW:
            raise InvalidToken("the token has expired", detail={"reason": "expired"})
        return claims

    def _verified(self, token: str) -> dict[str, Any]:
        malformed = InvalidToken("the token is not ours", detail={"reason": "malformed"})
        if len(token) > MAX_TOKEN:
            raise malformed
        try:
            return dict(jwt.decode(token, self._key_of, algorithms=[ALGORITHM]).claims)
        except (JoseError, ValueError, KeyError, TypeError):
            raise malformed from None

    def _key_of(self, token: Any) -> OctKey:
        return self._keys[token.headers()["kid"]]


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"cti token key" + key).hexdigest()[:16]
