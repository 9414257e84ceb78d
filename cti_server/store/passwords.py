"""Password hashes (Argon2id, RFC 9106): made and checked beside the event loop, never telling who exists."""

import asyncio
import base64
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

LONGEST = 256
"""Characters a password may have; longer ones are wrong, at no cost to us."""


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """What one hash costs: passes over memory, memory in KiB, lanes."""

    passes: int
    memory: int
    lanes: int


STANDARD = PasswordCost(passes=3, memory=64 * 1024, lanes=4)
"""RFC 9106's second recommendation; some 50 ms and 64 MiB each."""
CHEAP = PasswordCost(passes=1, memory=8, lanes=1)
"""For tests only."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the password was right, and the hash to store from now on if the cost has changed since."""

    right: bool
    better_hash: str | None = None


class Passwords:
    """Hashes and checks with one cost; at most `at_once` at a time, so that a flood does not eat the memory.

    `close` when done.
    """

    def __init__(self, cost: PasswordCost = STANDARD, *, at_once: int = 4) -> None:
        self._hasher = PasswordHasher(cost.passes, cost.memory, cost.lanes)
        self._threads = ThreadPoolExecutor(at_once, "passwords")
        self._nobody = _nobodys(cost)

    async def hash(self, password: str) -> str:
        """Return the encoded hash, salt and cost in it. Raises ValueError when it is too long or empty."""
        if not 0 < len(password) <= LONGEST:
            raise ValueError(f"a password has 1 to {LONGEST} characters")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> Verdict:
        """Check `password` against a stored hash; None (no such agent) takes as long and is never right."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._verify, stored, password)

    def close(self) -> None:
        """End the threads once their work is done."""
        self._threads.shutdown(wait=False)

    def _verify(self, stored: str | None, password: str) -> Verdict:
        candidate = password if len(password) <= LONGEST else ""
        try:
            self._hasher.verify(stored or self._nobody, candidate)
        except (VerificationError, InvalidHashError, UnicodeEncodeError):
            return Verdict(right=False)
        if not stored:
            return Verdict(right=False)
        return Verdict(right=True, better_hash=self._better(stored, password))

    def _better(self, stored: str, password: str) -> str | None:
        return self._hasher.hash(password) if self._hasher.check_needs_rehash(stored) else None


def _nobodys(cost: PasswordCost) -> str:
    """A hash that no password is known for, and that takes as long to check; made at no cost itself."""
    salt, digest = (base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory},t={cost.passes},p={cost.lanes}${salt}${digest}"
