"""Those whose telephones one SIPp process is: customers, agents' phones, people outside."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from cti_server.simulate.sipp import SCENARIOS, Sipp

BEGUN: Final = "TotalCallCreated"
CURRENT: Final = "CurrentCall"
FAILED: Final = "FailedCall(C)"


def marked(number: int) -> str:
    """The column of what a scenario counts with `counter="number"`."""
    return f"GenericCounter{number}(C)"


def scenario(name: str, **words: object) -> str:
    """The text of a scenario in sipp/, each `@WORD@` of `words` filled in."""
    text = (SCENARIOS / f"{name}.xml").read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word.upper()}@", str(value))
    return text


class Party:
    """A SIPp process that lives in `async with`."""

    def __init__(self, sipp: Sipp) -> None:
        self._sipp = sipp

    async def __aenter__(self) -> Self:
        await self._sipp.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._sipp.__aexit__(kind, error, trace)

    def last_words(self) -> str:
        """What SIPp found unexpected."""
        return self._sipp.last_words()

    def refused(self) -> dict[str, int]:
        """What its calls were refused with: status and reason, how often."""
        return dict(self._sipp.refused())

    def _counted(self, columns: dict[str, str]) -> dict[str, int]:
        """What SIPp counted so far, by our name for each of its columns."""
        told = self._sipp.figures()
        return {name: told.get(column, 0) for name, column in columns.items()}
