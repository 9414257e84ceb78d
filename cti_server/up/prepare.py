"""Makes every file of a centre whose programs somebody else starts: containers, one per program.

The server and the PBX share one network namespace, so the manager and FastAGI stay on loopback, as under
`cti up`. SIP, RTP and the WebSocket listen on all of the namespace's addresses, for the engine to publish.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from asterisk_config.installation import MINIMUM_VERSION, Installation
from asterisk_config.model import Endpoint
from asterisk_config.node import render
from cti_server.errors import CtiError
from cti_server.up.contents import about_centre, prepare_database, server_settings, service_numbers
from cti_server.up.plan import LOOPBACK, Plan, load_secrets, node_config, write_private

ANY = "0.0.0.0"
ROUTES = Path("/proc/net/route")


class NoGateway(CtiError):  # noqa: N818  # says what is, like its siblings in cti_server.errors
    """This namespace has no default route, so nothing can be published from it."""

    code = "no_gateway"


@dataclass(frozen=True, slots=True)
class Container:
    """What the images bring. Paths are the same in both of them.

    `data_dir` and `module_dir` are where the PBX image has Asterisk's; its build checks the version.
    """

    pbx_home: Path
    prompts: Path
    published: str
    """IPv4 address phones and customers reach the PBX at."""
    data_dir: str = "/usr/share/asterisk"
    module_dir: str = "/usr/lib/asterisk/modules"

    def installation(self) -> Installation:
        """The Asterisk of the PBX image, as `render` needs to know it."""
        version = ".".join(map(str, MINIMUM_VERSION))
        home = self.pbx_home.absolute()
        return Installation(version, None, self.data_dir, self.module_dir, home, self.prompts)


async def prepare_files(plan: Plan, container: Container, *, cheap_passwords: bool = False) -> None:
    """Bring the database up to date, make missing secrets, write the node's folder, settings and centre.json.

    Safe to repeat: secrets and people stay as they are. Raises the store's errors, ConfigError, NoGateway.
    """
    plan = replace(plan, node_options=_outside(plan, container.published))
    directory, passwords = await prepare_database(plan, cheap=cheap_passwords)
    known = load_secrets(plan.var / "secrets/stations.json", list(directory.stations))
    config = node_config(plan, known, service_numbers(directory), list(directory.groups))
    rendered = render(config, container.installation())
    settings = server_settings(plan, known, rendered, cheap=cheap_passwords) | {"http_host": ANY}
    write_private(plan.server_json, json.dumps(settings))
    about = about_centre(plan, config, directory, passwords, known)
    write_private(plan.centre_json, json.dumps(about, ensure_ascii=False, indent=1))


def _outside(plan: Plan, published: str) -> dict[str, object]:
    """The engine hands published packets on from its gateway's address: they are the customers'.

    So are those of the namespace itself, where a simulation has its customers and everybody outside.
    """
    return {
        "sip": Endpoint(ANY, plan.ports.sip),
        "http": Endpoint(ANY, plan.ports.sip_ws),
        "published": published,
        "trunk_match": (default_gateway(ROUTES.read_text()), LOOPBACK),
        "outside": Endpoint(LOOPBACK, plan.ports.outside),
    }


def default_gateway(routes: str) -> str:
    """The gateway's IPv4 address from the text of `/proc/net/route`. Raises NoGateway."""
    for line in routes.splitlines()[1:]:
        _interface, destination, gateway, *_rest = line.split()
        if destination == "00000000":
            lowest_first = bytes.fromhex(gateway)
            return ".".join(str(byte) for byte in reversed(lowest_first))
    raise NoGateway("no default route here: publishing ports needs a bridge network")
