"""An installation is whole or not there, is made once, and says what to do when it cannot be made."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asterisk_config import bootstrap, install, installation, prompts
from asterisk_config.apt_sources import Archive
from asterisk_config.errors import (
    DownloadFailedError,
    NoAptSourcesError,
    NoDevicesError,
    NotRootError,
    PromptError,
    TooOldError,
    UnreachablePathError,
)


class Debian:
    """Stands in for mmdebstrap: what it leaves, and how often it ran."""

    def __init__(self) -> None:
        self.version = "22.10.1~dfsg"
        self.runs = 0
        self.error: Exception | None = None

    def bootstrap(self, root: Path, progress: bootstrap.Progress) -> None:
        self.runs += 1
        time.sleep(0.05)
        (root / "usr/lib/x/asterisk/modules").mkdir(parents=True)
        (root / "usr/share/asterisk").mkdir(parents=True)
        (root / "etc").mkdir()
        (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nasterisk:x:101:102::/:/bin/false\n")
        (root / "usr/sbin").mkdir()
        (root / "usr/sbin/asterisk").touch()
        if self.error:
            raise self.error


def _spoken(folder: Path, done: Callable[[int, int], None]) -> None:
    (folder / "zh").mkdir()
    (folder / "zh/welcome.wav").write_bytes(b"RIFF")
    done(1, 1)


@pytest.fixture
def debian(monkeypatch: pytest.MonkeyPatch) -> Debian:
    made = Debian()

    def version_of(command: list[str]) -> str:
        return made.version.partition("~")[0]

    monkeypatch.setattr(install, "bootstrap", made.bootstrap)
    monkeypatch.setattr(install, "install_tools", lambda *_: None)
    monkeypatch.setattr(install, "make_prompts", _spoken)
    monkeypatch.setattr(install, "_own_asterisk", lambda: None)
    monkeypatch.setattr(install, "_version_of", version_of)
    return made


def test_nothing_there(tmp_path: Path) -> None:
    assert install.locate(tmp_path / "nowhere") is None


def test_made_once_and_found_quickly_afterwards(tmp_path: Path, debian: Debian) -> None:
    told: list[str] = []
    made = install.install(tmp_path, lambda what, _share: told.append(what))
    assert told
    began = time.perf_counter()
    assert install.install(tmp_path) == made
    assert time.perf_counter() - began < 0.05
    assert debian.runs == 1
    assert (made.version, made.chroot) == ("22.10.1", tmp_path / "current/root")
    assert made.command(["-V"]) == ["chroot", str(made.chroot), "/usr/sbin/asterisk", "-V"]
    assert made.account() == installation.Account(101, 102)
    assert made.module_dir == "/usr/lib/x/asterisk/modules"


def test_two_at_once_make_it_once(tmp_path: Path, debian: Debian) -> None:
    found: list[installation.Installation] = []
    threads = [threading.Thread(target=lambda: found.append(install.install(tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(found) == 4
    assert debian.runs == 1


def test_half_done_is_never_used(tmp_path: Path, debian: Debian) -> None:
    debian.error = DownloadFailedError("no network", "check it")
    with pytest.raises(DownloadFailedError) as raised:
        install.install(tmp_path)
    assert (raised.value.code, raised.value.remedy) == ("pbx_install_download_failed", "check it")
    assert install.locate(tmp_path) is None
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]
    debian.error = None
    assert install.install(tmp_path).version == "22.10.1"


def test_what_a_killed_run_left_is_swept(tmp_path: Path, debian: Debian) -> None:
    (tmp_path / ".current-new-abc/root").mkdir(parents=True)
    install.install(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "current", "prompts"]


def test_an_archive_that_is_too_old(tmp_path: Path, debian: Debian) -> None:
    debian.version = "22.9.9"
    with pytest.raises(TooOldError) as raised:
        install.install(tmp_path)
    assert raised.value.remedy
    assert install.locate(tmp_path) is None


@pytest.mark.parametrize("stamp", ["", "{}", "[", '{"layout": 0}'])
def test_a_stamp_that_says_nothing(tmp_path: Path, debian: Debian, stamp: str) -> None:
    install.install(tmp_path)
    (tmp_path / "current/stamp.json").write_text(stamp)
    assert install.locate(tmp_path) is None


def test_recordings_outlive_a_newer_asterisk(tmp_path: Path, debian: Debian) -> None:
    first = install.install(tmp_path)
    (first.nodes_dir / "pbx-a/spool").mkdir(parents=True)
    (first.nodes_dir / "pbx-a/spool/call.raw").write_bytes(b"voice")
    _outdate(tmp_path)
    second = install.install(tmp_path)
    assert debian.runs == 2
    assert (second.nodes_dir / "pbx-a/spool/call.raw").read_bytes() == b"voice"


@pytest.mark.parametrize("crashed", ["before", "after"])
def test_recordings_outlive_a_crash_while_it_is_replaced(
    tmp_path: Path, debian: Debian, crashed: str
) -> None:
    first = install.install(tmp_path)
    (first.nodes_dir / "pbx-a").mkdir()
    _outdate(tmp_path)
    if crashed == "after":
        (tmp_path / "current").rename(tmp_path / "kept")
        install.install(tmp_path)
        (tmp_path / "kept").rename(tmp_path / ".current-old")
        _outdate(tmp_path)
    else:
        (tmp_path / "current").rename(tmp_path / ".current-old")
    assert (install.install(tmp_path).nodes_dir / "pbx-a").is_dir()


def test_a_changed_prompt_is_made_anew_without_a_new_asterisk(
    tmp_path: Path, debian: Debian, monkeypatch: pytest.MonkeyPatch
) -> None:
    install.install(tmp_path)
    monkeypatch.setattr(install, "PROMPTS", {"welcome": {"zh": "您好"}})
    assert install.locate(tmp_path) is None
    install.install(tmp_path)
    assert debian.runs == 1


def test_this_machines_own_asterisk_is_used(
    tmp_path: Path, debian: Debian, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "asterisk"
    own.touch()
    monkeypatch.setattr(install, "_own_asterisk", lambda: str(own))
    monkeypatch.setattr(install, "_directories", lambda _top: {"module_dir": "/m", "data_dir": "/d"})
    found = install.install(tmp_path / "i")
    assert (debian.runs, found.chroot, found.account()) == (0, None, None)
    assert found.command(["-V"]) == [str(own), "-V"]
    assert found.path_inside(Path("/srv/x")) == "/srv/x"
    own.unlink()
    assert install.locate(tmp_path / "i") is None


def test_paths_inside_the_root(tmp_path: Path, debian: Debian) -> None:
    found = install.install(tmp_path)
    assert found.path_inside(found.nodes_dir / "a/b") == "/srv/cti/a/b"
    with pytest.raises(UnreachablePathError):
        found.path_inside(tmp_path)


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ("Asterisk 22.10.1~dfsg+~cs6.17-1", (22, 10, 1)),
        ("Asterisk 22.10.1+dfsg built by nobody", (22, 10, 1)),
        ("Asterisk certified/22.8-cert1", (22, 8)),
        ("Asterisk GIT-master-abc", None),
        ("", None),
    ],
)
def test_version(told: str, version: tuple[int, ...] | None) -> None:
    assert installation.parse_version(told) == version


def test_not_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(NotRootError) as raised:
        bootstrap.bootstrap(tmp_path, lambda *_: None)
    assert (raised.value.code, bool(raised.value.remedy)) == ("pbx_install_not_root", True)


def test_no_apt_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "debian_archives", list)
    with pytest.raises(NoAptSourcesError):
        bootstrap.bootstrap(tmp_path, lambda *_: None)


def test_a_tool_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "mmdebstrap"
    script.write_text("#!/bin/sh\necho I: downloading packages with apt...\necho E: no route >&2\nexit 25\n")
    script.chmod(0o755)
    archives = [Archive("http://archive.example/debian", None)]
    told: list[Any] = []
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(bootstrap, "debian_archives", lambda: archives)
    with pytest.raises(DownloadFailedError, match="E: no route"):
        bootstrap.bootstrap(tmp_path / "root", lambda *what: told.append(what))
    assert told == [("Debian sid: downloading packages", 0.08)]


def test_a_sandbox_without_devices(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/null").touch()
    monkeypatch.setattr(os, "mknod", forbidden)
    with pytest.raises(NoDevicesError, match="Operation not permitted"):
        bootstrap._ensure_devices(tmp_path)


def test_every_prompt_is_there_in_every_language() -> None:
    assert {frozenset(texts) for texts in prompts.PROMPTS.values()} == {frozenset(prompts.VOICES)}


def test_a_missing_tool_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PromptError) as raised:
        prompts.make_prompts(tmp_path)
    assert "espeak-ng" in raised.value.remedy


def _outdate(root_dir: Path) -> None:
    stamp = root_dir / "current/stamp.json"
    stamp.write_text(json.dumps({**json.loads(stamp.read_text()), "layout": 0}))
