"""Who may be called when, and what becomes of a record."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cti_server.campaigns.errors import CampaignState
from cti_server.campaigns.model import (
    RETRIES,
    Calling,
    Change,
    Disposition,
    Mode,
    Outcome,
    Progress,
    Retry,
    Settings,
    State,
    Then,
    after,
    begun,
    changed,
    disposed,
)
from cti_server.domain.policy import Opening

SETTINGS = Settings("general", Mode.PROGRESSIVE)


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_hours_are_of_the_region() -> None:
    weekdays = tuple(Opening(day, 540, 1080) for day in range(1, 6))
    settings = Settings(
        "general", Mode.PREVIEW, hours={"": Calling(weekdays), "xinjiang": Calling(weekdays, 360)}
    )
    monday_nine_in_beijing = at("2026-11-23T01:00:00")
    assert settings.open_regions(monday_nine_in_beijing) == {""}
    assert settings.open_regions(monday_nine_in_beijing + 2 * 3600) == {"", "xinjiang"}
    assert settings.open_regions(at("2026-11-23T10:00:00")) == {"xinjiang"}
    assert settings.open_regions(at("2026-11-22T04:00:00")) == frozenset()
    assert settings.hours[""].next_from(at("2026-11-20T10:00:00")) == monday_nine_in_beijing
    assert settings.hours[""].next_from(monday_nine_in_beijing + 5) == monday_nine_in_beijing + 5
    assert Calling(()).next_from(0.0) is None


def test_a_window_of_the_same_day_next_week() -> None:
    only = Calling((Opening(1, 540, 600),))
    assert only.next_from(at("2026-11-23T02:00:00")) == at("2026-11-30T01:00:00")


def test_retries_end() -> None:
    progress = Progress(0.0)
    for attempt in (1, 2, 3):
        progress = after(begun(progress), Outcome.BUSY, 100.0, SETTINGS)
        assert (progress.closed, progress.due_at, progress.attempts) == ("", 700.0, attempt)
    assert after(begun(progress), Outcome.BUSY, 100.0, SETTINGS).closed == "busy"


def test_the_most_attempts_hold_over_all_outcomes() -> None:
    settings = Settings("general", Mode.PROGRESSIVE, max_attempts=2)
    progress = after(begun(Progress(0.0)), Outcome.BUSY, 0.0, settings)
    assert after(begun(progress), Outcome.NO_ANSWER, 0.0, settings).closed == "max_attempts"


def test_a_rule_of_its_own() -> None:
    never = Settings("general", Mode.PROGRESSIVE, retries={Outcome.BUSY: Retry(1.0, 0)})
    assert after(begun(Progress(0.0)), Outcome.BUSY, 0.0, never).closed == "busy"


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - set(RETRIES)))
def test_outcomes_that_close(outcome: Outcome) -> None:
    assert after(begun(Progress(0.0)), outcome, 0.0, SETTINGS).closed == outcome


def test_what_agents_decide() -> None:
    progress = Progress(0.0, attempts=5)
    later = Disposition("later", Then.CALL_BACK)
    promised = disposed(progress, later, 900.0, 100.0)
    assert (promised.due_at, promised.call_back, promised.closed) == (900.0, True, "")
    assert disposed(progress, later, None, 100.0).closed == "answered"
    assert disposed(progress, later, 50.0, 100.0).due_at == 100.0
    assert disposed(progress, Disposition("never", Then.DO_NOT_CALL), None, 1.0).closed == "do_not_call"
    assert disposed(progress, None, 900.0, 1.0).closed == "answered"


def test_states() -> None:
    assert changed(State.CREATED, Change.START) is State.RUNNING
    with pytest.raises(CampaignState):
        changed(State.STOPPED, Change.START)
    with pytest.raises(CampaignState):
        changed(State.RUNNING, Change.START)
