"""Checks of files and folders: room on the disks, the token key, what a running centre says of itself."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cti_server.api.tokens import MIN_KEY
from cti_server.bootstrap.disks import folders
from cti_server.doctor.finding import Check, NotThere, Text, Wrong
from cti_server.doctor.patient import START_FIRST, Patient, centre_runs

LEAST_SHARE, LEAST_BYTES = 0.10, 1 << 30
PRIVATE = 0o600


def checks(patient: Patient) -> list[Check]:
    """Disk, key, centre.json."""
    look = _Look(patient)
    disk = Text("磁盘空间", "disk space")
    folders = _folders(patient)
    return [
        *(Check("disk_space", disk, _Folder(path).room, name) for name, path in folders.items()),
        Check("token_key", Text("令牌密钥", "token key"), look.token_key),
        Check("run_folder", Text("运行文件", "centre.json"), look.run_folder),
    ]


def _folders(patient: Patient) -> dict[str, Path]:
    settings = patient.settings
    if settings is None:
        return {"var": patient.var or Path("var")}
    found = folders(settings)
    if patient.var:
        found |= {"redis": patient.var / "redis", "log": patient.var / "log"}
    return found


@dataclass(frozen=True, slots=True)
class _Folder:
    path: Path

    async def room(self) -> str:
        """At least a tenth and a gigabyte are free where the folder is, or will be."""
        there = next(p for p in (self.path.absolute(), *self.path.absolute().parents) if p.exists())
        usage = shutil.disk_usage(there)
        share = usage.free / usage.total
        told = f"{self.path}: {usage.free / (1 << 30):.1f} GiB, {share:.0%} free"
        if share < LEAST_SHARE or usage.free < LEAST_BYTES:
            raise Wrong(
                told,
                Text(
                    "清理磁盘或移到更大的盘(至少 10 % 且 1 GiB)",
                    "free space or move it: 10 % and 1 GiB at least",
                ),
            )
        return told


@dataclass(frozen=True, slots=True)
class _Look:
    patient: Patient

    async def token_key(self) -> str:
        """The key that signs tokens is for its owner's eyes only, and long enough."""
        path = self.patient.needs().token_key_file
        if not path.exists():
            raise NotThere(f"{path}: made at the first start 首次启动时生成")
        stat = path.stat()
        mode = stat.st_mode & 0o777
        if mode != PRIVATE:
            raise Wrong(
                f"{path} is {mode:04o}",
                Text(
                    f"执行 chmod 600 {path};若他人可能已读取,删除后重启以换新",
                    f"chmod 600 {path}; if others may have read it, delete it and restart for a new one",
                ),
            )
        if stat.st_size < MIN_KEY:
            raise Wrong(
                f"{path} has {stat.st_size} bytes, {MIN_KEY} are needed",
                Text("删除该文件后重启服务器", "delete it and restart the server, which makes a new one"),
            )
        return f"{path} {mode:04o}"

    async def run_folder(self) -> str:
        """What programs read to find the centre is there exactly while it runs, and is right."""
        var = self.patient.var
        if var is None:
            raise NotThere("not a centre of cti up 非 cti up 启动的中心")
        path = var / "run/centre.json"
        if not centre_runs(var):
            if path.exists():
                raise Wrong(
                    f"{path} is there although no centre runs",
                    Text(f"上次被强制结束;删除 {path}", f"the last one was killed; remove {path}"),
                )
            raise NotThere(START_FIRST)
        settings = self.patient.needs()
        try:
            about = json.loads(path.read_text())
            port = urlsplit(about["http"]).port
        except (OSError, ValueError, KeyError, TypeError):
            raise Wrong(
                f"{path} cannot be read",
                Text("中心仍在启动,或请重启 make up", "the centre is still starting; else restart make up"),
            ) from None
        if port != settings.http_port:
            raise Wrong(
                f"{path} says port {port}, the server has {settings.http_port}",
                Text("重启 make up", "restart make up"),
            )
        return f"{path}: {about['http']}, {len(about['people'])} people"
