"""Applying a signal so that a bug in the rules costs one signal, not the centre.

A signal is in the journal before it is applied: if it killed the server, it would kill every successor that
replays it. So a failure is an outcome too, the same one at each replay.
"""

from __future__ import annotations

import structlog

from cti_server.domain import signals as s
from cti_server.domain.effects import Resync
from cti_server.domain.events import Outcome, Reply
from cti_server.domain.world import World

log = structlog.get_logger(__name__)

FAILED = "internal_error"


def apply_safely(world: World, signal: s.Signal) -> Outcome:
    """As `World.apply`; what it should never raise is logged, answered and followed by a look at the PBX."""
    try:
        return world.apply(signal)
    except Exception:  # see the module's docstring
        log.exception("world.signal_failed", signal=type(signal).__name__)
        outcome = Outcome(anomalies=[FAILED])
        if isinstance(signal, s.Command):
            text = "the server failed on this command; it was logged"
            outcome.replies.append(
                Reply(signal.agent_id, signal.request_id, error_code=FAILED, error_message=text)
            )
        if isinstance(signal, s.PbxFact) and not isinstance(signal, s.NodeSnapshot):
            outcome.effects.append(Resync(signal.node))
        return outcome
