"""Builds the page: packages from the machine's own npm registry, put together once and kept."""

import fcntl
import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).parent
_CACHE: Final = _SOURCE.parents[2] / ".cache" / "web-tests"
_FILES: Final = ("package.json", "package-lock.json", "page.js")
_PAGE: Final = '<!doctype html><meta charset="utf-8"><title>phone</title><script src="bundle.js"></script>\n'


def built_page() -> Path:
    """Return the page, built if it is not yet; of several processes the first builds and the others wait."""
    folder = _CACHE / _fingerprint()
    folder.mkdir(parents=True, exist_ok=True)
    page = folder / "page.html"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not page.exists():
            _build(folder)
            page.write_text(_PAGE)
    return page


def _build(folder: Path) -> None:
    for name in _FILES:
        shutil.copy(_SOURCE / name, folder / name)
    _run(folder, "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    _run(
        folder, "node_modules/.bin/esbuild", "page.js", "--bundle", "--outfile=bundle.js", "--log-level=error"
    )


def _run(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def _fingerprint() -> str:
    parts = b"".join((_SOURCE / name).read_bytes() for name in _FILES)
    return hashlib.sha256(parts).hexdigest()[:16]
