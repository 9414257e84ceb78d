"""The doctor before anything was started, and with settings that cannot be used."""

import fcntl
import json
import socket
from pathlib import Path

import pytest

from cti_server.doctor import Finding, State, examine
from cti_server.settings import PbxNodeSettings, Settings
from tests.support.ports import free_port

MACHINE = {"python_version", "python_packages", "redis_program", "asterisk_installed", "ports", "prompts"}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CTI_SETTINGS", raising=False)
    monkeypatch.delenv("CTI_NODES", raising=False)


def _by_code(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.code: finding for finding in findings}


async def test_nothing_runs_so_the_rest_is_skipped(tmp_path: Path) -> None:
    found = _by_code(await examine(var=tmp_path / "var"))
    assert found["python_version"].state is State.OK
    assert found["python_packages"].state is State.OK
    assert found["disk_space"].state in (State.OK, State.FAILED)
    waiting = {code for code, finding in found.items() if finding.state is State.SKIPPED}
    assert waiting >= {"settings", "server_ready", "ami_login", "redis_reachable", "database_schema", "clock"}
    assert all("make up" in found[code].detail for code in waiting - MACHINE)
    assert not (tmp_path / "var").exists(), "the doctor changes nothing"


async def test_what_a_stopped_centre_left_is_not_examined(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "server.json").write_text('{"redis_url": "redis://127.0.0.1:1/0"}')
    (tmp_path / "up.lock").touch()
    assert _by_code(await examine(var=tmp_path))["redis_reachable"].state is State.SKIPPED


async def test_a_centre_json_without_a_centre_is_told(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/centre.json").write_text("{}")
    found = _by_code(await examine(var=tmp_path))["run_folder"]
    assert found.state is State.FAILED
    assert found.remedy
    assert "centre.json" in found.remedy.en


async def test_settings_with_a_mistake_are_told_without_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "server.json"
    file.write_text(json.dumps({"http_port": 700000, "nodes": [{"ami_secret": "hush-hush"}]}))
    monkeypatch.setenv("CTI_SETTINGS", str(file))
    found = _by_code(await examine(var=tmp_path))["settings"]
    assert found.state is State.FAILED
    assert "http_port" in found.detail
    assert "nodes.0.name" in found.detail
    assert "hush" not in found.line()


@pytest.mark.parametrize("content", [None, "[]", "{", ""])
async def test_settings_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "server.json"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("CTI_SETTINGS", str(file))
    found = _by_code(await examine(var=tmp_path))
    assert found["settings"].state is State.FAILED
    assert found["redis_reachable"].state is State.SKIPPED


async def test_a_running_centres_settings_are_found_by_its_lock(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    settings = tmp_path / "run/server.json"
    settings.write_text(json.dumps({"redis_url": f"redis://127.0.0.1:{free_port()}/0"}))
    settings.chmod(0o644)
    with (tmp_path / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _by_code(await examine(var=tmp_path))
    assert found["redis_reachable"].state is State.FAILED
    assert found["redis_persistence"].state is State.SKIPPED
    assert found["settings"].state is State.FAILED, "others may read the manager's secret"


async def test_a_machine_with_nothing_behind_the_settings(tmp_path: Path) -> None:
    node = {"name": "pbx-a", "ami_port": free_port(), "ami_secret": "secret-of-tests", "sip": "127.0.0.1:9"}
    settings = Settings(
        http_port=free_port(),
        agi_port=free_port(),
        redis_url=f"redis://127.0.0.1:{free_port()}/0",
        database_url=f"sqlite:///{tmp_path}/none/centre.db",
        outbox_dir=tmp_path / "outbox",
        recordings_dir=tmp_path / "recordings",
        token_key_file=tmp_path / "token.key",
        nodes=(PbxNodeSettings.model_validate(node),),
    )
    found = _by_code(await examine(settings))
    failed = {code for code, finding in found.items() if not finding.ok}
    assert failed - {"disk_space"} == {
        "server_ready",
        "ami_login",
        "sip_answers",
        "redis_reachable",
        "database_schema",
    }
    assert all(found[code].remedy for code in failed)
    assert "connect_failed" in found["ami_login"].detail
    assert "secret-of-tests" not in "".join(finding.line() for finding in found.values())
    assert _is_empty(tmp_path), "the doctor changes nothing"


async def test_a_port_in_use_that_does_not_answer_as_ours(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Settings(
            http_port=silent.getsockname()[1],
            agi_port=free_port(),
            redis_url=f"redis://127.0.0.1:{free_port()}/0",
            database_url=f"sqlite:///{tmp_path}/none/centre.db",
            outbox_dir=tmp_path / "outbox",
        )
        found = _by_code(await examine(settings))["ports"]
    assert found.state is State.FAILED
    assert found.remedy
    assert "hangs" in found.remedy.en


def _is_empty(folder: Path) -> bool:
    return not any(folder.iterdir())
