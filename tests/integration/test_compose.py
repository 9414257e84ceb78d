"""`docker compose up` for real: images built, a call through them, their programs killed, nothing left.

Only `make compose-test` runs this: it builds images, which takes minutes the first time. It has to be root,
since it kills the containers' programs from outside.
"""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from cti_server.client import AgentClient, CtiRequestError
from cti_server.up.plan import can_bind
from tests.support.audio import MOSTLY
from tests.support.centre import eventually
from tests.support.phones import BaresipPhone
from tests.support.port_block import port_block

ROOT: Final = Path(__file__).resolve().parents[2]
ASKED: Final = "CTI_COMPOSE_TEST"
AMI, AGI, REDIS, POSTGRES = 5038, 4573, 6379, 5432
BACK: Final = 15.0
"""Seconds in which a killed program has to serve again."""


def run(*command: str, env: dict[str, str] | None = None, timeout: float = 60) -> str:
    """What the command printed; AssertionError with what it complained of."""
    merged = {**os.environ, **(env or {})}
    done = subprocess.run(
        command, cwd=ROOT, env=merged, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def answers(*command: str) -> bool:
    if shutil.which(command[0]) is None:
        return False
    return subprocess.run(command, capture_output=True, timeout=20, check=False).returncode == 0


@cache
def why_not() -> str:
    """Why these tests cannot be run here; empty when they can."""
    if not os.environ.get(ASKED):
        return "builds images: only make compose-test runs it"
    if not answers("docker", "info"):
        return "no docker engine answers"
    if compose_command() is None:
        return "neither docker compose nor docker-compose is here"
    return ""


@cache
def compose_command() -> tuple[str, ...] | None:
    forms = (("docker", "compose"), ("docker-compose",))
    return next((form for form in forms if answers(*form, "version")), None)


pytestmark = [
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.timeout(1200),
]


class Containers:
    """One project of our own beside any other, on free ports."""

    def __init__(self, ports: range, voice: range) -> None:
        self.project = f"cti-test-{uuid.uuid4().hex[:8]}"
        self._env = {
            "COMPOSE_PROJECT_NAME": self.project,
            "CTI_HTTP_PORT": str(ports[0]),
            "CTI_SIP_WS_PORT": str(ports[1]),
            "CTI_SIP_PORT": str(ports[2]),
            "CTI_RTP_FIRST": str(voice[0]),
            "CTI_RTP_LAST": str(voice[-1]),
        }
        self.about: dict[str, Any] = {}

    def compose(self, *arguments: str, timeout: float = 60) -> str:
        return run(*(compose_command() or ()), *arguments, env=self._env, timeout=timeout)

    def up(self) -> None:
        self.compose("--profile", "simulate", "build", timeout=900)
        began = time.monotonic()
        self.compose("up", "-d", timeout=300)
        self.about = json.loads(self.inside("cti", "cat", "var/run/centre.json"))
        until(self.ready, "ready", 60)
        print(f"up in {time.monotonic() - began:.1f} s")

    def down(self) -> None:
        self.compose("down", "--volumes", timeout=120)

    def inside(self, service: str, *command: str) -> str:
        return self.compose("exec", "-T", service, *command)

    def look(self, service: str, form: str) -> str:
        """`docker inspect` of the service's container."""
        return run("docker", "inspect", "-f", form, self.compose("ps", "-q", service).strip()).strip()

    def kill(self, service: str) -> None:
        """`kill -9` of the container's first process; `docker kill` would count as a stop somebody wants."""
        os.kill(int(self.look(service, "{{.State.Pid}}")), signal.SIGKILL)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.about['http']}/health/ready", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def left(self) -> list[str]:
        """Everything of the project that the engine still has."""
        mine = f"label=com.docker.compose.project={self.project}"
        things = (("ps", "-aq"), ("network", "ls", "-q"), ("volume", "ls", "-q"))
        return [line for thing in things for line in run("docker", *thing, "--filter", mine).split()]


def voice_ports(count: int = 80) -> range:
    """Neighbouring ports that nobody has, outside of the ranges from which tests and SIPp take theirs."""
    for first in range(20_000, 22_000 - count, count):
        if all(can_bind(port, socket.SOCK_DGRAM) for port in range(first, first + count)):
            return range(first, first + count)
    raise AssertionError("no free ports for voice")


