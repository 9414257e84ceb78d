"""Limits of the edge. The numbers are the security floor's; bootstrap may change them from settings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Times in seconds, sizes in bytes of UTF-8."""

    allowed_origins: frozenset[str] = frozenset()
    """Origins of pages that may open a socket, e.g. `https://seat.bank.example`; never a wildcard."""
    allow_missing_origin: bool = True
    """Programs that are no browser send no Origin."""
    open_timeout: float = 10.0
    max_message: int = 64 * 1024
    max_body: int = 64 * 1024
    max_list: int = 64 * 1024 * 1024
    """Of a CSV list, which is read as it comes."""
    commands_per_second: int = 20
    """Per agent, over all its sessions; also the size of a burst."""
    max_pending: int = 32
    """Requests of one session whose answer is not known yet."""
    max_sessions: int = 5
    """Sessions of one agent at once."""
    max_sockets: int = 4000
    """Sockets of this server at once."""
    max_unopened: int = 1000
    """Of them, those that have not opened their session: strangers cannot keep agents out."""
    max_backlog_messages: int = 512
    max_backlog_bytes: int = 1024 * 1024
    close_deadline: float = 2.0
    """How long a client may take to read what is left before a close of ours."""
    probe_deadline: float = 2.0
    """How long the holder of a seat has to answer a ping when another session wants the seat."""
    command_deadline: float = 120.0
    """Last resort: the centre answers far sooner, or the answer is `outcome_unknown`."""
