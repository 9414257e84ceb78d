"""What the domain hands over to be kept for ever: the interaction log's and the audit trail's raw matter."""

from dataclasses import dataclass
from typing import Any, Literal

RecordKind = Literal["contact", "contact_event", "agent_event", "recording", "voicemail"]


@dataclass(frozen=True, slots=True)
class Record:
    """One fact on its way to the database.

    The id is deterministic: the same fact has the same id however often it is produced (a replay after a
    crash), so that keeping it twice changes nothing. `at` is wall time in epoch seconds; `data` holds JSON
    values only, with the columns of the kind's table as keys (times there are epoch seconds too).
    """

    id: str
    kind: RecordKind
    at: float
    data: dict[str, Any]
