"""The script beside Asterisk: it picks the caller's queue, whatever it is given."""

import subprocess
import sys
from pathlib import Path

import pytest

from asterisk_config.agi import cti_fallback


class Session:
    def __init__(self, group: str) -> None:
        self.variables = {"CTI_GROUP": group}
        self.done: list[str] = []

    def get_variable(self, name: str) -> str:
        return self.variables.get(name, "")

    def set_variable(self, name: str, value: str) -> None:
        self.variables[name] = value
        self.done.append("queue")

    def stream_file(self, filename: str) -> str:
        self.done.append(filename)
        return ""


def test_queue_first_then_the_greeting() -> None:
    session = Session("credit_card")
    cti_fallback.serve(session)
    assert session.variables["CTI_FALLBACK_QUEUE"] == "cti-fallback-credit_card"
    assert session.done == ["queue", "cti/sorry_technical"]


@pytest.mark.parametrize("group", ["", "x,y", "../a", "A", "a" * 40, "a\nb"])
def test_an_odd_group_leaves_the_dialplans_default(group: str) -> None:
    session = Session(group)
    cti_fallback.serve(session)
    assert "CTI_FALLBACK_QUEUE" not in session.variables
    assert session.done == ["cti/sorry_technical"]


def test_speaks_agi_with_pyst2_and_logs_no_number(tmp_path: Path) -> None:
    script = _installed(tmp_path)
    environment = "agi_channel: PJSIP/trunk-1\nagi_callerid: 13800138000\n\n"
    answers = "200 result=1 (general)\n200 result=1\n200 result=0 endpos=8000\n"
    run = subprocess.run(
        [sys.executable, script],
        input=environment + answers,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert run.stdout.splitlines() == [
        'GET VARIABLE "CTI_GROUP"',
        'SET VARIABLE "CTI_FALLBACK_QUEUE" "cti-fallback-general"',
        'STREAM FILE cti/sorry_technical "" 0',
    ]
    assert "13800138000" not in run.stderr + (tmp_path / "log/cti-fallback.log").read_text()


def test_a_caller_who_hangs_up_is_no_error(tmp_path: Path) -> None:
    script = _installed(tmp_path)
    answers = "\n200 result=1 (general)\n200 result=1\n200 result=-1 endpos=0 (hangup)\n"
    subprocess.run(
        [sys.executable, script], input=answers, capture_output=True, text=True, timeout=20, check=False
    )
    assert "Traceback" not in (tmp_path / "log/cti-fallback.log").read_text()


def _installed(home: Path) -> Path:
    (home / "log").mkdir()
    (home / "agi-bin").mkdir()
    script = home / "agi-bin/cti-fallback"
    script.write_text(Path(cti_fallback.__file__).read_text())
    return script
