"""A forked process and its handle, in a program of its own: no fork may meet the threads of a test run."""

import subprocess
import sys

PROGRAM = """
import asyncio, sys
import uvloop
from cti_server.store.forked import fork

def echo(line):
    while said := line.recv(100):
        line.sendall(said.upper())

ending, killed = fork(echo, "one"), fork(echo, "two")

async def run():
    try:
        async with asyncio.timeout(0.01):
            await killed.wait()
    except TimeoutError:
        killed.kill()
    assert await killed.wait() == -9
    try:
        killed.kill()
    except ProcessLookupError:
        print("told")

    ending.line.sendall(b"hear")
    assert ending.line.recv(100) == b"HEAR"
    ending.line.close()
    assert await ending.wait() == 0
    assert await ending.wait() == 0

{run}(run())
print("done")
"""


def test_it_works_ends_with_its_socket_and_can_be_killed() -> None:
    for run in ("asyncio.run", "uvloop.run"):
        program = [sys.executable, "-c", PROGRAM.replace("{run}", run)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "told\ndone\n"), done.stderr
