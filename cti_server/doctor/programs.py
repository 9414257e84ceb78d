"""Runs another program for what it prints."""

from __future__ import annotations

import asyncio
import contextlib


async def output_of(argv: list[str]) -> str:
    """What it prints on standard output; killed when the caller is cancelled. Raises OSError."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return out.decode(errors="replace")
