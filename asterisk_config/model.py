"""What one Asterisk node is made of. Values are checked here, so that a template never meets a bad one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asterisk_config.errors import ConfigError

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_ADDRESS = re.compile(r"[0-9]{2,8}(-browser)?")
_NUMBER = re.compile(r"\+?[0-9]{1,20}")
_GROUP = re.compile(r"[a-z][a-z0-9_]{0,31}")
_WORD = re.compile(r"[a-z][a-z0-9_]{0,47}")
_LANGUAGE = re.compile(r"[a-z]{2}")
_SECRET = re.compile(r"[A-Za-z0-9_.~-]{8,128}")
_USER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,31}")
_PORTS = range(1, 65536)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IPv4 address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class AmiLogin:
    """One CTI server's own login on the manager interface."""

    user: str
    secret: str


@dataclass(frozen=True, slots=True)
class Station:
    """A phone an agent may sign in on. ``browser``: WebSocket and DTLS-SRTP instead of UDP and RTP."""

    address: str
    password: str
    browser: bool = False


@dataclass(frozen=True, slots=True)
class ServiceNumber:
    """A number customers call: the group it leads to, the prompt that greets (may be empty), the language."""

    number: str
    group: str
    greeting: str = "welcome"
    language: str = "zh"


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds. How quickly the dialplan notices that no server lives, and how the fallback queue rings."""

    beat_stale: int = 3
    agi_deadline: int = 3
    fallback_greeting: int = 20
    fallback_ring: int = 12
    fallback_turn: int = 15
    fallback_announce: int = 30
    longest_message: int = 120
    longest_outside: int = 7200
    """Two parties outside, joined by a transfer, are parted after so long; 0: never."""


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """Everything one node needs; two nodes differ in ``name`` and addresses only.

    ``name`` becomes Asterisk's systemname, so every Uniqueid begins with it. ``agi`` lists the CTI servers in
    the order they are asked. ``trunk_match`` are the addresses or networks customers' INVITEs come from.
    ``ami_permit`` are the networks the manager interface may be used from. ``folder`` is the node's folder
    name, by default its name; runs side by side take different ones. ``language`` is spoken to agents.
    ``music_dir`` and ``prompts_dir`` (``<language>/<name>.wav``) hold a bank's own files, copied at render.
    ``outside`` is where INVITEs to numbers outside go (a carrier's address); without one, none may go.
    ``recording_dir`` must be reachable for Asterisk; by default it is inside the node's folder.
    ``published`` is the address phones and customers reach ``sip`` and the RTP ports at, port numbers kept,
    when that is not ``sip.host``: the node is behind a translation of addresses, as in a container.

    Raises:
        ConfigError: a value is out of its allowed form (it would be able to alter a configuration file).
    """

    name: str
    sip: Endpoint
    http: Endpoint
    ami: Endpoint
    agi: tuple[Endpoint, ...]
    ami_logins: tuple[AmiLogin, ...]
    stations: tuple[Station, ...]
    numbers: tuple[ServiceNumber, ...]
    groups: tuple[str, ...]
    rtp_ports: tuple[int, int] = (10000, 20000)
    trunk_match: tuple[str, ...] = ("127.0.0.1",)
    ami_permit: tuple[str, ...] = ("127.0.0.0/8",)
    folder: str = ""
    language: str = "zh"
    music_dir: Path | None = None
    prompts_dir: Path | None = None
    recording_dir: Path | None = None
    published: str = ""
    outside: Endpoint | None = None
    timings: Timings = Timings()

    def __post_init__(self) -> None:
        _check("name", _NAME, [self.name])
        _check("folder", _NAME, [self.folder or self.name])
        _check("AMI user", _USER, (login.user for login in self.ami_logins))
        _check("AMI secret", _SECRET, (login.secret for login in self.ami_logins), shown=False)
        _check("station address", _ADDRESS, (station.address for station in self.stations))
        _check("station password", _SECRET, (station.password for station in self.stations), shown=False)
        _check("service number", _NUMBER, (number.number for number in self.numbers))
        _check("greeting", _WORD, (number.greeting for number in self.numbers if number.greeting))
        _check("language", _LANGUAGE, (number.language for number in self.numbers))
        _check("language", _LANGUAGE, [self.language])
        _check("group", _GROUP, self.groups)
        self._check_addresses()
        self._check_references()

    @property
    def sip_outside(self) -> Endpoint:
        """Where phones and customers reach the node."""
        return Endpoint(self.published or self.sip.host, self.sip.port)

    def _check_addresses(self) -> None:
        endpoints = [self.sip, self.http, self.ami, *self.agi, self.sip_outside]
        endpoints += [self.outside] if self.outside else []
        ports = [endpoint.port for endpoint in endpoints] + list(self.rtp_ports)
        if any(port not in _PORTS for port in ports) or self.rtp_ports[0] >= self.rtp_ports[1]:
            raise ConfigError(f"node {self.name}: a port is out of range: {ports}")
        try:
            for endpoint in endpoints:
                ipaddress.IPv4Address(endpoint.host)
            for network in self.trunk_match + self.ami_permit:
                ipaddress.ip_network(network)
        except ValueError as error:
            raise ConfigError(f"node {self.name}: {error}", "give IPv4 addresses, not names") from None

    def _check_references(self) -> None:
        unknown = {number.group for number in self.numbers} - set(self.groups)
        if unknown:
            raise ConfigError(f"node {self.name}: service numbers lead to unknown groups {sorted(unknown)}")
        for what, values in (
            ("station", [station.address for station in self.stations]),
            ("service number", [number.number for number in self.numbers]),
            ("AMI user", [login.user for login in self.ami_logins]),
            ("group", list(self.groups)),
        ):
            if len(values) != len(set(values)):
                raise ConfigError(f"node {self.name}: a {what} is given twice")


def _check(what: str, pattern: re.Pattern[str], values: Iterable[str], *, shown: bool = True) -> None:
    for value in values:
        if not pattern.fullmatch(value):
            example = f": {value!r}" if shown else ""
            raise ConfigError(f"{what} is not of the form {pattern.pattern}{example}")
