"""Short reads of the embedded database, with nothing in between, for those who wait on the line."""

import sqlite3
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import OperationalError

_PATIENCE: Final = 0.2
"""Seconds it waits for a file that is locked (readers hardly ever are)."""


class Glances:
    """A connection that only reads, for one thread at a time. It is opened at the first look."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).absolute()
        self._connection: sqlite3.Connection | None = None
        self._texts: dict[Select[Any], str] = {}

    def look(self, query: Select[Any], parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """The query's rows, values as they are stored. Raises SQLAlchemy's OperationalError.

        `query` is one that is kept: its text is made once.
        """
        text = self._texts.get(query)
        if text is None:
            text = self._texts[query] = str(query.compile(dialect=sqlite.dialect(paramstyle="named")))
        try:
            return self._open().execute(text, parameters).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise OperationalError(text, None, error) from error

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = sqlite3.connect(
                f"{self._path.as_uri()}?mode=rw",
                uri=True,
                timeout=_PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            self._connection.execute("PRAGMA query_only=ON")
        return self._connection

    def close(self) -> None:
        """End the connection; the next look opens another."""
        with suppress(sqlite3.Error):
            if self._connection is not None:
                self._connection.close()
        self._connection = None
