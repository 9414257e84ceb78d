"""Campaigns, lists and the do-not-call list over HTTP."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from cti_server.api.models.fields import (
    Instant,
    Later,
    Model,
    OptionalWord,
    Sentence,
    Word,
    WrittenNumber,
    only_lines,
)
from cti_server.api.models.routing import ChangeView

ModeName = Literal["preview", "progressive", "predictive"]
StateName = Literal["created", "running", "paused", "stopped"]
RetriedName = Literal["abandoned", "hung_up", "machine", "busy", "no_answer", "failed", "unknown", "skipped"]
Script = Annotated[str, Field(max_length=8000), AfterValidator(only_lines)]
_EXAMPLE: dict[str, Any] = {
    "name": "Card renewal, November",
    "group_id": "credit_card",
    "mode": "predictive",
    "hours": {"": {"utc_offset": 480, "windows": [{"weekday": 1, "opens": 540, "closes": 1200}]}},
    "retries": {"busy": {"after": 600, "times": 2}},
    "max_attempts": 4,
    "script": "Good day, this is your bank.",
    "dispositions": [{"code": "renewed"}, {"code": "later", "then": "call_back"}],
}


class Window(Model):
    """Open from `opens` until before `closes`, minutes of the local day; weekday 1 is Monday."""

    weekday: int = Field(ge=1, le=7)
    opens: int = Field(ge=0, le=1439)
    closes: int = Field(ge=1, le=1440)

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Window:
        if self.opens >= self.closes:
            raise PydanticCustomError("greater_than_equal", "opens before it closes")
        return self


class CallingHours(Model):
    """When the people of a region may be called."""

    utc_offset: int = Field(default=480, ge=-720, le=840, description="Minutes local time is ahead of UTC.")
    windows: list[Window] = Field(min_length=1, max_length=70)


class RetryRule(Model):
    """Call again `after` seconds, at most `times` times for this outcome; 0: never."""

    after: float = Field(ge=0, le=90 * 86_400)
    times: int = Field(ge=0, le=20)


class DispositionRule(Model):
    """A result that agents may choose, and what it does to the record."""

    code: Word
    then: Literal["close", "call_back", "do_not_call"] = "close"
    name_zh: OptionalWord = ""
    name_en: OptionalWord = ""


def _each_once(rules: list[DispositionRule]) -> list[DispositionRule]:
    if len({rule.code for rule in rules}) < len(rules):
        raise PydanticCustomError("literal_error", "a code stands there twice")
    return rules


Dispositions = Annotated[list[DispositionRule], Field(max_length=50), AfterValidator(_each_once)]


class NewCampaign(Model):
    """What the campaign is told to do; times in seconds."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Word
    group_id: Word
    mode: ModeName
    caller_id: Annotated[str, Field(max_length=20, pattern=r"^[+]?[0-9]*$")] = ""
    hours: dict[OptionalWord, CallingHours] | None = Field(
        default=None,
        min_length=1,
        description='By region of the record, `""` for those without; left out: 9 to 20 daily.',
    )
    retries: dict[RetriedName, RetryRule] = Field(default={})
    max_attempts: int = Field(default=5, ge=1, le=20)
    abandon_cap: float = Field(default=0.03, ge=0, le=0.1)
    ring_time: float = Field(default=30, ge=10, le=60)
    script: Script = ""
    dispositions: Dispositions = Field(default=[])
    machine_message: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_]*$")] = Field(
        default="", description="Prompt for answering machines; empty: they are hung up."
    )
    ends_at: Later | None = Field(default=None, description="From then on nobody is called any more.")


class CampaignEdit(Model):
    """What shall be another way; what is left out stays. The group stays for ever."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"why": "fewer abandons", "abandon_cap": 0.02, "ends_at": None}]}
    )

    why: Sentence = ""
    name: Word | None = None
    mode: ModeName | None = None
    caller_id: Annotated[str, Field(max_length=20, pattern=r"^[+]?[0-9]*$")] | None = None
    hours: dict[OptionalWord, CallingHours] | None = Field(default=None, min_length=1)
    retries: dict[RetriedName, RetryRule] | None = None
    max_attempts: int | None = Field(default=None, ge=1, le=20)
    abandon_cap: float | None = Field(default=None, ge=0, le=0.1)
    ring_time: float | None = Field(default=None, ge=10, le=60)
    script: Script | None = None
    dispositions: Dispositions | None = None
    machine_message: Annotated[str, Field(max_length=64, pattern=r"^[a-z0-9_]*$")] | None = None
    ends_at: Later | None = Field(default=None, description="Null: no end.")


class CampaignVersionView(Model):
    """Who changed what, when and why."""

    version: int
    at: Instant
    author: str
    why: str
    changes: list[ChangeView]


class CampaignVersions(Model):
    """The newest first."""

    versions: list[CampaignVersionView]


class CampaignView(Model):
    """A campaign as it stands."""

    campaign_id: str
    name: str
    state: StateName
    version: int = Field(description="Of name and settings; the `ETag`.")
    settings: dict[str, Any] = Field(description="As they are in force, defaults filled in.")
    created_by: str
    created_at: Instant
    updated_at: Instant
    records: dict[str, int] | None = Field(default=None, description="By state; only when one is asked for.")
    closed: dict[str, int] | None = Field(default=None, description="Closed records by why.")
    outcomes: dict[str, int] | None = Field(default=None, description="Ended attempts by outcome.")


class CampaignList(Model):
    """The newest first."""

    campaigns: list[CampaignView]


class ImportView(Model):
    """How far an import is; `refused` is the code to how many rows."""

    import_id: str
    state: Literal["running", "done", "failed"]
    encoding: str
    rows: int
    accepted: int
    refused: dict[str, int]
    created_by: str
    started_at: Instant
    ended_at: Instant | None


class ImportList(Model):
    """The newest first."""

    imports: list[ImportView]


class AuditEntry(Model):
    """Who did what."""

    at: Instant
    actor: str
    action: str
    object_id: str
    data: dict[str, Any]


class AuditList(Model):
    """The newest first."""

    entries: list[AuditEntry]


class NumberAsked(Model):
    """A number, as people write it."""

    number: WrittenNumber


class NumberForbidden(NumberAsked):
    """A number that is not to be called, or may be again, and why."""

    reason: Sentence = ""


class NumberTold(Model):
    """Whether the number is on the do-not-call list now."""

    number: str = Field(description="Masked.")
    listed: bool


class ForbiddenNumber(Model):
    """An entry of the do-not-call list."""

    number: str = Field(description="Masked.")
    reason: str
    added_by: str
    added_at: Instant


class ForbiddenList(Model):
    """How many numbers there are, and the newest."""

    total: int
    newest: list[ForbiddenNumber]


class Previewed(Model):
    """A record an agent looks at before calling it."""

    record_id: str
    number: str = Field(description="Masked.")
    name: str
    region: str
    data: dict[str, Any]
    attempts: int = Field(description="Made so far.")
    call_back: bool = Field(description="The customer was promised to be called.")
    script: str
    dispositions: list[DispositionRule]


class DialRecord(Model):
    """Call the record."""

    request_id: Word


class RecordDialled(Model):
    """The contact; its progress comes over the agent socket."""

    contact_id: str
