"""The world's clock where the machine's is set forward and back."""

from __future__ import annotations

from structlog.testing import capture_logs

from cti_server.engine.steady_clock import SteadyClock


class Machine:
    def __init__(self) -> None:
        self.now, self.since = 1_800_000_000.0, 50.0
        self.clock = SteadyClock(lambda: self.now, lambda: self.since)

    def after(self, seconds: float, *, jump: float = 0.0) -> float:
        """What the world's clock says so much later, when the machine's was set by `jump` meanwhile."""
        self.since += seconds
        self.now += seconds + jump
        return self.clock()


def test_it_follows_the_machines_clock_forward() -> None:
    machine = Machine()
    assert machine.after(10) == 1_800_000_010
    assert machine.after(1, jump=3600) == 1_800_003_611
    assert machine.after(1) == 1_800_003_612


def test_set_back_it_goes_on_until_the_machines_is_ahead_again() -> None:
    machine = Machine()
    with capture_logs() as told:
        assert machine.after(10, jump=-60) == 1_800_000_010
        assert machine.after(30) == 1_800_000_040
        assert machine.after(1, jump=50) == 1_800_000_041
        assert machine.after(1, jump=20) == 1_800_000_052
        assert machine.after(1) == 1_800_000_053
    assert told == [{"event": "clock.set_back", "log_level": "error", "seconds": 60.0}]


def test_what_is_set_back_again_and_again_is_told_each_time_and_trifles_are_not() -> None:
    machine = Machine()
    with capture_logs() as told:
        for _ in range(8):
            machine.after(1, jump=-0.1)
        machine.after(1, jump=-5)
        machine.after(1, jump=-5)
    assert [line["seconds"] for line in told] == [5.8, 10.8]
    assert machine.clock() == 1_800_000_010
