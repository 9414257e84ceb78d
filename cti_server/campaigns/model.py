"""What a campaign is: its settings, its states, the outcomes of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from cti_server.campaigns.errors import CampaignState as WrongState
from cti_server.domain.policy import Opening

DAY = 86_400.0
ABANDON_CAP = 0.03


class Mode(StrEnum):
    """How calls are begun."""

    PREVIEW = "preview"
    """An agent is given a record, looks at it, and dials or skips."""
    PROGRESSIVE = "progressive"
    """One call for each agent who is free."""
    PREDICTIVE = "predictive"
    """More calls than free agents, as many as the abandon cap bears."""


class State(StrEnum):
    """Of a campaign. `stopped` is the end."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


class Change(StrEnum):
    """What people do to a campaign."""

    START = "start"
    PAUSE = "pause"
    STOP = "stop"


CHANGES: dict[tuple[State, Change], State] = {
    (State.CREATED, Change.START): State.RUNNING,
    (State.PAUSED, Change.START): State.RUNNING,
    (State.RUNNING, Change.PAUSE): State.PAUSED,
    **{(state, Change.STOP): State.STOPPED for state in (State.CREATED, State.RUNNING, State.PAUSED)},
}


def changed(state: State, change: Change) -> State:
    """The state after the change. Raises WrongState when the table has no such row."""
    new = CHANGES.get((state, change))
    if new is None:
        raise WrongState(f"a campaign that is {state} cannot {change}", detail={"state": state.value})
    return new


class Outcome(StrEnum):
    """How an attempt ended."""

    ANSWERED = "answered"
    """A person, who talked to an agent."""
    ABANDONED = "abandoned"
    """A person, for whom no agent was free in time, or who rang off while it waited."""
    HUNG_UP = "hung_up"
    """Somebody answered and rang off within `pacing.PATIENCE`, while it was listened whether it is a person:
    neither reached nor abandoned. Who rings off later than that is abandoned."""
    MACHINE = "machine"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    INVALID = "invalid"
    """The network says that there is no such number."""
    DO_NOT_CALL = "do_not_call"
    FAILED = "failed"
    """It could not be placed: congestion, no trunk, the PBX away."""
    UNKNOWN = "unknown"
    """The server ended while the call was under way, and nobody can tell."""
    SKIPPED = "skipped"
    """An agent looked at the record and did not dial."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Call again `after` seconds, at most `times` times for this outcome."""

    after: float
    times: int


RETRIES: dict[Outcome, Retry] = {
    Outcome.ABANDONED: Retry(DAY, 1),
    Outcome.HUNG_UP: Retry(4 * 3600.0, 1),
    Outcome.MACHINE: Retry(4 * 3600.0, 2),
    Outcome.BUSY: Retry(600.0, 3),
    Outcome.NO_ANSWER: Retry(3600.0, 3),
    Outcome.FAILED: Retry(300.0, 3),
    Outcome.UNKNOWN: Retry(3600.0, 1),
    Outcome.SKIPPED: Retry(3600.0, 1),
}
"""What a campaign does when it says nothing about an outcome; those missing here close the record."""


class Then(StrEnum):
    """What a disposition does to the record."""

    CLOSE = "close"
    CALL_BACK = "call_back"
    """At the time the agent has set."""
    DO_NOT_CALL = "do_not_call"
    """Never again, by no campaign."""


@dataclass(frozen=True, slots=True)
class Disposition:
    """A result that agents may choose."""

    code: str
    then: Then = Then.CLOSE
    name_zh: str = ""
    name_en: str = ""


