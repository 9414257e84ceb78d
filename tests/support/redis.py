"""A real redis-server for tests: own folder, own port, append-only file, with ways to hurt it."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.processes import end, spawn, wait_until


class RedisServer:
    """One redis-server process. `url` stays the same over stop, kill and start; data is kept in `folder`.

    `options` are redis.conf settings, e.g. ``{"min-replicas-to-write": "1"}``.
    """

    def __init__(self, folder: Path, options: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None, "redis-server is not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start (again) on the same port and folder; return when it answers PING."""
        assert not self.running, "redis-server is running already"
        self._process = spawn(self._command(), self.folder / "redis.log")
        wait_until(lambda: self._answers() or not self.running, 20, "redis-server answers")
        if not self.running:
            raise RuntimeError(f"redis-server ended: {(self.folder / 'redis.log').read_text()[-2000:]}")

    def stop(self) -> None:
        """Shut down in order (data saved)."""
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        """Kill it as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the process without closing its sockets: it accepts and never answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            if self.running:
                self.thaw()  # a frozen process would take no SIGTERM
            end(self._process, how)
            self._process = None

    def _command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "daemonize": "no",
            **self._options,
        }
        program = shutil.which("redis-server")
        assert program is not None, "redis-server is not installed"
        return [program, *(part for key, value in settings.items() for part in (f"--{key}", value))]

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")  # "-LOADING" while it reads its file
        except OSError:
            return False


def started_redis(options: dict[str, str] | None = None) -> RedisServer:
    """Start a server in a folder of its own; the caller ends it with `discard`."""
    folder = Path(tempfile.mkdtemp(prefix="cti-redis-"))
    for _ in range(5):
        server = RedisServer(folder, options)
        try:
            server.start()
        except RuntimeError:
            continue  # somebody took the port between the look and the bind
        return server
    raise RuntimeError(f"redis-server does not start: {(folder / 'redis.log').read_text()[-2000:]}")


def discard(server: RedisServer) -> None:
    """Kill the server and remove its folder."""
    server.kill9()
    shutil.rmtree(server.folder, ignore_errors=True)


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """Give a fresh, empty redis-server of the test's own: it may be killed, frozen, restarted."""
    server = started_redis()
    yield server
    discard(server)


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    server = started_redis()
    yield server
    discard(server)


@pytest.fixture
def redis_url(_shared_redis: RedisServer) -> str:
    """URL of an emptied redis-server shared by this worker's tests: quicker, not to be hurt."""
    assert _shared_redis.running
    with socket.create_connection(("127.0.0.1", _shared_redis.port), timeout=5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(16).startswith(b"+OK")
    return _shared_redis.url
