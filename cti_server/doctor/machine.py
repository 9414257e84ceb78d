"""Checks of the machine alone: they work before anything was installed or started."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from importlib import metadata

from asterisk_config.install import locate
from asterisk_config.installation import MINIMUM_VERSION, parse_version
from cti_server.doctor.finding import Check, NotThere, Text, Wrong
from cti_server.doctor.programs import output_of

MINIMUM_PYTHON = (3, 11)
MINIMUM_REDIS = (7,)
PACKAGE = "cti-server"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^]]*])?\s*>=\s*([0-9.]+)")

_SETUP = Text("执行 make setup", "run make setup")


def checks() -> list[Check]:
    """Versions of what is used."""
    return [
        Check("python_version", Text("Python 版本", "Python version"), python_version),
        Check("python_packages", Text("Python 依赖包", "Python packages"), python_packages),
        Check("redis_program", Text("Redis 程序", "Redis program"), redis_program),
        Check("asterisk_installed", Text("Asterisk 安装", "Asterisk installation"), asterisk_installed),
    ]


def numbers(version: str) -> tuple[int, ...]:
    """`7.0.15` → (7, 0, 15); what follows the digits is left out."""
    found = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in found[0].split(".")) if found else ()


def dotted(version: tuple[int, ...]) -> str:
    """(22, 10, 1) → `22.10.1`."""
    return ".".join(map(str, version))


async def python_version() -> str:
    """Python is new enough."""
    found = sys.version_info[:3]
    if found < MINIMUM_PYTHON:
        raise Wrong(
            f"{dotted(found)} < {dotted(MINIMUM_PYTHON)}",
            Text("安装 Python 3.11 或更新版本", "install Python 3.11 or newer"),
        )
    return dotted(found)


async def python_packages() -> str:
    """Each package we need is there, at least in the version that we were written for."""
    try:
        wanted = [
            found.groups() for line in metadata.requires(PACKAGE) or () if (found := _REQUIREMENT.match(line))
        ]
    except metadata.PackageNotFoundError:
        raise Wrong(f"{PACKAGE} itself is not installed", _SETUP) from None
    wrong = [fault for name, least in wanted if (fault := _package_fault(name, least))]
    if wrong:
        raise Wrong("; ".join(wrong), _SETUP)
    shown = ", ".join(f"{name} {metadata.version(name)}" for name in ("panoramisk", "pyst2"))
    return f"{len(wanted)} packages, {shown}"


def _package_fault(name: str, least: str) -> str:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return f"{name} {found} < {least}" if numbers(found) < numbers(least) else ""


async def redis_program() -> str:
    """`redis-server` is on PATH, for `make up`; a centre with a Redis elsewhere does not need it."""
    program = shutil.which("redis-server")
    if program is None:
        raise NotThere("redis-server is not on PATH; make setup installs it 未安装,由 make setup 安装")
    found = re.search(r"v=([0-9.]+)", await output_of([program, "--version"]))
    version = numbers(found[1]) if found else ()
    if version < MINIMUM_REDIS:
        raise Wrong(
            f"{dotted(version)} < {dotted(MINIMUM_REDIS)}",
            Text("安装 Redis 7 或更新版本", "install Redis 7 or newer"),
        )
    return dotted(version)


async def asterisk_installed() -> str:
    """A usable Asterisk is on this machine, for `make up`; a centre with nodes elsewhere does not need it."""
    found = await asyncio.to_thread(locate)
    if found is None:
        root = "" if os.geteuid() == 0 else "; it needs root 需要 root 权限"
        raise NotThere(f"not yet; make up or cti pbx install brings it 尚未安装{root}")
    version = parse_version(f"Asterisk {found.version}") or ()
    if version < MINIMUM_VERSION:
        raise Wrong(
            f"{found.version} < {dotted(MINIMUM_VERSION)}",
            Text("执行 cti pbx install", "run cti pbx install"),
        )
    return f"{found.version} ({found.chroot or 'this machine’s own'})"