@dataclass(frozen=True, slots=True)
class Calling:
    """When the people of a region may be called: local time is `utc_offset` minutes ahead of UTC."""

    windows: tuple[Opening, ...]
    utc_offset: int = 480

    def allows(self, at: float) -> bool:
        """Whether an epoch second is within a window."""
        local = datetime.fromtimestamp(at, UTC) + timedelta(minutes=self.utc_offset)
        minute = local.hour * 60 + local.minute
        return any(
            one.weekday == local.isoweekday() and one.opens <= minute < one.closes for one in self.windows
        )

    def next_from(self, at: float) -> float | None:
        """The first second from `at` on that is allowed; None when none ever is."""
        if self.allows(at):
            return at
        local = datetime.fromtimestamp(at, UTC) + timedelta(minutes=self.utc_offset)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        starts = [
            midnight + timedelta(days=ahead, minutes=one.opens)
            for ahead in range(8)
            for one in self.windows
            if (midnight + timedelta(days=ahead)).isoweekday() == one.weekday
        ]
        later = [start for start in starts if start > local]
        return (min(later) - timedelta(minutes=self.utc_offset)).timestamp() if later else None


DAYTIME = Calling(tuple(Opening(weekday, 9 * 60, 20 * 60) for weekday in range(1, 8)))
"""Nine to eight in China, every day."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a campaign is told to do; times in seconds."""

    group_id: str
    mode: Mode
    caller_id: str = ""
    """Number shown; empty: the group's."""
    hours: dict[str, Calling] = field(default_factory=lambda: {"": DAYTIME})
    """By region of the record; `""` is for records without one."""
    retries: dict[Outcome, Retry] = field(default_factory=dict)
    """What differs from `RETRIES`."""
    max_attempts: int = 5
    abandon_cap: float = ABANDON_CAP
    ring_time: float = 30.0
    script: str = ""
    dispositions: tuple[Disposition, ...] = ()
    machine_message: str = ""
    """Prompt played to an answering machine; empty: it is hung up."""
    ends_at: float | None = None
    """Epoch second from which nobody is called any more; None: no end."""

    def retry(self, outcome: Outcome) -> Retry | None:
        """The rule for an outcome; None: the record is closed by it."""
        rule = self.retries.get(outcome, RETRIES.get(outcome))
        return rule if rule and rule.times else None

    def open_regions(self, at: float) -> frozenset[str]:
        """Regions whose people may be called at an epoch second; none after the campaign's end."""
        if self.ends_at is not None and at >= self.ends_at:
            return frozenset()
        return frozenset(region for region, calling in self.hours.items() if calling.allows(at))

    def disposition(self, code: str) -> Disposition | None:
        """The result of that code, if the campaign has it."""
        return next((one for one in self.dispositions if one.code == code), None)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a record is. Times are epoch seconds."""

    due_at: float
    attempts: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    """How often each outcome came."""
    call_back: bool = False
    """`due_at` is what a customer was promised."""
    closed: str = ""
    """Why it is called no more; empty while it is open."""


def begun(progress: Progress) -> Progress:
    """One more attempt is made."""
    return Progress(progress.due_at, progress.attempts + 1, progress.outcomes)


def after(progress: Progress, outcome: Outcome, at: float, settings: Settings) -> Progress:
    """What becomes of a record whose attempt ended; `progress` counts that attempt already."""
    count = progress.outcomes.get(outcome.value, 0) + 1
    outcomes = {**progress.outcomes, outcome.value: count}
    rule = settings.retry(outcome)
    if rule is None or count > rule.times:
        return Progress(at, progress.attempts, outcomes, closed=outcome.value)
    if progress.attempts >= settings.max_attempts:
        return Progress(at, progress.attempts, outcomes, closed="max_attempts")
    return Progress(at + rule.after, progress.attempts, outcomes)


def disposed(
    progress: Progress, chosen: Disposition | None, call_back_at: float | None, at: float
) -> Progress:
    """What an agent's result makes of a record that was talked to.

    A call-back needs both a disposition that allows one and its time, and `max_attempts` does not stop it.
    """
    then = chosen.then if chosen else Then.CLOSE
    if then is Then.CALL_BACK and call_back_at is not None:
        return Progress(max(call_back_at, at), progress.attempts, progress.outcomes, call_back=True)
    closed = Outcome.DO_NOT_CALL if then is Then.DO_NOT_CALL else Outcome.ANSWERED
    return Progress(at, progress.attempts, progress.outcomes, closed=closed.value)
