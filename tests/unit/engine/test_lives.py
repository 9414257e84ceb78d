"""Which processes before this one are dead for certain: real processes, killed and frozen."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cti_server.engine.lives import LifeFile

LIVE = """
import sys, pathlib
from cti_server.engine.lives import LifeFile
life = LifeFile(pathlib.Path(sys.argv[1]))
life.over()
print(life.own, flush=True)
sys.stdin.read()
"""


@contextmanager
def living(path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process of the server, and its id."""
    command = [sys.executable, "-c", LIVE, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cti-a.lives"


def test_the_first_knows_of_none(path):
    assert LifeFile(path).over() == ()


def test_a_living_or_frozen_process_is_not_over(path):
    with living(path) as (process, life):
        successor = LifeFile(path)
        assert successor.over() == ()
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        assert successor.over() == ()
        process.kill()  # a frozen one dies of it too
        process.wait()
        assert successor.over() == (life,)


def test_several_that_died_before_they_led_are_all_known(path):
    died = []
    for _ in range(3):
        with living(path) as (_process, life):
            died.append(life)
    assert LifeFile(path).over() == tuple(died)


def test_no_more_than_a_few_are_remembered(path):
    for _ in range(12):
        life = LifeFile(path)
        life.over()
        life.close()
    assert len(LifeFile(path).over()) == 8


def test_a_copy_of_the_file_proves_nothing(path, tmp_path):
    with living(path):
        copy = tmp_path / "copy.lives"
        shutil.copy(path, copy)
        assert LifeFile(copy).over() == ()


def test_another_machines_file_proves_nothing(path, tmp_path):
    with living(path):
        pass
    boot_id = tmp_path / "boot_id"
    boot_id.write_text("another\n")
    assert LifeFile(path, boot_id).over() == ()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00", b"a b c\nd", b"x" * 10_000])
def test_a_damaged_file_proves_nothing_and_is_mended(path, content):
    path.write_bytes(content)
    first = LifeFile(path)
    assert first.over() == ()
    first.close()
    assert LifeFile(path).over() == (first.own,)


def test_where_nothing_can_be_written_there_is_no_proof(tmp_path):
    (tmp_path / "file").write_text("")
    assert LifeFile(tmp_path / "file" / "cti-a.lives").over() == ()
