"""How the doctor reaches a PBX node: by the server's own manager login, and its console if that is here."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

from asterisk_config.errors import UnreachablePathError
from asterisk_config.install import locate
from cti_server.asterisk.ami_codec import AmiMessage, Fields
from cti_server.asterisk.ami_dispatch import EventQueue
from cti_server.asterisk.ami_protocol import AmiProtocol
from cti_server.asterisk.ami_session import AmiLogin, AmiSession, SessionEndedError, open_session
from cti_server.doctor.finding import NotThere
from cti_server.doctor.programs import output_of
from cti_server.errors import AmiLoginRefused, CtiError
from cti_server.settings import PbxNodeSettings

STEP = 1.5
"""Seconds for each of connecting, greeting, login and boot."""
ELSEWHERE = "the node's folder is not on this machine 节点不在本机"


class LoginFailed(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """No manager session; the message is the reason, a stable word."""

    code = "ami_login"


class Ear(EventQueue):
    """Keeps no event: whoever waits for a device hears of its changes."""

    def __init__(self) -> None:
        super().__init__(0)
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def device(self, name: str) -> asyncio.Future[None]:
        """Done at the device's next change."""
        return self._waiting.setdefault(name, asyncio.get_running_loop().create_future())

    def put(self, events: list[AmiMessage]) -> bool:
        """See `EventQueue.put`; there always is room."""
        for event in events:
            waiting = self._waiting.pop(event.get("Device", ""), None)
            if waiting and not waiting.done():
                waiting.set_result(None)
        return True


class NodeProbe:
    """One node, with one login shared by all its checks. `close` when done."""

    def __init__(self, node: PbxNodeSettings) -> None:
        self.node = node
        self.ear = Ear()
        self._opening: asyncio.Task[AmiSession] | None = None

    @property
    def home(self) -> Path | None:
        """The node's folder, if it can be reached."""
        return self.node.home

    async def session(self) -> AmiSession:
        """The login, made at the first call. Raises LoginFailed."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return await asyncio.shield(self._opening)

    async def ask(self, name: str, fields: Fields | None = None) -> AmiMessage:
        """Asterisk's answer to an action. Raises NotThere without a login."""
        try:
            session = await self.session()
        except LoginFailed:
            raise NotThere("no manager login, see above 见上") from None
        answer: AmiMessage = await session.send(name, fields)
        return answer

    async def console(self, command: str) -> str:
        """What the node's console prints. Raises NotThere when the node is not on this machine."""
        home, installation = self.home, await asyncio.to_thread(locate)
        if home is None or installation is None:
            raise NotThere(ELSEWHERE)
        try:
            config = installation.path_inside(home / "etc/asterisk.conf")
        except UnreachablePathError:
            raise NotThere(ELSEWHERE) from None
        return await output_of(installation.command(["-C", config, "-rx", command]))

    async def close(self) -> None:
        """Log off."""
        if self._opening is None:
            return
        self._opening.cancel()
        (opened,) = await asyncio.gather(self._opening, return_exceptions=True)
        if isinstance(opened, AmiSession):
            opened.close()

    async def _open(self) -> AmiSession:
        node = self.node
        login = AmiLogin(node.ami_host, node.ami_port, node.ami_user, node.ami_secret.get_secret_value())
        ids = (f"doctor-{number}" for number in itertools.count(1))
        wanted = frozenset({"DeviceStateChange"})
        try:
            session = await open_session(
                login, lambda: AmiProtocol(wanted, self.ear, ids.__next__), seconds=STEP
            )
        except AmiLoginRefused:
            raise LoginFailed("login_refused") from None
        except SessionEndedError as ended:
            raise LoginFailed(str(ended)) from None
        try:
            await session.booted(STEP)
        except BaseException as error:
            session.close()
            if isinstance(error, SessionEndedError):
                raise LoginFailed(str(error)) from None
            raise
        return session
