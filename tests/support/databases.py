"""Real databases for tests: SQLite files, and PostgreSQL servers from Debian's binaries.

PostgreSQL refuses to run as root, so root's rights are dropped to the `postgres` account. Each xdist worker
starts its own server at its first test that needs one; every test gets a new database in it.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cti_server.store.database import Database
from cti_server.store.passwords import CHEAP, Passwords
from cti_server.store.schema import upgrade
from cti_server.store.seed import seed
from tests.support.ports import free_port
from tests.support.processes import end, spawn, wait_until

_OWNER = "cti"


def _programs() -> Path | None:
    """Return the folder with initdb and postgres: the newest of Debian's, else what PATH has."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).parent if on_path else None


class PostgresServer:
    """One PostgreSQL server on a port of its own; the data is in `folder` and survives a crash."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="cti-pg-", dir="/tmp"))
        self.port = free_port()
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self._run(
            "initdb", "--no-sync", "--auth=trust", f"--username={_OWNER}", "--encoding=UTF8", "--locale=C"
        )

    def url(self, database: str = "postgres") -> str:
        return f"postgresql+asyncpg://{_OWNER}@127.0.0.1:{self.port}/{database}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start (again) on the same port; return when it accepts connections."""
        assert not self.running, "PostgreSQL is running already"
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",  # speed: no test cuts the power of the whole machine
            "max_connections": 60,
            "shared_buffers": "32MB",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self._data), *options]
        self._process = spawn(command, self._log, user=self._user)
        wait_until(lambda: self._ready() or not self.running, 60, "PostgreSQL accepts connections")
        if not self.running:
            raise RuntimeError(f"postgres ended: {self._log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Shut down in order, cutting the clients off (SIGINT is PostgreSQL's fast shutdown)."""
        self._end(signal.SIGINT)

    def kill9(self) -> None:
        """Kill the server and all its backends at once, as a power cut would."""
        self._signal_all(signal.SIGKILL)
        if self._process is not None:
            end(self._process, signal.SIGKILL)
            self._process = None

    def freeze(self) -> None:
        """Stop all its processes: connections are accepted by the kernel and nothing is ever answered."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self._signal_all(signal.SIGCONT)

    def discard(self) -> None:
        """Kill the server and remove its folder."""
        self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def create(self, database: str) -> str:
        """Create an empty database; return its URL."""
        self._run("createdb", database)
        return self.url(database)

    def drop(self, database: str) -> None:
        """Remove a database whoever is still connected."""
        self._run("dropdb", "--force", database)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _log(self) -> Path:
        return self.folder / "postgres.log"

    def _run(self, program: str, *arguments: str) -> None:
        where = ["-D", str(self._data)] if program == "initdb" else self._connection_options()
        done = subprocess.run(
            [*self._as_user(), str(self._programs / program), *where, *arguments],
            capture_output=True,
            check=False,
            timeout=60,
            cwd="/",
        )
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr.decode(errors='replace')}")

    def _connection_options(self) -> list[str]:
        return ["-h", "127.0.0.1", "-p", str(self.port), "-U", _OWNER]

    def _as_user(self) -> list[str]:
        if self._user is None:
            return []
        return ["setpriv", "--reuid", self._user, "--regid", self._user, "--clear-groups"]

    def _ready(self) -> bool:
        program = [str(self._programs / "pg_isready"), "-q", "-t", "1", *self._connection_options()]
        return subprocess.run(program, check=False, timeout=10).returncode == 0

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            end(self._process, how)
            self._process = None

    def _signal_all(self, how: signal.Signals) -> None:
        """Signal the postmaster first, so that it starts no new backends meanwhile, then its children."""
        if self._process is None or self._process.poll() is not None:
            return
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        for pid in [self._process.pid, *map(int, children)]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)


def started_postgres() -> PostgresServer:
    """A new server, running; whoever asks discards it."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's programs are not installed (make test installs them)")
    for _ in range(5):
        server = PostgresServer(programs)
        try:
            server.start()
        except RuntimeError:
            server.discard()  # somebody took the port between the look and the bind
            continue
        return server
    raise RuntimeError("PostgreSQL does not start")


@pytest.fixture(scope="session")
def _shared_postgres() -> Iterator[PostgresServer]:
    server = started_postgres()
    yield server
    server.discard()


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """Give a PostgreSQL of the test's own: it may be killed, frozen, restarted."""
    server = started_postgres()
    yield server
    server.discard()


@pytest.fixture
def postgres_url(_shared_postgres: PostgresServer) -> Iterator[str]:
    """URL of a new, empty PostgreSQL database (no tables yet)."""
    name = f"t{uuid.uuid4().hex}"
    yield _shared_postgres.create(name)
    _shared_postgres.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """URL of a new SQLite database (no tables yet)."""
    return f"sqlite+aiosqlite:///{tmp_path / 'cti.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a new, empty database: the test runs once on each kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    return str(request.getfixturevalue(name))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of the newest schema, empty."""
    await upgrade(database_url)
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
async def demo_database(database: Database) -> Database:
    """The same with the demo content."""
    passwords = Passwords(CHEAP)
    try:
        await seed(database, passwords)
    finally:
        passwords.close()
    return database
