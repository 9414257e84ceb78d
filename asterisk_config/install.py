"""Finds a real Asterisk on this machine, or brings one.

Layout of the folder given (by default ``.cache/asterisk`` of the repository)::

    current/stamp.json   written last: what is here, which version
    current/root/        a small Debian with Asterisk, absent when this machine's own Asterisk is used
    current/prompts/     <language>/<name>.wav
    current/nodes/       node folders when there is no root (else root/srv/cti)

``current`` appears by one rename, so a half-done installation is never seen.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from asterisk_config.bootstrap import Progress, bootstrap, install_tools
from asterisk_config.errors import TooOldError
from asterisk_config.installation import MINIMUM_VERSION, SERVICE_USER, Installation, parse_version
from asterisk_config.prompts import PROMPTS, VOICES, make_prompts

DEFAULT_ROOT_DIR = Path(__file__).resolve().parent.parent / ".cache/asterisk"

_LAYOUT = 1
"""Grows when what is installed changes: an older installation is then replaced."""

_MODULE_DIRS = ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules")
_DATA_DIRS = ("usr/share/asterisk", "var/lib/asterisk")


def locate(root_dir: Path = DEFAULT_ROOT_DIR) -> Installation | None:
    """The finished installation in ``root_dir``, None when there is none or it is not usable any more."""
    current = root_dir.absolute() / "current"
    try:
        stamp = json.loads((current / "stamp.json").read_text())
    except (FileNotFoundError, ValueError):
        return None
    if stamp.get("layout") != _LAYOUT or stamp.get("prompts") != _prompts_digest():
        return None
    chroot = current / "root" if stamp["chroot"] else None
    binary = (chroot or Path("/")) / stamp["binary"].lstrip("/")
    if not binary.exists() or binary.stat().st_mtime != stamp["modified"]:
        return None
    return Installation(
        version=stamp["version"],
        chroot=chroot,
        data_dir=stamp["data_dir"],
        module_dir=stamp["module_dir"],
        nodes_dir=chroot / "srv/cti" if chroot else current / "nodes",
        prompts_dir=current / "prompts",
        binary=stamp["binary"],
    )


def install(
    root_dir: Path = DEFAULT_ROOT_DIR, progress: Progress = lambda _what, _share: None
) -> Installation:
    """Give the installation in ``root_dir``, making it first where it is missing; safe to call side by side.

    Raises:
        NotRootError, NoAptSourcesError, DownloadFailedError, TooOldError, PromptError: with what to do.
    """
    found = locate(root_dir)
    if found is not None:
        return found
    root_dir.mkdir(parents=True, exist_ok=True)
    with _alone(root_dir, progress):
        found = locate(root_dir)
        if found is None:
            _make(root_dir.absolute(), progress)
            found = locate(root_dir)
    if found is None:
        raise TooOldError("the installation vanished while it was made", "run it again")
    return found


@contextlib.contextmanager
def _alone(root_dir: Path, progress: Progress) -> Iterator[None]:
    with (root_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another installation is at work, waiting for it", None)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make(root_dir: Path, progress: Progress) -> None:
    for leftover in root_dir.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=root_dir))
    try:
        partial.chmod(0o755)
        _fill(partial, progress)
        _swap(partial, root_dir / "current")
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _fill(partial: Path, progress: Progress) -> None:
    own = _own_asterisk()
    install_tools(progress, ("espeak-ng", "sox", "setpriv") + (() if own else ("mmdebstrap",)))
    chroot = None if own else partial / "root"
    if chroot:
        bootstrap(chroot, progress)
    top = chroot or Path("/")
    binary = own or "/usr/sbin/asterisk"
    version = _version_of([binary] if chroot is None else ["chroot", str(chroot), binary])
    _require_new_enough(version)
    progress("prompts", 0.95)
    make_prompts(partial / "prompts", lambda made, all_: progress("prompts", 0.95 + 0.05 * made / all_))
    _make_nodes_dir(partial, chroot)
    stamp = {
        "layout": _LAYOUT,
        "version": version,
        "chroot": chroot is not None,
        "binary": binary,
        "modified": (top / binary.lstrip("/")).stat().st_mtime,
        "prompts": _prompts_digest(),
        **_directories(top),
    }
    (partial / "stamp.json").write_text(json.dumps(stamp, indent=1))


def _own_asterisk() -> str | None:
    """Path of this machine's own Asterisk when it is new enough."""
    path = shutil.which("asterisk")
    if path is None:
        return None
    version = parse_version(f"Asterisk {_version_of([path])}")
    return path if version is not None and version >= MINIMUM_VERSION else None


def _version_of(command: list[str]) -> str:
    answer = subprocess.run([*command, "-V"], capture_output=True, text=True, check=False, timeout=30).stdout
    version = parse_version(answer)
    return ".".join(map(str, version)) if version else "0"


def _require_new_enough(version: str) -> None:
    if (parse_version(f"Asterisk {version}") or (0,)) < MINIMUM_VERSION:
        wanted = ".".join(map(str, MINIMUM_VERSION))
        raise TooOldError(
            f"Asterisk {version} was installed, {wanted} is needed",
            "point this machine's apt sources to an archive that is up to date",
        )


def _directories(top: Path) -> dict[str, str]:
    """Where the package keeps modules and data, as Asterisk sees it: its own configuration, else the usual."""
    parser = configparser.ConfigParser(delimiters=("=>", "="), strict=False, inline_comment_prefixes=(";",))
    with contextlib.suppress(configparser.Error, OSError):
        parser.read_string((top / "etc/asterisk/asterisk.conf").read_text().replace("(!)", ""))
    told = dict(parser["directories"]) if parser.has_section("directories") else {}
    return {
        "module_dir": told.get("astmoddir", "").strip() or _first(top, _MODULE_DIRS),
        "data_dir": told.get("astdatadir", "").strip() or _first(top, _DATA_DIRS),
    }


def _first(top: Path, patterns: tuple[str, ...]) -> str:
    for pattern in patterns:
        for path in sorted(top.glob(pattern)):
            return "/" + path.relative_to(top).as_posix()
    raise TooOldError(f"no {patterns[0]} below {top}", "reinstall Asterisk")


def _make_nodes_dir(partial: Path, chroot: Path | None) -> None:
    nodes = chroot / "srv/cti" if chroot else partial / "nodes"
    nodes.mkdir(parents=True, exist_ok=True)
    if chroot:
        os.chmod(nodes, 0o755)


def _prompts_digest() -> str:
    """Changes when a prompt's text or voice changes."""
    return json.dumps([PROMPTS, VOICES], ensure_ascii=False, sort_keys=True)


def _swap(partial: Path, current: Path) -> None:
    """Put the finished installation in place; node folders of running nodes in an older one go with it."""
    if current.exists():
        old = current.with_name(f".partial-old-{os.getpid()}")
        current.rename(old)
        partial.rename(current)
        shutil.rmtree(old, ignore_errors=True)
    else:
        partial.rename(current)
