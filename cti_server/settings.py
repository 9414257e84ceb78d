"""All settings of a server, in one model: environment (`CTI_…`), or a JSON file named by `CTI_SETTINGS`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    JsonConfigSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from cti_server.domain.outside import ALLOWED, OutsideRules


class PbxNodeSettings(BaseModel):
    """A PBX node: its manager interface, our login there, and what of its files we can reach."""

    name: str
    ami_host: str = "127.0.0.1"
    ami_port: int = 5038
    ami_user: str = "cti-a"
    ami_secret: SecretStr
    cel_file: Path | None = None
    cel_columns: tuple[str, ...] = ()
    recording_spool: Path | None = None
    log_dir: Path | None = None
    sip: str = ""
    """`host:port` customers and phones reach it at; for the doctor and for people."""

    @property
    def home(self) -> Path | None:
        """The node's folder, if it can be reached: known by the files in it that the settings name."""
        candidates = []
        if self.cel_file:
            candidates.append(self.cel_file.parents[2])
        if self.recording_spool:
            candidates.append(self.recording_spool.parents[1])
        return next((home for home in candidates if (home / "etc/asterisk.conf").exists()), None)


class Settings(BaseSettings):
    """What a server needs to know. Times in seconds."""

    model_config = SettingsConfigDict(env_prefix="CTI_", env_nested_delimiter="__", extra="forbid")

    server_name: str = "cti-a"
    site: str = "main"
    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8080, ge=0, le=65535)
    agi_host: str = "127.0.0.1"
    agi_port: int = Field(default=4573, ge=0, le=65535)
    redis_url: str = "redis://127.0.0.1:6379/0"
    database_url: str = "sqlite:///var/centre.db"
    outbox_dir: Path = Path("var/outbox")
    recordings_dir: Path = Path("var/recordings")
    token_key_file: Path = Path("var/secrets/token.key")
    origins: tuple[str, ...] = ()
    """Web origins whose pages may open the agent socket; programs without an Origin always may."""
    cheap_passwords: bool = False
    """Fast password hashing, for tests only."""
    outside_allowed: tuple[str, ...] = ALLOWED
    """Regular expressions; an outside number that agents may call matches one of them as a whole."""
    outside_agent_calls_per_hour: int = Field(default=60, ge=0)
    outside_calls_per_minute: int = Field(default=120, ge=0)
    outside_ring_time: float = Field(default=45.0, ge=5.0, le=120.0)
    outside_caller_id: str = Field(default="", pattern=r"^[+]?[0-9]*$")
    """Number shown to outside parties; empty: the trunk's own."""
    outside_caller_ids: dict[str, str] = {}
    """Group id to the number it shows instead."""
    smtp_host: str = ""
    """Empty: no e-mail."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_from: str = ""
    smtp_ca_file: Path | None = None
    """PEM; who may vouch for the server's certificate. Empty: whom the machine trusts."""
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    sms_url: str = ""
    """Empty: no SMS."""
    sms_method: Literal["POST", "PUT"] = "POST"
    sms_body: dict[str, Any] = {"to": "{number}", "text": "{text}"}
    """JSON sent to the provider, `{number}`, `{text}` and `{message_id}` filled in."""
    sms_header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]{1,64}$")
    sms_secret_file: Path | None = None
    """Holds the whole value of that header."""
    log_rotate_bytes: int = Field(default=64 << 20, ge=1024)
    """A log of a node so large is put aside; it is at the end of its day in any case."""
    log_keep_days: int = Field(default=30, ge=0)
    """What was put aside so long ago is removed; 0: never."""
    cel_keep_days: int = Field(default=90, ge=0)
    """The same of CEL, and only once all its calls are in the interaction log."""
    nodes: tuple[PbxNodeSettings, ...] = ()

    @field_validator("outside_allowed")
    @classmethod
    def _patterns(cls, allowed: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in allowed:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
        return allowed

    @property
    def outside(self) -> OutsideRules:
        """What the settings say about numbers outside."""
        return OutsideRules(
            self.outside_allowed,
            self.outside_agent_calls_per_hour,
            self.outside_calls_per_minute,
            self.outside_ring_time,
            dict(self.outside_caller_ids),
            self.outside_caller_id,
        )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # pydantic-settings hands it in
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then environment, then the JSON file."""
        path = os.environ.get("CTI_SETTINGS")
        file = (JsonConfigSettingsSource(settings_cls, json_file=path),) if path else ()
        return (init_settings, env_settings, *file, file_secret_settings)
