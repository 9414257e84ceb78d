"""Who it is: password to token, token to agent."""

from __future__ import annotations

from cti_server.api.errors import AccountLocked, InvalidCredentials
from cti_server.api.ports import Credentials, LoginGuard
from cti_server.api.tokens import Issued, Tokens, TokenUse
from cti_server.engine.port import Overloaded

MAX_AT_ONCE = 200
"""Log-ins under way: a password check is slow on purpose, and a flood of them must not pile up."""


class Authenticator:
    """Lets agents in by password, counted by the guard; the tokens then speak for them."""

    def __init__(self, credentials: Credentials, guard: LoginGuard, tokens: Tokens) -> None:
        self._credentials, self._guard, self.tokens = credentials, guard, tokens
        self._under_way = 0

    async def log_in(self, agent_id: str, password: str, address: str) -> Issued:
        """An access token. Raises InvalidCredentials, AccountLocked, AuthStoreUnavailable, Overloaded.

        `address`: where it comes from. While the account is locked there the password is not even looked
        at: the answer tells nothing about it.
        """
        if self._under_way >= MAX_AT_ONCE:
            raise Overloaded
        self._under_way += 1
        try:
            return await self._check(agent_id, password, address)
        finally:
            self._under_way -= 1

    async def _check(self, agent_id: str, password: str, address: str) -> Issued:
        wait = await self._guard.attempt(agent_id, address)
        if wait > 0:
            raise AccountLocked(detail={"retry_after": int(wait) + 1})
        try:
            right = await self._credentials.verify(agent_id, password)
        except BaseException:
            await self._guard.undecided(agent_id, address)
            raise
        if not right:
            raise InvalidCredentials
        await self._guard.succeeded(agent_id, address)
        return self.tokens.issue(agent_id, TokenUse.ACCESS)

    def socket_token(self, agent_id: str) -> Issued:
        """A token that opens one socket."""
        return self.tokens.issue(agent_id, TokenUse.SOCKET)
