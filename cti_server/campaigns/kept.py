"""Campaigns and imports as they are kept: what the edge shows and the dialler works with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cti_server.campaigns.model import Progress, Settings, State
from cti_server.domain.settings import Change


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it stands."""

    campaign_id: str
    name: str
    state: State
    settings: Settings
    created_by: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    """Of name and settings."""


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a campaign's name and settings; `changes` are those against the one before."""

    version: int
    at: datetime
    author: str
    why: str
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """How far a campaign is: records by state, closed ones by why, attempts by outcome."""

    records: Mapping[str, int]
    closed: Mapping[str, int]
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Import:
    """How far an import is. `refused` is code to how many rows."""

    import_id: str
    campaign_id: str
    state: str
    encoding: str
    columns: tuple[str, ...]
    rows: int
    accepted: int
    refused: Mapping[str, int]
    created_by: str
    started_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Record:
    """Somebody to call."""

    record_id: str
    campaign_id: str
    number: str = field(repr=False)
    name: str = field(repr=False)
    region: str
    data: Mapping[str, str] = field(repr=False)
    progress: Progress
