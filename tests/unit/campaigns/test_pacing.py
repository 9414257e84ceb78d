"""Pacing: the cap holds at every moment of a seeded simulation, and agents are busier than without.

The figures printed by `python -m tests.unit.campaigns.test_pacing` stand in docs/campaigns.md.
"""

from __future__ import annotations

import pytest

from cti_server.campaigns.model import Mode
from cti_server.campaigns.pacing import Attempt, Measured, Situation, calls_to_begin
from tests.support.calling import People, simulate

KNOWN = Measured(
    [Attempt(12.0, person=n % 3 == 0) for n in range(300)],
    [float(n) for n in range(60, 260)],
    persons=1000,
)


@pytest.mark.parametrize(
    ("situation", "calls"),
    [
        (Situation(3), 3),
        (Situation(3, ringing=(1.0,)), 2),
        (Situation(3, ringing=(1.0,), waiting=1), 1),
        (Situation(1, ringing=(1.0, 2.0)), 0),
        (Situation(0, busy=(100.0,) * 9), 0),
    ],
)
def test_progressive_is_one_call_each(situation: Situation, calls: int) -> None:
    assert calls_to_begin(Mode.PROGRESSIVE, situation, KNOWN, 0.03) == calls


def test_preview_begins_nothing() -> None:
    assert calls_to_begin(Mode.PREVIEW, Situation(9), KNOWN, 0.03) == 0


def test_predictive_begins_more() -> None:
    assert calls_to_begin(Mode.PREDICTIVE, Situation(10), KNOWN, 0.03) > 12


def test_predictive_calls_ahead_of_agents_who_are_about_to_be_free() -> None:
    ahead = Situation(0, busy=(250.0,) * 10)
    behind = Situation(0, busy=(1.0,) * 10)
    assert calls_to_begin(Mode.PREDICTIVE, ahead, KNOWN, 0.03) > calls_to_begin(
        Mode.PREDICTIVE, behind, KNOWN, 0.03
    )


def test_nothing_is_predicted_before_anything_was_measured() -> None:
    few = Measured(KNOWN.attempts[:20], KNOWN.handle_times, persons=1000)
    assert calls_to_begin(Mode.PREDICTIVE, Situation(10), few, 0.03) == 10
    nobody_yet = Measured(KNOWN.attempts, KNOWN.handle_times, persons=0)
    assert calls_to_begin(Mode.PREDICTIVE, Situation(10), nobody_yet, 0.03) == 10


def test_a_window_that_bears_no_more_is_progressive() -> None:
    spent = Measured(KNOWN.attempts, KNOWN.handle_times, persons=1000, abandoned=30)
    assert calls_to_begin(Mode.PREDICTIVE, Situation(10), spent, 0.03) == 10
    assert calls_to_begin(Mode.PREDICTIVE, Situation(10), KNOWN, 0.0) == 10


@pytest.mark.parametrize(
    ("seed", "people"),
    [(1, People()), (3, People(person=0.2, handle=90.0)), (4, People(person=0.6))],
)
def test_the_cap_holds_and_agents_are_busier(seed: int, people: People) -> None:
    agents = 20
    plain = simulate(Mode.PROGRESSIVE, agents, seed, 1500, people=people)
    predicted = simulate(Mode.PREDICTIVE, agents, seed, 4000, people=people)
    assert plain.abandoned == 0
    assert predicted.worst <= 0.03
    assert predicted.rate <= 0.03
    assert predicted.occupancy(agents) > plain.occupancy(agents) + 0.03


def main() -> None:
    """Print the table of docs/campaigns.md."""
    for agents in (10, 20, 60):
        plain, predicted = (simulate(mode, agents, 1, 6000) for mode in (Mode.PROGRESSIVE, Mode.PREDICTIVE))
        cells = (plain.occupancy(agents), predicted.occupancy(agents), predicted.rate, predicted.worst)
        print("|", agents, "|", " | ".join(f"{cell:.1%}" for cell in cells), "|")


if __name__ == "__main__":
    main()
