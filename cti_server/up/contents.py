"""What a centre is filled with: database and people, the server's settings, what programs are told."""

from __future__ import annotations

import json
from typing import Any

from asterisk_config.model import NodeConfig, ServiceNumber
from asterisk_config.node import RenderedNode
from asterisk_config.surface import CEL_COLUMNS
from cti_server.store.database import Database
from cti_server.store.directory import Directory, load_directory
from cti_server.store.passwords import CHEAP, STANDARD, Passwords
from cti_server.store.schema import upgrade
from cti_server.store.seed import seed, seed_pins
from cti_server.up.plan import LOOPBACK, Plan, write_private


async def prepare_database(plan: Plan, *, cheap: bool) -> tuple[Directory, dict[str, str]]:
    """Tables, people; returns the directory and the clear passwords of the demo (kept in a private file)."""
    url = plan.database_url
    await upgrade(url)
    kept = plan.var / "secrets/people.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    database, passwords = Database(url), Passwords(CHEAP if cheap else STANDARD)
    try:
        known |= await seed(database, passwords, known)
        write_private(kept, json.dumps(known, indent=1))
        await _customers_pins(plan, database, passwords)
        return await load_directory(database), known
    finally:
        passwords.close()
        await database.close()


async def _customers_pins(plan: Plan, database: Database, passwords: Passwords) -> None:
    """The demo customers' PINs in clear, by card, in a private file: whoever tries the menu needs one."""
    kept = plan.var / "secrets/customers.json"
    known: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    known |= await seed_pins(database, passwords, known)
    write_private(kept, json.dumps(known, indent=1))


def service_numbers(directory: Directory) -> list[ServiceNumber]:
    """The numbers customers call, as a node is told of them."""
    return [
        ServiceNumber(entry.number, entry.group_id, entry.greeting, entry.language[:2])
        for entry in directory.service_numbers.values()
    ]


def server_settings(
    plan: Plan, known: dict[str, Any], rendered: RenderedNode, *, cheap: bool
) -> dict[str, Any]:
    """The fields of `settings.Settings`, for its JSON file; `known` as of `plan.load_secrets`."""
    var = plan.var.absolute()
    node = {
        "name": rendered.config.name,
        "ami_port": plan.ports.ami,
        "ami_user": rendered.config.ami_logins[0].user,
        "ami_secret": known["ami"],
        "cel_file": str(rendered.cel_file),
        "cel_columns": list(CEL_COLUMNS),
        "recording_spool": str(rendered.recording_dir),
        "log_dir": str(rendered.log_file.parent),
        "sip": str(rendered.config.sip),
    }
    return {
        "http_port": plan.ports.http,
        "agi_port": plan.ports.agi,
        "redis_url": plan.redis_url,
        "database_url": plan.database_url,
        "outbox_dir": str(var / "outbox"),
        "recordings_dir": str(var / "recordings"),
        "token_key_file": str(var / "secrets/token.key"),
        "origins": [f"http://{LOOPBACK}:{plan.ports.http}", f"http://localhost:{plan.ports.http}"],
        "cheap_passwords": cheap,
        "nodes": [node],
        **plan.server_options,
    }


def about_centre(
    plan: Plan, config: NodeConfig, directory: Directory, passwords: dict[str, str], known: dict[str, Any]
) -> dict[str, Any]:
    """What programs read to find the centre (PROTOCOL, Finding a running centre)."""
    http = f"{LOOPBACK}:{plan.ports.http}"
    stations = known["stations"]
    numbers = {
        "menu" if entry.ivr else entry.group_id: entry.number for entry in directory.service_numbers.values()
    }
    people = [
        {
            "agent_id": agent.agent_id,
            "password": passwords.get(agent.agent_id, ""),
            "name": agent.name,
            "roles": list(agent.roles),
            "groups": list(agent.groups),
            "station": _phone(agent.agent_id, stations),
            "browser_station": _phone(f"{agent.agent_id}-browser", stations),
        }
        for agent in directory.agents.values()
    ]
    sip = config.sip_outside
    node = {"name": config.name, "sip": str(sip), "sip_ws": f"ws://{sip.host}:{config.http.port}/ws"}
    if config.outside:
        node["outside"] = str(config.outside)
    return {
        "http": f"http://{http}",
        "ws": f"ws://{http}/ws",
        "nodes": [node],
        "numbers": numbers,
        "people": people,
    }


def _phone(address: str, stations: dict[str, str]) -> dict[str, str] | None:
    password = stations.get(address)
    return {"sip_user": address, "sip_password": password} if password else None
