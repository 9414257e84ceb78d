"""Tokens: what they open, for how long, and how often."""

from __future__ import annotations

import base64
import json

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from cti_server.api.errors import InvalidToken
from cti_server.api.guards import MemoryOneTimeStore
from cti_server.api.tokens import Tokens, TokenUse

KEY, OTHER = b"k" * 32, b"o" * 48
NOW = 1_795_287_000.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens([KEY], MemoryOneTimeStore(clock), clock)


async def reason(tokens: Tokens, token: str) -> str:
    with pytest.raises(InvalidToken) as refused:
        await tokens.open_socket(token)
    return str(refused.value.detail["reason"])


@pytest.mark.parametrize("use", list(TokenUse))
async def test_opens_one_socket_within_a_minute(tokens: Tokens, clock: Clock, use: TokenUse) -> None:
    first, second = (tokens.issue("1001", use).token for _ in range(2))
    clock.now += 59
    assert await tokens.open_socket(first) == "1001"
    assert await reason(tokens, first) == "used"
    clock.now += 2
    assert await reason(tokens, second) == "expired"
    assert await reason(tokens, first) == "expired"


def test_authorises_http_for_a_quarter_of_an_hour(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue("1001", TokenUse.ACCESS).token
    clock.now += 899
    assert tokens.authorise(token) == "1001"
    clock.now += 2
    with pytest.raises(InvalidToken):
        tokens.authorise(token)
    with pytest.raises(InvalidToken, match="only opens a socket"):
        tokens.authorise(tokens.issue("1001", TokenUse.SOCKET).token)


async def test_used_is_remembered_as_long_as_the_token_opens(clock: Clock) -> None:
    """Another server's clock may be behind: forgetting must not come before it stops accepting."""
    store = MemoryOneTimeStore(clock)
    tokens = Tokens([KEY], store, clock)
    token = tokens.issue("1001", TokenUse.SOCKET).token
    await tokens.open_socket(token)
    for _ in range(7):
        clock.now += 10
        assert await reason(Tokens([KEY], store, lambda: clock.now - 5), token) in ("used", "expired")


async def test_a_restart_and_a_new_key(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue("1001", TokenUse.SOCKET).token
    assert await Tokens([KEY], MemoryOneTimeStore(clock), clock).open_socket(token) == "1001"
    rotated = Tokens([OTHER, KEY], MemoryOneTimeStore(clock), clock)
    assert await rotated.open_socket(token) == "1001"
    assert await reason(Tokens([OTHER], MemoryOneTimeStore(clock), clock), token) == "malformed"
    assert await reason(tokens, rotated.issue("1001", TokenUse.SOCKET).token) == "malformed"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


async def test_forgeries(tokens: Tokens) -> None:
    good = tokens.issue("1001", TokenUse.SOCKET).token
    head, body, signature = good.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    header = json.loads(base64.urlsafe_b64decode(head + "=="))
    key = OctKey.import_key(KEY)
    for forged in (
        "",
        "x" * 3000,
        "a.b.c",
        "é.é.é",
        f"{head}.{body}.",
        f"{head}.{part({**claims, 'sub': '9001'})}.{signature}",
        f"{part({**header, 'alg': 'none'})}.{body}.",
        f"{part({'alg': 'HS256'})}.{body}.{signature}",
        f"{part({**header, 'kid': ['x']})}.{body}.{signature}",
        f"{part({**header, 'b64': False, 'crit': ['b64']})}.{body}.{signature}",
        jwt.encode(header, {**claims, "iss": "other"}, key),
        jwt.encode(header, {"sub": "1001"}, key),
        jwt.encode(header, {**claims, "iat": "now"}, key),
        jwt.encode(header, {**claims, "sub": 1001}, key),
    ):
        assert await reason(tokens, forged) == "malformed"
    assert await reason(tokens, jwt.encode(header, {**claims, "iat": NOW + 100}, key)) == "expired"


def test_a_short_key_is_no_key(clock: Clock) -> None:
    for keys in ([], [b"short"], [KEY, b""]):
        with pytest.raises(ValueError, match="32 bytes"):
            Tokens(keys, MemoryOneTimeStore(clock), clock)
