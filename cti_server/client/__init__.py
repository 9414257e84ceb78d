"""A small asyncio client for agent programs and tests; it knows the wire, not the server."""

from cti_server.client.agent_client import AgentClient
from cti_server.client.errors import CtiClientError, CtiRequestError, SessionEnded
from cti_server.client.event import Event
from cti_server.client.ledger import Ledger

__all__ = ["AgentClient", "CtiClientError", "CtiRequestError", "Event", "Ledger", "SessionEnded"]
