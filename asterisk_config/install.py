"""Finds a real Asterisk on this machine, or brings one.

Layout of the folder given (by default ``.cache/asterisk`` of the repository)::

    current/stamp.json   what is here, which version
    current/root/        a small Debian with Asterisk, absent when this machine's own Asterisk is used
    current/nodes/       node folders when there is no root (else root/srv/cti)
    prompts/             <language>/<name>.wav, and a stamp of the texts they were made from

``current`` and ``prompts`` appear by one rename each, so a half-done one is never seen.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from asterisk_config.bootstrap import Progress, bootstrap, install_tools
from asterisk_config.errors import TooOldError
from asterisk_config.installation import MINIMUM_VERSION, Installation, parse_version
from asterisk_config.prompts import PROMPTS, VOICES, make_prompts

DEFAULT_ROOT_DIR = Path(__file__).resolve().parent.parent / ".cache/asterisk"

_NODE_HOMES = ("root/srv/cti", "nodes")
_STAMP = "stamp.json"
_LAYOUT = 1
"""Grows when what is installed changes: an older installation is then replaced."""

_MODULE_DIRS = ("usr/lib/*/asterisk/modules", "usr/lib/asterisk/modules", "usr/lib64/asterisk/modules")
_DATA_DIRS = ("usr/share/asterisk", "var/lib/asterisk")


def locate(root_dir: Path = DEFAULT_ROOT_DIR) -> Installation | None:
    """The finished installation in ``root_dir``, None when there is none or it is not usable any more."""
    root_dir = root_dir.absolute()
    return _located(root_dir) if _prompts_fresh(root_dir) else None


def install(
    root_dir: Path = DEFAULT_ROOT_DIR, progress: Progress = lambda _what, _share: None
) -> Installation:
    """Give the installation in ``root_dir``, making what is missing of it; safe to call side by side.

    No node may run while an older installation is replaced; the node folders move into the new one.

    Raises:
        NotRootError, NoAptSourcesError, NoDevicesError, DownloadFailedError, TooOldError, PromptError: each
            says what to do.
    """
    root_dir = root_dir.absolute()
    found = locate(root_dir)
    if found is not None:
        return found
    root_dir.mkdir(parents=True, exist_ok=True)
    with _alone(root_dir, progress):
        if _located(root_dir) is None:
            _replace(root_dir / "current", lambda folder: _fill(folder, progress))
        if not _prompts_fresh(root_dir):
            _replace(root_dir / "prompts", lambda folder: _fill_prompts(folder, progress))
    found = locate(root_dir)
    if found is None:
        raise TooOldError("the installation changed while it was made", "run it again")
    return found


def _located(root_dir: Path) -> Installation | None:
    current = root_dir / "current"
    try:
        stamp = json.loads((current / _STAMP).read_text())
    except (FileNotFoundError, ValueError):
        return None
    if stamp.get("layout") != _LAYOUT:
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
        nodes_dir=_nodes_dir(current, chroot),
        prompts_dir=root_dir / "prompts",
        binary=stamp["binary"],
    )


def _prompts_fresh(root_dir: Path) -> bool:
    try:
        return bool(json.loads((root_dir / "prompts" / _STAMP).read_text()) == [PROMPTS, VOICES])
    except (FileNotFoundError, ValueError):
        return False


@contextlib.contextmanager
def _alone(root_dir: Path, progress: Progress) -> Iterator[None]:
    with (root_dir / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("another installation is at work, waiting for it", None)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _replace(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a new folder beside ``target`` and put it in its place when it is complete."""
    old = target.with_name(f".{target.name}-old")
    _finish_replacing(old, target)
    for leftover in target.parent.glob(f".{target.name}-new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}-new-", dir=target.parent))
    try:
        fresh.chmod(0o755)
        fill(fresh)
        if target.exists():
            target.rename(old)
        fresh.rename(target)
        _finish_replacing(old, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _finish_replacing(old: Path, target: Path) -> None:
    """Node folders, with recordings and queue members in them, outlive a new Asterisk, even a crash here."""
    if old.exists() and not target.exists():
        old.rename(target)
    for home in _NODE_HOMES:
        for node in (old / home).glob("*"):
            new_home = next(target / other for other in _NODE_HOMES if (target / other).is_dir())
            node.rename(new_home / node.name)
    shutil.rmtree(old, ignore_errors=True)


def _fill(folder: Path, progress: Progress) -> None:
    own = _own_asterisk()
    install_tools(progress, ("setpriv",) if own else ("mmdebstrap", "setpriv"))
    chroot = None if own else folder / "root"
    if chroot:
        bootstrap(chroot, progress)
    top = chroot or Path("/")
    binary = own or "/usr/sbin/asterisk"
    version = _version_of([binary] if chroot is None else ["chroot", str(chroot), binary])
    _require_new_enough(version)
    nodes = _nodes_dir(folder, chroot)
    nodes.mkdir(parents=True)
    nodes.chmod(0o755)
    stamp = {
        "layout": _LAYOUT,
        "version": version,
        "chroot": chroot is not None,
        "binary": binary,
        "modified": (top / binary.lstrip("/")).stat().st_mtime,
        **_directories(top),
    }
    (folder / _STAMP).write_text(json.dumps(stamp, indent=1))


def _fill_prompts(folder: Path, progress: Progress) -> None:
    install_tools(progress, ("espeak-ng", "sox"))
    make_prompts(folder, lambda made, all_: progress("prompts", 0.95 + 0.05 * made / all_))
    (folder / _STAMP).write_text(json.dumps([PROMPTS, VOICES], ensure_ascii=False))


def _nodes_dir(folder: Path, chroot: Path | None) -> Path:
    return folder / _NODE_HOMES[0 if chroot else 1]


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
    """Where modules and data are, as Asterisk sees it: what its own configuration says, else the usual."""
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
