"""The key that tokens are signed with."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def token_key(path: Path) -> bytes:
    """The signing key, made at the first start (mode 0600), whole or not at all."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.touch(mode=0o600)
        partial.write_bytes(secrets.token_bytes(48))
        partial.replace(path)
    return path.read_bytes()
