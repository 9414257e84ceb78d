"""What a client has received, so that a test can say: nothing lost, nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Ledger:
    """Numbers of notifications in the order received, from each snapshot on."""

    received: list[tuple[int, int]] = field(default_factory=list)
    """`(epoch, seq)` of every notification."""
    snapshots: list[tuple[int, int]] = field(default_factory=list)
    """`(epoch, seq)` of every `session.open` that was not resumed; one, while the thread is never lost."""
    resumes: int = 0
    gaps: list[tuple[tuple[int, int], tuple[int, int]]] = field(default_factory=list)
    """Pairs of numbers between which something is missing."""
    doubles: list[tuple[int, int]] = field(default_factory=list)
    """Numbers that came again, or too late."""
    last: tuple[int, int] | None = None

    def snapshot(self, epoch: int, seq: int) -> None:
        """The server gave a whole new picture, as of `seq`."""
        self.snapshots.append((epoch, seq))
        self.last = (epoch, seq)

    def notification(self, epoch: int, seq: int) -> None:
        """A notification came. A new epoch begins at 1."""
        number = (epoch, seq)
        self.received.append(number)
        if self.last is not None and number <= self.last:
            self.doubles.append(number)
            return
        if self.last is not None and not self._follows(number, self.last):
            self.gaps.append((self.last, number))
        self.last = number

    @staticmethod
    def _follows(number: tuple[int, int], last: tuple[int, int]) -> bool:
        return number == (last[0], last[1] + 1) or (number[0] > last[0] and number[1] == 1)

    @property
    def intact(self) -> bool:
        """No gap, no double."""
        return not self.gaps and not self.doubles
