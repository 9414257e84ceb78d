"""Brings Asterisk from the Debian suite that has it into a folder of ours, by mmdebstrap."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from asterisk_config.apt_sources import Archive, debian_archives
from asterisk_config.errors import DownloadFailedError, NoAptSourcesError, NoDevicesError, NotRootError

Progress = Callable[[str, float | None], None]
"""Told what is being done, and how much of the whole is done (0…1), None when that is not known."""

SUITE = "sid"
PACKAGES = ("asterisk", "asterisk-core-sounds-en-wav", "asterisk-moh-opsound-wav", "python3")
TOOLS = {"mmdebstrap": "mmdebstrap", "espeak-ng": "espeak-ng", "sox": "sox", "setpriv": "util-linux"}
"""Program → package."""

_DEVICES = {"null": 3, "zero": 5, "random": 8, "urandom": 9}
"""Minor numbers of the memory devices (major 1)."""
_EXCLUDED = ("doc", "man", "info", "locale", "lintian", "bug")
_STAGES = (
    ("running apt-get update", 0.02),
    ("downloading packages", 0.08),
    ("extracting archives", 0.35),
    ("installing essential", 0.45),
    ("installing remaining", 0.6),
    ("cleaning", 0.93),
)
_ADVICE = "check the network and this machine's apt sources, then run it again: nothing half done is kept"


def require_root() -> None:
    """Raise NotRootError unless the caller is root."""
    if os.geteuid() != 0:
        raise NotRootError("bringing Asterisk needs root", "run as root, or install Asterisk yourself")


def install_tools(progress: Progress, tools: tuple[str, ...]) -> None:
    """Install the programs of ``TOOLS`` that are missing.

    Raises:
        NotRootError: something is missing and the caller is not root.
        DownloadFailedError: apt failed.
    """
    missing = sorted({TOOLS[tool] for tool in tools if shutil.which(tool) is None})
    if not missing:
        return
    require_root()
    progress(f"apt: {', '.join(missing)}", None)
    apt = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    _run([*apt, "update"])
    _run([*apt, "install", "-y", "--no-install-recommends", *missing])


def bootstrap(root: Path, progress: Progress) -> None:
    """Fill the empty folder ``root`` with a small Debian that has Asterisk.

    Raises:
        NotRootError: the caller is not root.
        NoAptSourcesError: the machine's apt sources name no Debian archive.
        NoDevicesError: the sandbox this runs in forbids what a root folder needs.
        DownloadFailedError: none of the archives could be used; the message has the last lines of the tool.
    """
    require_root()
    archives = debian_archives()
    if not archives:
        raise NoAptSourcesError(
            "this machine's apt sources name no Debian archive",
            "add one to /etc/apt/sources.list.d, or install Asterisk >= 22.10.1 yourself",
        )
    for archive in archives:
        try:
            _mmdebstrap(root, archive, progress)
            break
        except DownloadFailedError:
            shutil.rmtree(root, ignore_errors=True)
            if archive is archives[-1]:
                raise
    _ensure_devices(root)


def _mmdebstrap(root: Path, archive: Archive, progress: Progress) -> None:
    options = ["--variant=minbase", "--format=directory", f"--include={','.join(PACKAGES)}"]
    options += ['--aptopt=Acquire::Check-Valid-Until "false"', '--aptopt=Acquire::Retries "3"']
    options += [f"--aptopt={setting}" for setting in _network_settings()]
    options += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in _EXCLUDED]
    signed = f" [signed-by={archive.keyring}]" if archive.keyring else ""
    source = f"deb{signed} {archive.uri} {SUITE} main"
    command = ["mmdebstrap", *options, SUITE, str(root), source]
    _run(command, lambda line: _report(line, progress), guard=_own_mounts())


def _own_mounts() -> Sequence[str]:
    """What mmdebstrap mounts goes when it goes, however it ends; a sandbox may allow no mounts at all."""
    apart = ("unshare", "--mount")
    return apart if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode == 0 else ()


def _ensure_devices(root: Path) -> None:
    """Without mounts and device nodes the root has no source of random numbers, and Asterisk no SRTP.

    Raises:
        NoDevicesError: this sandbox allows neither.
    """
    for name, minor in _DEVICES.items():
        device = root / "dev" / name
        if not device.is_char_device():
            device.unlink(missing_ok=True)
            try:
                os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, minor))
                device.chmod(0o666)
            except OSError as error:
                raise NoDevicesError(
                    f"this sandbox lets nobody make {device}: {error.strerror}",
                    "allow the capability MKNOD, or install Asterisk >= 22.10.1 on this machine",
                ) from None


def _network_settings() -> list[str]:
    """Proxies and certificates this machine's apt uses: mmdebstrap starts from a clean configuration."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=False).stdout
    wanted = ("Acquire::http::", "Acquire::https::")
    return [
        line.rstrip(";")
        for line in dump.splitlines()
        if line.startswith(wanted) and not line.endswith(' "";')
    ]


def _report(line: str, progress: Progress) -> None:
    for words, share in _STAGES:
        if words in line:
            progress(f"Debian {SUITE}: {words}", share)


def _run(
    command: list[str], watch: Callable[[str], None] = lambda _line: None, guard: Sequence[str] = ()
) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    tail: deque[str] = deque(maxlen=12)
    try:
        process = subprocess.Popen(
            [*guard, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
        )
    except FileNotFoundError:
        raise DownloadFailedError(f"{command[0]} is not installed", f"install {command[0]}") from None
    with process:
        for line in process.stdout or ():
            tail.append(line.rstrip())
            watch(line)
    if process.returncode != 0:
        raise DownloadFailedError(f"{command[0]} failed:\n" + "\n".join(tail), _ADVICE)
