"""Where this machine gets its Debian packages from: deb822 ``*.sources`` and one-line ``*.list`` files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_CODENAMES = frozenset(
    {"bullseye", "bookworm", "trixie", "forky", "duke", "sid"}
    | {"oldoldstable", "oldstable", "stable", "testing", "unstable"},
)
_ONE_LINE = re.compile(
    r"deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)"
)
_KEYRING_OPTION = re.compile(r"signed-by=(\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Archive:
    """A Debian archive's address, and the keyring its suites are signed with where the source names one."""

    uri: str
    keyring: str | None


def debian_archives(etc_apt: Path = Path("/etc/apt")) -> list[Archive]:
    """The Debian archives ``etc_apt`` names, those with Debian's own keyring first, each address once.

    An archive counts as Debian's when it carries component ``main`` of a suite with one of Debian's names;
    security archives hold no full suite and do not count.
    """
    found: dict[str, Archive] = {}
    for path in sorted([etc_apt / "sources.list", *(etc_apt / "sources.list.d").glob("*")]):
        if path.is_file() and path.suffix in {".list", ".sources"}:
            read = _deb822 if path.suffix == ".sources" else _one_line
            for archive in read(path.read_text(encoding="utf-8", errors="replace")):
                found.setdefault(archive.uri, archive)
    return sorted(found.values(), key=lambda archive: "debian-archive" not in (archive.keyring or ""))


def _deb822(text: str) -> Iterator[Archive]:
    for stanza in re.split(r"\n\s*\n", text):
        fields = _fields(stanza)
        usable = "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no"
        if usable and _is_debian(fields.get("suites", "").split(), fields.get("components", "").split()):
            keyring = fields.get("signed-by", "").strip()
            for uri in _usable(fields.get("uris", "").split()):
                yield Archive(uri, keyring if keyring.startswith("/") else None)


def _fields(stanza: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    name = ""
    for line in stanza.splitlines():
        if line.startswith("#"):
            continue
        if line[:1].isspace():
            fields[name] = f"{fields.get(name, '')} {line.strip()}"
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()
    return fields


def _one_line(text: str) -> Iterator[Archive]:
    for line in text.splitlines():
        entry = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if entry and _is_debian([entry["suite"]], entry["components"].split()):
            keyring = _KEYRING_OPTION.search(entry["options"] or "")
            for uri in _usable([entry["uri"]]):
                yield Archive(uri, keyring[1] if keyring else None)


def _is_debian(suites: list[str], components: list[str]) -> bool:
    return "main" in components and not _CODENAMES.isdisjoint(suites)


def _usable(uris: list[str]) -> list[str]:
    return [uri.rstrip("/") for uri in uris if uri.startswith(("http://", "https://", "file:", "copy:"))]