def until(condition: Callable[[], bool], what: str, deadline: float) -> float:
    """Seconds it took; AssertionError after `deadline`."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < deadline, f"not {what} in {deadline} s"
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.fixture(scope="module")
def centre() -> Iterator[Containers]:
    with port_block() as ports:
        containers = Containers(ports, voice_ports())
        try:
            containers.up()
            yield containers
        finally:
            if os.environ.get(ASKED) == "debug":
                print(containers.compose("logs", "--no-color", "--tail", "60"))
            containers.down()
    assert not containers.left()


@asynccontextmanager
async def agent_1001(centre: Containers) -> AsyncIterator[tuple[AgentClient, BaresipPhone]]:
    """An agent who is ready, whose phone answers by itself."""
    sip = centre.about["nodes"][0]["sip"]
    me = next(person for person in centre.about["people"] if person["agent_id"] == "1001")
    async with (
        BaresipPhone("1001", me["station"]["sip_password"], sip, answermode="auto") as phone,
        AgentClient(centre.about["http"], centre.about["ws"], "1001", me["password"]) as client,
    ):
        await phone.registered(20)
        await eventually(lambda: signed_in(client), bool, "signed in", 20)
        await client.ready()
        yield client, phone
        await client.not_ready()
        await client.sign_out()


async def signed_in(client: AgentClient) -> bool:
    """The node tells the server of a registration a moment after the phone knows."""
    try:
        await client.sign_in("1001", "persistent")
    except CtiRequestError as refused:
        if refused.code != "station_not_registered":
            raise
        return False
    return True


async def test_a_call_outlives_a_killed_server_and_is_recorded(centre: Containers) -> None:
    sip = centre.about["nodes"][0]["sip"]
    async with agent_1001(centre) as (client, phone), BaresipPhone.customer("13800138000", sip) as customer:
        await customer.dial(centre.about["numbers"]["general"])
        contact_id = (await client.wait_for("contact.offered", 30)).contact["contact_id"]
        await client.accept(contact_id)
        assert await customer.hears(phone.tone_hz) >= MOSTLY
        assert await phone.hears(customer.tone_hz) >= MOSTLY
        await client.hold(contact_id)
        await customer.hears_music()
        await client.retrieve(contact_id)
        assert await customer.hears(phone.tone_hz) >= MOSTLY

        resumes = client.ledger.resumes
        centre.kill("cti")
        killed = time.monotonic()
        assert await customer.hears(phone.tone_hz) >= MOSTLY
        await eventually(lambda: resumed(client), lambda times: times > resumes, "resumed", BACK)
        print(f"resumed {time.monotonic() - killed:.1f} s after the kill")
        assert customer.happened("CALL_CLOSED") == 0
        assert await phone.hears(customer.tone_hz) >= MOSTLY
        assert client.ledger.intact
        # agents are back before the link to Asterisk is; a command in between gets a retryable error
        await eventually(lambda: taken(client.hang_up(contact_id)), bool, "hung up", BACK)
        await customer.event("CALL_CLOSED")
        await client.wrap_up(contact_id, "done", "", "not_ready")
        await eventually(lambda: recordings(centre), lambda names: contact_id in names, "recorded", 20)


async def taken(command: Awaitable[object]) -> bool:
    """Whether the server did it; False when it says that it may be asked again."""
    try:
        await command
    except CtiRequestError as refused:
        if not refused.retryable:
            raise
        return False
    return True


async def recordings(centre: Containers) -> str:
    return await asyncio.to_thread(centre.inside, "cti", "find", "var/recordings", "-name", "*.wav")


async def resumed(client: AgentClient) -> int:
    return client.ledger.resumes


def test_a_killed_asterisk_comes_back_to_the_same_server(centre: Containers) -> None:
    server = centre.look("cti", "{{.State.Pid}}")
    centre.kill("pbx")
    until(lambda: not centre.ready(), "noticed", 5)
    print(f"ready {until(centre.ready, 'ready', BACK):.1f} s after Asterisk was killed")
    assert centre.look("cti", "{{.State.Pid}}") == server


@pytest.mark.parametrize("port", [AMI, AGI, REDIS, POSTGRES])
def test_nothing_inside_is_reached_from_outside(centre: Containers, port: int) -> None:
    networks = json.loads(centre.look("net", "{{json .NetworkSettings.Networks}}"))
    (address,) = [network["IPAddress"] for network in networks.values()]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address, port), timeout=2)


def test_everything_published_is_on_loopback(centre: Containers) -> None:
    published = json.loads(centre.look("net", "{{json .NetworkSettings.Ports}}"))
    assert {place["HostIp"] for places in published.values() for place in places or ()} == {"127.0.0.1"}


def test_a_simulation_inside_has_customers_agents_and_people_outside(centre: Containers) -> None:
    load = ("--agents", "5", "--pace", "4", "--rate", "2", "--duration", "10", "--seed", "4")
    told = centre.compose(
        *("run", "--rm", "-T", "simulate", "everything", *load, "--json", "/dev/stdout"), timeout=240
    )
    report = json.loads(told)
    assert (report["good"], report["lost"], report["left_out"]) == (True, 0, [])
    assert report["outside"]["answered"] > 0
    assert report["directions"]["outbound"]["connected"] > 0
    assert report["messages"]["with_sound"] == report["messages"]["wanted"] > 0
    assert report["left_over"]["channels"] == [], "looked at by the manager's own login"


@pytest.mark.parametrize("service", ["redis", "postgres"])
def test_stores_have_no_network(centre: Containers, service: str) -> None:
    assert centre.look(service, "{{.HostConfig.NetworkMode}}") == "none"


@pytest.mark.parametrize("service", ["net", "redis", "postgres", "pbx", "cti"])
def test_nobody_is_root(centre: Containers, service: str) -> None:
    assert centre.inside(service, "id", "-u").strip() == "10001"


def test_secrets_are_private_and_not_in_an_image(centre: Containers) -> None:
    names = ("people.json", "customers.json", "stations.json", "token.key", "server.json", "centre.json")
    found = centre.inside("cti", "find", "var/secrets", "var/run", "-type", "f", "-printf", "%f %m,")
    assert sorted(found.strip(",").split(",")) == sorted(f"{name} 600" for name in names)
    run("docker", "run", "--rm", "--entrypoint", "test", "cti-server", "!", "-e", "/srv/cti/var/secrets")


def test_people_and_secrets_outlive_down_and_up(centre: Containers) -> None:
    before = centre.about
    centre.compose("down", timeout=120)
    centre.compose("up", "-d", timeout=300)
    until(centre.ready, "ready", 60)
    assert json.loads(centre.inside("cti", "cat", "var/run/centre.json")) == before
