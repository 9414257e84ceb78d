"""The ways from a customer to a phone that `bench_queue` compares, and what is measured of a call."""

from dataclasses import dataclass

from cti_server.simulate.phones import ANSWER_MS

PICK_UP_MS = 500
"""A desk phone that answers by itself lets it ring about once."""


@dataclass(frozen=True, slots=True)
class Call:
    """Milliseconds since Asterisk took the customer's INVITE; a persistent station does not ring."""

    ring: float | None
    talk: float
    steps: tuple[float, ...] = ()
    """From step to step, as in `STEPS`; none for a persistent station."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a customer to a phone; `queue` is Asterisk's, else an agent is signed in at the phone."""

    name: str
    number: str
    station: str
    mode: str = ""
    queue: str = ""
    asks: bool = False
    """Before the queue, by FastAGI, who calls."""
    pick_up_ms: int = ANSWER_MS


PERSISTENT = Way("persistent station", "4000", "1001", mode="persistent")
ON_DEMAND = Way("on demand, phone picks up at once", "4001", "1013", mode="on_demand")
QUEUE = Way("`Queue()`, phone picks up at once", "4990", "1019", queue="cti-fallback-vtm")
ON_DEMAND_LATER = Way(
    "on demand, phone picks up after 0.5 s", "4001", "1014", mode="on_demand", pick_up_ms=PICK_UP_MS
)
QUEUE_LATER = Way(
    "`Queue()`, phone picks up after 0.5 s",
    "4991",
    "1020",
    queue="cti-fallback-elder",
    pick_up_ms=PICK_UP_MS,
)
ASKING = Way(
    "`Queue()` after a look-up, phone picks up at once", "4992", "1019", queue=QUEUE.queue, asks=True
)
ASKING_LATER = Way(
    "`Queue()` after a look-up, phone picks up after 0.5 s",
    "4993",
    "1020",
    queue=QUEUE_LATER.queue,
    asks=True,
    pick_up_ms=PICK_UP_MS,
)
WAYS = (PERSISTENT, ON_DEMAND, QUEUE, ASKING, ON_DEMAND_LATER, QUEUE_LATER, ASKING_LATER)
