"""A real Asterisk on this machine: how it is started and where its nodes' folders live."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from asterisk_config.errors import UnreachablePathError

MINIMUM_VERSION = (22, 10, 1)
"""22.10.1 carries the fixes of about twenty advisories."""

SERVICE_USER = "asterisk"


@dataclass(frozen=True, slots=True)
class Account:
    """The numeric user and group a node runs as, inside the installation's root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Installation:
    """One usable Asterisk.

    ``chroot`` is the root folder it lives in, None when it is this machine's own. ``data_dir`` and
    ``module_dir`` are paths as Asterisk sees them. ``nodes_dir`` is the host's folder for node folders; it is
    reachable for Asterisk. ``prompts_dir`` is the host's folder ``<language>/<prompt>.wav``.
    """

    version: str
    chroot: Path | None
    data_dir: str
    module_dir: str
    nodes_dir: Path
    prompts_dir: Path
    binary: str = "asterisk"

    def command(self, args: list[str]) -> list[str]:
        """Command line which runs Asterisk with ``args``, as root or as the calling user."""
        return self.command_for([self.binary, *args])

    def command_for(self, argv: list[str]) -> list[str]:
        """Command line which runs any program where Asterisk lives."""
        return argv if self.chroot is None else ["chroot", str(self.chroot), *argv]

    def path_inside(self, host_path: Path) -> str:
        """The same file as Asterisk sees it.

        Raises:
            UnreachablePathError: Asterisk lives in a root of its own, and the file is outside of it.
        """
        absolute = host_path.absolute()
        if self.chroot is None:
            return str(absolute)
        try:
            return "/" + absolute.relative_to(self.chroot).as_posix()
        except ValueError:
            raise UnreachablePathError(
                f"{absolute} is outside the Asterisk root {self.chroot}",
                "choose a folder below the Asterisk root",
            ) from None

    def account(self) -> Account | None:
        """The account nodes run as, None where they run as the calling user (a plain installation)."""
        if self.chroot is None:
            return None
        for line in (self.chroot / "etc/passwd").read_text().splitlines():
            name, _, uid, gid, *_rest = line.split(":")
            if name == SERVICE_USER:
                return Account(int(uid), int(gid))
        return None


def parse_version(text: str) -> tuple[int, ...] | None:
    """Version number from what ``asterisk -V`` prints, e.g. ``Asterisk 22.10.1~dfsg`` → (22, 10, 1)."""
    found = re.search(r"Asterisk (?:certified[/-])?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None
